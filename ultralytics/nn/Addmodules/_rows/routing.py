"""Which of upstream's classes a model YAML belongs to, read from its head instead of guessed from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from .._check.report import check_model
from .._check.structure import HEADS
from ..contract import BackboneError

RTDETR_HEAD = "RTDETRDecoder"
OWNERS = {"YOLOWorld": ("WorldDetect",), "YOLOE": ("YOLOEDetect", "YOLOESegment", "YOLOESegment26")}
"""Classes that YOLO turns into because of a file's name, and the heads that they take."""


def task_of(model: Any, content: Any, task: Optional[str]) -> str:
    """Return the task of a model that is built from a YAML, and make the model one of its head's class (step b03).

    Args:
        model: Upstream's ``YOLO``, ``RTDETR``, ... A ``YOLO`` with RT-DETR's head becomes an ``RTDETR``, an ``RTDETR``
            with another head of upstream's a ``YOLO``, as upstream does it by the name of the file.
        content: The YAML's content.
        task: What upstream has guessed, or the user given.

    Raises:
        BackboneError: The head belongs to another class, or is of no task that upstream knows.
    """
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.tasks import guess_model_task

    head, kind = _head(content), type(model)
    if (
        task is None
        or kind.__name__ in OWNERS
        or (kind in (YOLO, RTDETR) and (head == RTDETR_HEAD) != (kind is RTDETR))
    ):
        check_model(content, content.get("channels", 3))  # what is wrong in its rows goes first
    name = Path(str(content.get("yaml_file", "the model YAML"))).name
    if kind in (YOLO, RTDETR) and head in HEADS:
        if kind is RTDETR and head != RTDETR_HEAD:  # which says "detect" whatever it is given
            task = guess_model_task(content)
        model.__class__ = RTDETR if head == RTDETR_HEAD else YOLO
        task = task or ("detect" if head == RTDETR_HEAD else None)
    if kind.__name__ in OWNERS and head in HEADS and head not in OWNERS[kind.__name__]:
        sign = "-world" if kind.__name__ == "YOLOWorld" else "yoloe"
        raise BackboneError(
            f"{name} has the head {head}, and upstream takes it for {kind.__name__}, since its name contains {sign!r}: "
            f"rename it"
        )
    if task is None:
        raise BackboneError(
            f"{name}: the last row is {head}, for which upstream knows no task: end with Detect, {RTDETR_HEAD} or "
            f"another head, or give task= (detect, segment, pose, obb, classify)"
        )
    return task


def _head(content: Any) -> Optional[str]:
    """Return the name of the module in the last row, or None."""
    try:
        found = content["head"][-1][2]
    except (TypeError, KeyError, IndexError):
        return None
    return found if isinstance(found, str) else None
