"""Today's packages: no requirements file is looked for, and nothing is installed unasked."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import GENERAL, MODULE, Swap, apply_swaps
from fork.tree import Tree

NAME = "z09_check_requirements"
SWAPS = (
    Swap(
        GENERAL,
        MODULE,
        "from ultralytics.utils.checks import check_requirements",
        "from yolov5.addmodules import check_requirements",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Look for no requirements file",
    reason=(
        "Upstream checks the installed packages against a requirements.txt that the wheel does not have, and "
        "prints that it failed. A requirement that is named is checked, and installed only where the user "
        "allows it."
    ),
    files=(GENERAL,),
    places=(1, 1),
    apply=apply,
)
