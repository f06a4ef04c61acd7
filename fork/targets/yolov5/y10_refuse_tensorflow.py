"""Not in the article: TensorFlow's formats are refused for a model with a backbone row."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import EXPORT, TF, Swap, apply_swaps
from fork.tree import Tree

NAME = "y10_refuse_tensorflow"
SWAPS = (
    Swap(
        TF,
        "parse_model",
        "layers, save, c2 = [], [], ch[-1]",
        "addmodules.refuse_tensorflow(model)\nlayers, save, c2 = [], [], ch[-1]",
    ),
    Swap(
        EXPORT,
        "run",
        "im = torch.zeros(batch_size, 3, *imgsz).to(device)",
        "if any((saved_model, pb, tflite, edgetpu, tfjs)):\n    addmodules.refuse_tensorflow(model)\n"
        "im = torch.zeros(batch_size, 3, *imgsz).to(device)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Refuse TensorFlow formats behind a backbone",
    reason=(
        "models/tf.py builds each row a second time out of TensorFlow layers, by the row's position, and has "
        "none for a backbone. It would end in an error about a name, after minutes; so it is refused, with "
        "the formats that work."
    ),
    files=(
        TF,
        EXPORT,
    ),
    places=(2, 2),
    apply=apply,
)
