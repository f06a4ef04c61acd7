"""Today's packages: a run waits for the pictures that it draws in threads."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import UTILS, Swap, apply_swaps
from fork.tree import Tree

NAME = "z11_finish_pictures"
THREAD = "threading.Thread(target=func, args=args, kwargs=kwargs, daemon={})"
SWAPS = (Swap(UTILS, "threaded.wrapper", THREAD.format(True), THREAD.format(False)),)


def apply(tree: Tree) -> Outcome:
    """Make the threads of ``@threaded`` ones that Python waits for."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Finish pictures before a run ends",
    reason=(
        "Pictures of batches are drawn in daemon threads. Where a run ends first they are lost, and a thread that is "
        "stopped inside OpenCV or Pillow now and then ends the whole program with `terminate called` and exit code 134 "
        "after everything was done."
    ),
    files=(UTILS,),
    places=(1, 1),
    apply=apply,
)
