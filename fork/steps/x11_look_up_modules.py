"""Not in the articles: a module name that parse_model cannot find is named, with its cause and the nearest names."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS, row_loop
from fork.tree import Tree

NAME = "x11_look_up_modules"
OLD, NEW = "globals()[m]", f"{HOOKS}.look_up(m, globals(), args)"


def apply(tree: Tree) -> Outcome:
    """Put a function call where parse_model indexes ``globals()``."""
    rows = row_loop(Source(tree, TASKS, NAME))
    if rows.nodes(ast.Call, NEW):
        return ALREADY
    rows.replace(rows.one(f"the expression `{OLD}`", rows.nodes(ast.Subscript, OLD)), NEW)
    return rows.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Name an unknown module and its cause",
    reason=(
        "A typing error in a YAML, or a file in Addmodules that did not import, ends in a bare KeyError. The lookup "
        "says which file failed and why, which names come near, and when a name is claimed twice."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
