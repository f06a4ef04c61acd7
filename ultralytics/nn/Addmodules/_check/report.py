"""Checks a model YAML: what is wrong in it is reported together, with line, row and cure.

``check`` is behind ``python -m lab check``. Of every model that is built, ``check_text`` looks at the file when it is
read and ``check_model`` at the structure, first thing in upstream's ``parse_model``; that takes milliseconds. Where
building fails nevertheless, ``make`` asks ``check`` for the reasons.
"""

from __future__ import annotations

import contextvars
import logging
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple, Union

from torch import nn

from .._rows.guard import Gap, GapBackbone
from .._rows.lookup import LIBRARIES, is_backbone, is_layer, look_up
from ..contract import SLOTS, BackboneError, UnknownModuleError, first_backbone, probe_size, right_align, widths_of
from ..registry import registry
from .reasons import Failure
from .shapes import SIZES, UNSURE, Built, Output, build, run, without_traces
from .structure import HEADS, Names, Structure, check_structure, usable
from .yamltext import Document, Problem, read_document, render

LOGGER = logging.getLogger("ultralytics")

PROBE = 256
"""Side of the image on which upstream measures the strides of a head; behind a backbone it is that of ``hooks``."""

_checking: contextvars.ContextVar = contextvars.ContextVar("a model YAML is being checked", default=False)
_told: Set[str] = set()
"""Warnings that have been logged."""

_read: Dict[str, Document] = {}
"""Model YAMLs that were read last, by path, for the positions of what is wrong in them."""


class ModelError(BackboneError):
    """A model YAML is wrong; the message lists everything that was found.

    Attributes:
        problems: One per fault.
    """

    def __init__(self, message: str, problems: Optional[List[Problem]] = None) -> None:
        super().__init__(message)
        self.problems = problems or []


class Row(NamedTuple):
    """An index of a model, as the YAML must use it.

    Attributes:
        index: The index.
        slot: P1 to P5 for a map of a backbone, else empty.
        source: What the row reads from, as written.
        repeats: Number of repeats, as written.
        module: Its name, as written.
        arguments: As written.
        channels: Channels of its map; None where they are unknown, 0 for an empty slot.
        size: Height and width of its map.
        stride: Height of the image divided by that of the map.
        parameters: Number of parameters; those of a backbone stand at its last map.
        readers: Indices that read from it.
    """

    index: int
    slot: str
    source: Any
    repeats: Any
    module: str
    arguments: Any
    channels: Optional[int]
    size: Optional[Tuple[int, int]]
    stride: Optional[float]
    parameters: int
    readers: List[int]


class Report(NamedTuple):
    """What a check found.

    Attributes:
        path: The file, or a name for what has none.
        problems: Faults and warnings, in the order of the file.
        rows: One an index; empty where the rows could not be built at all.
        size: Height and width of the image that sizes are given for.
        parameters: Number of parameters in all.
    """

    path: str
    problems: List[Problem]
    rows: List[Row]
    size: Tuple[int, int]
    parameters: int

    @property
    def ok(self) -> bool:
        """Whether there is no fault; warnings are ignored."""
        return not any(problem.severe for problem in self.problems)

    def faults(self) -> List[str]:
        """Return the faults as text."""
        return [render(problem, self.path) for problem in self.problems if problem.severe]


def check(
    model: Any, channels: int = 3, size: Optional[int] = None, document: Optional[Document] = None, path: str = ""
) -> Report:
    """Check the content of a model YAML: its structure, and then what its rows give.

    Args:
        model: The content; left alone.
        channels: Channels of the image.
        size: Side of the image in pixels; None for 640, or another where the model runs at a certain size only.
        document: The file it stands in, for lines and columns.
        path: Name of the file, for messages.
    """
    from ultralytics.nn import tasks

    where = document.where if document is not None else lambda *_: (0, 0)
    problems = list(document.problems) if document is not None else []
    path = path or "the model YAML"
    if not (isinstance(model, dict) and model) and any(problem.severe for problem in problems):
        return Report(path, _ordered(problems), [], (size or SIZES[0],) * 2, 0)  # it could not be read
    token = _checking.set(True)
    try:
        with without_traces(tasks):
            structure = check_structure(model, where, _names(tasks))
            problems += structure.problems
            if not structure.places:
                return Report(path, _ordered(problems), [], (size or SIZES[0],) * 2, 0)
            multi = structure.shift > 0
            built = build(usable(model), channels, tasks, structure.bad, structure.instead, multi)
            failures = list(built.failures)
            outputs, shown, more = _run(built, channels, size)
    finally:
        _checking.reset(token)
    for failure in (*failures, *more):
        problems.append(_located(failure, structure, where))
    problems += _last_row(model, structure, tasks, where)
    rows = _rows(model, structure, built, outputs, shown)
    return Report(path, _ordered(problems), rows, shown, sum(row.parameters for row in rows))


