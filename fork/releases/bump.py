"""Moves the pin to another upstream release: ``python -m fork bump``.

Everything is worked out in memory first: the series on the new release, the saved edits, the postconditions, the models
that must come out alike. Only then are ``pin.toml``, ``tree.lock`` and the tree written; a failure before that leaves
the checkout as it was, and one after it puts pin and lock back.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

from fork import build as builder
from fork import lock
from fork.errors import ForkError, HandEditedError, PinError
from fork.pin import Package, Pin, load_pin
from fork.releases import changes, sweep
from fork.state import WORK, exclusive, look, read_stamp
from fork.tree import read_overlay, read_wheel, remove_files, replace, write_files

Say = Callable[[str], None]


class Bump(NamedTuple):
    """A finished move of the pin.

    Attributes:
        old: The pin before.
        new: The pin after.
        work: The build of the new release.
        changes: What changed in the fork's own edits, as text; None where the old release could not be had.
        entry: A line for the changelog.
    """

    old: Pin
    new: Pin
    work: builder.Plan
    changes: Optional[List[changes.Change]]
    entry: str


def prepare(root: Path, package: Package, wheel: Path, say: Say) -> builder.Plan:
    """Work out the build of another release in memory, and check that nothing of the user's is in the way.

    Raises:
        HandEditedError: Generated files were edited by hand.
        ForkError: A step does not fit, a saved edit does not apply, or a second run of the series would edit again.
    """
    pin = load_pin(root)
    state = look(root, pin)
    if state.edited and read_stamp(root) is not None:
        raise HandEditedError(builder.describe_edits(state.edited))
    work = builder.plan(root, wheel, say, Pin(package, 1))
    say("running the series a second time, which must change nothing")
    problems = sweep.problems(work.results)
    if problems:
        raise ForkError("the series does not hold on this release; nothing was written:\n  " + "\n  ".join(problems))
    return work


def finish(root: Path, work: builder.Plan, wheel: Path, say: Say = builder.quiet, old: Optional[Path] = None) -> Bump:
    """Write pin, lock and tree, and say what changed.

    Args:
        root: The checkout.
        work: What ``prepare`` returned.
        wheel: The wheel that it was given.
        say: Called with lines of progress.
        old: The old release's wheel, for the comparison; None to take it from the cache or the index.

    Raises:
        ForkError: The build failed; pin and lock are as before.
    """
    before = load_pin(root)
    compared = _compare(root, before, work, say, old)
    kept = {name: (root / name).read_bytes() for name in ("pin.toml", lock.FILE) if (root / name).is_file()}
    new, aside = work.pin, f"{WORK}/before-bump"
    files = {"pin.toml": with_pin(kept["pin.toml"].decode("utf-8"), new).encode()}
    files[lock.FILE] = lock.to_bytes(lock.digests(new, work.pristine, work.results))
    try:
        with exclusive(root):
            write_files(root, {f"{aside}/{name}": data for name, data in kept.items()})
            write_files(root, files)
        done = builder.build(root, wheel, say=say)
    except BaseException:
        for name in kept:  # renamed, not written: the disk may be full
            if (root / aside / name).is_file():
                replace(root / aside / name, root / name)
        raise
    finally:
        remove_files(root, [f"{aside}/{name}" for name in kept])
    return Bump(before, new, done, compared, entry(before, new, work, compared))


def _compare(
    root: Path, before: Pin, work: builder.Plan, say: Say, old: Optional[Path]
) -> Optional[List[changes.Change]]:
    from fork.fetch import obtain
    from fork.series import run

    try:
        pristine = read_wheel(obtain(before.upstream, old, say))
        results = run(pristine, read_overlay(root))
    except ForkError as e:  # the old release is for the comparison only
        say(f"no comparison with {before.upstream.version}: {str(e).splitlines()[0]}")
        return None
    return changes.compare(pristine, results, work.pristine, work.results)


def with_pin(text: str, pin: Pin) -> str:
    """Return the text of ``pin.toml`` with another release in it; comments and other tables stay.

    The table ``[tests]`` stays, too, and is then for another release, which ``tools.upstream_tests`` says.

    Raises:
        PinError: A key of the release is not where a line of its own gives it.
    """
    values: Dict[str, object] = {"version": pin.upstream.version, "file": pin.upstream.file}
    values.update(sha256=pin.upstream.sha256, size=pin.upstream.size)
    return with_values(with_values(text, "upstream", values), "fork", {"revision": pin.revision})


def with_values(text: str, table: str, values: Dict[str, object]) -> str:
    """Return the text of ``pin.toml`` with other values in one table.

    Raises:
        PinError: A key is not where a line of its own gives it.
    """
    head = re.search(rf"^\[{table}\][^\n]*\n", text, re.MULTILINE)
    start = head.end() if head else len(text)
    following = re.search(r"^\[", text[start:], re.MULTILINE)
    end = start + following.start() if following else len(text)
    block = text[start:end]
    for key, value in values.items():
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        block, hits = re.subn(rf'^({key}\s*=\s*)("[^"\n]*"|\d+)', rf"\g<1>{shown}", block, flags=re.MULTILINE)
        if hits != 1:
            raise PinError(f"pin.toml: [{table}] {key} is not on one line of its own: write the pin by hand")
    return text[:start] + block + text[end:]


def entry(old: Pin, new: Pin, work: builder.Plan, compared: Optional[List[changes.Change]]) -> str:
    """Return the line for the changelog."""
    applied = sum(1 for result in work.results if result.outcome.applied)
    rest = len(work.results) - applied
    text = f"- Upstream {old.upstream.version} -> {new.upstream.version}: {applied} steps applied, {rest} not needed"
    if compared is not None:
        names = ", ".join(change.step.split("_")[0] for change in compared)
        text += f"; edits that changed: {names}" if compared else "; the fork's own edits are the same"
    return text + "."


def package_of(root: Path, version: str, source: Optional[Path], say: Say = builder.quiet) -> tuple[Package, Path]:
    """Return the release to move to, and its wheel: ``version``, or the newest that index or ``source`` has.

    Raises:
        ForkError: There is no such release, or it cannot be fetched.
    """
    from fork import fetch
    from fork.releases import index as releases

    name = load_pin(root).upstream.name
    if source is not None and source.is_file():
        found = re.fullmatch(rf"{re.escape(name)}-([0-9.]+)-py3-none-any\.whl", source.name)
        if not found:
            raise ForkError(f"{source} is not named like a wheel of {name} ({name}-VERSION-py3-none-any.whl)")
        if version and version != found.group(1):
            raise ForkError(f"{source} is release {found.group(1)}, not {version}")
        version = found.group(1)
    if not version:
        known = releases.in_folder(name, source) if source else releases.on_index(name, say)
        if not known:
            raise ForkError(f"{source} holds no wheel of {name}")
        version = known[-1]
    if not releases.number(version):
        raise ForkError(f"{version!r} is not a version of the form 8.3.40")
    return fetch.discover(name, version, source, say)
