"""Functions of this folder's files that a row names: which of them make a backbone, and a class that stands for one."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Set

from torch import nn

from ..registry import registry


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