def _run(built: Built, channels: int, size: Optional[int]) -> Tuple[List[Output], Tuple[int, int], List[Failure]]:
    """Run the rows at ``size``, or at the first of the usual sizes at which nothing fails, and at upstream's probe."""
    side = size or SIZES[0]
    if built.layers is None:
        return [], (side, side), []
    backbone = first_backbone(built.layers)
    fixed = getattr(backbone, "image_size", None)
    measured = probe(built.layers)
    if size or fixed:
        sizes = [(size, size)] if size else [tuple(fixed)]
    else:  # where strides are measured it has to run at that size; elsewhere a size at which it runs will do
        sizes = [(s, s) for s in (SIZES[:3] if measured == (PROBE, PROBE) else SIZES[:1] if measured else SIZES)]
    first: Optional[Tuple[List[Output], Tuple[int, int], List[Failure]]] = None
    for shape in sizes:
        outputs, failures = run(built, channels, shape)
        if not failures and measured not in (None, shape):
            failures = run(built, channels, measured)[1]  # a head's strides are measured at this size
        if not failures:
            return outputs, shape, []
        first = first or (outputs, shape, failures)
    assert first is not None
    return first


def probe(layers: nn.Sequential) -> Optional[Tuple[int, int]]:
    """Return the size of the image on which upstream measures a model's strides, or None where it does not."""
    from ultralytics.nn.modules import head

    if not isinstance(layers[-1], tuple(c for c in (head.Detect, getattr(head, "SemanticSegment", None)) if c)):
        return None
    side = probe_size(layers, PROBE)
    return side, side


def _names(tasks: Any) -> Names:
    namespace = vars(tasks)

    def find(name: str, arguments: Any) -> Any:
        return look_up(name, namespace, arguments)

    def known_backbone(name: str, arguments: Any) -> bool:
        try:
            return is_backbone(find(name, arguments))
        except BackboneError:
            return False

    def explain(name: str, arguments: Any) -> Optional[Tuple[str, List[str]]]:
        try:
            find(name, arguments)
        except UnknownModuleError as e:
            return (e.what, e.near) if name.rpartition(".")[0] in LIBRARIES else ("", [])
        except BackboneError as e:
            return str(e), []
        return None

    def broken(name: str) -> bool:
        return registry.broken_file(name) is not None

    modules = {key for key, value in namespace.items() if is_layer(value) and not registry.claims(value)}
    return Names(modules, set(registry.names()), known_backbone, explain, broken)


def _located(failure: Failure, structure: Structure, where: Any) -> Problem:
    if failure.row is None:
        return Problem(0, 0, failure.message, failure.advice, severe=failure.advice != UNSURE)
    place = structure.places[failure.row]
    part = () if failure.part is None else (failure.part,)
    line, column = where(place.section, place.position, *part)
    index = structure.index(failure.row)
    return Problem(line, column, failure.message, failure.advice, index, failure.severe)


def _last_row(model: Dict[str, Any], structure: Structure, tasks: Any, where: Any) -> List[Problem]:
    """Warn of a model without a head: it builds, and upstream cannot tell its task."""
    last = structure.places[-1]
    name = model[last.section][last.position][2] if last.row not in structure.bad else None
    if name is None or name in HEADS or not _is_plain(name, tasks):
        return []
    line, column = where(last.section, last.position, 2)
    message = f"the last row is {name}, which is not a head: nothing can be trained on it"
    advice = "end with Detect, RTDETRDecoder or another head"
    return [Problem(line, column, message, advice, structure.index(last.row), False)]


def _is_plain(name: str, tasks: Any) -> bool:
    """Return whether a name is upstream's own or torch's, not a head that somebody has added."""
    found = vars(tasks).get(name)
    return name.startswith(("nn.", "torchvision.")) or str(getattr(found, "__module__", "")).startswith(
        ("ultralytics.nn.modules.conv", "ultralytics.nn.modules.block", "ultralytics.nn.modules.transformer")
    )


def _ordered(problems: List[Problem]) -> List[Problem]:
    """Return the problems in the order of the file, those of no line last, each once."""
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda p: (p.line == 0, p.line, p.column, -1 if p.row is None else p.row))


