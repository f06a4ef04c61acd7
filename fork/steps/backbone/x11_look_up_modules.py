"""Not in the articles: what a YAML names is looked up among layers, never run; an unknown name is explained."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, PARSE, TASKS, row_loop
from fork.syntax import within
from fork.tree import Tree

NAME = "x11_look_up_modules"
LOOKUP = f"{HOOKS}.look_up(m, globals(), args)"
ACTIVATION = f"{HOOKS}.activation(act)"


def apply(tree: Tree) -> Outcome:
    """Put function calls where parse_model looks a row's module up, and where it evaluates ``activation``."""
    source = Source(tree, TASKS, NAME)
    parse, rows = source.find(PARSE), row_loop(source)
    if parse.applied(*(bool(parse.nodes(ast.Call, call)) for call in (LOOKUP, ACTIVATION))):
        return ALREADY
    sought = "the call `eval(act)`, and no other eval"
    call = parse.one(sought, parse.nodes(ast.Call, "eval(...)"))
    if not parse.nodes(ast.Call, "eval(act)"):
        raise parse.fail(sought, parse.code(call))
    found = [line for line in rows.lines(ast.Assign, "m = ...") if within(line, ast.Subscript, "globals()[m]")]
    line = rows.one("the line `m = ...` with `globals()[m]`", found)
    parse.replace(call, ACTIVATION)
    rows.replace(line, f"m = {LOOKUP}")
    return parse.save()


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
