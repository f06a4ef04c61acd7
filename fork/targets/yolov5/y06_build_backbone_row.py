"""Article 002's section 2.3: a branch of parse_model for backbones."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import row_loop
from fork.steps.articles.s05_build_backbone_row import TEST, add_branch
from fork.targets.yolov5._places import YOLO
from fork.tree import Tree

NAME = "y06_build_backbone_row"


def apply(tree: Tree) -> Outcome:
    """Add the branch."""
    rows = row_loop(Source(tree, YOLO, NAME))
    if rows.nodes(ast.Call, TEST):
        return ALREADY
    add_branch(rows)
    return rows.save()


STEP = Step(
    name=NAME,
    section="2.3",
    title="Build a backbone row in parse_model",
    reason=(
        "The article has a branch for each class, listed by hand, and one that takes any unknown name for a network of "
        "timm. Here one branch, that of s05_build_backbone_row, asks the registry, and the building with its checks "
        "lives in Addmodules/hooks.py."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
