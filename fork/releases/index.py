"""Which releases there are, and which of them a sweep looks at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from fork import fetch
from fork.errors import FetchError, ForkError


def number(version: str) -> Tuple[int, ...]:
    """Return (8, 3, 40) for ``8.3.40``; an empty tuple for anything else, pre-releases too."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if len(parts) == 3 and all(p.isdigit() for p in parts) else ()


def in_folder(name: str, folder: Path) -> List[str]:
    """Return the releases whose wheels lie in a folder."""
    shape = re.compile(rf"{re.escape(name)}-([0-9.]+)-py3-none-any\.whl")
    found = [shape.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ())]
    return sorted((match.group(1) for match in found if match and number(match.group(1))), key=number)


def on_index(name: str, say: Callable[[str], None]) -> List[str]:
    """Return the releases that pip's index has; without a network, those that are in the cache, and say so.

    Raises:
        FetchError: The index cannot be asked, and the cache has none.
    """
    try:
        return sorted((version for version in fetch.versions(name) if number(version)), key=number)
    except FetchError:
        cached = in_folder(name, fetch.cache_dir())
        if not cached:
            raise
        say(f"the index cannot be asked: going by the {len(cached)} releases in {fetch.cache_dir()}")
        return cached


def _check(versions: Iterable[str]) -> None:
    for version in versions:
        if not number(version):
            raise ForkError(f"{version!r} is not a version of the form 8.3.40")


def select(known: Sequence[str], first: str = "", last: str = "", every: int = 0) -> List[str]:
    """Return releases from ``first`` to ``last`` (both included), oldest first.

    Args:
        known: All releases.
        first: The oldest, or an empty string.
        last: The newest, or an empty string.
        every: Take each ``every``-th, and the last; 0 takes the first of each decade (8.3.40, 8.3.50, ...).

    Raises:
        ForkError: A bound is not a version, or nothing lies between them.
    """
    _check(filter(None, (first, last)))
    low, high = number(first) or (0,), number(last) or (10**9,)
    inside = sorted((v for v in known if number(v) and low <= number(v) <= high), key=number)
    if not inside:
        raise ForkError(
            f"none of the {len(known)} known releases lies from {first or 'the first'} to {last or 'the last'}"
        )
    if every:
        chosen = inside[::every]
    else:
        decades: Dict[Tuple[int, ...], str] = {}
        for version in inside:
            decades.setdefault((*number(version)[:2], number(version)[2] // 10), version)
        chosen = list(decades.values())
    return chosen if chosen[-1] == inside[-1] else [*chosen, inside[-1]]


def listed(text: str) -> List[str]:
    """Return the versions of a list with commas, oldest first.

    Raises:
        ForkError: One of them is not a version.
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    _check(found)
    if not found:
        raise ForkError("--versions names none: give a list such as 8.3.0,8.4.190")
    return sorted(set(found), key=number)
