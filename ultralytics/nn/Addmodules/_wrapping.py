"""What the wrappers of timm and torchvision need: activations that stay as built, and timm's loading overheard."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import torch
from torch import nn

from . import weights
from .contract import BackboneError

BODY = "body."
"""Where ``Timm`` keeps the feature extractor."""

PREFIXES = (BODY, "body.body.", "body.model.", *weights.PREFIXES)
"""What may stand before the names in a file: saved from ``Timm`` itself, from a feature extractor, or by a trainer."""

_patching = threading.Lock()


class ReLU(nn.ReLU):
    """ReLU that upstream does not switch to work in place."""


class ReLU6(nn.ReLU6):
    """The same of ReLU6."""


class LeakyReLU(nn.LeakyReLU):
    """The same of LeakyReLU."""


class Hardswish(nn.Hardswish):
    """The same of Hardswish."""


class SiLU(nn.SiLU):
    """The same of SiLU."""


_KEPT = {nn.ReLU: ReLU, nn.ReLU6: ReLU6, nn.LeakyReLU: LeakyReLU, nn.Hardswish: Hardswish, nn.SiLU: SiLU}


def keep_activations(body: nn.Module) -> None:
    """Keep activations that were built to leave their input alone from being switched to work in place.

    Upstream switches those of these five types, and of no subclass, in every model that it builds. A network that reads
    the input once more, or splits it (timm's EfficientViT of MIT), then computes something else or does not train.

    Args:
        body: Its activations change their class, not what they compute.
    """
    for module in body.modules():
        if type(module) in _KEPT and not module.inplace:
            module.__class__ = _KEPT[type(module)]


class Watch:
    """Listens while timm loads weights.

    Attributes:
        heard: Whether the network was filled by ``load_state_dict``; some have a loader of their own (``.npz`` files).
        raw: Shape of each tensor of the file, by name.
        given: Names that were handed to the network, after timm's own renaming.
        filled: Name of each tensor that was filled, by its id; the tensor is kept, so that the id stays its own.
    """

    def __init__(self) -> None:
        self.heard = False
        self.raw: Dict[str, Tuple[int, ...]] = {}
        self.given: List[str] = []
        self.filled: Dict[int, Tuple[torch.Tensor, str]] = {}

    def load(self, original: Callable[..., None], model: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Call timm's ``load_pretrained``, with the network's ``load_state_dict`` and the renaming overheard."""
        kwargs["filter_fn"] = functools.partial(self._rename, kwargs.get("filter_fn"), model)
        model.__dict__["load_state_dict"] = functools.partial(self._fill, model)
        try:
            original(model, *args, **kwargs)
        finally:
            del model.__dict__["load_state_dict"]

    def _rename(self, original: Optional[Callable[..., Any]], model: nn.Module, tensors: Any, *_: Any) -> Any:
        tensors = unwrapped(tensors, list(model.state_dict()))
        self.raw = {name: tuple(t.shape) for name, t in tensors.items() if isinstance(t, torch.Tensor)}
        if original is None:
            return tensors
        try:
            return original(tensors, model)
        except TypeError:  # filters of one argument
            return original(tensors)

    def _fill(self, model: nn.Module, tensors: Dict[str, torch.Tensor], *_: Any, **__: Any) -> Any:
        self.heard = True
        own = model.state_dict(keep_vars=True)
        fitting = {n: t for n, t in tensors.items() if n not in own or own[n].shape == t.shape}
        self.given += list(tensors)
        self.filled.update({id(own[name]): (own[name], name) for name in fitting if name in own})
        return type(model).load_state_dict(model, fitting, strict=False)

    def report(self, body: nn.Module, origin: str, network: str) -> weights.Report:
        """Return what became of each tensor of a feature extractor.

        Args:
            body: It shares its tensors with the network that was filled.
            origin: File or name of the weights.
            network: Name of the network, for messages.

        Raises:
            BackboneError: None of its tensors was filled.
        """
        own = body.state_dict(prefix=BODY, keep_vars=True)
        if not self.heard:  # the network's own loader raises where something is missing
            return weights.Report(origin, list(own), [], [], [])
        names = {name: self.filled[id(tensor)][1] for name, tensor in own.items() if id(tensor) in self.filled}
        counters = {name for name in own if name.endswith("num_batches_tracked")}
        if not names.keys() - counters:
            raise BackboneError(
                f"Timm: none of the {len(own)} tensors of {network} is in {origin}, whose first are "
                f"{', '.join(list(self.raw)[:3])}; is it the file of another network?"
            )
        shape = {name: tuple(tensor.shape) for name, tensor in own.items()}
        changed = [name for name, theirs in names.items() if self.raw.get(theirs, shape[name]) != shape[name]]
        return weights.Report(
            origin=origin,
            loaded=[name for name in names if name not in changed],
            adapted=changed,
            missed=[name for name in own if name not in names and name not in counters],
            unused=sorted(set(self.given) - set(names.values())),
        )


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    """Within this block timm loads weights through a ``Watch``; missing and unfitting tensors raise nothing.

    timm offers no place to listen at, so the function by which it loads is exchanged for the while.
    """
    from timm.models import _builder

    watch = Watch()
    with _patching:
        original = _builder.load_pretrained
        _builder.load_pretrained = functools.partial(watch.load, original)
        try:
            yield watch
        finally:
            _builder.load_pretrained = original


def unwrapped(tensors: Dict[str, Any], own: List[str]) -> Dict[str, Any]:
    """Return tensors under a network's names, where a prefix or a feature extractor's flat names hide them.

    Args:
        tensors: As they stand in the file; returned as they are where nothing fits better (timm may rename them).
        own: The network's names.
    """
    flat = {name.replace(".", "_", 1): name for name in own}  # a feature extractor writes stages_0.x for stages.0.x
    best, found = tensors, len(set(own) & set(tensors))
    for prefix in PREFIXES:
        inside = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
        candidate = {flat.get(name, name): value for name, value in inside.items()}
        fitting = len(set(own) & set(candidate))
        if fitting > found:
            best, found = candidate, fitting
    return best
