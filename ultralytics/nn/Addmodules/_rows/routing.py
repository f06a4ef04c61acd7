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
    """Return the task of a model that is built from a YAML, if its class takes the YAML's head (step x35).

    Args:
        model: Upstream's ``YOLO``, ``RTDETR``, ...
        content: The YAML's content.
        task: What upstream has guessed, or the user given.

    Raises:
        BackboneError: The head belongs to another class, or is of no task that upstream knows.
    """
    head, cls = _head(content), type(model).__name__
    wrong = task is None or (cls == "YOLO" and head == RTDETR_HEAD) or (cls == "RTDETR" and head != RTDETR_HEAD)
    if wrong or cls in OWNERS:
        check_model(content, content.get("channels", 3))  # what is wrong in its rows goes first
    name = Path(str(content.get("yaml_file", "the model YAML"))).name
    if cls == "YOLO" and head == RTDETR_HEAD:
        raise BackboneError(f'{name} has the head {head} and is given to YOLO: write RTDETR("{name}")')
    if cls == "RTDETR" and head in HEADS and head != RTDETR_HEAD:
        raise BackboneError(
            f'{name} has the head {head} and is given to RTDETR: write YOLO("{name}"), or end with {RTDETR_HEAD}'
        )
    if cls in OWNERS and head in HEADS and head not in OWNERS[cls]:
        sign = "-world" if cls == "YOLOWorld" else "yoloe"
        raise BackboneError(
            f"{name} has the head {head}, and upstream takes it for {cls}, since its name contains {sign!r}: rename it"
        )
    if task is None:
        raise BackboneError(
            f"{name}: the last row is {head}, for which upstream knows no task: end with Detect, {RTDETR_HEAD} or "
            f"another head, or give task= (detect, segment, pose, obb, classify)"
        )
    return task


def stem(model: Any) -> str:
    """Return what ``yolo`` guesses a class from: the stem of a model's name, for a YAML the class of its head.

    Args:
        model: The argument ``model=``.
    """
    path = Path(str(model))
    plain = path.stem.lower()
    if path.suffix.lower() not in (".yaml", ".yml"):
        return plain
    head = _head(_content(path))
    if head is None:
        return plain
    return "rtdetr" if head == RTDETR_HEAD else "yolo"


def _head(content: Any) -> Optional[str]:
    """Return the name of the module in the last row, or None."""
    try:
        found = content["head"][-1][2]
    except (TypeError, KeyError, IndexError):
        return None
    return found if isinstance(found, str) else None


def _content(path: Path) -> Any:
    """Return a model YAML's content, found as upstream finds it; None where it cannot be had."""
    from ultralytics.nn.tasks import yaml_model_load

    try:
        return yaml_model_load(path)
    except (BackboneError, OSError):  # said when it is loaded
        return None
