"""Today's packages: the package imports its own modules, not whatever is called models."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import EXPERIMENTAL, Swap, apply_swaps
from fork.tree import Tree

NAME = "z10_import_own_modules"
SWAPS = (
    Swap(
        EXPERIMENTAL,
        "attempt_load",
        "from models.yolo import Detect, Model",
        "from yolov5.models.yolo import Detect, Model",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Import models.yolo from the package itself",
    reason=(
        "attempt_load imports `models.yolo`, which is a second copy of the package's file, or somebody else's "
        "where the folder one works in has a `models`. The copy would look up backbones a second time."
    ),
    files=(EXPERIMENTAL,),
    places=(1, 1),
    apply=apply,
)
