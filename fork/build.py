"""Builds the patched tree in the checkout, and verifies it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from fork import lock, patch
from fork.errors import DiskError, ForkError, HandEditedError, MismatchError
from fork.fetch import discover, obtain
from fork.pin import ROOT, Package, Pin, load_pin
from fork.series import Result, run
from fork.state import (
    Stamp,
    State,
    blobs_path,
    exclusive,
    hollow,
    journal_path,
    keep_blobs,
    look,
    read_journal,
    write_journal,
)
from fork.targets import series_of
from fork.tree import (
    ULTRALYTICS,
    Target,
    Tree,
    digest,
    leftovers,
    manifest,
    read_overlay,
    read_wheel,
    remove_files,
    scan,
    sha256,
    write_files,
)

LOCAL = "local"
"""Folder of saved edits in the checkout: ``local/<name>.patch``, replayed in the order of their names."""

Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing."""


class Plan(NamedTuple):
    """Everything a build would write, worked out in memory.

    Attributes:
        pin: The pin it follows.
        pristine: Upstream's files.
        results: Outcome of each step, in order.
        local: Names of the saved edits that were replayed.
        final: The tree to write, overlay left out.
        other: Whether this is another release than the pinned one, named by the user.
        target: Which package it is a plan for.
    """

    pin: Pin
    pristine: Tree
    results: List[Result]
    local: List[str]
    final: Tree
    other: bool
    target: Target = ULTRALYTICS

    def stamp(self) -> Stamp:
        """Return the stamp that belongs to the finished build."""
        steps = {result.step.name: str(result.outcome) for result in self.results}
        files = manifest(self.final)
        series = self.results[-1].digest
        release, revision = self.pin.upstream.version, self.pin.revision
        return Stamp(release, revision, series, digest(self.final), steps, self.local, files, self.other)


def plan(
    root: Path = ROOT,
    source: Optional[Path] = None,
    say: Say = quiet,
    pin: Optional[Pin] = None,
    target: Target = ULTRALYTICS,
) -> Plan:
    """Fetch (or take from ``source``) and verify the pinned release, and run the series and the saved edits in memory.

    Args:
        root: The checkout.
        source: A wheel, or a folder that holds it, instead of the index.
        say: Called with lines of progress.
        pin: Another pin than the checkout's.
        target: Which package to patch.

    Raises:
        ForkError: See ``fork.errors``; nothing has been written.
    """
    other, home = pin is not None, root / target.home
    pin = pin or load_pin(root, target.table)
    pristine, results = run_series(root, pin, source, say, target)
    final, local = results[-1].tree, []
    for path in saved_edits(home):
        final = replay(final, path, target)
        local.append(path.stem)
    generated = {path: final[path] for path in manifest(final)}
    return Plan(pin, pristine, results, local, generated, other, target)


def run_series(
    root: Path, pin: Pin, source: Optional[Path] = None, say: Say = quiet, target: Target = ULTRALYTICS
) -> Tuple[Tree, List[Result]]:
    """Fetch (or take from ``source``) and verify a release; return its files and the outcome of the series on them.

    Raises:
        ForkError: See ``fork.errors``.
    """
    pristine = read_wheel(obtain(pin.upstream, source, say), target)
    say(f"running the series over {pin.upstream.name} {pin.upstream.version}")
    return pristine, run(pristine, read_overlay(root / target.home, target), *series_of(target))


def replay(tree: Tree, saved: Path, target: Target = ULTRALYTICS) -> Tree:
    """Return a copy of ``tree`` with a saved edit made again.

    Raises:
        ConflictError: It does not apply, or is not a patch of generated files.
    """
    return patch.apply(tree, patch.read(saved, target), f"{LOCAL}/{saved.name}")


def saved_edits(home: Path) -> List[Path]:
    """Return the patches of saved edits in the order in which they are replayed, the same on every file system."""
    return sorted((home / LOCAL).glob("*.patch"), key=lambda path: path.name)


def build(
    root: Path = ROOT,
    source: Optional[Path] = None,
    discard: bool = False,
    say: Say = quiet,
    pin: Optional[Pin] = None,
    target: Target = ULTRALYTICS,
) -> Plan:
    """Bring the target's package to pin + series + saved edits. Files that are right already are not touched.

    Args:
        root: The checkout.
        source: A wheel, or a folder that holds it, instead of the index.
        discard: Overwrite files that were edited by hand.
        say: Called with lines of progress.
        pin: Another pin than the checkout's.
        target: Which package to build.

    Raises:
        HandEditedError: Generated files were edited by hand and ``discard`` is off; nothing was written.
        ForkError: See ``fork.errors``; nothing was written.
    """
    home = root / target.home
    with exclusive(home):
        remove_files(home, leftovers(home, target))
        work = plan(root, source, say, pin, target)
        state = look(home, work.pin, target)
        stamp = work.stamp()
        edited = unlike(home, state, stamp.files)
        if edited and not discard:
            raise HandEditedError(describe_edits(edited, target))
        changed = {path: work.final[path] for path in stamp.files if state.files.get(path) != stamp.files[path]}
        gone = [path for path in state.files if path not in stamp.files]
        if changed or gone or state.stamp != stamp or state.kind == "interrupted" or not blobs_path(home).exists():
            earlier = read_journal(home) or []  # an interrupted build's files are still among those on disk
            write_journal(home, [*earlier, state.stamp.files if state.stamp else {}, stamp.files])
            if state.damaged:
                say(f"restoring {len(state.damaged)} damaged file(s): {state.damaged[0]} ...")
            say(f"writing {len(changed)} of {len(stamp.files)} files")
            try:
                keep_blobs(home, work.final, state.digests)
                write_files(home, changed)
                remove_files(home, gone)
                write_files(home, {target.stamp: stamp.to_bytes()})
            except DiskError:
                if state.kind != "interrupted" and scan(home, target) == state.files:  # nothing was begun
                    journal_path(home).unlink()
                raise
            journal_path(home).unlink()
        return work


