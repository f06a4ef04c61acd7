"""Not in the articles: a YOLOv5 YAML with anchors, as article 002 has it, builds."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS, row_loop
from fork.syntax import within
from fork.tree import Tree

NAME = "x18_drop_anchors"
DROPPED = f"{HOOKS}.drop_anchors(args, t)"
ADDED = ("args.extend(...)", "args.append(...)")
"""A head gets its inputs' widths, and in newer releases two settings before them."""

HEAD = "Detect"


def apply(tree: Tree) -> Outcome:
    """Take the anchors out of a detection head's arguments before parse_model adds its own."""
    rows = row_loop(Source(tree, TASKS, NAME))
    if rows.nodes(ast.Call, DROPPED):
        return ALREADY
    branches = [branch for branch in rows.nodes(ast.If) if within(branch.test, ast.Name, HEAD)]
    found = [line for branch in branches for line in rows.at(branch).lines(ast.Expr, *ADDED) if line in branch.body]
    line = rows.one(f"the line `{ADDED[0]}` or `{ADDED[1]}` in the branch of {HEAD}", found)
    rows.replace(within(line, ast.Name, "args")[0], DROPPED)
    return rows.save()


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
