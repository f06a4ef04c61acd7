"""What a checkpoint may name when it is opened without trust (``ULTRALYTICS_SAFE_LOAD=1``): a list of classes.

Upstream's restricted load knows its own layers only. Added here are, each for itself and only when a checkpoint names
it: classes of the files in this folder, layers of timm and torchvision, and ``HELPERS``. A function is never on the
list, nor is a class that runs code which it is given as text.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import importlib
import importlib.util
import inspect
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Set, TypeVar

import torch
from torch import fx, nn

from ..registry import registry
from . import record as _record

Names = TypeVar("Names", bound=Iterable[str])

LIBRARIES = ("timm.layers.", "timm.models.", "torchvision.models.", "torchvision.ops.")
"""Where the layers of wrapped networks are defined."""

TRACERS = ("timm.models._features_fx", "torchvision.models.feature_extraction")
"""Modules of these libraries that write Python code after the names in a network, and run it."""

HELPERS = ("timm.layers.format.Format", "timm.models._features.FeatureInfo")
"""What timm's feature extractors hold besides layers: an enum, and a table of channels and strides."""

RUN_CODE = (fx.GraphModule, torch.jit.ScriptModule)
"""Layers whose content is code."""


def allow(needed: Names, entries: Dict[str, Any]) -> Names:
    """Enter those globals of a checkpoint that may be restored into the list of a restricted load (step x21).

    Networks of timm with hooks (NASNet, PNASNet, Xception) or with a method in an attribute (FasterNet) are refused
    further on: their checkpoints name functions. So are checkpoints of torchvision's that the first revision wrote.

    Args:
        needed: Names, ``module.name``, of all globals in the checkpoint beyond torch's own.
        entries: Upstream's list: what each name stands for; grows.

    Returns:
        ``needed``.
    """
    for name in needed:
        found = None if name in entries else _trusted(name)
        if found is not None:
            entries[name] = found
    return needed


@contextlib.contextmanager
def allowing(file: Any) -> Iterator[None]:
    """Within this block a restricted load restores what ``allow`` lets through: for releases with a fixed list (x21).

    Args:
        file: The checkpoint.
    """
    entries: Dict[str, Any] = {}
    look = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)
    with contextlib.suppress(ValueError):  # no archive of torch: its load says so
        allow(look(file) if look is not None else (), entries)
    with torch.serialization.safe_globals([(kind, name) for name, kind in entries.items()]):
        yield


def _trusted(name: str) -> Optional[type]:
    """Return the class that a checkpoint means by ``name``, or None if it may not be restored."""
    record = _record.find(name)
    if record is not None:
        return record
    module, _, attribute = name.rpartition(".")
    own = module.startswith(f"{__package__}.")
    if own:  # all files of the folder are imported by now; what a checkpoint names is never imported for it
        found = vars(sys.modules.get(module, object)).get(attribute)
    elif f"{module}.".startswith(LIBRARIES) and module not in TRACERS:
        found = _of_library(module, attribute)
    else:
        return None
    if not inspect.isclass(found) or (found.__module__, found.__qualname__) != (module, attribute):
        return None  # a function, or what the module has imported from elsewhere
    if issubclass(found, RUN_CODE):
        return None
    if issubclass(found, nn.Module) or name in HELPERS:
        return found
    return found if own and (_is_data(found) or _is_plain(found)) else None


def _of_library(module: str, attribute: str) -> Any:
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return None
    try:
        return vars(importlib.import_module(module)).get(attribute)
    except ImportError:
        return None


def _is_data(kind: type) -> bool:
    """Return whether a class only holds values: a named tuple, an enum or a dataclass."""
    named = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return named or issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind)


def _is_plain(kind: type) -> bool:
    """Return whether a class is of a backbone's file, such as its settings, and no more than a class by itself."""
    return type(kind) is type and kind.__bases__ == (object,) and registry.has_file(kind.__module__)


class Made(nn.Module):
    """Stands for a function of a file of this folder where upstream wants a class; its instance is what that returns.

    Attributes:
        factory: The function.
    """

    factory: Callable[..., nn.Module]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns: no ``Made``, so ``__init__`` is not called."""
        return cls.factory(*args, **kwargs)


def as_class(target: Any) -> Any:
    """Return a class for a function that makes a backbone, and anything else as it is.

    Upstream's restricted building of models takes a row's module for a layer only if it is a class, and the articles
    name functions (``EfficientViT_M0``).

    Args:
        target: What a name stands for in the registry.
    """
    return _class_for(target) if inspect.isfunction(target) and _makes_backbone(target, set()) else target


def as_target(module: Any) -> Any:
    """Return the function for which ``as_class`` gave ``module``, and anything else as it is."""
    return module.factory if inspect.isclass(module) and issubclass(module, Made) else module


@functools.cache
def _class_for(factory: Callable[..., nn.Module]) -> type:
    names = {"__module__": factory.__module__, "__qualname__": factory.__qualname__, "__doc__": factory.__doc__}
    return type(factory.__name__, (Made,), {**names, "factory": staticmethod(factory)})


def _makes_backbone(function: Callable[..., Any], seen: Set[Any]) -> bool:
    """Return whether a function was registered, or its code names a network that is defined in the same file.

    A file after the articles registers nothing, and all of its functions count as backbones: one that fetches a file,
    say, must not be called because a checkpoint's YAML names it.
    """
    if registry.is_registered(function.__name__) and registry.claims(function):
        return True
    seen.add(function)
    for name in function.__code__.co_names:
        item = function.__globals__.get(name)
        if getattr(item, "__module__", None) != function.__module__ or item in seen:
            continue
        if inspect.isclass(item) and issubclass(item, nn.Module):
            return True
        if inspect.isfunction(item) and _makes_backbone(item, seen):
            return True
    return False
