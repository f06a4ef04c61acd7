"""Not in the article: no classifier is cut out of a detector with a backbone row."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import YOLO, Swap, apply_swaps
from fork.tree import Tree

NAME = "y17_refuse_classifier"
CUT = "model.model = model.model[:cutoff]"
SWAPS = (
    Swap(
        YOLO,
        "ClassificationModel._from_detection_model",
        CUT,
        f"addmodules.refuse_classifier(model)\n{CUT}",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Ask the hooks before a detector is cut."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Refuse to cut a classifier behind a backbone",
    reason=(
        "classify/train.py takes the first ten positions of a detector for its backbone. Behind a backbone of one row "
        "they are nine rows of the neck, which end in an error of torch, if at all."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
