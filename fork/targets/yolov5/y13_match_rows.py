"""Not in the article: weights go into the rows that they belong to."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import SEGMENT_TRAIN, TRAIN, Swap, apply_swaps
from fork.tree import Tree

NAME = "y13_match_rows"
SWAPS = (
    Swap(
        TRAIN,
        "train",
        "csd = ckpt['model'].float().state_dict()",
        "csd = addmodules.match_rows(model, ckpt['model'], ckpt['model'].float().state_dict())",
    ),
    Swap(
        TRAIN,
        "train",
        "csd = intersect_dicts(csd, model.state_dict(), exclude=exclude)",
        "csd = addmodules.report_rows(model, csd, intersect_dicts(csd, model.state_dict(), exclude=exclude))",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "csd = ckpt['model'].float().state_dict()",
        "csd = addmodules.match_rows(model, ckpt['model'], ckpt['model'].float().state_dict())",
    ),
    Swap(
        SEGMENT_TRAIN,
        "train",
        "csd = intersect_dicts(csd, model.state_dict(), exclude=exclude)",
        "csd = addmodules.report_rows(model, csd, intersect_dicts(csd, model.state_dict(), exclude=exclude))",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Load weights into the rows they belong to",
    reason=(
        "The article trains from yolov5s.pt, whose tensors are copied by position. Behind a backbone of one "
        "row the same neck stands at other positions: few tensors fit, and those by chance. The rows of the "
        "two models are aligned, and a report names each row that got something."
    ),
    files=(
        TRAIN,
        SEGMENT_TRAIN,
    ),
    places=(4, 4),
    apply=apply,
)
