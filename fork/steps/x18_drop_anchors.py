"""Not in the articles: a YOLOv5 YAML with anchors, as article 002 has it, builds."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, walk
from fork.steps._places_cst import HOOKS, PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "x18_drop_anchors"
DROPPED = f"{HOOKS}.drop_anchors(args, t)"
ADDERS = ("extend", "append")
"""A head gets its inputs' widths, and in newer releases two settings before them."""

HEAD = "Detect"


def apply(tree: Tree) -> Outcome:
    """Take the anchors out of a detection head's arguments before parse_model adds its own."""
    source = Source(tree, TASKS, NAME)
    loop = row_loop(source).loop
    if any(isinstance(node, cst.Call) and code(node) == DROPPED for node in walk(loop)):
        return Outcome(0, "already applied")
    found: List[cst.BaseExpression] = []
    for branch in walk(loop):
        if isinstance(branch, cst.If) and _names(branch.test, HEAD):
            for line in branch.body.body:
                if isinstance(line, cst.SimpleStatementLine):
                    found += [node.func for node in walk(line) if isinstance(node, cst.Call) and _adds(node)]
    sought = f"the line `args.extend(...)` or `args.append(...)` in the branch of {HEAD}"
    method = cst.ensure_type(source.one(PARSE, sought, found), cst.Attribute)
    source.replace(PARSE, method, method.with_changes(value=expression(DROPPED)))
    return source.save()


def _adds(node: cst.Call) -> bool:
    return code(node.func) in [f"args.{adder}" for adder in ADDERS]


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
