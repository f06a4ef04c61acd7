"""Not in the articles: a model YAML is checked before its first row is built."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, PARSE, TASKS
from fork.syntax import parameters
from fork.tree import Tree

NAME = "x34_check_model"
CALL = f"{HOOKS}.check_model(d, ch)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.check_model`` first thing in ``parse_model``, behind its docstring."""
    place = Source(tree, TASKS, NAME).find(PARSE)
    if place.nodes(ast.Call, CALL):
        return ALREADY
    names = parameters(place.node)
    if names[:2] != ["d", "ch"]:
        raise place.fail("the parameters d and ch", ", ".join(names) or "none")
    if ast.get_docstring(place.node) is None:
        raise place.fail("a docstring, behind which the call goes", "none")
    place.insert_after(place.node.body[0], CALL)
    return place.source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Check a model YAML before it is built",
    reason=(
        "A wrong YAML ends in a shape error deep inside torch, or in a KeyError without the row. All that is wrong in "
        "it is said together instead, with file, line, row and cure, before a weight is allocated."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
