"""The part of the check of a model YAML that builds its rows and runs them once.

Upstream's own ``parse_model`` builds the rows, so that what it makes of them (width, depth, order of arguments) is what
it will make of them later, and every row then runs on an image of zeros. A row that fails is replaced by a stand-in,
and the other rows go on; rows that read from a stand-in are not blamed for what follows from it.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import threading
import warnings
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import torch
from torch import nn

from .. import weights
from .._rows.guard import GAP, GAP_BACKBONE, Gap, GapBackbone, undrawn, unended
from ..contract import SLOTS, first_backbone, is_multi_map, right_align, widths_of
from ..registry import registry
from .reasons import Failure, explain_build, explain_run, unchecked, wants_gpu
from .structure import HEADS

LOGGER = logging.getLogger("ultralytics")

UPSTREAMS = ("ultralytics.nn.modules.", "torch.", "torchvision.ops")
"""Modules of layers that are not somebody's own."""

SIZES = (640, 256, 224, 320, 384, 448, 512, 1024)
"""Sides of the image on which rows are run; the next is tried where a model runs at a certain size only."""


UNSURE = "the check itself failed, and says nothing of this model"


WITH_TEXT = {"C2fAttn", "ImagePoolingAttn", "WorldDetect", "YOLOEDetect", "YOLOESegment", "YOLOESegment26"}
"""Modules of upstream that want the embedding of a text beside their maps, and so do not run by themselves."""


class Built(NamedTuple):
    """What came of building the rows.

    Attributes:
        layers: The rows, stand-ins included; None where nothing could be built.
        save: Indices that later rows read.
        failures: What is wrong, one per row, in the order in which it was found.
        gaps: Positions of rows that are stand-ins.
    """

    layers: Optional[nn.Sequential]
    save: List[int]
    failures: List[Failure]
    gaps: Set[int]


class Output(NamedTuple):
    """What an index of the model holds: shape of its map (channels, height, width), or None where it is unknown."""

    shape: Optional[Tuple[int, ...]]


@contextlib.contextmanager
def without_traces(namespace: Any) -> Iterator[None]:
    """Leave no trace of what is built within: no log, no warning, no random number drawn, upstream's default kept.

    Args:
        namespace: Upstream's ``tasks`` module.
    """
    noted, default = set(registry._noted), namespace.Conv.default_act
    own = threading.get_ident()

    def drop(record: logging.LogRecord) -> bool:
        return threading.get_ident() != own

    LOGGER.addFilter(drop)
    try:
        with warnings.catch_warnings(), weights.unloaded(), undrawn():
            warnings.simplefilter("ignore")
            yield
    finally:
        LOGGER.removeFilter(drop)
        registry._noted = noted
        namespace.Conv.default_act = default


def build(
    model: Dict[str, Any], channels: int, tasks: Any, bad: Set[int], instead: Dict[int, List[str]], multi: bool
) -> Built:
    """Build the rows of a model YAML.

    Args:
        model: Content of the YAML, its structure checked.
        channels: Channels of the image.
        tasks: Upstream's ``tasks`` module.
        bad: Positions of rows that are known to be wrong.
        instead: Names that were probably meant, for some of these.
        multi: Whether row 0 is, or is probably meant to be, a backbone.
    """
    gaps, trials = set(bad), {row: list(names) for row, names in instead.items()}
    failures: List[Failure] = []
    for _ in range(5 * len(model["backbone"] + model["head"]) + 2):
        try:
            layers, save = tasks.parse_model(_substituted(model, gaps, trials, multi), channels, verbose=False)
            return Built(layers, list(save), failures, gaps)
        except KeyboardInterrupt:
            raise
        except BaseException as e:  # whatever a module's constructor raises, sys.exit() included
            at = _locals_of(e, tasks.parse_model.__code__)
            row = at.get("i") if at else None
            if row is None or at is None or (row in gaps and row not in trials):
                failures.append(Failure(None, f"{type(e).__name__}: {e}", "" if at else UNSURE))
                break
            if row in gaps:  # what was probably meant does not fit either
                trials[row] = trials[row][1:]
                if not trials[row]:
                    del trials[row]
                continue
            failure = explain_build(e, at, row, _tainted(model, row, gaps - set(trials), multi))
            failures += [failure] if failure is not None else []
            gaps.add(row)
    return Built(None, [], failures, gaps)


