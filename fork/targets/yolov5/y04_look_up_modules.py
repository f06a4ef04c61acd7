"""Article 002's section 2.3: a row's module may be a backbone; an unknown one is named, with names near it."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import YOLO, Swap, apply_swaps
from fork.tree import Tree

NAME = "y04_look_up_modules"
SWAPS = (
    Swap(
        YOLO,
        "parse_model",
        "m = eval(m) if isinstance(m, str) else m",
        "m = addmodules.look_up(m, globals(), args) if isinstance(m, str) else m\n"
        "addmodules.check_row(i, f, t, ch, backbone)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="2.3",
    title="Look a row's module up among the backbones, too",
    reason=(
        "The article wraps `eval` in a bare except and lists each class by hand. The hooks look up YOLOv5's "
        "own names first, then the backbones, then networks of timm; they say what is near a name that there "
        "is not, and which index a row cannot read. No code in a YAML's module name is run."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=apply,
)
