"""Weights of one model for another: which row's tensors belong to which row, and a report by row (step b04).

Upstream goes by a row's position. A detector whose backbone is one row has other positions than the same detector with
a backbone of ten rows, so its tensors would be lost, or end up in a row that happens to have the same shapes.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from torch import Tensor, nn

from ..base import adopt_settings, settings_of, weights_match
from ..contract import SLOTS, BackboneError, first_backbone
from ..weights import ENOUGH
from .indices import layers_of, name_of, spans

__all__ = ["match_rows", "report_rows"]

LOGGER = logging.getLogger("ultralytics")

LINES = 24
"""Lines of a report that are printed; the model's ``load_report`` has every row."""

COUNTER = "num_batches_tracked"
"""Ending of a BatchNorm's counter: it has the same shape in all of them and says nothing about what fits."""

UNLEARNT = (COUNTER, ".dfl.conv.weight")
"""Endings of what training does not change, and most models have alike."""

_KEY = re.compile(r"^model\.(\d+)\.")


class Row(NamedTuple):
    """What is compared of a row.

    Attributes:
        position: In ``model.model``.
        index: In the YAML.
        kind: Name of its module.
        sources: For each of its inputs, how many rows back it is, and whether it is out of the backbone.
        in_backbone: Whether it is a row of a stock model's ``backbone:``.
        multi_map: Whether it is a backbone by itself.
        shapes: Of its tensors, by name inside the row.
    """

    position: int
    index: int
    kind: str
    sources: Tuple[Tuple[int, bool], ...]
    in_backbone: bool
    multi_map: bool
    shapes: Dict[str, Tuple[int, ...]]


class Matched(Dict[str, Tensor]):
    """A source's tensors under the names that they have in the target.

    Attributes:
        names: All of them, as they were before upstream took some out.
        partners: Position in the target to the index of the row of the source.
        unused: Indices of the source's rows that have tensors and no partner.
    """

    names: frozenset
    partners: Dict[int, int]
    unused: List[int]


Loaded = Tuple[int, str, int, int, Optional[int]]
"""A row of a report: index, module, tensors loaded, tensors in all, and the source's index or None."""


def _inherit(model: nn.Module, source: Any) -> None:
    """Take over what belongs to the weights of a backbone before they are loaded into another model.

    That is the normalisation, and eps and momentum of the BatchNorms. Without it a checkpoint with a pretrained
    backbone would compute something else in a model whose YAML does not say so, and the other way round.

    Args:
        model: The model that gets the weights.
        source: The model that they are from.
    """
    mine, theirs = (first_backbone(getattr(m, "model", None)) for m in (model, source))
    if mine is None or theirs is None or not hasattr(mine, "normalize") or not hasattr(theirs, "normalize"):
        return
    if not weights_match(mine, theirs):
        return
    if [*map(str, settings_of(mine))] != [*map(str, settings_of(theirs))]:
        LOGGER.info(f"{type(mine).__name__}: normalisation and BatchNorm settings come with the checkpoint's weights")
    adopt_settings(mine, theirs)


