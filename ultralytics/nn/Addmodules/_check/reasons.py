"""Says in a YAML's words what went wrong when one of its rows was built or run without content."""

from __future__ import annotations

import inspect
import re
import traceback
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from .._rows.guard import said
from ..contract import BackboneError, UncheckedError

GPU = re.compile(r"\b(cuda|gpu|triton|hip|nvcc)", re.IGNORECASE)
"""What the errors of code speak of that wants a GPU."""


class Failure(NamedTuple):
    """What is wrong with a row.

    Attributes:
        row: Its position in the YAML; None where it is not a row's fault.
        message: What is wrong, and what was found.
        advice: What would fit.
        part: Entry of the row that is to blame: 0 from, 1 repeats, 2 module, 3 arguments; None for the whole row.
        severe: Whether it is a fault; else it only could not be checked.
    """

    row: Optional[int]
    message: str
    advice: str
    part: Optional[int] = None
    severe: bool = True


def explain_build(error: BaseException, at: Dict[str, Any], row: int, tainted: bool) -> Optional[Failure]:
    """Explain why a row could not be built.

    Args:
        error: What was raised.
        at: Local variables of ``parse_model`` at that moment.
        row: Position of the row.
        tainted: Whether the row reads from one that is wrong itself: then only what does not hang on its channels is
            said, and None returned for the others.
    """
    if isinstance(error, BackboneError):
        message, _, advice = str(error).partition("\n")
        severe = not isinstance(error, UncheckedError)
        return Failure(row, message, advice.strip().replace("to do: ", ""), 3, severe)
    module, args, source = at.get("m"), at.get("args"), at.get("f")
    name = getattr(module, "__name__", str(module))
    given = at["d"]["backbone"] + at["d"]["head"]
    written = given[row][3] if row < len(given) else args
    if "permitted model layer" in str(error):
        message = f"{name} is not a class of layer that restricted mode knows, and it builds no other"
        return Failure(row, message, "unset ULTRALYTICS_SAFE_LOAD if you trust the file", 2)
    inside = traceback.extract_tb(error.__traceback__)[-1].name == "parse_model"
    if inside and isinstance(error, TypeError) and isinstance(source, list) and "indices must be" in str(error):
        advice = "only modules that join maps (Concat) and heads read a list"
        return Failure(row, f"{name} reads one row, and the YAML gives it {source}", advice, 0)
    if inside and isinstance(error, TypeError) and not isinstance(source, list) and "not iterable" in str(error):
        return Failure(row, f"{name} reads a list of rows, and the YAML gives it {source}", f"write [{source}, …]", 0)
    if inside and isinstance(error, IndexError) and isinstance(args, list):
        return Failure(row, f"{name} needs more arguments than {written}", usage(module), 3)
    wrong = _binding(module, args)
    if wrong is not None:
        return Failure(row, f"{name}: {wrong}; the YAML gives {written}", usage(module), 3)
    if tainted:
        return None
    if wants_gpu(error) and not str(getattr(module, "__module__", "")).startswith(("ultralytics.nn.modules", "torch")):
        return unchecked(error)._replace(row=row)
    channels = _channels(at.get("ch"), source)
    if name == "AIFI" and channels and len(args) > 2 and isinstance(args[2], int) and channels[0] % max(args[2], 1):
        fitting = [n for n in (1, 2, 4, 8, 16, 32) if channels[0] % n == 0]
        message = f"AIFI divides its {channels[0]} channels among {args[2]} heads, which leaves a remainder"
        return Failure(row, message, f"put a Conv of a multiple of {args[2]} in front, or take {fitting} heads", 3)
    if inside and isinstance(error, TypeError):
        return Failure(row, f"{name} cannot take the arguments {written}: {said(error)}", usage(module), 3)
    reads = f", reading {' + '.join(map(str, channels))} channels" if channels else ""
    message = f"{name} cannot be built with the arguments {written}{reads}: {said(error)}"
    return Failure(row, message, usage(module), 3)


def wants_gpu(error: BaseException) -> bool:
    """Return whether somebody's code fails for want of a GPU: then it is not known whether it would run on one."""
    return bool(GPU.search(f"{type(error).__name__} {error}"))


def unchecked(error: BaseException) -> Failure:
    """Return what is said of a row that runs on a GPU only."""
    return Failure(None, f"not checked, it runs on a GPU only: {said(error)}", "", severe=False)


def _binding(module: Any, args: Any) -> Optional[str]:
    """Return what Python says of arguments that do not fit a constructor, or None where they do."""
    if not isinstance(args, list):
        return None
    try:
        inspect.signature(module).bind(*args)
    except TypeError as e:
        return str(e)
    except ValueError:  # no signature
        return None
    return None


