"""Not in the articles: a module name that parse_model cannot find is named, with its cause and the nearest names."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, walk
from fork.steps._places_cst import HOOKS, PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "x11_look_up_modules"
LOOKUP = f"{HOOKS}.look_up(m, globals(), args)"


def apply(tree: Tree) -> Outcome:
    """Put a function call where parse_model indexes ``globals()``."""
    source = Source(tree, TASKS, NAME)
    nodes = walk(row_loop(source).loop)
    if any(isinstance(node, cst.Call) and code(node) == LOOKUP for node in nodes):
        return Outcome(0, "already applied")
    found = [node for node in nodes if isinstance(node, cst.Subscript) and code(node) == "globals()[m]"]
    source.replace(PARSE, source.one(PARSE, "the expression `globals()[m]`", found), expression(LOOKUP))
    return source.save()


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
