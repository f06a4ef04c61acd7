"""Rows of a model: the functions of Addmodules, and what is different in YOLOv5."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from torch import nn

from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules.contract import SLOTS, BackboneError, UnknownModuleError, first_backbone
from ultralytics.nn.Addmodules.hooks import (
    build_backbone,
    fold,
    is_backbone,
    is_frozen,
    keep,
    probe_size,
)
from ultralytics.nn.Addmodules.hooks import (
    report_rows as _report_rows,
)

__all__ = [
    "build_backbone",
    "check_row",
    "fold",
    "frozen_layers",
    "is_backbone",
    "is_frozen",
    "keep",
    "look_up",
    "match_rows",
    "probe_size",
    "refuse_tensorflow",
    "report_rows",
]


def look_up(name: str, namespace: Dict[str, Any], args: Any = ()) -> Any:
    """Find the module that a YAML row names: YOLOv5's own names, ``nn.Upsample`` and the like, then the backbones.

    Args:
        name: The third entry of the row.
        namespace: The global names of ``models/yolo.py``.
        args: The row's arguments.

    Raises:
        BackboneError: The name is unknown, claimed twice, or its file did not import.
    """
    first, *rest = name.split(".")
    if not rest or first not in namespace:
        return hooks.look_up(name, namespace, args)
    found = namespace[first]
    for part in rest:
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise UnknownModuleError(f"unknown module {name!r} in the model YAML: {first} has no layer of that name")
    return found


def check_row(row: int, source: Any, name: str, channels: List[int], backbone: bool) -> None:
    """Check which indices a row behind a backbone reads.

    Args:
        row: Position of the row in the YAML, from 0.
        source: The row's ``from``.
        name: The row's module, for the message.
        channels: Channels of every index so far; 0 for a slot that the backbone leaves empty.
        backbone: Whether row 0 is a backbone.

    Raises:
        BackboneError: There is no such index yet, or it is an empty slot.
    """
    if not backbone:
        return
    index, count = row + SLOTS - 1, len(channels)
    for item in source if isinstance(source, (list, tuple)) else [source]:
        if not isinstance(item, int) or isinstance(item, bool) or not -count <= item < count:
            raise BackboneError(
                f"row {index} ({name}) reads index {item!r}: the rows before it are 0 to {count - 1}, of which 0 to "
                f"{SLOTS - 1} are the backbone's maps P1 to P5"
            )
        if not channels[item]:
            filled = [number for number in range(SLOTS) if channels[number]]
            raise BackboneError(
                f"row {index} ({name}) reads index {item % count}, a slot that the backbone leaves empty: it fills "
                f"{filled[0]} to {filled[-1]}, P5 is {SLOTS - 1}"
            )


def refuse_tensorflow(model: nn.Module) -> None:
    """Refuse a model with a backbone row where rows are built again out of TensorFlow layers.

    Raises:
        BackboneError: It has one.
    """
    backbone = first_backbone(getattr(model, "model", None))
    if backbone is not None:
        raise BackboneError(
            f"{type(backbone).__name__} has no TensorFlow layers, so saved_model, pb, tflite, edgetpu and tfjs cannot "
            f"be exported from this model: use --include torchscript or onnx"
        )


def match_rows(model: nn.Module, source: nn.Module, tensors: Dict[str, Any]) -> Dict[str, Any]:
    """Return a checkpoint's tensors under the names of the rows of ``model`` that they belong to.

    Normalisation and BatchNorm settings that belong to the weights of a backbone are taken over as well.

    Args:
        model: The model that gets the weights.
        source: The checkpoint's model.
        tensors: Its state dict.
    """
    hooks.inherit(model, source)
    return hooks.match_rows(model, source, tensors)


def report_rows(model: nn.Module, tensors: Dict[str, Any], fitting: Dict[str, Any]) -> Dict[str, Any]:
    """Say by row what is loaded, and return ``fitting``."""
    return _report_rows(model, tensors, fitting, True)


def frozen_layers(model: nn.Module, freeze: Sequence[int]) -> List[str]:
    """Return what the names of frozen parameters begin with, or for a stock model contain.

    Args:
        model: The model.
        freeze: ``--freeze``: one number of indices from 0 on, or several indices.

    Raises:
        BackboneError: ``freeze`` means nothing for this model.
    """
    several = len(freeze) > 1
    rows = freeze if several else range(freeze[0])
    return hooks.frozen_layers(model, list(freeze) if several else freeze[0], rows)
