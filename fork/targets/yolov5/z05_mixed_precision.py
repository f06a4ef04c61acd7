"""Today's packages: mixed precision under the name that torch has for it."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import (
    AUTOBATCH,
    CLASSIFY_TRAIN,
    CLASSIFY_VAL,
    COMMON,
    MODULE,
    SEGMENT_TRAIN,
    TRAIN,
    Swap,
    apply_swaps,
)
from fork.tree import Tree

NAME = "z05_mixed_precision"
SWAPS = (
    Swap(
        TRAIN,
        "train",
        "torch.cuda.amp.GradScaler",
        "addmodules.amp.GradScaler",
    ),
    Swap(
        TRAIN,
        "train",
        "torch.cuda.amp.autocast",
        "addmodules.amp.autocast",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "torch.cuda.amp.GradScaler",
        "addmodules.amp.GradScaler",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "torch.cuda.amp.autocast",
        "addmodules.amp.autocast",
    ),
    Swap(
        AUTOBATCH,
        "check_train_batch_size",
        "torch.cuda.amp.autocast",
        "addmodules.amp.autocast",
    ),
    Swap(
        CLASSIFY_VAL,
        "run",
        "torch.cuda.amp.autocast",
        "addmodules.amp.autocast",
    ),
    Swap(
        CLASSIFY_TRAIN,
        MODULE,
        "from torch.cuda import amp",
        "from yolov5.addmodules import amp",
    ),
    Swap(
        COMMON,
        MODULE,
        "from torch.cuda import amp",
        "from yolov5.addmodules import amp",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Use the name that torch has for mixed precision",
    reason=(
        "torch 2.4 calls torch.cuda.amp deprecated, with a warning for each of its uses in every run, and "
        "will drop it. The hooks take torch.amp, and the old name where a torch has that one only."
    ),
    files=(
        TRAIN,
        SEGMENT_TRAIN,
        AUTOBATCH,
        CLASSIFY_VAL,
        CLASSIFY_TRAIN,
        COMMON,
    ),
    places=(8, 8),
    apply=apply,
)
