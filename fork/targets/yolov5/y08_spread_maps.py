"""Article 002's section 2.4: the loop over a model's layers spreads a backbone's maps over the slots P1 to P5."""

from __future__ import annotations

import re

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.targets.yolov5._places import TF, YOLO, Swap, apply_swaps
from fork.tree import YOLOV5, Tree

NAME = "y08_spread_maps"
SWAPS = (
    Swap(
        YOLO,
        "BaseModel._forward_once",
        "y.append(x if m.i in self.save else None)",
        "x = addmodules.keep(y, m, x, self.save)",
    ),
)
KNOWN = (YOLO, TF)
"""Files with a loop over layers: the one that is edited, and the one that y10_refuse_tensorflow closes."""


def apply(tree: Tree) -> Outcome:
    """Route what the layer loop keeps through ``addmodules.keep``; no other file may have such a loop."""
    for file in sorted(tree):
        loops = file.endswith(".py") and file not in KNOWN and not file.startswith(YOLOV5.overlay)
        if loops and re.search(rb"\[\w+\.f\]", tree[file]):
            raise StepError(NAME, file, "module", "no other loop over layers than those known", "`[m.f]` in this file")
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="2.4",
    title="Spread a backbone's maps over five slots",
    reason=(
        "The article replaces _forward_once by a copy that inserts None into the list a backbone has returned. Here "
        "its one statement that keeps an output is edited. Maps fill the slots from the right: P5 is always index 4."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