def unlike(home: Path, state: State, files: Mapping[str, str]) -> List[str]:
    """Return the hand edits that are not what a build of these files would write; damage is none."""
    edited = [path for path in state.edited if files.get(path) != state.files[path]]
    return [path for path in edited if path not in files or not hollow(home / path)]


def describe_edits(edited: List[str], target: Target = ULTRALYTICS) -> str:
    """Return the message for generated files that were edited by hand."""
    option, shown = target.option, "".join(f"    {path}\n" for path in edited[:10])
    more = f"    and {len(edited) - 10} more\n" if len(edited) > 10 else ""
    return (
        f"{len(edited)} generated file(s) were edited or added by hand; nothing was written:\n{shown}{more}"
        f"  to keep the edits:  python -m fork save NAME{option}   (a patch in {LOCAL}/, replayed by later builds)\n"
        f"  to drop them:       python -m fork build --discard{option}"
    )


def verify(root: Path = ROOT, source: Optional[Path] = None, say: Say = quiet, target: Target = ULTRALYTICS) -> Plan:
    """Check that the tree on disk is exactly pin + series (+ saved edits) and that the series is what the lock says.

    Raises:
        MismatchError: Names the first difference.
        ForkError: The check itself could not be made.
    """
    home, rebuild = root / target.home, f"python -m fork build{target.option}"
    work = plan(root, source, say, target=target)
    differs = lock.first_difference(lock.read(home), lock.digests(work.pin, work.pristine, work.results))
    if differs:
        name, expected, actual = differs
        raise MismatchError(
            f"{lock.FILE} does not match the series, first at {name}:\n  expected {expected}\n  actual   {actual}\n"
            f"  to do: if you changed pin or steps on purpose, run `python -m fork lock{target.option}`; else "
            f"`git status fork`"
        )
    state = look(home, work.pin, target)
    if state.kind in ("absent", "interrupted"):
        what = "is not built" if state.kind == "absent" else "is from a build that did not finish"
        raise MismatchError(f"the tree in {home / target.package} {what}: run `{rebuild}`")
    if state.kind == "other" and state.stamp:
        raise MismatchError(f"the tree is another release, {state.stamp.version}: `{rebuild}` makes it the pin")
    wanted = work.stamp().files
    for path in sorted({*wanted, *state.files}):
        if wanted.get(path) != state.files.get(path):
            raise MismatchError(
                f"the tree differs from pin and series, first at {path}:\n"
                f"  expected {wanted.get(path, '(no such file)')}\n"
                f"  actual   {state.files.get(path, '(no such file)')}\n"
                f"  to do: `{rebuild}`, which tells hand edits from an old build"
            )
    return work


def write_lock(
    root: Path = ROOT, source: Optional[Path] = None, say: Say = quiet, target: Target = ULTRALYTICS
) -> bool:
    """Rewrite ``tree.lock`` from pin and series; return whether that changed it."""
    work = plan(root, source, say, target=target)
    with exclusive(root / target.home):
        return lock.write(root / target.home, lock.digests(work.pin, work.pristine, work.results), target)


def pin_of(version_or_path: str, pin: Pin, say: Say = quiet) -> Dict[str, object]:
    """Tell what ``--upstream`` names: the pinned release by version, another version, or a local file or folder.

    Returns:
        ``{"source": Path or None, "pin": Pin or None}``, keyword arguments of ``build``.

    Raises:
        ForkError: It is none of these, or the version could not be fetched.
    """
    if version_or_path == pin.upstream.version:
        return {"source": None, "pin": None}
    path = Path(version_or_path).expanduser()
    name = pin.upstream.name
    wheel = re.fullmatch(rf"{re.escape(name)}-([0-9][\w.]*)-py[\w.]+-none-any\.whl", path.name)
    if wheel and path.is_file() and wheel.group(1) != pin.upstream.version:
        data = path.read_bytes()  # another release, given by file: its own bytes are the pin of this one build
        package = Package(name, wheel.group(1), path.name, sha256(data), len(data))
        return {"source": path, "pin": Pin(package, pin.revision)}
    if path.exists():
        return {"source": path, "pin": None}
    if re.fullmatch(r"\d+\.\d+\.\d+", version_or_path):  # another release: what pip gives is the pin of this one build
        package, found = discover(name, version_or_path, say=say)
        say(f"{package.file} is not pinned: what was found has sha256 {package.sha256}")
        return {"source": found, "pin": Pin(package, pin.revision)}
    raise ForkError(f"--upstream {version_or_path}: neither the pinned version nor an existing file or folder")
