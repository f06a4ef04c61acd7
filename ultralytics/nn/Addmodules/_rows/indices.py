"""Rows of a built model by their index in the YAML, where upstream counts positions in ``model.model``.

Without a backbone of this folder the two are the same, and every function here gives back what upstream has. Behind one
the row at position 0 stands for the indices 0 to 4 (P1 to P5; its own is 4), and the row at position n has index n + 4.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Dict, List, NamedTuple, Sequence

from torch import nn

from ..contract import SLOTS, BackboneError, first_backbone, is_multi_map

__all__ = ["embed_rows", "frozen_layers", "is_frozen", "layers_of", "name_of", "positions", "spans"]

LOGGER = logging.getLogger("ultralytics")

WRAPPED = re.compile(r"^(?:(?:module|_orig_mod|student_model)\.)+")
"""What DDP, torch.compile and distillation put in front of the names of a model's parameters."""

BACKBONE = "backbone"
"""Value of ``freeze`` for the whole backbone row and nothing else."""


class RowName(str):
    """Beginning of the names of what is frozen (``model.0.``); no part of one, as upstream's are."""


class Entry(NamedTuple):
    """One entry of ``freeze``: a row, or a module inside a row.

    Attributes:
        index: The row's own index in the YAML (4 for the backbone).
        name: Beginning of the names of its parameters.
        inside: The module's name inside the row; empty for the whole row.
    """

    index: int
    name: RowName
    inside: str


def layers_of(model: Any) -> Any:
    """Return the layers of a model, whatever wraps it (DDP, torch.compile, distillation); an empty list for none."""
    for _ in range(4):
        inner = next((found for key in ("_orig_mod", "module", "student_model") if (found := _child(model, key))), None)
        if inner is None:
            break
        model = inner
    layers = _child(model, "model")
    return layers if isinstance(layers, nn.Sequential) else []


def _child(module: Any, name: str) -> Any:
    return getattr(module, "_modules", {}).get(name)


def name_of(layer: Any) -> str:
    """Return the name of a row's module as the YAML has it, also where it is repeated."""
    if is_multi_map(layer):
        return type(layer).__name__
    return str(getattr(layer, "type", "") or type(layer).__name__).rpartition(".")[2]


