"""The diff of diffs: what changed in the fork's own edits between two upstream releases."""

from __future__ import annotations

import difflib
import re
from typing import List, NamedTuple, Sequence

from fork import patch
from fork.series import Result
from fork.tree import OVERLAY, Tree


class Change(NamedTuple):
    """A step whose edits are not the same on two releases.

    Attributes:
        step: Its name.
        before: Its outcome on the old release, in words; ``no such step`` where there is none.
        after: Its outcome on the new release.
        text: Unified diff from its old diff to its new one, without line numbers.
    """

    step: str
    before: str
    after: str
    text: str


def compare(old: Tree, old_results: Sequence[Result], new: Tree, new_results: Sequence[Result]) -> List[Change]:
    """Return the steps whose outcome or edited lines differ, in the order of the series.

    Edits count as the same where the lines taken out and put in are the same; lines around them, and where in the file
    they stand, may differ, for that is upstream's affair.
    """
    before, after = edits(old, old_results), edits(new, new_results)
    words_before = {result.step.name: str(result.outcome) for result in old_results}
    words_after = {result.step.name: str(result.outcome) for result in new_results}
    changes = []
    for name in [*words_after, *(name for name in words_before if name not in words_after)]:
        a, b = words_before.get(name, "no such step"), words_after.get(name, "no such step")
        lines = before.get(name, []), after.get(name, [])
        if a != b or lines[0] != lines[1]:
            text = "".join(difflib.unified_diff(*lines, "before", "after", n=2))
            changes.append(Change(name, a, b, re.sub(r"^@@.*@@$", "@@", text, flags=re.MULTILINE)))
    return changes


def edits(pristine: Tree, results: Sequence[Result]) -> dict[str, List[str]]:
    """Return, for each step, the lines that it takes out (``-``) and puts in (``+``), with the files they are in."""
    found = {}
    tree = {**{p: d for p, d in results[0].tree.items() if p.startswith(OVERLAY)}, **pristine} if results else pristine
    for result in results:
        text = patch.diff(tree, result.tree, context=0)
        lines = [line for line in text.splitlines(keepends=True) if not line.startswith(("--- ", "@@"))]
        found[result.step.name] = lines
        tree = result.tree
    return found


def report(changes: Sequence[Change]) -> str:
    """Return the changes as text for a person; says so where there are none."""
    if not changes:
        return "the fork's own edits are the same on both releases\n"
    parts = []
    for change in changes:
        outcome = change.before if change.before == change.after else f"{change.before}  ->  {change.after}"
        parts.append(f"{change.step}: {outcome}\n" + "".join(f"    {line}\n" for line in change.text.splitlines()))
    return "\n".join(parts)
