"""On which image a model's GFLOPs are counted and why they are not (step s09)."""

from __future__ import annotations

import logging
from typing import Any, Optional, Set

from ..contract import first_backbone

__all__ = ["flops_side", "no_flops"]

LOGGER = logging.getLogger("ultralytics")

COUNTER = "ultralytics-thop"
"""The package that counts; it is imported as thop."""

_told: Set[str] = set()


def flops_side(model: Any, default: Optional[int], whole: Optional[int]) -> Optional[int]:
    """Return the side in pixels of the image that is measured, in releases that multiply up from a small one.

    Behind attention, pooling to one pixel or RT-DETR's queries, operations do not grow with the image's area, and the
    count would come out two or three times too large (step s09).

    Args:
        model: The model.
        default: Side of the small image.
        whole: What asks for a whole image, for a model with a backbone of this folder.
    """
    return default if first_backbone(getattr(model, "model", None)) is None else whole


def no_flops() -> float:
    """Return 0.0, upstream's word for "not counted", and log once that the counting package is missing (step s09)."""
    try:
        import thop  # noqa: F401
    except ImportError as e:
        reason = f"{e}. To do: python -m pip install {COUNTER}"
        if reason not in _told:
            _told.add(reason)
            LOGGER.warning(f"GFLOPs are not counted: {reason}")
    return 0.0