def spans(indices: Sequence[int]) -> str:
    """Return sorted indices in short, for example ``4, 6-9``."""
    runs: List[List[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _by_index(layers: Any) -> Dict[int, int]:
    """Return the position of every index of a YAML; the slots are the backbone's."""
    found = {layer.i: position for position, layer in enumerate(layers)}
    return {**dict.fromkeys(range(SLOTS), 0), **found}


def positions(model: Any, indices: Sequence[int]) -> List[int]:
    """Return the positions in ``model.model`` of rows given by index (step b05).

    Args:
        model: A model whose rows' outputs are captured.
        indices: Indices of rows of its YAML: those that a head reads, and the head's own.

    Raises:
        BackboneError: One of them is a slot of the backbone, whose output is a list of maps, or there is no such row.
    """
    layers = layers_of(model)
    if first_backbone(layers) is None:
        return list(indices)
    known, result = _by_index(layers), []
    for number, index in enumerate(indices):
        if index < 0:  # the head's `from` may count back from itself
            index = max(indices[-1] + index, SLOTS - 1)
        if index < SLOTS:
            raise BackboneError(
                f"distillation: input {number} of {name_of(layers[-1])} is the backbone's slot {index} itself, and "
                f"only rows behind the backbone can be compared with a teacher's: put a row between the two, "
                f"such as - [{index}, 1, Conv, [256, 1, 1]]"
            )
        if index not in known:
            raise BackboneError(f"there is no row {index}: the model has {spans(sorted(known))}")
        result.append(known[index])
    return result


def embed_rows(model: Any, options: Dict[str, Any]) -> Dict[str, Any]:
    """Check the rows that embeddings are asked of (step b05).

    Args:
        model: The model that is about to run.
        options: Keyword arguments of its ``predict``; ``embed`` is a list of indices of the YAML.

    Returns:
        The same.

    Raises:
        BackboneError: An index is none of a row that has one map as its output.
    """
    if not options.get("embed"):
        return options
    layers = layers_of(model)
    backbone = first_backbone(layers)
    if backbone is None:
        return options
    wanted = options["embed"]
    valid = [layer.i for layer in layers[:-1]]
    listed = isinstance(wanted, (list, tuple, set, frozenset))
    for index in wanted if listed else [wanted]:
        if isinstance(index, int) and not isinstance(index, bool) and index in valid and listed:
            continue
        hint = ""
        if index in range(SLOTS - 1):
            hint = f"; of the maps of {name_of(backbone)} only P5 can be asked for, by index {SLOTS - 1}"
        raise BackboneError(f"embed={wanted!r}: expected a list of rows of the YAML out of {spans(valid)}{hint}")
    return options


def frozen_layers(model: Any, freeze: Any, rows: Sequence[Any]) -> List[str]:
    """Return what the names of frozen parameters begin with, or for a stock model contain, as upstream has it (b05).

    Args:
        model: The model, possibly wrapped.
        freeze: The training argument: ``backbone``, a number of indices from 0 on, or a list of indices, of
            ``backbone``, and of modules inside a row such as ``"19.cv2"``.
        rows: What upstream makes of it.

    Raises:
        BackboneError: ``freeze`` means nothing for this model.
    """
    layers = layers_of(model)
    if first_backbone(layers) is None:
        if freeze == BACKBONE or (isinstance(freeze, (list, tuple)) and BACKBONE in freeze):
            raise BackboneError(f"freeze={freeze}: {_count_instead(model)}")
        return [f"model.{row}." for row in rows]
    entries = _entries(layers, freeze)
    _refuse_alike(layers, entries)
    if entries:
        LOGGER.info(f"freeze={freeze} by index of the YAML: {_told(layers, entries)}")
    return list(dict.fromkeys(entry.name for entry in entries))


def _refuse_alike(layers: Any, entries: Sequence[Entry]) -> None:
    """Refuse entries whose names, of which upstream looks for parts, are in names of what is to be trained."""
    names = (
        f"model.{position}.{name}" for position, layer in enumerate(layers) for name, _ in layer.named_parameters()
    )
    for name in names:
        found = next((entry for entry in entries if entry.name in name), None)
        if found and not any(name.startswith(entry.name) for entry in entries):
            raise BackboneError(
                f"freeze: {found.name!r} of row {found.index} is part of {name!r} as well, which is to be trained, and "
                f"training goes by parts of names\n"
                f"  to do: give the attribute `model` in that class another name, or freeze its row too"
            )


def _count_instead(model: Any) -> str:
    for part in (model, *getattr(model, "modules", list)()):
        yaml = getattr(part, "yaml", None)
        if isinstance(yaml, dict) and yaml.get("backbone"):
            count = len(yaml["backbone"])
            return (
                f"row 0 of this model is not a backbone of ultralytics/nn/Addmodules, so give the number of rows: "
                f"freeze={count} are those that its YAML lists under `backbone:`"
            )
    return "this model has no backbone row; give the number of rows to freeze, for example freeze=10"


def _entries(layers: Any, freeze: Any) -> List[Entry]:
    """Return what ``freeze`` names, in order of the rows, whole rows first."""
    last = layers[-1].i
    if freeze is None or freeze is False:
        return []
    if isinstance(freeze, int) and not isinstance(freeze, bool):
        if not 0 <= freeze <= last + 1:
            raise BackboneError(
                f"freeze={freeze}: the model has the indices 0-{last}, give a number from 0 to {last + 1}"
            )
        if 0 < freeze < SLOTS:
            LOGGER.info(f"freeze={freeze}: the indices 0 to {SLOTS - 1} are one row, the backbone; all of it is frozen")
        given: List[Any] = list(range(freeze))
    elif freeze == BACKBONE:
        given = [BACKBONE]
    elif isinstance(freeze, (list, tuple, range)):
        given = list(freeze)
    else:
        raise BackboneError(
            f"freeze={freeze!r}: expected {BACKBONE}, a number of indices (freeze=10 is the backbone, 0-4, and the "
            f"rows 5-9) or a list of them"
        )
    return sorted((_entry(layers, item) for item in given), key=lambda entry: (entry.index, entry.inside))


def _entry(layers: Any, item: Any) -> Entry:
    number, _, inside = (str(SLOTS - 1) if item == BACKBONE else str(item)).partition(".")
    known = _by_index(layers)
    if isinstance(item, (bool, float)) or not number.isdecimal() or int(number) not in known:
        raise BackboneError(
            f"freeze: there is no row {item!r}, the model has the indices {spans(sorted(known))} (0-{SLOTS - 1}: the "
            f"backbone); a list holds indices, {BACKBONE}, or modules inside a row such as '{layers[-1].i}.cv2'"
        )
    position = known[int(number)]
    layer = layers[position]
    if inside and not any(name == inside for name, _ in layer.named_modules()):
        inner = [name for name, _ in layer.named_children()]
        raise BackboneError(
            f"freeze: row {number} ({name_of(layer)}) has no module {inside!r}, it has {', '.join(inner) or 'none'}"
        )
    return Entry(layer.i, RowName(f"model.{position}.{inside}{'.' if inside else ''}"), inside)


def _told(layers: Any, entries: Sequence[Entry]) -> str:
    whole = sorted({entry.index for entry in entries if not entry.inside})
    parts = [f"the backbone {name_of(layers[0])} (0-{SLOTS - 1})"] if SLOTS - 1 in whole else []
    rows = [index for index in whole if index >= SLOTS]
    parts += [f"rows {spans(rows)}"] if rows else []
    parts += [f"{entry.inside} of row {entry.index}" for entry in entries if entry.inside]
    return ", ".join(parts)


def is_frozen(name: str, frozen: Sequence[str]) -> bool:
    """Return whether a parameter or module of this name is frozen, where a target compares through it (y14).

    Args:
        name: With what wraps the model in front of it.
        frozen: What ``frozen_layers`` returned, and upstream's own entries.
    """
    bare = f"{WRAPPED.sub('', name)}."
    return any(bare.startswith(part) if isinstance(part, RowName) else part in name for part in frozen)
