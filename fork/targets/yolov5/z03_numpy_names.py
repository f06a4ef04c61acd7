"""Today's packages: names that numpy has dropped."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import COMMON, METRICS, Swap, apply_swaps
from fork.tree import Tree

NAME = "z03_numpy_names"
SWAPS = (
    Swap(
        METRICS,
        "compute_ap",
        "np.trapz(np.interp(x, mrec, mpre), x)",
        '(np.trapezoid if hasattr(np, "trapezoid") else np.trapz)(np.interp(x, mrec, mpre), x)',
    ),
    Swap(
        COMMON,
        "DetectMultiBackend.forward",
        "y['confidence'].argmax(1).astype(np.float)",
        "y['confidence'].argmax(1).astype(float)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Use the names that numpy has today",
    reason=(
        "numpy 2.4 has no trapz, which integrates the precision-recall curve of every validation, and numpy "
        "1.24 dropped float. `trapezoid` is the same function; numpy 1 has the old name only."
    ),
    files=(
        METRICS,
        COMMON,
    ),
    places=(2, 2),
    apply=apply,
)
