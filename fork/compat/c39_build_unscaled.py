"""For old releases: model YAMLs without ``scales``, as the articles' and ours are, whose rows ask for the scale."""

from __future__ import annotations

from typing import List, Optional

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes, statement, walk
from fork.steps._places_cst import PARSE, TASKS, assignments
from fork.tree import Tree

NAME = "c39_build_unscaled"
SCALE, SCALES = "scale", "scales"
ROW = "C3k2"
"""The first module whose row asks for the scale; releases without it have no row that does."""


def apply(tree: Tree) -> Outcome:
    """Give ``scale`` a value in any case, and let rows look for it among letters, not in a text."""
    source = Source(tree, TASKS, NAME)
    if not any(isinstance(node, cst.Name) and node.value == ROW for node in walk(source.find(PARSE))):
        return Outcome(0, f"it has no {ROW}, and no row asks for the scale")
    asked = _asked(source)
    if not asked:
        raise source.fail(PARSE, f"`{SCALE} in ...`, what the row {ROW} asks for", "no such place")
    branch = _only_assigned_in(source)
    texts = [part for part in asked if isinstance(part.comparator, cst.SimpleString)]
    if branch is None and not texts:
        return Outcome(0, "rows look for the scale among letters, and it has a value")
    while texts:
        part = texts[0]
        letters = expression(f"set({code(part.comparator)})")
        source.replace(PARSE, part, part.with_changes(comparator=letters))
        texts = [part for part in _asked(source) if isinstance(part.comparator, cst.SimpleString)]
    branch = _only_assigned_in(source)
    if branch is not None:
        first = statement(f"{SCALE} = None", "in a YAML without scales").with_changes(
            leading_lines=branch.leading_lines
        )
        source.replace(PARSE, branch, cst.FlattenSentinel([first, branch.with_changes(leading_lines=[])]))
    return source.save()


def _asked(source: Source) -> List[cst.ComparisonTarget]:
    """Return the parts ``in LETTERS`` of every ``scale in LETTERS``."""
    nodes = own_nodes(source.find(PARSE), cst.Comparison)
    asked = [node for node in nodes if isinstance(node, cst.Comparison) and code(node.left) == SCALE]
    return [part for node in asked for part in node.comparisons if isinstance(part.operator, cst.In)]


def _only_assigned_in(source: Source) -> Optional[cst.If]:
    """Return the branch ``if scales:`` where the scale has a value in that branch only, or None."""
    function = source.find(PARSE)
    branches = [node for node in own_nodes(function, cst.If) if isinstance(node, cst.If) and code(node.test) == SCALES]
    branch = source.one(PARSE, f"the branch `if {SCALES}:`", branches)
    within = len(assignments(branch, SCALE))
    if not within:
        raise source.fail(PARSE, f"the line `{SCALE} = ...` below `if {SCALES}:`", "no such line")
    return branch if len(assignments(function, SCALE)) == within else None


STEP = Step(
    name=NAME,
    section="-",
    title="Build YAMLs without scales",
    reason=(
        "A row C3k2 asks whether the scale is m, l or x. A model YAML without scales, as the articles' and ours are, "
        "has none: the build ends in an UnboundLocalError, and from 8.3.199 on the empty scale is found in the text "
        "mlx, so that the larger block is built in silence. Upstream has mended it in 8.4.131; a scale that is given "
        "is read as before."
    ),
    files=(TASKS,),
    places=(2, 3),
    apply=apply,
)