def _substituted(model: Dict[str, Any], gaps: Set[int], trials: Dict[int, List[str]], multi: bool) -> Dict[str, Any]:
    """Return a copy of the YAML's content with stand-ins, and without weights that upstream would fetch."""
    trial = copy.deepcopy(model)
    position = 0
    for section in ("backbone", "head"):
        for n, row in enumerate(trial[section]):
            if position in gaps and position in trials:
                row[2] = trials[position][0]
            elif position in gaps:
                trial[section][n] = [-1, 1, GAP_BACKBONE if multi and position == 0 else GAP, []]
            elif row[2] == "TorchVision" and row[3] and isinstance(row[3][0], int):
                row[3][2:3] = [None]  # the weights that upstream's module fetches when it is built
            position += 1
    return trial


def _locals_of(error: BaseException, code: Any) -> Optional[Dict[str, Any]]:
    """Return the local variables of the outermost frame of ``code`` that the error went through."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is code:
            return dict(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return None


def _tainted(model: Dict[str, Any], row: int, gaps: Set[int], multi: bool) -> bool:
    """Return whether a row reads, directly or over other rows, from a stand-in."""
    rows = model["backbone"] + model["head"]
    shift = SLOTS - 1 if multi else 0
    unknown = set(gaps) - {row}
    for position in range(1, row + 1):
        source = rows[position][0] if position not in gaps or position == row else -1
        for s in source if isinstance(source, list) else [source]:
            if isinstance(s, int) and _position(s, position, shift) in unknown:
                unknown.add(position)
    return row in unknown


def _position(source: int, row: int, shift: int) -> int:
    """Return the position of the row that fills the index that ``row`` reads from."""
    return max((source if source >= 0 else row + shift + source) - shift, 0)


def run(built: Built, channels: int, size: Tuple[int, int]) -> Tuple[List[Output], List[Failure]]:
    """Run every row once on an image of zeros.

    Args:
        built: The model.
        channels: Channels of the image.
        size: Its height and width.

    Returns:
        What each index holds, and what is wrong, one per row.
    """
    outputs: List[Any] = []
    failures: List[Failure] = []
    x: Any = torch.zeros(1, channels, *size)
    assert built.layers is not None
    built.layers.eval()
    image = x
    with torch.no_grad():
        for position, layer in enumerate(built.layers):
            x = _read(outputs, x, layer.f)
            if position in built.gaps and isinstance(layer, (Gap, GapBackbone)):
                outputs.extend([None] * (SLOTS if isinstance(layer, GapBackbone) else 1))
                x = None
                continue
            empty = _empty_slots(layer, outputs, built.layers) or _empty_weights(layer)
            if empty is not None:
                failures.append(Failure(position, *empty))
                x = None
            elif x is None or (isinstance(x, list) and any(item is None for item in x)):
                x = None
            else:
                failure = explain_run(None, layer, x, outputs, size) if _is_head(layer) else None
                if failure is None:
                    x, failure = _forward(layer, x, outputs, size)
                if failure is not None:
                    failures.append(failure._replace(row=position))
                    x = None
            if is_multi_map(layer):
                maps, failure = _maps(layer, x, image)
                if failure is not None:
                    failures.append(failure)
                outputs.extend(maps)
                x = maps[-1]
            else:
                outputs.append(x)
    return [Output(tuple(o.shape[1:]) if isinstance(o, torch.Tensor) else None) for o in outputs], failures


def _read(outputs: List[Any], x: Any, source: Any) -> Any:
    if source == -1:
        return x
    return outputs[source] if isinstance(source, int) else [x if s == -1 else outputs[s] for s in source]


def _is_head(layer: nn.Module) -> bool:
    """Return whether a layer is one of upstream's heads on several levels."""
    cls = type(layer)
    return cls.__name__ in HEADS and cls.__module__.startswith(UPSTREAMS) and isinstance(layer.f, list)


