"""Not in the articles: a path or a model's name as an argument in a YAML is text."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, walk
from fork.steps._places_cst import PARSE, TASKS, lines, row_loop
from fork.tree import Tree

NAME = "x17_read_text"
OLD, NEW = "contextlib.suppress(ValueError)", "contextlib.suppress(ValueError, SyntaxError)"
CAUGHT, BOTH = "ValueError", "(ValueError, SyntaxError)"
"""The same in releases that use ``try`` and ``except``."""


def apply(tree: Tree) -> Outcome:
    """Let parse_model keep an argument that is no Python literal as the text that it is."""
    source = Source(tree, TASKS, NAME)
    loop = row_loop(source).loop
    calls = [node for node in walk(loop) if isinstance(node, cst.Call)]
    caught = _caught(loop)
    if any(code(node) == NEW for node in calls) or any(code(node) == BOTH for node in caught):
        return Outcome(0, "already applied")
    found = [node for node in calls if code(node) == OLD] + [node for node in caught if code(node) == CAUGHT]
    place = source.one(PARSE, f"the call `{OLD}`, or `except {CAUGHT}` around `args[j] = ...`", found)
    source.replace(PARSE, place, expression(NEW if isinstance(place, cst.Call) else BOTH))
    return source.save()


def _caught(loop: cst.For) -> List[cst.BaseExpression]:
    """Return what is caught, and passed over, where a row's argument is read."""
    found = []
    for node in walk(loop):
        if isinstance(node, cst.Try) and any(code(line).startswith("args[j] = ") for line in lines(node.body)):
            found += [item.type for item in node.handlers if item.type and [code(x) for x in lines(item)] == ["pass"]]
    return found


STEP = Step(
    name=NAME,
    section="-",
    title="Read paths in a YAML as text",
    reason=(
        "parse_model tries to read each text argument as a Python literal and keeps it as text where that fails, but "
        "for the failures of `weights/m0.pth`, not for those of `./m0.pth` or of a path on Windows."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
