"""Folders as upstream walks through them, and links that lead back: it would go round in those."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple


class Again(NamedTuple):
    """A folder below another that is reached a second time, by a link.

    Attributes:
        link: Its path there.
        first: The folder that it is.
        loop: It is one of those above the link.
    """

    link: str
    first: str
    loop: bool

    @property
    def message(self) -> str:
        """Say what upstream makes of it."""
        if self.loop:
            circles = "upstream goes round in it, and takes the same images up to 40 times"
            return f"the link {self.link} leads back to {self.first}: {circles}"
        return f"{self.link} and {self.first} are one folder: upstream takes its images from both"

    @property
    def advice(self) -> str:
        """Say what to do."""
        return "remove the link" if self.loop else "remove one of the two, or leave it if that is meant"


def walk(folder: str, again: List[Again]) -> Iterator[str]:
    """Yield a folder and those below it, each once, wherever links lead; hidden ones are left out, as upstream does.

    Args:
        folder: Where to begin.
        again: What is reached a second time is appended.
    """
    seen: Dict[str, str] = {}
    waiting: List[Tuple[str, Tuple[str, ...]]] = [(folder, ())]
    while waiting:
        path, above = waiting.pop()
        real = os.path.realpath(path)
        if real in seen:
            again.append(Again(_link_in(path), seen[real], real in above))
            continue
        seen[real] = path
        yield path
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry))
        except OSError:  # not for this user
            continue
        waiting += [(os.path.join(path, name), (*above, real)) for name in reversed(names)]


def _link_in(path: str) -> str:
    """Return the last link in a path, or all of it: what leads there may be a mount."""
    part = path
    while not os.path.islink(part):
        part, last = os.path.dirname(part), part
        if part == last:
            return path
    return part


def _is_folder(entry: Any) -> bool:
    """Return whether an entry of a folder is one, or a link to one; a link to itself is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def find_loops(sources: Any) -> List[Again]:
    """Return the links that lead back to a folder above them.

    Args:
        sources: What a data YAML names as a split: a path, or a list of them; or nothing.
    """
    again: List[Again] = []
    for source in sources if isinstance(sources, list) else [sources]:
        if source and os.path.isdir(source):
            for _ in walk(str(source), again):
                pass
    return [one for one in again if one.loop]
