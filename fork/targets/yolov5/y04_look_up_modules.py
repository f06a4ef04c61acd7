"""Article 002's section 2.3: a row's module may be a backbone; an unknown one is named, with names near it."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import TF, YOLO, Swap, apply_swaps
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
    Swap(YOLO, "parse_model", "Conv.default_act = eval(act)", "Conv.default_act = addmodules.activation(act)"),
    Swap(
        YOLO,
        "parse_model",
        "args[j] = eval(a) if isinstance(a, str) else a",
        "args[j] = addmodules.literal(a, locals())",
    ),
    Swap(
        TF,
        "parse_model",
        "m = eval(m) if isinstance(m, str) else m",
        "m = addmodules.look_up(m, globals(), args) if isinstance(m, str) else m",
    ),
    Swap(
        TF,
        "parse_model",
        "args[j] = eval(a) if isinstance(a, str) else a",
        "args[j] = addmodules.literal(a, locals())",
    ),
    Swap(
        TF,
        "parse_model",
        "eval('TF' + m_str.replace('nn.', ''))",
        "globals()['TF' + m_str.replace('nn.', '')]",
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
        "is not, and which index a row cannot read. Nothing in a YAML is run: a module's name, a text among the "
        "arguments and `activation` are looked up."
    ),
    files=(YOLO, TF),
    places=(6, 6),
    apply=apply,
)
