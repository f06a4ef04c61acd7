"""The functions that the edited lines in upstream's files call; each line of the series is one call into this file.

For upstream's own model YAMLs every function here gives back what upstream's own line would have.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Collection, Dict, List, Optional, Tuple, Union

from torch import nn

from ._policy.callbacks import register
from ._policy.foreign import allow_download, open_weights, read_cache
from ._policy.network import reach
from ._policy.record import record
from ._rows.derive import check_legible, derive, find_model, read_model
from ._rows.factories import as_target
from ._rows.flops import flops_side, no_flops
from ._rows.fold import fold, is_folded
from ._rows.guard import unended
from ._rows.indices import embed_rows, frozen_layers, positions
from ._rows.lookup import activation, is_backbone, literal, look_up
from ._rows.matching import match_rows, report_rows
from ._rows.prepare import make, prepare
from ._rows.routing import task_of
from ._wrapping import keep_activations
from .contract import (
    FLAG,
    SLOTS,
    BackboneError,
    first_backbone,
    is_multi_map,
    probe_size,
    right_align,
    widths_of,
)
from .weights import FOLLOW, following

__all__ = [
    "activation",
    "allow_download",
    "build_backbone",
    "check_legible",
    "derive",
    "embed_rows",
    "find_model",
    "flops_side",
    "fold",
    "frozen_layers",
    "input_channels",
    "is_backbone",
    "is_folded",
    "keep",
    "literal",
    "look_up",
    "make",
    "match_rows",
    "no_flops",
    "open_weights",
    "positions",
    "prepare",
    "probe_size",
    "reach",
    "read_cache",
    "read_model",
    "report_rows",
    "takes_any_shape",
    "task_of",
]


def build_backbone(
    target: Callable[..., nn.Module],
    args: Any,
    channels: List[int],
    row: int,
    source: Any,
    repeats: int,
    model: Optional[Dict[str, Any]] = None,
) -> Tuple[nn.Module, List[int]]:
    """Build the backbone of a YAML row (step s05).

    Args:
        target: Class, or function that returns an instance.
        args: The row's arguments, a list; a mapping as the last one holds keyword arguments.
        channels: Channels of every output so far: of the input image alone, for row 0.
        row: Position of the row in the YAML, from 0.
        source: The row's ``from``.
        repeats: The row's number of repeats.
        model: Content of the YAML.

    Returns:
        The instance, marked with ``FLAG``, and the channels of slots 0 to 4 (0 for an empty one).

    Raises:
        BackboneError: The row is not row 0 with one repeat, its arguments do not fit, or the contract is broken.
    """
    target = as_target(target)
    name = getattr(target, "__name__", str(target))
    if row != 0:
        raise BackboneError(
            f"{name} is in row {row} of the YAML: a backbone must be row 0, the first under `backbone:`"
        )
    if repeats != 1:
        raise BackboneError(f"{name} has {repeats} repeats: a backbone is built once, write [-1, 1, {name}, [...]]")
    if source != -1:
        raise BackboneError(f"{name} reads from {source!r}: a backbone reads the image, write [-1, 1, {name}, [...]]")
    if not isinstance(args, list):
        raise BackboneError(f"the arguments of {name} are {args!r}, expected a list: write [-1, 1, {name}, []]")
    images = channels[0]
    keywords = dict(args[-1]) if args and isinstance(args[-1], dict) else {}
    positional = args[:-1] if keywords or (args and args[-1] == {}) else args
    parameters = inspect.signature(target).parameters
    if "in_chans" in parameters:
        keywords.setdefault("in_chans", images)
    elif images != 3:
        raise BackboneError(
            f"{name} takes images of 3 channels only, and the data set has {images}: give its constructor an "
            f"argument in_chans (number of input channels)"
        )
    try:
        inspect.signature(target).bind(*positional, **keywords)
    except TypeError as e:
        raise BackboneError(f"{name}: {e}; it takes {_usage(parameters)}, the YAML gives {args!r}") from None
    with unended(name), following((model or {}).get(FOLLOW)):
        backbone = target(*positional, **keywords)
    if not isinstance(backbone, nn.Module):
        raise BackboneError(f"{name} gave a {type(backbone).__name__}, not an nn.Module")
    widths = widths_of(backbone, name)
    keep_activations(backbone)
    setattr(backbone, FLAG, True)
    backbone.addmodules_record = record(backbone, name, args)
    return backbone, right_align(widths, 0)


def _usage(parameters: Any) -> str:
    given = [p for p in parameters.values() if p.name != "in_chans"]
    shown = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in given]
    return f"({', '.join(shown)})" if shown else "no arguments"


def keep(outputs: List[Any], layer: nn.Module, x: Any, save: Optional[Collection[int]] = None) -> Any:
    """Keep a layer's output for later rows and return what the next row reads (step s07).

    Args:
        outputs: The list of outputs so far, one entry an index; grows by one, or by five for a backbone.
        layer: The layer that has just run.
        x: Its output.
        save: Indices to keep; None keeps all.

    Raises:
        BackboneError: A backbone returned something else than its maps, or a row reads a slot that it leaves empty.
    """
    if not is_multi_map(layer):
        outputs.append(x if save is None or layer.i in save else None)
        return x
    expected = len(widths_of(layer, type(layer).__name__))
    if not isinstance(x, (list, tuple)) or len(x) != expected or any(item is None for item in x):
        got = f"a {type(x).__name__}" if not isinstance(x, (list, tuple)) else f"{len(x)} maps"
        if isinstance(x, (list, tuple)) and any(item is None for item in x):
            got += f", map {[item is None for item in x].index(True)} missing"
        raise BackboneError(
            f"{type(layer).__name__} returned {got}, its width_list promises {expected} maps: check the image size "
            f"(a multiple of 32 is safe) and its forward"
        )
    empty = SLOTS - expected
    unfilled = sorted(index for index in save or () if index < empty)
    if unfilled:
        raise BackboneError(
            f"a row reads index {unfilled[0]}, and {type(layer).__name__} fills the indices {empty} to {SLOTS - 1} "
            f"only: P5 is {SLOTS - 1}, the next larger map {SLOTS - 2}, and so on"
        )
    outputs.extend(item if save is None or index in save else None for index, item in enumerate(right_align(x, None)))
    return x[-1]


def takes_any_shape(model: nn.Module) -> bool:
    """Return whether validation may use rectangular batches (step s10): not with a backbone that states no strides."""
    layers = getattr(getattr(model, "module", model), "model", None)
    backbone = first_backbone(layers)
    return backbone is None or hasattr(backbone, "strides")


def input_channels(model: nn.Module, parameter: Any) -> Union[int, Any]:
    """Return the number of channels of a model's input image, for counting its FLOPs (step s09).

    Args:
        model: The model.
        parameter: Its first parameter, whose second dimension is the answer for a model without a backbone.
    """
    if first_backbone(getattr(model, "model", None)) is not None:
        return getattr(model, "yaml", {}).get("channels", 3)
    return parameter.shape[1]


register()
