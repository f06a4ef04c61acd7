"""Makes a model YAML ready for ``parse_model``: checked, its texts kept as texts, anchors left out (step b01)."""

from __future__ import annotations

import ast
import copy
import logging
from typing import Any, Callable, Dict, List

from torch import nn

from .._check.report import ModelError, check_model, explain, probe
from .._check.shapes import Built, run, without_traces
from ..contract import first_backbone
from .guard import unended

LOGGER = logging.getLogger("ultralytics")

SMALL = (320, 320)
"""Height and width of an image that RT-DETR's decoder finds enough points in."""

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


def make(build: Callable[..., Any], model: Any, *args: Any, **options: Any) -> Any:
    """Do ``build(MODEL YAML, ...)``, and where that fails say which row is to blame.

    A head whose strides upstream measures has run once by then. Behind another one a backbone's rows are run here.

    Args:
        build: Upstream's class of a model.
        model: Content of the YAML.
        *args: More arguments.
        **options: Keyword arguments.

    Raises:
        ModelError: Lists all faults.
    """
    content = copy.deepcopy(model)
    try:
        with unended("the model"):
            result = build(model, *args, **options)
        layers = getattr(result, "model", None)
        if first_backbone(layers) is None or probe(layers) is not None or _runs(layers, result.save):
            return result
    except ModelError:
        raise
    except Exception:  # whatever torch says of shapes that do not fit, or a backbone without line and row
        explain(content)
        raise
    explain(content)
    return result


def _runs(layers: nn.Sequential, save: List[int]) -> bool:
    """Return whether every row of a model runs on a small image."""
    from ultralytics.nn import tasks

    training = layers.training
    channels = next(layers.parameters()).shape[1]
    try:
        with without_traces(tasks):
            return not run(Built(layers, save, [], set()), channels, SMALL)[1]
    finally:
        layers.train(training)
