"""Not in the article: --freeze counts indices of the YAML."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import SEGMENT_TRAIN, TRAIN, Swap, apply_swaps
from fork.tree import Tree

NAME = "y14_freeze_rows"
SWAPS = (
    Swap(
        TRAIN,
        "train",
        "freeze = [f'model.{x}.' for x in (freeze if len(freeze) > 1 else range(freeze[0]))]",
        "freeze = addmodules.frozen_layers(model, freeze)",
    ),
    Swap(
        TRAIN,
        "train",
        "any(x in k for x in freeze)",
        "addmodules.is_frozen(k, freeze)",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "freeze = [f'model.{x}.' for x in (freeze if len(freeze) > 1 else range(freeze[0]))]",
        "freeze = addmodules.frozen_layers(model, freeze)",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "any(x in k for x in freeze)",
        "addmodules.is_frozen(k, freeze)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Freeze rows by their index in the YAML",
    reason=(
        "--freeze counts positions and looks for `model.1.` anywhere in a name: behind a backbone --freeze 10 "
        "would freeze nine rows of the head. Indices are those of the YAML, so --freeze 5 is the backbone."
    ),
    files=(
        TRAIN,
        SEGMENT_TRAIN,
    ),
    places=(4, 4),
    apply=apply,
)
