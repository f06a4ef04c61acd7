"""Article 002's section 2.3: text among a row's arguments stays text."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import YOLO, Swap, apply_swaps
from fork.tree import Tree

NAME = "y05_read_text"
SWAPS = (
    Swap(
        YOLO,
        "parse_model",
        "contextlib.suppress(NameError)",
        "contextlib.suppress(Exception)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="2.3",
    title="Keep text arguments of a row as text",
    reason=(
        "parse_model tries each text as an expression and keeps it where a name in it is unknown. A path such "
        "as ./m0.pth, or a name with a dot, fails in other ways. The article has a bare except there."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
