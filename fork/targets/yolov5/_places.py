"""What the steps for YOLOv5 share: its files, and edits that put one expression or statement in another's place."""

from __future__ import annotations

from typing import Sequence

from fork import swaps as _swaps
from fork.edit import Outcome, Source, Sources
from fork.steps._places import HOOKS
from fork.swaps import MODULE, Swap
from fork.syntax import matches
from fork.tree import Tree

__all__ = ["MODULE", "Swap"]

YOLO = "yolov5/models/yolo.py"
TF = "yolov5/models/tf.py"
COMMON = "yolov5/models/common.py"
EXPERIMENTAL = "yolov5/models/experimental.py"
UTILS = "yolov5/utils/__init__.py"
GENERAL = "yolov5/utils/general.py"
DOWNLOADS = "yolov5/utils/downloads.py"
METRICS = "yolov5/utils/metrics.py"
PLOTS = "yolov5/utils/plots.py"
LOGGERS = "yolov5/utils/loggers/__init__.py"
TORCH_UTILS = "yolov5/utils/torch_utils.py"
TRAIN = "yolov5/train.py"
VAL = "yolov5/val.py"
EXPORT = "yolov5/export.py"
BENCHMARKS = "yolov5/benchmarks.py"
HUB = "yolov5/hubconf.py"
SEGMENT_TRAIN = "yolov5/segment/train.py"
SEGMENT_PLOTS = "yolov5/utils/segment/plots.py"
CLASSIFY_TRAIN = "yolov5/classify/train.py"
CLASSIFY_VAL = "yolov5/classify/val.py"
AUTOBATCH = "yolov5/utils/autobatch.py"

HOOKS_IMPORT = f"from yolov5 import {HOOKS}"


def apply_swaps(tree: Tree, step: str, swaps: Sequence[Swap]) -> Outcome:
    """Make all of the edits, or none where they are there already, in files that import the hooks if one calls them.

    Raises:
        StepError: A place is missing or there twice, some of the edits are there and some are not, or a file lacks the
            import, which ``y01_share_backbones`` sees to.
    """
    sources = Sources(tree, step)
    for source in [sources[swap.file] for swap in swaps if f"{HOOKS}." in swap.new]:
        if not imports_hooks(source):
            raise source.module.fail(f"`{HOOKS_IMPORT}` (step y01_share_backbones)", "none")
    return _swaps.apply_swaps(sources, swaps)


def imports_hooks(source: Source) -> bool:
    """Return whether the module imports the hooks at its top level."""
    return any(matches(node, HOOKS_IMPORT) for node in source.text.node.body)
