"""Unified diffs of trees: made for reading and for saving a user's edits, applied again on a later build.

Applying is strict: a hunk goes where its whole context stands, at the recorded line or, where that moved, at the only
other place in the file that has it. Nothing is applied in part.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path, PurePosixPath
from typing import Dict, List, NamedTuple, Tuple, Union

from fork.errors import ConflictError, ForkError
from fork.tree import ULTRALYTICS, Target, Tree

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE = "\\ No newline at end of file"


class Hunk(NamedTuple):
    """One hunk: the line (from 1) where the old text is expected, the old and new lines, the line of the new text."""

    line: int
    old: List[str]
    new: List[str]
    start: int


def diff(before: Tree, after: Tree, context: int = 3) -> str:
    """Return the unified diff from one tree to another, files sorted, ``a/`` and ``b/`` in front of the paths.

    Raises:
        ConflictError: A file that differs is not UTF-8 text.
    """
    parts = []
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            old, new = (_lines(path, tree.get(path, b"")) for tree in (before, after))
            heads = [f"a/{path}" if path in before else "/dev/null", f"b/{path}" if path in after else "/dev/null"]
            if not old and not new:  # an empty file comes or goes: no hunk can say so
                parts.append(f"--- {heads[0]}\n+++ {heads[1]}\n")
            for line in difflib.unified_diff(old, new, heads[0], heads[1], n=context):
                parts.append(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n")
    return "".join(parts)


def read(path: Path, target: Target = ULTRALYTICS) -> str:
    """Read the patch file of a saved edit.

    Raises:
        ConflictError: It is not UTF-8 text (PowerShell's ``>`` writes UTF-16), no unified diff, or edits another file
            than a generated one.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ConflictError(f"{path} is not UTF-8 text: write it again (git diff --output={path.name})") from None
    files = parse(text)
    if not files:
        raise ConflictError(f"{path} is not a unified diff: no line in it begins with `--- `")
    for name in (file[2:] for file in files):
        if not name.startswith(f"{target.package}/") or name.startswith(target.overlay) or ".." in name.split("/"):
            raise ConflictError(
                f"{path} edits {name!r}: saved edits are for generated files below {target.package}/ only"
            )
    return text


def stat(text: str) -> List[Tuple[str, int, int]]:
    """Return (path, added lines, removed lines) for each file of a diff."""
    rows: List[Tuple[str, int, int]] = []
    for path, hunks in parse(text).items():
        kept = [difflib.SequenceMatcher(None, h.old, h.new, autojunk=False).get_opcodes() for h in hunks]
        added = sum(j2 - j1 for codes in kept for tag, _, _, j1, j2 in codes if tag != "equal")
        removed = sum(i2 - i1 for codes in kept for tag, i1, i2, _, _ in codes if tag != "equal")
        rows.append((path[2:] if path[:2] in ("a/", "b/") else path, added, removed))
    return rows


def _lines(path: str, data: bytes) -> List[str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConflictError(
            f"{path} is not UTF-8 text: it cannot be kept as a patch; store it as UTF-8, or move it elsewhere"
        ) from None
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def parse(text: str) -> Dict[str, List[Hunk]]:
    """Read a unified diff: path (``b/`` form, or ``a/`` form of a deleted file) -> its hunks.

    Raises:
        ConflictError: The text is not a unified diff.
    """
    files: Dict[str, List[Hunk]] = {}
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at = 0
    while at < len(lines):
        if not lines[at].startswith("--- "):
            at += 1
            continue
        old = lines[at][4:].rstrip("\n").split("\t")[0]
        new = lines[at + 1][4:].rstrip("\n").split("\t")[0] if at + 1 < len(lines) else ""
        path = new if new != "/dev/null" else old
        at += 2
        hunks = files.setdefault(path, [])
        while at < len(lines) and lines[at].startswith("@@"):
            head = _HUNK.match(lines[at])
            if not head:
                raise ConflictError(f"line {at + 1} of the patch is not a hunk header: {lines[at].strip()!r}")
            at, hunk = _read_hunk(lines, at + 1, head)
            hunks.append(hunk)
    return files


def _read_hunk(lines: List[str], at: int, head: re.Match[str]) -> Tuple[int, Hunk]:
    left, right = (int(head.group(group) or 1) for group in (2, 4))
    hunk = Hunk(int(head.group(1)), [], [], int(head.group(3)))
    while len(hunk.old) < left or len(hunk.new) < right:
        blank = at < len(lines) and lines[at].rstrip("\r\n") == ""  # an editor took the one space of an empty line
        if at >= len(lines) or not (blank or lines[at][0] in " +-"):
            raise ConflictError(f"the hunk before line {at + 1} of the patch is cut short ({head.group()})")
        mark, line = (" ", lines[at]) if blank else (lines[at][0], lines[at][1:])
        at += 1
        if at < len(lines) and lines[at].startswith("\\"):
            line, at = line.rstrip("\n"), at + 1
        if mark in " -":
            hunk.old.append(line)
        if mark in " +":
            hunk.new.append(line)
    next_file = "".join(lines[at : at + 2]).startswith("--- ") and "\n+++ " in "".join(lines[at : at + 2])
    if at < len(lines) and lines[at][0] in " +-" and not next_file and lines[at].rstrip() != "--":
        raise ConflictError(
            f"line {at + 1} of the patch is one more than its hunk header {head.group()} promises: correct the counts"
        )
    return at, hunk


def apply(tree: Tree, text: str, name: str) -> Tree:
    """Return a copy of ``tree`` with the patch ``text`` applied.

    Raises:
        ConflictError: A hunk's context is nowhere or in several places, or a file is missing or in the way; names the
            patch and, for each such place, the file and both sides.
    """
    result = dict(tree)
    conflicts: List[Tuple[str, str]] = []
    for path, hunks in parse(text).items():
        target, deletes = path[2:], path.startswith("a/")
        lines = _lines(target, result.get(target, b""))
        shift = 0
        for hunk in hunks:
            at = _place(lines, hunk, shift)
            if isinstance(at, str):
                why = at if target in tree else "the file is not there"
                conflicts.append(_describe(lines, hunk, max(hunk.line - 1, 0) + shift, why, target))
                continue
            shift = at - max(hunk.line - 1, 0) + len(hunk.new) - len(hunk.old)
            lines[at : at + len(hunk.old)] = hunk.new
        if not deletes:
            result[target] = "".join(lines).encode()
        elif not lines:
            result.pop(target, None)
        elif not conflicts:
            where = f"{target}: the edit deletes the file, of which this release has more lines than the edit knows"
            shown = "".join(f"    | {line}" for line in lines[:6])
            conflicts.append((where, f"  where:  {where}\n  the release also has:\n{shown}"))
    if conflicts:
        raise _conflict(name, conflicts)
    return result


def undo(tree: Tree, text: str, name: str) -> Tree:
    """Return a copy of ``tree`` as it was before the patch ``text``.

    Raises:
        ForkError: The patch is not in it.
    """
    result = dict(tree)
    for path, hunks in parse(text).items():
        lines, shift = _lines(path[2:], result.pop(path[2:], b"")), 0
        for hunk in hunks:
            at = _place(lines, Hunk(hunk.start, hunk.new, hunk.old, 0), shift)
            if isinstance(at, str):
                raise ForkError(f"{name} is not in the tree as it stands: save your edits under another name behind it")
            shift = at - max(hunk.start - 1, 0) + len(hunk.old) - len(hunk.new)
            lines[at : at + len(hunk.new)] = hunk.old
        if lines or path.startswith("a/"):
            result[path[2:]] = "".join(lines).encode()
    return result


def _place(lines: List[str], hunk: Hunk, shift: int) -> Union[int, str]:
    """Return the index of the line where a hunk belongs, or in words why that cannot be told."""
    guess = max(hunk.line - 1, 0) + shift
    size = len(hunk.old)
    if lines[guess : guess + size] == hunk.old and (size or not lines):
        return guess
    if not size:
        return "the edit adds this file, and the release has one"
    places = _places(lines, hunk.old)
    if len(places) == 1:
        return places[0]
    if not places and hunk.new and _places(lines, hunk.new):
        return "the release has this edit already"
    return "its context is nowhere" if not places else f"its context is in {len(places)} places"


def _places(lines: List[str], part: List[str]) -> List[int]:
    size = len(part)
    return [at for at in range(len(lines) - size + 1) if lines[at : at + size] == part]


SHOWN = 5
"""How many conflicts of one patch are shown in full."""


def _describe(lines: List[str], hunk: Hunk, guess: int, why: str, path: str) -> Tuple[str, str]:
    """Return a conflict's place, and the place with both sides: what the edit expects and what the release has."""

    def likeness(at: int) -> Tuple[int, int]:
        same = sum(len(a.strip()) for a, b in zip(lines[at:], hunk.old) if a == b)
        return same, -abs(at - guess)

    at = max(range(len(lines)), key=likeness, default=0)
    size = max(len(hunk.old), 3)

    def block(part: List[str]) -> str:
        return "".join(f"    | {line.rstrip()}\n" for line in part) or "    | (nothing)\n"

    where = f"{path}, about line {at + 1}: {why}"
    text = (
        f"  where:  {where}\n  the edit expects:\n{block(hunk.old)}  and makes of it:\n{block(hunk.new)}"
        f"  the release has:\n{block(lines[at : at + size])}"
    )
    return where, text


def _conflict(name: str, conflicts: List[Tuple[str, str]]) -> ConflictError:
    short = PurePosixPath(name).name[: -len(".patch")] if name.endswith(".patch") else name
    more = f"  and {len(conflicts) - SHOWN} more such places\n" if len(conflicts) > SHOWN else ""
    return ConflictError(
        f"the saved edit {name} no longer applies; nothing was written, and the edit is kept.\n"
        f"{''.join(text for _, text in conflicts[:SHOWN])}{more}"
        f"  to do:  adapt {name} to this release; or make the edit anew: `python -m fork drop {short}` (the patch is\n"
        f"          kept under another name), build, edit, `python -m fork save {short}`",
        tuple(where for where, _ in conflicts),
    )
