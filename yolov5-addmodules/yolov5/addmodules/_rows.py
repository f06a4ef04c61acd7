"""Rows of a model: the functions of Addmodules, and what is different in YOLOv5."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence

from torch import Tensor, nn

from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules._rows.indices import is_frozen, name_of
from ultralytics.nn.Addmodules.contract import SLOTS, BackboneError, first_backbone
from ultralytics.nn.Addmodules.hooks import (
    activation,
    build_backbone,
    fold,
    is_backbone,
    keep,
    literal,
    probe_size,
)

__all__ = [
    "activation",
    "build_backbone",
    "check_row",
    "check_yaml",
    "fold",
    "frozen_layers",
    "is_backbone",
    "is_frozen",
    "keep",
    "literal",
    "look_up",
    "match_rows",
    "probe",
    "probe_size",
    "refuse_classifier",
    "refuse_tensorflow",
    "report_rows",
]

KEYS = ("nc", "anchors", "depth_multiple", "width_multiple", "backbone", "head")
"""What ``parse_model`` reads of a model's YAML."""

LAYERS = {"Bottleneck", "BottleneckCSP", "C3", "C3Ghost", "C3SPP", "C3TR", "C3x", "Classify", "Concat", "Contract"}
LAYERS |= {"Conv", "CrossConv", "DWConv", "DWConvTranspose2d", "Detect", "Expand", "Focus", "GhostBottleneck"}
LAYERS |= {"GhostConv", "MixConv2d", "Proto", "SPP", "SPPF", "Segment", "Sum", "TransformerBlock", "TransformerLayer"}
"""Layers of the release: its other modules are whole models, some of which open the file that they are given."""


def look_up(name: str, namespace: Dict[str, Any], args: Any = ()) -> Any:
    """Find the module that a YAML row names: ``nn.Upsample`` and the like, YOLOv5's own layers, then the backbones.

    Args:
        name: The third entry of the row.
        namespace: The global names of ``models/yolo.py``.
        args: The row's arguments.

    Raises:
        BackboneError: The name is unknown, no layer's, claimed twice, or its file did not import.
    """
    return hooks.look_up(name, namespace, args, _is_layer)


def _is_layer(found: Any) -> bool:
    """Return whether a row may name ``found``: a layer of the release's YAMLs, or one that is not the release's."""
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        return False
    return found.__name__ in LAYERS or not found.__module__.startswith("yolov5.")


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


def check_yaml(yaml: Dict[str, Any]) -> Dict[str, Any]:
    """Check that a model's YAML has what ``parse_model`` reads, and return it.

    Raises:
        BackboneError: A key is missing, a row is not a list of four, or the head has no anchors.
    """
    missing = [key for key in KEYS if key not in yaml]
    if missing:
        hint = " (the YAMLs of Ultralytics have none; those for this package are in cfg/yolov5/)"
        raise BackboneError(
            f"the model YAML lacks {', '.join(missing)}: YOLOv5 needs the keys {', '.join(KEYS)}"
            f"{hint if 'anchors' in missing else ''}"
        )
    for number, row in enumerate([*yaml["backbone"], *yaml["head"]]):
        if not isinstance(row, (list, tuple)) or len(row) != 4 or not isinstance(row[3], list):
            raise BackboneError(f"row {number} of the model YAML is {row!r}: expected [from, repeats, module, [args]]")
        if row[2] in ("Detect", "Segment") and len(row[3]) < 2:
            raise BackboneError(f"{row[2]} has the arguments {row[3]}: YOLOv5's head needs anchors, [nc, anchors]")
    return yaml


def probe(forward: Callable[[Any], Any], image: Tensor, model: nn.Module) -> Any:
    """Run a model on its first image; behind a backbone, name the row that cannot.

    Args:
        forward: Runs it.
        image: The image, of shape (1, C, S, S).
        model: The model.

    Raises:
        BackboneError: A row fails; says which, on what maps, and how.
    """
    layers = getattr(model, "model", None)
    if first_backbone(layers) is None:
        return forward(image)
    reached: List[Any] = []
    hooked = [layer.register_forward_pre_hook(lambda *call: reached.append(call)) for layer in layers]
    try:
        return forward(image)
    except BackboneError:
        raise
    except Exception as e:
        layer, (given,) = reached[-1]
        maps = given if isinstance(given, (list, tuple)) else [given]
        shapes = " and ".join("x".join(map(str, item.shape[1:])) for item in maps)
        said = str(e).splitlines()[0]
        raise BackboneError(
            f"row {layer.i} ({name_of(layer)}) fails on maps of {shapes} (channels, height, width): {said}\n"
            f"  to do: check its `from`, {layer.f!r}: 0 to {SLOTS - 1} are the backbone's maps P1 to P5"
        ) from None
    finally:
        for handle in hooked:
            handle.remove()


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


def refuse_classifier(model: nn.Module) -> None:
    """Refuse a detector with a backbone row where a classifier is to be cut out of its first positions.

    Raises:
        BackboneError: It has one.
    """
    backbone = first_backbone(getattr(model, "model", None))
    if backbone is not None:
        raise BackboneError(
            f"no classifier can be cut out of a detector on {type(backbone).__name__}: take a detector of YOLOv5's "
            f"own, or a network of torchvision"
        )


def match_rows(model: nn.Module, source: nn.Module, tensors: Dict[str, Any]) -> Dict[str, Any]:
    """Return a checkpoint's tensors under the names of the rows of ``model`` that they belong to.

    Normalisation and BatchNorm settings that belong to the weights of a backbone are taken over as well.

    Args:
        model: The model that gets the weights.
        source: The checkpoint's model.
        tensors: Its state dict.
    """
    return hooks.match_rows(model, source, tensors)


def report_rows(model: nn.Module, tensors: Dict[str, Any], fitting: Dict[str, Any]) -> Dict[str, Any]:
    """Say by row what is loaded, and return ``fitting``."""
    return hooks.report_rows(model, tensors, fitting, True)


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