def usage(module: Any) -> str:
    """Return how a module's constructor is called, such as ``Conv(c1, c2, k=1)``; c1 comes from the row it reads."""
    try:
        parameters = inspect.signature(module).parameters.values()
    except (TypeError, ValueError):
        return ""
    shown = [p.name if p.default is p.empty else f"{p.name}={_default(p.default)}" for p in parameters]
    name = getattr(module, "__name__", str(module))
    first = "; c1 is filled in from the row it reads" if shown and shown[0] == "c1" else ""
    return f"it is {name}({', '.join(shown)}){first}"


def _default(value: Any) -> str:
    return type(value).__name__ + "()" if isinstance(value, nn.Module) else getattr(value, "__name__", repr(value))


def _channels(channels: Any, source: Any) -> List[int]:
    try:
        return [channels[s] for s in (source if isinstance(source, list) else [source])]
    except (TypeError, IndexError):
        return []


class Input(NamedTuple):
    """One of a row's inputs: its index, its shape (channels, height, width), and its stride."""

    index: int
    shape: Tuple[int, ...]
    stride: float


def explain_run(
    error: Optional[BaseException], layer: nn.Module, x: Any, outputs: Sequence[Any], size: Tuple[int, int]
) -> Optional[Failure]:
    """Explain why a row cannot run on its inputs, or, with no error, whether a head's inputs are in order.

    Args:
        error: What was raised.
        layer: The row's module, with upstream's ``f`` and ``i``.
        x: Its input, a tensor or a list of them.
        outputs: What the indices before it hold.
        size: Height and width of the image.
    """
    inputs = _inputs(layer, x, outputs, size)
    name = type(layer).__name__
    if error is None:
        return _levels(name, inputs)
    if len({i.shape[1:] for i in inputs}) > 1:
        first = inputs[0]
        for other in inputs[1:]:
            if other.shape[1:] != first.shape[1:]:
                fitting = _with_size(outputs, first.shape[1:], {i.index for i in inputs})
                message = f"{name} joins maps of different size: {_shown(first)} and {_shown(other)}"
                advice = f"the indices of {first.shape[1]}x{first.shape[2]} are {fitting}" if fitting else ""
                return Failure(None, message, advice, 0)
    text = str(error)
    found = re.search(r"to have (\d+) channels, but got (\d+) channels", text)
    if found:
        message = f"{name} is built for {found[1]} channels and reads {found[2]} (index {inputs[0].index})"
        advice = "a row that it reads, and that upstream does not know, changes the channels: name them in a Conv"
        return Failure(None, message, advice, 0)
    reads = " and ".join(_shown(i) for i in inputs) if inputs else "its input"
    return Failure(None, f"{name} cannot run on {reads}: {said(error)}", usage(type(layer)))


def _inputs(layer: nn.Module, x: Any, outputs: Sequence[Any], size: Tuple[int, int]) -> List[Input]:
    sources = layer.f if isinstance(layer.f, list) else [layer.f]
    tensors = x if isinstance(x, list) else [x]
    result = []
    for source, tensor in zip(sources, tensors):
        if isinstance(tensor, torch.Tensor) and tensor.ndim == 4 and tensor.shape[2] and tensor.shape[3]:
            index = source if source >= 0 else len(outputs) + source
            result.append(Input(index, tuple(tensor.shape[1:]), size[0] / tensor.shape[2]))
    return result


def _levels(name: str, inputs: Sequence[Input]) -> Optional[Failure]:
    strides = [i.stride for i in inputs]
    if strides == sorted(set(strides)):
        return None
    shown = ", ".join(f"{i.index} (stride {i.stride:g})" for i in inputs)
    ordered = [i.index for i in sorted(inputs, key=lambda i: i.stride)]
    if len(set(strides)) == len(strides):
        return Failure(None, f"{name} reads its levels in the order {shown}", f"largest map first: write {ordered}", 0)
    return Failure(None, f"{name} reads two maps of one level: {shown}", "each level is a map of another stride", 0)


def _with_size(outputs: Sequence[Any], size: Tuple[int, ...], taken: Any) -> List[int]:
    return [
        index
        for index, output in enumerate(outputs)
        if isinstance(output, torch.Tensor) and tuple(output.shape[2:]) == tuple(size) and index not in taken
    ]


def _shown(item: Input) -> str:
    return f"index {item.index} ({item.shape[1]}x{item.shape[2]}, stride {item.stride:g}, {item.shape[0]} channels)"
