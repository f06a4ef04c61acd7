"""Not in the articles: a YOLOv5 YAML with anchors, as article 002 has it, builds."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, walk
from fork.steps._places import HOOKS, PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "x18_drop_anchors"
OLD, NEW = "args.extend", f"{HOOKS}.drop_anchors(args, t).extend"
HEAD = "Detect"


def apply(tree: Tree) -> Outcome:
    """Take the anchors out of a detection head's arguments before parse_model adds its own."""
    source = Source(tree, TASKS, NAME)
    loop = row_loop(source).loop
    if any(isinstance(node, cst.Call) and code(node.func) == NEW for node in walk(loop)):
        return Outcome(0, "already applied")
    found = []
    for branch in walk(loop):
        if not (isinstance(branch, cst.If) and _names(branch.test, HEAD)):
            continue
        for line in branch.body.body:
            calls = [node for node in walk(line) if isinstance(node, cst.Call) and code(node.func) == OLD]
            found += calls if isinstance(line, cst.SimpleStatementLine) else []
    call = source.one(PARSE, f"the line `{OLD}(...)` in the branch of {HEAD}", found)
    source.replace(PARSE, call, call.with_changes(func=expression(NEW)))
    return source.save()


def _names(node: cst.CSTNode, name: str) -> bool:
    return any(isinstance(child, cst.Name) and child.value == name for child in walk(node))


STEP = Step(
    name=NAME,
    section="-",
    title="Accept the anchors of a YOLOv5 YAML",
    reason=(
        "Article 002's YAML names the head `Detect, [nc, anchors]`. Upstream's head has no anchors and takes that "
        "argument for another one. It is dropped, with a notice."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
