"""What a checkpoint may name when it is opened without trust: classes, one by one, beyond those that upstream knows.

Added to upstream's own layers are, only where a checkpoint names it: a class of the files in this folder, a layer of
timm or torchvision, and ``HELPERS``. Never a function, nor a class that runs code which it is given as text.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import sys
import threading
from typing import Any, Iterator, Optional

import torch
from torch import fx, nn

from ..registry import registry
from .checkpoint import LIBRARIES, OURS, defined, earlier

TRACERS = ("timm.models._features_fx", "torchvision.models.feature_extraction")
"""Modules of these libraries that write Python code after the names in a network, and run it."""

HELPERS = ("timm.layers.format.Format", "timm.models._features.FeatureInfo")
"""What timm's feature extractors hold besides layers: an enum, and a table of channels and strides."""

RUN_CODE = (fx.GraphModule, torch.jit.ScriptModule)
"""Layers whose content is code."""

_one = threading.RLock()
"""torch has one list for all threads: who leaves a block would take away what another is using."""


@contextlib.contextmanager
def allowing(file: Any) -> Iterator[None]:
    """Within this block a restricted load of a checkpoint restores what ``trusted`` lets through.

    Networks of timm with hooks (NASNet, PNASNet, Xception) or with a method in an attribute (FasterNet) are refused
    further on: their checkpoints name functions. So are checkpoints of torchvision's that the first revision wrote.
    """
    look = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)  # torch from 2.6 on
    kinds = []
    with contextlib.suppress(ValueError):  # no archive of torch: its load says so
        kinds = [(trusted(name), name) for name in look(file)] if look else []
    kinds = [(kind, name) for kind, name in kinds if kind is not None]
    with _one, torch.serialization.safe_globals(kinds) if kinds else contextlib.nullcontext():
        yield


def trusted(name: str) -> Optional[type]:
    """Return the class that a checkpoint means by ``module.name``, or None if it may not be restored."""
    module, _, attribute = name.rpartition(".")
    own, known = module.startswith(f"{OURS}."), earlier(module, attribute)
    if known is not None:
        return known
    if own:  # all files of the folder are imported by now; what a checkpoint names is never imported for it
        found = vars(sys.modules.get(module, object)).get(attribute)
    elif f"{module}.".startswith(LIBRARIES) and module not in TRACERS:
        found = defined(module, attribute)
    else:
        return None
    if not inspect.isclass(found) or (found.__module__, found.__qualname__) != (module, attribute):
        return None  # a function, or what the module has imported from elsewhere
    if issubclass(found, RUN_CODE):
        return None
    if issubclass(found, nn.Module) or name in HELPERS:
        return found
    return found if own and (_is_data(found) or _is_plain(found)) else None


def _is_data(kind: type) -> bool:
    """Return whether a class only holds values: a named tuple, an enum or a dataclass."""
    named = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return named or issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind)


def _is_plain(kind: type) -> bool:
    """Return whether a class is of a backbone's file, such as its settings, and no more than a class by itself."""
    return type(kind) is type and kind.__bases__ == (object,) and registry.has_file(kind.__module__)