def _rows(
    model: Dict[str, Any], structure: Structure, built: Built, outputs: List[Output], size: Tuple[int, int]
) -> List[Row]:
    if built.layers is None:
        return []
    readers: Dict[int, List[int]] = {}
    result: List[Row] = []
    for place, layer in zip(structure.places, built.layers):
        row = model[place.section][place.position]
        good = isinstance(row, list) and len(row) == 4
        source, repeats, module, arguments = row if good else (-1, 1, str(row), [])
        index = structure.index(place.row)
        stands_in = isinstance(layer, (Gap, GapBackbone))
        parameters = 0 if stands_in else sum(p.numel() for p in layer.parameters())
        is_first = structure.shift > 0 and place.row == 0
        slots = list(range(SLOTS)) if is_first else [index]
        stated = right_align(widths_of(layer, module), 0) if is_first and not stands_in else None
        if good:
            for s in source if isinstance(source, list) else [source]:
                if isinstance(s, int) and place.row:
                    readers.setdefault(s if s >= 0 else index + s, []).append(index)
        for slot in slots:
            shape = outputs[slot].shape if slot < len(outputs) else None
            fits = shape is not None and len(shape) == 3
            result.append(
                Row(
                    index=slot,
                    slot=f"P{slot + 1}" if len(slots) > 1 else "",
                    source=source,
                    repeats=repeats,
                    module=module,
                    arguments=arguments,
                    channels=stated[slot] if stated else shape[0] if shape else None,
                    size=(shape[1], shape[2]) if fits and shape else None,
                    stride=size[0] / shape[1] if fits and shape and shape[1] else None,
                    parameters=parameters if slot == slots[-1] else 0,
                    readers=readers.setdefault(slot, []),
                )
            )
    return result


def accept_name(model: Any) -> Any:
    """Turn ``backbone: NAME`` and RT-DETR's ``backbone: {name: NAME, pretrained: true}`` into a row.

    Args:
        model: Content of a model YAML.

    Returns:
        The same, or a copy with a list of one row in that place.
    """
    given = model.get("backbone") if isinstance(model, dict) else None
    name = given.get("name") if isinstance(given, dict) else given
    if not isinstance(name, str) or (isinstance(given, str) and name not in registry.all_names()):
        return model
    options = {key: value for key, value in given.items() if key != "name"} if isinstance(given, dict) else {}
    return {**model, "backbone": [[-1, 1, name, [options] if options else []]]}


def read(path: Union[str, Path]) -> Document:
    """Read a model YAML and remember it for the positions of what is found later."""
    document = read_document(str(path))
    document = document._replace(data=accept_name(document.data))
    _read[str(path)] = document
    while len(_read) > 8:
        del _read[next(iter(_read))]
    return document


def check_text(path: Union[str, Path]) -> Document:
    """Read a model YAML, and refuse one whose text, keys or rows are wrong before upstream looks at them.

    Returns:
        The file, where all is well so far.

    Raises:
        ModelError: Lists all faults of the file, those that only show when rows are built included.
    """
    from ultralytics.nn import tasks

    document = read(path)
    problems = [*document.problems, *check_structure(document.data, document.where, _names(tasks)).problems]
    if any(problem.severe for problem in problems):
        fail(check(document.data, document=document, path=str(path)))
    return document


def check_model(model: Dict[str, Any], channels: int) -> None:
    """Check the structure of a model YAML before ``parse_model`` builds it (step b01); shapes are left to ``make``.

    Args:
        model: The content.
        channels: Channels of the image.

    Raises:
        ModelError: Lists all faults, those that only show when rows are built included.
    """
    if _checking.get():
        return
    from ultralytics.nn import tasks

    document, path = _read_from(model)
    where = document.where if document is not None else lambda *_: (0, 0)
    problems = [*(document.problems if document is not None else ()), *check_structure(model, where, _names(tasks))[0]]
    if any(problem.severe for problem in problems):
        fail(check(model, channels, document=document, path=path))
    for problem in _ordered(problems):
        text = render(problem, path).replace("warning: ", "", 1)
        if text not in _told:
            _told.add(text)
            LOGGER.warning(text)


def explain(model: Dict[str, Any]) -> None:
    """Raise what is wrong with a model that could not be built; nothing, where the check finds no fault.

    Raises:
        ModelError: Lists all faults.
    """
    document, path = _read_from(model)
    fail(check(model, model.get("channels", 3), document=document, path=path))


def _read_from(model: Any) -> Tuple[Optional[Document], str]:
    """Return the file that a model's content was read from last, if any, and its path for messages."""
    path = str(model.get("yaml_file", "")) if isinstance(model, dict) else ""
    read_last = [d for d in reversed(list(_read.values())) if _same(d.data, model)]
    document = next((d for d in read_last if Path(d.path).name == Path(path).name), read_last[0] if read_last else None)
    return document, (document.path if document else path) or "the model YAML"


def _same(data: Any, model: Any) -> bool:
    """Return whether a file's content is what is being built; upstream adds and changes keys beside the rows."""
    return isinstance(data, dict) and all(data.get(key) == model.get(key) for key in ("backbone", "head", "scales"))


def fail(report: Report) -> None:
    """Raise what a report holds.

    Raises:
        ModelError: There is a fault in it.
    """
    faults = report.faults()
    if faults:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ModelError(f"{count} in {report.path}\n" + "\n".join(faults), report.problems)
