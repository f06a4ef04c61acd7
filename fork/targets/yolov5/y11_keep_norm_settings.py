"""Not in the article: BatchNorm settings that belong to pretrained weights survive YOLOv5's initialisation."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import TORCH_UTILS, Swap, apply_swaps
from fork.tree import Tree

NAME = "y11_keep_norm_settings"
SWAPS = (
    Swap(
        TORCH_UTILS,
        "initialize_weights",
        "t is nn.BatchNorm2d",
        't is nn.BatchNorm2d and not hasattr(m, "addmodules_keeps_settings")',
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Keep eps and momentum of pretrained BatchNorms",
    reason=(
        "YOLOv5 sets every BatchNorm of a model to eps 1e-3 and momentum 0.03. In a backbone with pretrained "
        "weights that changes what the weights compute. Those are marked, and left as they are."
    ),
    files=(TORCH_UTILS,),
    places=(1, 1),
    apply=apply,
)
