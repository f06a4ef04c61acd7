"""Mixed precision under the name that the installed torch has for it; CUDA devices, as in YOLOv5."""

from __future__ import annotations

from typing import Any

import torch

MODERN = hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler")
"""Whether torch has the names of 2.3 and later; before that, those of ``torch.cuda.amp``."""


def autocast(enabled: bool = True) -> Any:
    """Return the context in which operations on a CUDA device run in half precision."""
    return torch.amp.autocast("cuda", enabled=bool(enabled)) if MODERN else torch.cuda.amp.autocast(enabled)


def GradScaler(enabled: bool = True) -> Any:
    """Return the scaler that goes with it."""
    return torch.amp.GradScaler("cuda", enabled=bool(enabled)) if MODERN else torch.cuda.amp.GradScaler(enabled=enabled)
