"""Today's packages: torch.load opens YOLOv5's checkpoints, which hold a whole model."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import EXPERIMENTAL, GENERAL, HUB, SEGMENT_TRAIN, TRAIN, Swap, apply_swaps
from fork.tree import Tree

NAME = "z04_load_whole_checkpoints"
SWAPS = (
    Swap(
        EXPERIMENTAL,
        "attempt_load",
        "torch.load(attempt_download(w), map_location='cpu')",
        "torch.load(attempt_download(w), map_location='cpu', weights_only=False)",
    ),
    Swap(
        GENERAL,
        "strip_optimizer",
        "torch.load(f, map_location=torch.device('cpu'))",
        "torch.load(f, map_location=torch.device('cpu'), weights_only=False)",
    ),
    Swap(
        TRAIN,
        "train",
        "torch.load(weights, map_location='cpu')",
        "torch.load(weights, map_location='cpu', weights_only=False)",
    ),
    Swap(
        TRAIN,
        "main",
        "torch.load(last, map_location='cpu')",
        "torch.load(last, map_location='cpu', weights_only=False)",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "torch.load(weights, map_location='cpu')",
        "torch.load(weights, map_location='cpu', weights_only=False)",
    ),
    Swap(
        SEGMENT_TRAIN,
        "main",
        "torch.load(last, map_location='cpu')",
        "torch.load(last, map_location='cpu', weights_only=False)",
    ),
    Swap(
        HUB,
        "_create",
        "torch.load(attempt_download(path), map_location=device)",
        "torch.load(attempt_download(path), map_location=device, weights_only=False)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Load checkpoints that hold a whole model",
    reason=(
        "Since torch 2.6 torch.load opens plain tensors alone unless told otherwise. YOLOv5's checkpoints are "
        "pickled models, its own last.pt and best.pt among them. As ever with these files: open only what you "
        "trust."
    ),
    files=(
        EXPERIMENTAL,
        GENERAL,
        TRAIN,
        SEGMENT_TRAIN,
        HUB,
    ),
    places=(7, 7),
    apply=apply,
)
