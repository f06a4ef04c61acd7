"""A user's own edits of generated files: kept as patches in ``local/``, made again by every build, or put aside.

Nothing here is lost by a bump. An edit that still fits the new release is made again; one that does not stops the build
before anything is written, with both sides shown; an edit that was not saved stops it by name. An edit may be saved
after the pin has moved, too, and while a build is unfinished: it is told from what was built (``fork.state``).
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Tuple

from fork import patch
from fork.build import LOCAL, Say, describe_edits, plan, quiet, replay, run_series, saved_edits, unlike
from fork.errors import ConflictError, ForkError, HandEditedError
from fork.fetch import cache_dir
from fork.pin import ROOT, Pin, load_pin
from fork.state import State, exclusive, journal_file, keep_blobs, look, read_blobs, read_journal
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
    deleted: bool = False,
) -> Path:
    """Keep the hand edits of generated files as ``local/<name>.patch``, which every later build replays.

    It works on every tree but one that is not there: stale, of another release, of an interrupted build, or whose saved
    edits no longer apply. Edits saved under the same name before are merged into the new patch. A generated file that
    is missing is an edit where a new file has its content (it was renamed) or ``deleted`` says so, and otherwise comes
    back with the next build, as one that is damaged does. File modes are not kept.

    Args:
        root: The checkout.
        name: The name of the patch.
        source: A wheel, or a folder that holds it, instead of the index.
        say: Called with lines of progress.
        target: Which package.
        deleted: Keep it, too, that generated files are missing.

    Raises:
        ForkError: There is nothing to save, edits cannot be told from the build, or the name is not a plain file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ForkError(f"{name!r} is not a plain file name: use letters, digits, '-', '_' and '.'")
    home, path = root / target.home, root / target.home / LOCAL / f"{name}.patch"
    with exclusive(home):
        state = look(home, load_pin(root, target.table), target)
        built, edited = _as_built(root, state, source, say, target)
        mine = {p: (home / p).read_bytes() for p in edited}
        gone = state.missing if deleted else _renamed(state.missing, built, mine)
        _report_rest(state, gone, say, target)
        if not mine and not gone:
            raise ForkError("there is nothing to save: no generated file differs from the build")
        odd = [p for p in mine if not p.isprintable()]
        if odd:
            raise ForkError(f"a patch cannot hold a file of the name {odd[0]!r}: rename it, then save")
        later = [p.name for p in saved_edits(home) if p.name > path.name]
        if later:
            raise ForkError(
                f"edits are replayed in the order of their names, and {later[0]} comes after {path.name}: "
                f"choose a name behind it"
            )
        before, touched = built, {*mine, *gone}
        if path.exists():
            text = patch.read(path, target)
            touched |= {p[2:] for p in patch.parse(text)}
            before = patch.undo({**_on_disk(home, touched - set(mine)), **built}, text, f"{LOCAL}/{path.name}")
        before = {p: data for p, data in before.items() if p in touched}
        after = {p: data for p, data in {**_on_disk(home, touched), **mine}.items() if p not in gone}
        text = patch.diff(before, after)
        if patch.apply(before, text, name) != after:
            raise ForkError("the edits could not be reproduced from a patch, so nothing was saved; please report this")
        keep_blobs(home, mine, state.digests)
        write_files(home, {f"{LOCAL}/{path.name}": text.encode(), **_known(home, state, mine, gone, name, target)})
    return path


def _on_disk(home: Path, paths: Iterable[str]) -> Tree:
    return {path: (home / path).read_bytes() for path in paths if (home / path).is_file()}


def _renamed(missing: List[str], built: Tree, mine: Tree) -> List[str]:
    """Return the missing files whose content, or most of it, is in a new file."""
    new = [data.splitlines() for path, data in mine.items() if path not in built]

    def alike(data: bytes) -> bool:
        lines = data.splitlines()
        return any(difflib.SequenceMatcher(None, lines, other, autojunk=False).ratio() > 0.5 for other in new if lines)

    return [path for path in missing if alike(built.get(path, b""))]


