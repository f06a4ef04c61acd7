"""Not in the articles: what a YAML names is looked up among layers, never run; an unknown name is explained."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes, walk, with_value
from fork.steps._places import HOOKS, PARSE, TASKS, assignments, row_loop, value_of
from fork.tree import Tree

NAME = "x11_look_up_modules"
LOOKUP = f"{HOOKS}.look_up(m, globals(), args)"
ACTIVATION = f"{HOOKS}.activation(act)"


def apply(tree: Tree) -> Outcome:
    """Put function calls where parse_model looks a row's module up, and where it evaluates ``activation``."""
    source = Source(tree, TASKS, NAME)
    nodes = own_nodes(row_loop(source).function, cst.Call)
    done = (any(code(node) == call for node in nodes) for call in (LOOKUP, ACTIVATION))
    if source.applied(PARSE, *done):
        return Outcome(0, "already applied")
    found = [node for node in nodes if isinstance(node, cst.Call) and code(node.func) == "eval"]
    call = source.one(PARSE, "the call `eval(act)`, and no other eval", found)
    if code(call) != "eval(act)":
        raise source.fail(PARSE, "the call `eval(act)`, and no other eval", code(call))
    source.replace(PARSE, call, expression(ACTIVATION))
    lines = [
        line
        for line in assignments(row_loop(source).loop, "m")
        if any(isinstance(node, cst.Subscript) and code(node) == "globals()[m]" for node in walk(value_of(line)))
    ]
    line = source.one(PARSE, "the line `m = ...` with `globals()[m]`", lines)
    source.replace(PARSE, line, with_value(line, expression(LOOKUP)))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Look names up among layers, and run none",
    reason=(
        "A row may name any global of tasks.py, functions and whole models among them, and `activation` is run as "
        "Python: a model YAML from elsewhere runs code. Here a name is looked up among layers. A typing error, or a "
        "file in Addmodules that did not import, ends in a bare KeyError. The lookup says which file failed and why, "
        "which names come near, and when a name is claimed twice."
    ),
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
)
