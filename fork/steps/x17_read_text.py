"""Not in the articles: a path or a model's name as an argument in a YAML is text."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, walk
from fork.steps._places import PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "x17_read_text"
OLD, NEW = "contextlib.suppress(ValueError)", "contextlib.suppress(ValueError, SyntaxError)"


def apply(tree: Tree) -> Outcome:
    """Let parse_model keep an argument that is no Python literal as the text that it is."""
    source = Source(tree, TASKS, NAME)
    calls = [node for node in walk(row_loop(source).loop) if isinstance(node, cst.Call)]
    if any(code(node) == NEW for node in calls):
        return Outcome(0, "already applied")
    found = [node for node in calls if code(node) == OLD]
    source.replace(PARSE, source.one(PARSE, f"the call `{OLD}`", found), expression(NEW))
    return source.save()


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
