"""For old releases: model YAMLs without ``scales``, as the articles' and ours are, whose rows ask for the scale."""

from __future__ import annotations

import ast
from typing import Optional

from fork.edit import Outcome, Place, Source, Step
from fork.steps._places import PARSE, TASKS
from fork.syntax import Definition, matches, within
from fork.tree import Tree

NAME = "c39_build_unscaled"
SCALE, SCALES = "scale", "scales"
ROW = "C3k2"
"""The first module whose row asks for the scale; releases without it have no row that does."""


def apply(tree: Tree) -> Outcome:
    """Give ``scale`` a value in any case, and let rows look for it among letters, not in a text."""
    place = Source(tree, TASKS, NAME).find(PARSE)
    if not within(place.node, ast.Name, ROW):
        return Outcome(0, f"it has no {ROW}, and no row asks for the scale")
    asked = [node.comparators[0] for node in place.nodes(ast.Compare, f"{SCALE} in ...")]
    if not asked:
        raise place.fail(f"`{SCALE} in ...`, what the row {ROW} asks for", "no such place")
    branch = _only_assigned_in(place)
    texts = [node for node in asked if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if branch is None and not texts:
        return Outcome(0, "rows look for the scale among letters, and it has a value")
    for text in texts:
        place.wrap(text, "set(", ")")
    if branch is not None:
        place.insert_before(branch, f"{SCALE} = None  # in a YAML without scales")
    return place.source.save()


def _only_assigned_in(place: Place[Definition]) -> Optional[ast.If]:
    """Return the branch ``if scales:`` where the scale has a value in that branch only, or None."""
    branches = [node for node in place.nodes(ast.If) if matches(node.test, SCALES)]
    branch = place.one(f"the branch `if {SCALES}:`", branches)
    inside = within(branch, ast.Assign, f"{SCALE} = ...")
    if not inside:
        raise place.fail(f"the line `{SCALE} = ...` below `if {SCALES}:`", "no such line")
    return branch if len(within(place.node, ast.Assign, f"{SCALE} = ...")) == len(inside) else None


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
    not_needed_when="no row asks for the scale, as before 8.3.0, or it may be missing, as from 8.4.131 on.",
)
