"""Today's packages: Pillow has no getsize any more."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import PLOTS, Swap, apply_swaps
from fork.tree import Tree

NAME = "z06_measure_text"
SWAPS = (
    Swap(
        PLOTS,
        "Annotator.box_label",
        "self.font.getsize(label)",
        "addmodules.text_size(self.font, label)",
    ),
    Swap(
        PLOTS,
        "Annotator.text",
        "self.font.getsize(text)",
        "addmodules.text_size(self.font, text)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Measure text as Pillow does today",
    reason=(
        "Pillow 10 dropped getsize, which pictures of training batches call in a thread, so that each of them "
        "ends in a traceback. The hooks ask getbbox."
    ),
    files=(PLOTS,),
    places=(2, 2),
    apply=apply,
)
