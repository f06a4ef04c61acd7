"""Says which steps edit a place of the release, why, and how; reads the user's own copy of the release."""

from __future__ import annotations

import difflib
import textwrap
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Set

from fork import patch
from fork.build import LOCAL, Plan, replay, saved_edits
from fork.edit import Step
from fork.errors import ForkError
from fork.tree import Tree

WIDTH = 100


class Change(NamedTuple):
    """What one step, or one saved edit, does.

    Attributes:
        label: The step's name, or ``local/mine.patch``.
        step: The step; None for a saved edit.
        before: The files that it edits, as they were.
        after: The same files as it leaves them.
        where: Its places, ``file: definition`` each.
        outcome: In words.
    """

    label: str
    step: Optional[Step]
    before: Tree
    after: Tree
    where: List[str]
    outcome: str

    def at(self, place: str) -> bool:
        """Return whether it edits this file or definition, given whole or by its last parts."""
        found = {part for where in self.where for part in where.split(": ")}
        return any(f".{part.replace('/', '.')}".endswith(f".{place.replace('/', '.')}") for part in found)


def names_of(step: Step) -> Set[str]:
    """Return the names that a step goes by: s07_spread_maps, s07, s7, and for one of the articles 07, 7, 4.7."""
    short = step.name.split("_")[0]
    number = short[1:].lstrip("0")
    names = {step.name, short, f"{short[0]}{number}"}
    return names if step.section == "-" else {*names, short[1:], number, step.section}


def changes(work: Plan, root: Path) -> List[Change]:
    """Return everything that the steps and the saved edits do, in their order."""
    result: List[Change] = []
    tree: Tree = work.pristine
    for item in work.results:
        outcome, where = item.outcome, list(item.outcome.where)
        files = item.step.files if outcome.applied else ()
        parts = [{file: source[file] for file in files if file in source} for source in (tree, item.tree)]
        result.append(Change(item.step.name, item.step, parts[0], parts[1], where, str(outcome)))
        tree = item.tree
    for path in saved_edits(root):
        if path.stem in work.local:
            before, tree = tree, replay(tree, path)
            changed = [file for file in {*before, *tree} if before.get(file) != tree.get(file)]
            parts = [{file: source[file] for file in changed if file in source} for source in (before, tree)]
            saved = "a saved edit of yours"
            result.append(Change(f"{LOCAL}/{path.name}", None, parts[0], parts[1], sorted(changed), saved))
    return result


def explain(work: Plan, place: Optional[str], root: Path) -> str:
    """Return what the steps do to a place, or the list of all edited places.

    Args:
        work: The finished plan of a build.
        place: A step (``s06``), a section of the articles (``4.6``), a function or class (``parse_model``), or a file.
        root: The checkout.

    Raises:
        ForkError: No step has that name or edits that place; the message names similar ones.
    """
    found = changes(work, root)
    if place is None:
        release = work.pin.upstream
        lines = [f"What the fork edits in {release.name} {release.version}; `python -m fork explain PLACE` says why."]
        for change in found:
            lines += ["", f"{change.label}: {change.step.title if change.step else change.outcome}"]
            lines += [f"  {where}" for where in dict.fromkeys(change.where)] or [f"  {change.outcome}"]
        return "\n".join(lines) + "\n"
    wanted = place.strip().lstrip("§").replace("\\", "/").removeprefix("./")
    chosen = [c for c in found if c.step and wanted.lower() in names_of(c.step)] or [c for c in found if c.at(wanted)]
    if not chosen:
        raise ForkError(_nothing(place, found))
    return "\n".join(_said(change) for change in chosen)


def _said(change: Change) -> str:
    step, lines = change.step, [f"{change.label}  ({change.outcome})"]
    if step:
        section = f"section {step.section} of the articles" if step.section != "-" else "not in the articles"
        texts: Dict[str, str] = {"": f"{step.title} ({section}). {step.reason}"}
        texts["Differs from the articles: "] = step.differs.replace("None.", "")
        texts["Not needed when "] = step.not_needed_when
        for words, text in texts.items():
            if text:
                lines += ["", textwrap.fill(words + text, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    edits = patch.diff(change.before, change.after)
    return "\n".join([*lines, "", textwrap.indent(edits, "  ")]) if edits else "\n".join([*lines, ""])


def _nothing(place: str, found: List[Change]) -> str:
    known = {part for change in found for where in change.where for part in where.split(": ")}
    known |= {part.rpartition(".")[2] for part in known} | {change.label for change in found}
    near = difflib.get_close_matches(place, sorted(known), 4, 0.6)
    tail = f"; near it: {', '.join(near)}" if near else ""
    return (
        f"{place!r} is neither a step nor a section of the articles, and no step edits it{tail}\n"
        f"  to do: `python -m fork explain` lists every edited place"
    )
