"""Unified diffs of trees: made for reading and for saving a user's edits, applied again on a later build.

Applying is strict: a hunk goes where its whole context stands, at the recorded line or, where that moved, at the only
other place in the file that has it. Nothing is applied in part.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

from fork.errors import ConflictError
from fork.tree import OVERLAY, PACKAGE, Tree

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE = "\\ No newline at end of file"


class Hunk(NamedTuple):
    """One hunk: the line (from 1) where the old text is expected, and the old and new lines with their ends."""

    line: int
    old: List[str]
    new: List[str]


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


def read(path: Path) -> str:
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
        raise ConflictError(f"{path} is no unified diff: no line in it begins with `--- `")
    for target in (name[2:] for name in files):
        if not target.startswith(f"{PACKAGE}/") or target.startswith(OVERLAY) or ".." in target.split("/"):
            raise ConflictError(f"{path} edits {target!r}: saved edits are for generated files below {PACKAGE}/ only")
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
        raise ConflictError(f"{path} is not UTF-8 text: it cannot be kept as a patch; move it elsewhere") from None
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def parse(text: str) -> Dict[str, List[Hunk]]:
    """Read a unified diff: path (``b/`` form, or ``a/`` form of a deleted file) -> its hunks.

    Raises:
        ConflictError: The text is no unified diff.
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
                raise ConflictError(f"line {at + 1} of the patch is no hunk header: {lines[at].strip()!r}")
            at, hunk = _read_hunk(lines, at + 1, head)
            hunks.append(hunk)
    return files


def _read_hunk(lines: List[str], at: int, head: re.Match[str]) -> Tuple[int, Hunk]:
    left, right = (int(head.group(group) or 1) for group in (2, 4))
    hunk = Hunk(int(head.group(1)), [], [])
    while len(hunk.old) < left or len(hunk.new) < right:
        if at >= len(lines) or lines[at][0] not in " +-":
            raise ConflictError(f"the hunk before line {at + 1} of the patch is cut short")
        mark, line = lines[at][0], lines[at][1:]
        at += 1
        if at < len(lines) and lines[at].startswith("\\"):
            line, at = line.rstrip("\n"), at + 1
        if mark in " -":
            hunk.old.append(line)
        if mark in " +":
            hunk.new.append(line)
    return at, hunk


def apply(tree: Tree, text: str, name: str) -> Tree:
    """Return a copy of ``tree`` with the patch ``text`` applied.

    Raises:
        ConflictError: A hunk's context is nowhere or in several places; names the file, both sides and the patch.
    """
    result = dict(tree)
    for path, hunks in parse(text).items():
        target, deletes = path[2:], path.startswith("a/")
        lines = _lines(target, result.get(target, b""))
        shift = 0
        for hunk in hunks:
            at = _place(lines, hunk, shift, name, target)
            shift = at - max(hunk.line - 1, 0) + len(hunk.new) - len(hunk.old)
            lines[at : at + len(hunk.old)] = hunk.new
        if deletes:
            result.pop(target, None)
        else:
            result[target] = "".join(lines).encode()
    return result


def _place(lines: List[str], hunk: Hunk, shift: int, name: str, path: str) -> int:
    guess = max(hunk.line - 1, 0) + shift
    size = len(hunk.old)
    if lines[guess : guess + size] == hunk.old and (size or not lines):
        return guess
    places = [at for at in range(len(lines) - size + 1) if size and lines[at : at + size] == hunk.old]
    if len(places) == 1:
        return places[0]
    here = "".join(f"    | {line}" for line in lines[max(guess, 0) : guess + size]) or "    | (nothing)\n"
    wanted = "".join(f"    | {line}" for line in hunk.old)
    count = "is nowhere" if not places else f"is in {len(places)} places"
    raise ConflictError(
        f"the saved edit {name} no longer applies; nothing was written, and the edit is kept.\n"
        f"  where:  {path}, about line {guess + 1}: its context {count}\n"
        f"  the edit expects:\n{wanted}  the release has:\n{here}"
        f"  to do:  adapt {name} to this release, or take it out of the folder"
    )
