"""Not in the articles: a model YAML is checked, and its texts and anchors made ready, before its first row is built."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, PARSE, TASKS
from fork.syntax import parameters
from fork.tree import Tree

NAME = "b01_prepare_model"
CALL = f"d = {HOOKS}.prepare(d, ch)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.prepare`` first thing in ``parse_model``, behind its docstring."""
    place = Source(tree, TASKS, NAME).find(PARSE)
    if place.nodes(ast.Assign, CALL):
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
        "A wrong YAML ends in a KeyError without the row. Its faults are reported together instead, with file, line, "
        "row and cure. A path such as `./m0.pth` as an argument stays text, where upstream takes it for Python that "
        "does not parse; the anchors of a YOLOv5 YAML are left out, with a notice, for today's heads would take them "
        "for something else."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
    not_needed_when="parse_model names a row that is wrong, keeps what is not a literal as text, and takes anchors.",
)