def _report_rest(state: State, gone: List[str], say: Say, target: Target) -> None:
    """Say what is not part of the patch, though it is not as it was built."""
    rebuild = f"`python -m fork build{target.option}`"
    rest = [path for path in state.missing if path not in gone]
    if rest:
        say(f"{len(rest)} generated file(s) are missing ({rest[0]}): {rebuild} brings them back; to record")
        say(f"  their deletion, add --deleted to `python -m fork save{target.option}`")
    if state.damaged:
        say(f"{len(state.damaged)} generated file(s) are empty or zeros ({state.damaged[0]}), which is damage, not")
        say(f"  an edit: {rebuild} restores them; a file that is meant to be empty needs a line with a comment")


def _known(home: Path, state: State, mine: Tree, gone: List[str], name: str, target: Target) -> Tree:
    """Return the record by which the saved files are generated ones from now on: the journal's, or the stamp's file."""
    journal = read_journal(home)
    if journal is not None:  # the build that goes on finds them there
        last = {**(journal[-1] if journal else {}), **manifest(mine)}
        return journal_file(home, [*journal, {path: last[path] for path in last if path not in gone}])
    if state.stamp is None:
        return {}
    files = {path: d for path, d in {**state.stamp.files, **manifest(mine)}.items() if path not in gone}
    names = sorted({*state.stamp.local, name})
    stamp = state.stamp._replace(local=names, files=files, digest=manifest_digest(files))
    return {target.stamp: stamp.to_bytes()}


def _as_built(root: Path, state: State, source: Optional[Path], say: Say, target: Target) -> Tuple[Tree, List[str]]:
    """Return what the edited and the missing files were when they were built, and which files are edited.

    Where an unfinished build leaves open which of two contents a file had, it is the one that is more like the edit.

    Raises:
        ForkError: Nothing is built, or what was built is not known any more.
    """
    home, rebuild = root / target.home, f"python -m fork build{target.option}"
    if state.kind == "absent":
        raise ForkError(f"there is nothing to save: the tree is not built. Run `{rebuild}`")
    if not state.known:  # no build has left a word: the release and what the series makes of it is all there is
        final = plan(root, source, say, target=target).final
        edited = unlike(home, state, manifest(final))
        say(f"the tree has no stamp of a build: edits are told from what `{rebuild}` would write")
        return {path: final[path] for path in edited if path in final}, edited
    if state.stamp and state.stamp.release != load_pin(root, target.table).upstream.version:
        say(f"the tree was built from {state.stamp.release}: edits are told from that release")
    blobs = read_blobs(home)
    wanted = [path for path in [*state.edited, *state.missing] if path in state.known]
    if any(not state.known[path] & set(blobs) for path in wanted):  # the archive is gone: maybe nothing has moved on
        try:
            final = plan(root, source, say, target=target).final
        except ForkError as e:
            raise ForkError(f"{_cannot_tell(state)}\n  What the checkout makes of its pin now: {e}") from None
        blobs.update((sha256(data), data) for data in final.values())
    built: Tree = {}
    for path in wanted:
        lines = (home / path).read_bytes().splitlines() if path in state.files else []
        found = [blobs[digest] for digest in sorted(state.known[path]) if digest in blobs]
        if not found:
            raise ForkError(_cannot_tell(state))
        built[path] = found[0] if len(found) == 1 else max(found, key=lambda data: _likeness(data, lines))
    return built, state.edited


def _likeness(data: bytes, lines: List[bytes]) -> float:
    return difflib.SequenceMatcher(None, data.splitlines(), lines, autojunk=False).ratio()


def _cannot_tell(state: State) -> str:
    built = f" as {state.stamp.version}" if state.stamp else ""
    return (
        f"the tree was built{built}, from another pin, series or set of saved edits than the checkout now\n"
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
        state = look(home, load_pin(root, target.table), target)
        if state.edited and state.known:
            raise HandEditedError(describe_edits(state.edited, target))
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
