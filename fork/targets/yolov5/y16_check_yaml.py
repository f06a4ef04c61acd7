"""Not in the article: what is wrong with a model's YAML is said in its own terms, before and while it is built."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import YOLO, Swap, apply_swaps
from fork.tree import Tree

NAME = "y16_check_yaml"
INIT = "DetectionModel.__init__"
SWAPS = (
    Swap(YOLO, INIT, "deepcopy(self.yaml)", "addmodules.check_yaml(deepcopy(self.yaml))"),
    Swap(YOLO, INIT, "forward(torch.zeros(1, ch, s, s))", "addmodules.probe(forward, torch.zeros(1, ch, s, s), self)"),
)


def apply(tree: Tree) -> Outcome:
    """Check the YAML's keys and rows, and name the row that fails on the first image."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Name the row of a YAML that does not fit",
    reason=(
        "A YAML of Ultralytics has no anchors and ends in KeyError here; an index that is off by one ends in an error "
        "of torch about sizes, without the row. The key, or the row with what it reads, is named."
    ),
    files=(YOLO,),
    places=(2, 2),
    apply=apply,
)