def _empty_slots(layer: nn.Module, outputs: List[Any], layers: Any) -> Optional[Tuple[str, str]]:
    backbone = first_backbone(layers)
    if backbone is None or layer is backbone:
        return None
    empty = SLOTS - len(widths_of(backbone, type(backbone).__name__))
    here = len(outputs)
    for s in layer.f if isinstance(layer.f, list) else [layer.f]:
        index = s if s >= 0 else here + s
        if index < empty:
            filled = ", ".join(f"{i} (P{i + 1})" for i in range(empty, SLOTS))
            message = f"the row reads index {index} (P{index + 1}), which {type(backbone).__name__} leaves empty"
            return message, f"its maps have the indices {filled}"
    return None


def _empty_weights(layer: nn.Module) -> Optional[Tuple[str, str]]:
    """Say that a layer has a weight without content, which torch builds with a warning and then cannot run."""
    for name, weight in layer.named_parameters():
        if 0 in weight.shape:
            shape = "x".join(map(str, weight.shape))
            return f"{type(layer).__name__} would have a weight of {shape} ({name})", "a number of channels is 0"
    return None


def _forward(layer: nn.Module, x: Any, outputs: List[Any], size: Tuple[int, int]) -> Tuple[Any, Optional[Failure]]:
    name = type(layer).__name__
    if name in WITH_TEXT:
        return None, None
    try:
        with unended(name):
            return layer(x), None
    except Exception as e:
        foreign = not all(type(m).__module__.startswith(UPSTREAMS) for m in layer.modules())
        if (
            isinstance(e, ImportError) and not foreign
        ):  # releases before 8.4.78 and their RTDETRDecoder, which needs scipy
            return None, None
        return None, unchecked(e) if foreign and wants_gpu(e) else explain_run(e, layer, x, outputs, size)


def _maps(backbone: nn.Module, x: Any, image: torch.Tensor) -> Tuple[List[Any], Optional[Failure]]:
    """Return the five slots of a backbone's output, and what is wrong with it."""
    name, widths = type(backbone).__name__, widths_of(backbone, type(backbone).__name__)
    if not isinstance(x, (list, tuple)):
        failure = None if x is None else Failure(0, f"{name} returns a {type(x).__name__}, not a list of maps", "")
        return [None] * SLOTS, failure
    maps = list(x)
    shapes = [tuple(item.shape[1:]) if isinstance(item, torch.Tensor) else None for item in maps]
    promised = len(widths) == len(maps) and all(s is not None and s[0] == w for s, w in zip(shapes, widths))
    failure = None
    if not promised:
        given = ", ".join("nothing" if s is None else f"{s[0]} channels" for s in shapes)
        failure = Failure(0, f"{name} states maps of {widths} channels and returns {given}", _FORWARD)
    elif any(len(s) != 3 for s in shapes if s):
        failure = Failure(0, f"{name} returns maps of shape {shapes}, expected (channels, height, width)", _FORWARD)
    else:
        failure = _strides(backbone, name, [s for s in shapes if s], image)
    if failure is not None:
        return [None] * SLOTS, failure
    return right_align(maps, None), None


_FORWARD = "see the contract in ultralytics/nn/Addmodules/contract.py"


def _strides(backbone: nn.Module, name: str, shapes: List[Tuple[int, ...]], image: torch.Tensor) -> Optional[Failure]:
    strides = getattr(backbone, "strides", None)
    height, width = image.shape[2:]
    if any(a[1] < b[1] or a[2] < b[2] for a, b in zip(shapes, shapes[1:])):
        sizes = ", ".join(f"{h}x{w}" for _, h, w in shapes)
        return Failure(0, f"{name} returns maps of {sizes}, expected the largest first", _FORWARD)
    if not isinstance(strides, (list, tuple)) or len(strides) != len(shapes):
        return None
    for (_, h, w), stride in zip(shapes, strides):
        if height % stride == 0 and width % stride == 0 and (h * stride, w * stride) != (height, width):
            message = f"{name} states a map of stride {stride} and returns {h}x{w} for an image of {height}x{width}"
            return Failure(0, message, _FORWARD)
    return None
