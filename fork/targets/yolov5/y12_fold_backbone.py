"""Not in the article: the BatchNorms of a backbone are folded in fuse()."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import YOLO, Swap, apply_swaps
from fork.tree import Tree

NAME = "y12_fold_backbone"
SWAPS = (
    Swap(
        YOLO,
        "BaseModel.fuse",
        "self.info()",
        "addmodules.fold(self)\nself.info()",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Fold the BatchNorms of a backbone in fuse()",
    reason=(
        "fuse() knows YOLOv5's own layers only; those of a backbone would stay. Models without a backbone row "
        "are left as they are."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
