"""Makes a model YAML ready for ``parse_model``: checked, its texts kept as texts, anchors left out (step b01)."""

from __future__ import annotations

import ast
import logging
from typing import Any, Dict, List

from .._check.report import check_model

LOGGER = logging.getLogger("ultralytics")

ANCHORED = {"Detect", "OBB", "OBB26", "Pose", "Pose26", "Segment", "Segment26", "WorldDetect", "YOLOEDetect"}
ANCHORED |= {"YOLOESegment", "YOLOESegment26"}
"""Heads of today's that stood behind a list of anchors in YOLOv5."""


def prepare(model: Dict[str, Any], channels: int) -> Dict[str, Any]:
    """Return the content of a model YAML as ``parse_model`` is to read it.

    Args:
        model: The content; left alone.
        channels: Channels of the image.

    Raises:
        ModelError: Lists all faults.
    """
    check_model(model, channels)
    return {**model, **{section: [_row(row) for row in model[section]] for section in ("backbone", "head")}}


def _row(row: Any) -> Any:
    if not (isinstance(row, list) and len(row) == 4 and isinstance(row[3], list)):
        return row
    source, repeats, name, args = row
    args = [_text(item) if isinstance(item, str) else item for item in args]
    return [source, repeats, name, drop_anchors(args, name) if name in ANCHORED else args]


def _text(text: str) -> str:
    """Return a text so that upstream, which takes it for Python, gets it back: ``./m0.pth`` does not parse."""
    try:
        ast.literal_eval(text)
    except ValueError:  # which upstream knows
        return text
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        return repr(text)
    return text


def drop_anchors(args: List[Any], head: str) -> List[Any]:
    """Take the anchors of a YOLOv5 YAML (``Detect, [nc, anchors]``) out of a head's arguments.

    Args:
        args: The head's arguments, number of classes first; changed in place.
        head: Its name, for the notice.

    Returns:
        The same list.
    """
    second = args[1] if len(args) > 1 else None
    nested = isinstance(second, list) and any(isinstance(item, list) for item in second)
    if second == "anchors" or nested or (head == "Detect" and isinstance(second, list)):  # Pose has [17, 3] there
        del args[1]
        LOGGER.warning(f"{head}: `anchors` is ignored, this head is anchor-free (YOLOv5's own head had them)")
    return args
