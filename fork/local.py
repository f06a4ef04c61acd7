"""A user's own edits of generated files: kept as patches in ``local/``, made again by every build, or put aside.

Nothing here is lost by a bump. An edit that still fits the new release is made again; one that does not stops the build
before anything is written, with both sides shown; an edit that was not saved stops it by name. An edit may be saved
after the pin has moved, too: it is told from the release that the tree was built from.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from fork import patch
from fork.build import LOCAL, Plan, Say, describe_edits, pin_of, plan, quiet, replay, run_series, saved_edits
from fork.errors import ConflictError, ForkError, HandEditedError
from fork.fetch import cache_dir
from fork.pin import ROOT, Pin, load_pin
from fork.state import Stamp, State, exclusive, look
from fork.tree import ULTRALYTICS, Target, Tree, digest, manifest, manifest_digest, replace, sha256, write_files

DROPPED = ".dropped"
"""Added to the name of a patch that was put aside; builds read ``*.patch`` only."""


class Saved(NamedTuple):
    """A saved edit, and whether it applies to the pinned release.

    Attributes:
        name: Its name.
        files: What it edits: path, added lines, removed lines.
        applies: Whether it does; None where that could not be tried.
        verdict: The same in words.
    """

    name: str
    files: List[Tuple[str, int, int]]
    applies: Optional[bool]
    verdict: str


def save(
    root: Path = ROOT,
    name: str = "edits",
    source: Optional[Path] = None,
    say: Say = quiet,
    target: Target = ULTRALYTICS,
) -> Path:
    """Keep the hand edits of generated files as ``local/<name>.patch``, which every later build replays.

    Edits saved under the same name before are merged into the new patch. A generated file that is missing is no edit:
    the next build brings it back.

    Raises:
        ForkError: There is nothing to save, it cannot be told from what was built, or the name is no plain file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ForkError(f"{name!r} is no plain file name: use letters, digits, '-', '_' and '.'")
    home = root / target.home
    with exclusive(home):
        state = look(home, load_pin(root, target.table), target)
        work, source = _as_built(root, state, source, say, target)
        mine: Tree = {path: (home / path).read_bytes() for path in state.edited}
        after: Tree = {**work.final, **mine}
        if manifest(after) == manifest(work.final):
            raise ForkError("there is nothing to save: no generated file differs from the build")
        path = home / LOCAL / f"{name}.patch"
        base = {p: work.results[-1].tree[p] for p in manifest(work.results[-1].tree)}
        for earlier in saved_edits(home):
            if earlier.name < path.name:
                base = replay(base, earlier, target)
        later = [p.name for p in saved_edits(home) if p.name > path.name]
        if later:
            raise ForkError(
                f"edits are replayed in the order of their names, and {later[0]} comes after {path.name}: "
                f"choose a name behind it"
            )
        before = path.read_bytes() if path.exists() else None
        write_files(home, {path.relative_to(home).as_posix(): patch.diff(base, after).encode()})
        try:
            done = plan(root, source, quiet, work.pin, target)  # replays the patch: proves that it reproduces the edits
            if manifest(done.final) != manifest(after):
                raise ForkError(
                    "the edits could not be reproduced from a patch, so nothing was saved; please report this"
                )
        except ForkError:
            path.unlink() if before is None else path.write_bytes(before)
            raise
        write_files(home, {target.stamp: _stamp_with(state.stamp, mine, done).to_bytes()})
    return path


def _stamp_with(stamp: Optional[Stamp], mine: Tree, done: Plan) -> Stamp:
    """Return the stamp of the same build with the saved files in it: from now on they count as generated."""
    if stamp is None:
        return done._replace(other=False).stamp()
    files = {**stamp.files, **manifest(mine)}
    return stamp._replace(local=done.local, files=files, digest=manifest_digest(files))


