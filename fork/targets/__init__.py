"""The packages that the program patches, and the series of each."""

from __future__ import annotations

from typing import Sequence, Tuple

from fork.edit import Step
from fork.tree import YOLOV5, Target


def series_of(target: Target) -> Tuple[Sequence[Step], ...]:
    """Return what ``fork.series.run`` takes behind the trees: a target's own steps, nothing for Ultralytics."""
    if target is not YOLOV5:
        return ()
    from fork.targets.yolov5 import SERIES

    return (SERIES,)
