"""Not in the articles: BatchNorm settings that belong to pretrained weights survive upstream's initialisation."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes
from fork.tree import Tree

NAME = "x14_keep_norm_settings"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "initialize_weights"
TEST = "t is nn.BatchNorm2d"
NEW = f'{TEST} and not hasattr(m, "addmodules_keeps_settings")'


def apply(tree: Tree) -> Outcome:
    """Leave out marked BatchNorms where upstream sets eps and momentum."""
    source = Source(tree, FILE, NAME)
    branches = [node for node in own_nodes(source.find(DEFINITION), cst.If) if isinstance(node, cst.If)]
    if any(code(node.test) == NEW for node in branches):
        return Outcome(0, "already applied")
    found = [node.test for node in branches if code(node.test) == TEST]
    source.replace(DEFINITION, source.one(DEFINITION, f"the branch `{TEST}`", found), expression(NEW))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Keep eps and momentum of pretrained BatchNorms",
    reason=(
        "Upstream sets every BatchNorm of a model to eps 1e-3 and momentum 0.03. In a backbone with pretrained weights "
        "that changes what the weights compute: eps belongs to them. Those are marked, and left as they are."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
)