def match_rows(model: nn.Module, source: Any, tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Return a source's tensors under the names of the rows of ``model`` that they belong to (step b04).

    Rows are aligned in their order, from the head back, by module, inputs and shapes; a backbone of this folder goes
    with one that has nearly the same tensors only. Tensors of a row without a partner are left out.

    Args:
        model: The model that gets the weights.
        source: The model that they are from.
        tensors: Its state dict.

    Returns:
        ``tensors`` itself where neither model has a backbone of this folder.

    Raises:
        BackboneError: Nothing fits: whoever asks for weights does not mean to train from scratch.
    """
    _inherit(model, source)
    result = _matched(model, source, tensors)
    own = model.state_dict()
    learnt = [name for name in own if not name.endswith(UNLEARNT)]
    if learnt and not any(name in result and result[name].shape == own[name].shape for name in learnt):
        names = [_origin(source, "pt_path", "yaml_file"), _origin(model, "yaml_file", "pt_path")]
        raise BackboneError(
            f"none of the {len(tensors)} tensors of {names[0]} fits {names[1]}: they are another network's\n"
            f"  to do: give weights of this network, or none (no --weights, no pretrained=) to train from scratch"
        )
    return result


def _origin(model: Any, *keys: str) -> str:
    """Return the file that a model is from, by the first of these that it or its YAML knows; or its class."""
    yaml = getattr(model, "yaml", None)
    known = {**(yaml if isinstance(yaml, dict) else {}), "pt_path": getattr(model, "pt_path", None)}
    return str(next((known[key] for key in keys if known.get(key)), type(model).__name__))


def _matched(model: nn.Module, source: Any, tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    mine, theirs = layers_of(model), layers_of(source)
    if first_backbone(mine) is None and first_backbone(theirs) is None:
        return tensors
    if not all(hasattr(layer, "i") and hasattr(layer, "f") for layer in (*mine, *theirs)) or not len(theirs):
        return tensors
    ours, others = _rows(model, mine), _rows(source, theirs)
    pairs = _align(ours, others)
    result = Matched()
    for name, tensor in tensors.items():
        found = _KEY.match(name)
        if found is None:
            result[name] = tensor
        elif int(found[1]) in pairs:
            result[f"model.{pairs[int(found[1])]}.{name[found.end() :]}"] = tensor
    result.names = frozenset(result)
    result.partners = {target: others[position].index for position, target in pairs.items()}
    result.unused = [row.index for row in others if row.shapes and row.position not in pairs]
    return result


def _rows(model: Any, layers: Any) -> List[Row]:
    """Describe the rows of a model."""
    backbone = first_backbone(layers)
    yaml = getattr(model, "yaml", None)
    listed = len(yaml.get("backbone") or ()) if isinstance(yaml, dict) else 0
    border = SLOTS if backbone is not None else listed
    rows = []
    for position, layer in enumerate(layers):
        given = layer.f if isinstance(layer.f, (list, tuple)) else [layer.f]
        indices = [layer.i + source if source < 0 else source for source in given]
        rows.append(
            Row(
                position=position,
                index=layer.i,
                kind=name_of(layer),
                sources=tuple((layer.i - index, index < border) for index in indices),
                in_backbone=backbone is None and layer.i < border,
                multi_map=layer is backbone,
                shapes={name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()},
            )
        )
    return rows


def _align(ours: Sequence[Row], others: Sequence[Row]) -> Dict[int, int]:
    """Return source position to target position: the alignment that fits best, later rows first where two fit alike."""
    scores = [[_score(a, b, len(ours), len(others)) for b in others] for a in ours]
    best = [[0] * (len(others) + 1) for _ in range(len(ours) + 1)]
    for i, line in enumerate(scores):
        for j, score in enumerate(line):
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], best[i][j] + score)
    pairs, i, j = {}, len(ours), len(others)
    while i and j:
        score = scores[i - 1][j - 1]
        if score and best[i][j] == best[i - 1][j - 1] + score:
            i, j = i - 1, j - 1
            if _share(ours[i], others[j]) > 0:
                pairs[others[j].position] = ours[i].position
        elif best[i][j] == best[i - 1][j]:
            i -= 1
        else:
            j -= 1
    return pairs


def _score(mine: Row, other: Row, count: int, others: int) -> int:
    """Return how well a row goes with another: 0 for not at all, or a number from 1 to 3000."""
    share = _share(mine, other)
    if mine.multi_map or other.multi_map:
        return 3000 if mine.multi_map and other.multi_map and share >= ENOUGH else 0
    if mine.kind != other.kind:  # a Detect and a Segment share their first branches
        heads = mine.position == count - 1 and other.position == others - 1
        return 1 + int(999 * share) if heads and share > 0 else 0
    if mine.in_backbone != other.in_backbone and share < 1:
        return 0
    length = max(len(mine.sources), len(other.sources))
    alike = sum(a[0] == b[0] or (a[1] and b[1]) for a, b in zip(mine.sources, other.sources)) / length
    return 1000 + int(1000 * share) + int(1000 * alike)


def _share(mine: Row, other: Row) -> float:
    """Return how much of a row's tensors the other has, 0 to 1; 1 for a row without any."""
    names = [name for name in mine.shapes if not name.endswith(COUNTER)]
    return sum(other.shapes.get(name) == mine.shapes[name] for name in names) / len(names) if names else 1.0


def report_rows(
    model: nn.Module, tensors: Dict[str, Tensor], fitting: Dict[str, Tensor], verbose: bool
) -> Dict[str, Tensor]:
    """Say by row what is loaded, and keep it as ``model.load_report`` (step b04).

    Args:
        model: The model that gets the weights.
        tensors: What ``match_rows`` returned; upstream has taken out what it has copied already.
        fitting: Those that are loaded next.
        verbose: Whether to print the report.

    Returns:
        ``fitting``.
    """
    if not isinstance(tensors, Matched):
        return fitting
    copied = {*fitting, *(tensors.names - tensors.keys())}
    report: List[Loaded] = []
    for position, layer in enumerate(layers_of(model)):
        names = [f"model.{position}.{name}" for name in layer.state_dict()]
        loaded = sum(name in copied for name in names)
        report.append((layer.i, name_of(layer), loaded, len(names), tensors.partners.get(position)))
    model.load_report = report  # plain tuples, which any copy of a checkpoint opens
    if verbose:
        LOGGER.info("\n".join(_text(report, tensors.unused)))
    return fitting


def _text(report: Sequence[Loaded], unused: Sequence[int]) -> List[str]:
    """Return a report's lines; neighbours with the same outcome share a line."""
    own = SLOTS - 1 if report[0][0] == SLOTS - 1 else None  # a backbone has a line of its own
    groups: List[List[Loaded]] = []
    for row in report:
        if groups and groups[-1][0][0] != own and _alike(groups[-1], row):
            groups[-1].append(row)
        else:
            groups.append([row])
    lines = [_line(group) for group in groups if any(total for _, _, _, total, _ in group)]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 2], f"  ... and {len(lines) - LINES + 2} more lines: see model.load_report"]
    lines.insert(0, "Weights by row (its index in the YAML; tensors loaded; index in the model they are from):")
    if unused:
        lines.append(f"  not used of that model: {spans(unused)}")
    return lines


def _state(row: Loaded) -> str:
    _, _, loaded, total, _ = row
    return "" if not total else "all" if loaded == total else "some" if loaded else "none"


def _alike(group: Sequence[Loaded], row: Loaded) -> bool:
    """Return whether a row belongs on the line of the rows before it; rows without tensors belong on any."""
    states = {_state(item) for item in (*group, row)} - {""}
    shifts = {item[4] - item[0] for item in (*group, row) if item[4] is not None}
    if len(states) > 1 or "some" in states:
        return False
    return "none" in states or len(shifts) < 2


def _line(group: Sequence[Loaded]) -> str:
    first, last = group[0], group[-1]
    where = spans([row[0] for row in group])
    names = list(dict.fromkeys(row[1] for row in group))
    names = [*names[:3], "..."] if len(names) > 3 else names
    loaded, total = sum(row[2] for row in group), sum(row[3] for row in group)
    what = f"all {total}" if loaded == total else f"{loaded or 'none'} of {total}"
    sources = [row[4] for row in group if row[4] is not None]
    origin = f" from {spans(sorted(sources))}" if sources and loaded else ""
    single = f"  {where:<8}{', '.join(names)}: {what}{origin}"
    return single if first is last else single.replace(":", f" ({len(group)} rows):", 1)
