"""Building and running layers on torch's meta device, where tensors have shapes and no content."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import random
from typing import Any, Callable, Dict, Iterator, List

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

try:
    from torch.overrides import TorchFunctionMode
except ImportError:  # before torch 2.0; then only the structure of a YAML is checked
    TorchFunctionMode = object

from ._reasons import said
from .contract import SLOTS, BackboneError

AVAILABLE = TorchFunctionMode is not object and hasattr(torch.device, "__enter__")
"""Whether this torch can build a model without content."""

UPSTREAMS = ("ultralytics.nn.modules.", "torch.", "torchvision.ops")
"""Modules whose layers run without content; others may look at it."""


GAP = "AddmodulesGap"
GAP_BACKBONE = "AddmodulesGapBackbone"


class Gap(nn.Module):
    """Stands in for a row that cannot be built."""

    def forward(self, x: Any) -> Any:
        """Return nothing: what reads from here cannot be checked."""
        return None


class GapBackbone(nn.Module):
    """Stands in for a backbone that cannot be built; its channels are invented."""

    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.width_list = [8] * SLOTS

    def forward(self, x: Any) -> List[Any]:
        """Return no map for each slot."""
        return [None] * SLOTS


STAND_INS = {GAP: Gap, GAP_BACKBONE: GapBackbone}


@contextlib.contextmanager
def unended(name: str) -> Iterator[None]:
    """Within this block somebody's code runs: a ``sys.exit()`` there would end the program, as if all were well.

    Args:
        name: That of the module.

    Raises:
        BackboneError: It was called, or something else was raised that is no ``Exception`` and no Ctrl-C.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as e:
        raise BackboneError(f"{name} ends the program: {said(e)}") from e


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Within this block random numbers may be drawn; behind it the next are those that they would have been."""
    drawn = torch.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        torch.set_rng_state(drawn[0])
        random.setstate(drawn[1])
        np.random.set_state(drawn[2])


def create(target: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Build a backbone; on the meta device, where its constructor wants content, on the CPU and then without it."""
    with unended(getattr(target, "__name__", str(target))):
        if not torch.empty(0).is_meta:
            return target(*args, **options)
        try:
            return target(*args, **options)
        except BackboneError:
            raise
        except Exception:  # whatever it makes of tensors without content; the second try tells
            pass
        with torch.device("cpu"):
            return target(*args, **options).to("meta")


class OnCpu:
    """Builds a layer whose constructor wants content on the CPU, and then takes the content away.

    Args:
        module: The layer's class.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.__name__ = getattr(module, "__name__", str(module))
        self.__signature__ = inspect.signature(module)

    def __call__(self, *args: Any) -> nn.Module:
        """Return a layer on the meta device."""
        with torch.device("cpu"):
            return self.module(*args).to("meta")


_built_on_cpu: contextvars.ContextVar = contextvars.ContextVar("names of layers that are built on the CPU", default=())


@contextlib.contextmanager
def building() -> Iterator[List[str]]:
    """Within this block layers are built for a check; yields the list of names that ``on_cpu`` goes by, empty."""
    names: List[str] = []
    token = _built_on_cpu.set(names)
    try:
        yield names
    finally:
        _built_on_cpu.reset(token)


def on_cpu(name: str, module: Any) -> Any:
    """Return a row's module as the check builds it: as it is, but for one that turned out to want content."""
    return OnCpu(module) if name in _built_on_cpu.get() else module


class ShapesOnly(TorchFunctionMode):
    """Gives the results' shapes of the most frequent functions itself.

    torch's own way on the meta device goes through Python for these: a check of RT-DETR + MobileNetV3 takes 0.37 s so,
    and 0.14 s with this. Whatever is not listed here goes torch's way.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return a result of the right shape; see torch's own documentation for the signature."""
        kwargs = kwargs or {}
        if kwargs.get("dtype") is not None:
            return func(*args, **kwargs)
        if args and func in SAME and isinstance(args[0], torch.Tensor) and args[0].is_meta:
            return args[0]
        shortcut = SHORTCUTS.get(func)
        if shortcut is not None and args and isinstance(args[0], torch.Tensor) and args[0].is_meta:
            return shortcut(*args, **kwargs)
        return func(*args, **kwargs)


def _batch_norm(x: torch.Tensor, mean: Any = None, var: Any = None, weight: Any = None, *_: Any, **__: Any) -> Any:
    given = next((t for t in (weight, mean) if t is not None), None)
    if given is not None and given.shape[0] != x.shape[1]:
        raise RuntimeError(f"expected input to have {given.shape[0]} channels, but got {x.shape[1]} channels")
    return x


def _layer_norm(x: torch.Tensor, shape: Any, *_: Any, **__: Any) -> Any:
    if tuple(x.shape[-len(shape) :]) != tuple(shape):
        raise RuntimeError(f"expected the last dimensions to be {tuple(shape)}, got {tuple(x.shape)}")
    return x


def _linear(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> Any:
    if x.shape[-1] != weight.shape[-1]:
        raise RuntimeError(f"expected {weight.shape[-1]} features, got {x.shape[-1]}")
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


def _grid_sample(x: torch.Tensor, grid: torch.Tensor, *_: Any, **__: Any) -> Any:
    return x.new_empty((*x.shape[:2], *grid.shape[1:-1]))


SAME = {F.relu, F.relu6, F.silu, F.gelu, F.hardswish, F.hardsigmoid, F.leaky_relu, F.elu, F.mish, F.softmax, F.dropout}
SAME |= {F.sigmoid, torch.sigmoid, torch.Tensor.sigmoid, torch.Tensor.softmax, torch.clamp, torch.Tensor.clamp}
SAME |= {torch.Tensor.clamp_, torch.Tensor.sigmoid_, torch.relu, torch.softmax, torch.Tensor.relu, torch.Tensor.relu_}
SAME |= {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.zero_, torch.Tensor.fill_, torch.Tensor.tanh}
SHORTCUTS: Dict[Any, Callable[..., Any]] = {F.batch_norm: _batch_norm, F.layer_norm: _layer_norm, F.linear: _linear}
SHORTCUTS[F.grid_sample] = _grid_sample