def _as_built(
    root: Path, state: State, source: Optional[Path], say: Say, target: Target
) -> Tuple[Plan, Optional[Path]]:
    """Work out the tree from which the hand edits on the disk are told, and the file of its release.

    Raises:
        ForkError: Nothing is built, a build was interrupted, or what was built cannot be worked out any more.
    """
    rebuild = f"python -m fork build{target.option}"
    if state.kind == "absent":
        raise ForkError(f"there is nothing to save: the tree is not built. Run `{rebuild}`")
    if state.kind == "interrupted":
        raise ForkError(f"a build did not finish: run `{rebuild}` to repair the tree, then save")
    stamp = state.stamp
    if stamp is None:
        work = plan(root, source, say, target=target)
        gone = [path for path in work.final if path not in state.files]
        if gone:
            raise ForkError(
                f"the tree has no stamp of a build, and {len(gone)} files of the release are not in it ({gone[0]}):\n"
                f"  what you edited cannot be told from that. Copy your files elsewhere, run\n"
                f"  `{rebuild} --discard`, copy them back, and save"
            )
        return work, source
    pin = load_pin(root, target.table)
    if stamp.release != pin.upstream.version:  # the pin has moved on: the edits belong to the release before
        wheel = cache_dir() / f"{pin.upstream.name}-{stamp.release}-py3-none-any.whl"
        known = pin_of(str(wheel), pin) if wheel.is_file() else {"pin": None}
        if not isinstance(known["pin"], Pin):
            raise ForkError(f"{_cannot_tell(stamp)}\n  Its file {wheel.name} is not in {wheel.parent} any more.")
        say(f"the tree was built from {stamp.release}: edits are told from that release")
        pin, source = known["pin"], wheel
    try:
        work = plan(root, source, say, pin, target)
    except ForkError as e:
        if stamp.release == load_pin(root, target.table).upstream.version:
            raise
        raise ForkError(f"{_cannot_tell(stamp)}\n  What the checkout makes of that release now: {e}") from None
    built = {path: stamp.files.get(path) for path in state.edited}
    if work.local != stamp.local or any(sha256(work.final[p]) != d if d else p in work.final for p, d in built.items()):
        raise ForkError(_cannot_tell(stamp))
    return work, source


def _cannot_tell(stamp: Stamp) -> str:
    return (
        f"the tree was built as {stamp.version}, from another pin, series or set of saved edits than the checkout now\n"
        f"  has, and your edits cannot be told from that: check out the revision it was built from (`git log`), save\n"
        f"  there, then come back. Nothing was changed."
    )


def drop(root: Path, name: str, target: Target = ULTRALYTICS) -> Path:
    """Put a saved edit aside, so that builds leave it out; return where its patch is kept.

    Raises:
        HandEditedError: There are other edits, not saved, which could no longer be told from this one.
        ForkError: There is none of that name.
    """
    name = Path(name).name[: -len(".patch")] if name.endswith(".patch") else name
    home = root / target.home
    with exclusive(home):
        edited = look(home, load_pin(root, target.table), target).edited
        if edited:
            raise HandEditedError(describe_edits(edited, target))
        found = [path for path in saved_edits(home) if path.stem == name]
        if not found:
            names = ", ".join(path.stem for path in saved_edits(home)) or "none"
            raise ForkError(f"there is no saved edit {name!r} in {home / LOCAL}; there: {names}")
        aside = found[0].with_name(found[0].name + DROPPED)
        number = 1
        while aside.exists():
            number += 1
            aside = found[0].with_name(f"{found[0].name}{DROPPED}-{number}")
        replace(found[0], aside)
    return aside


def check(root: Path, pin: Pin, state: State, say: Say = quiet, target: Target = ULTRALYTICS) -> List[Saved]:
    """Try every saved edit on the pinned release, as a build would; nothing is fetched and nothing written.

    One that does not apply is left out, and those behind it are tried without it.
    """
    paths = saved_edits(root / target.home)
    if not paths:
        return []
    wheel = cache_dir() / pin.upstream.file
    try:
        tree: Optional[Tree] = run_series(root, pin, wheel, say, target)[1][-1].tree
        unknown = ""
    except ForkError as e:
        tree = None
        unknown = f"not tried: {str(e).splitlines()[0].rstrip('.:')}"
    result: List[Saved] = []
    for path in paths:
        try:
            files = patch.stat(patch.read(path, target))
            if tree is not None:
                tree = replay(tree, path, target)
        except ConflictError as e:
            places = "; ".join(e.where) or str(e).splitlines()[0]
            result.append(Saved(path.stem, [], False, f"does not apply: {places}"))
            continue
        verdict = unknown or f"applies to {pin.upstream.version}"
        result.append(Saved(path.stem, files, None if tree is None else True, verdict))
    if tree is not None and all(saved.applies for saved in result):
        built = state.kind == "built" and state.stamp is not None and state.stamp.digest == digest(tree)
        tail = "is in the tree" if built else f"not in the tree yet: run `python -m fork build{target.option}`"
        result = [saved._replace(verdict=f"{saved.verdict}, {tail}") for saved in result]
    return result
