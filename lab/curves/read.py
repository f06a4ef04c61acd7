"""Reads the ``results.csv`` of training runs: those of ultralytics 8.0 to 8.4, and YOLOv5's."""

from __future__ import annotations

import csv
import difflib
import glob
import math
import os
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from run.arguments import UsageError

FILE = "results.csv"
OLD_NAMES = {"metrics/mAP_0.5": "metrics/mAP50(B)", "metrics/mAP_0.5:0.95": "metrics/mAP50-95(B)"}
"""YOLOv5's names of columns, and those of today."""
OLD_NAMES.update({f"metrics/{name}": f"metrics/{name}(B)" for name in ("precision", "recall")})
APART = {"seed", "name", "project", "save_dir", "exist_ok", "resume", "device", "workers", "plots", "verbose"}
"""Arguments in which the runs of a group may differ: they say where a run goes and how it is shown, not what it is."""


class Run(NamedTuple):
    """A training run.

    Attributes:
        path: Its results.csv.
        epochs: Numbers of its epochs, rising, from 1.
        values: Column -> numbers, one an epoch; nan for what is missing or not finite.
        notes: What is odd about it.
    """

    path: Path
    epochs: Any
    values: Dict[str, Any]
    notes: List[str]


def find(sources: Sequence[str]) -> List[Path]:
    """Return the results.csv of runs, in the order in which they are given, each once.

    Raises:
        UsageError: One of them is none; all such are named.
    """
    found: List[Path] = []
    faults = []
    for source in sources:
        path = Path(source).expanduser()
        matches = (
            [path] if path.exists() else [Path(p) for p in sorted(glob.glob(str(path), recursive=True), key=_order)]
        )
        files = []
        for match in matches:
            if match.is_dir():
                inside = match / FILE
                files += [inside] if inside.is_file() else sorted(match.rglob(FILE), key=lambda p: _order(str(p)))
            elif path.exists() or match.suffix.lower() == ".csv":
                files.append(match)
        if not files:
            near = difflib.get_close_matches(path.name, [p.name for p in _siblings(path)], n=1)
            hint = f"; did you mean {path.with_name(near[0])}?" if near and not path.exists() else ""
            kind = f"no {FILE} in {source}" if matches else f"{source} does not exist"
            faults.append(f"{kind}{hint}")
        found += files
    if faults:
        raise UsageError("\n  ".join([*faults, f"a run's folder holds {FILE} from the end of its first epoch on"]))
    return list(dict.fromkeys(found))


def _siblings(path: Path) -> List[Path]:
    try:
        return list(path.parent.iterdir())
    except OSError:
        return []


def _order(path: str) -> List[Any]:
    """Return a key that sorts exp2 before exp10."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", path)]


def read(path: Path) -> Run:
    """Read a run.

    A row that is cut off is left out, of an epoch written twice (a resumed run) the later row counts, and epochs that
    old releases count from 0 are counted from 1.

    Raises:
        UsageError: The file is not a results.csv, or holds no epoch.
    """
    import numpy as np

    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as f:
            rows = [[cell.strip() for cell in row] for row in csv.reader(f) if row]
    except (OSError, csv.Error) as e:
        raise UsageError(f"{path} cannot be read: {e}") from None
    header = [OLD_NAMES.get(name, name) for name in (rows[0] if rows else [])]
    if "epoch" not in header:
        first = ", ".join(header[:4]) or "it is empty"
        raise UsageError(f"{path} is no {FILE} of a training: it has no column epoch ({first[:80]})")
    at = header.index("epoch")
    numbers, order, cut = [], [], 0
    for row in rows[1:]:
        values = [_number(cell) for cell in row[: len(header)]]
        if len(values) < len(header) or math.isnan(values[at]):
            cut += [OLD_NAMES.get(name, name) for name in row] != header  # a restarted run may write its header again
            continue
        numbers.append(values)
        order.append(int(values[at]))
    if not numbers:
        raise UsageError(f"{path} holds no epoch: the run has not finished its first, or was stopped before that")
    table = np.array(numbers)
    last = {epoch: n for n, epoch in enumerate(order)}
    kept = [last[epoch] for epoch in sorted(last)]
    epochs = np.array(sorted(last))
    notes = []
    if cut:
        notes.append(f"{cut} row{'s' * (cut > 1)} cut off or without an epoch, left out")
    if len(last) < len(order):
        notes.append(f"{len(order) - len(last)} epochs are written twice (resumed?); the later ones count")
    if epochs[0] == 0:
        epochs = epochs + 1
    if len(epochs) != epochs[-1] - epochs[0] + 1:
        notes.append(f"{epochs[-1] - epochs[0] + 1 - len(epochs)} epochs are missing")
    table = table[kept]
    wild = int((~np.isfinite(table)).sum())
    if wild:
        notes.append(f"{wild} values are nan, inf or missing, and not drawn")
    table = np.where(np.isfinite(table), table, np.nan)
    values = {name: table[:, n] for n, name in enumerate(header) if name not in ("", "epoch", "time")}
    return Run(path, epochs, values, notes)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def short(column: str) -> str:
    """Return a column's short name: mAP50 for metrics/mAP50(B)."""
    return column.rpartition("/")[2].replace("(B)", "")


def is_loss(column: str) -> bool:
    """Return whether less is better."""
    return column.lower().endswith("loss") or column.startswith(("train/", "val/"))


def columns(runs: Sequence[Run], wanted: str) -> List[str]:
    """Return the columns that ``--metrics`` names, each once.

    Raises:
        UsageError: No run has such a column; all such names are said.
    """
    known = list(dict.fromkeys(name for run in runs for name in run.values))
    found, faults = [], []
    for word in (part.strip() for part in wanted.split(",") if part.strip()):
        if word == "all":
            match = known
        elif word == "losses":
            match = [name for name in known if is_loss(name)]
        else:
            low = OLD_NAMES.get(word, word).lower()
            match = [n for n in known if low in (n.lower(), short(n).lower(), n.lower().replace("(b)", ""))]
        if not match:
            shorts = sorted({short(name) for name in known})
            near = difflib.get_close_matches(word, [*known, *shorts], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(shorts) or 'none'}"
            faults.append(f"--metrics {word}: no run has such a column; {hint}")
        found += match
    if faults or not found:
        raise UsageError("\n  ".join(faults or [f"--metrics {wanted!r} names nothing"]))
    return list(dict.fromkeys(found))


def names(files: Sequence[Path]) -> List[str]:
    """Return a name for each run, its folder's; where folders are called alike, with those above, or the file's own."""
    parts = [(path.parent if path.name == FILE else path.with_suffix("")).absolute().parts for path in files]
    for depth in range(1, max(map(len, parts)) + 1):
        shown = ["/".join(part[-depth:]) for part in parts]
        if len(set(shown)) == len(shown):
            break
    return shown


def groups(files: Sequence[Path]) -> List[str]:
    """Return a label for each run, the same for runs that differ in nothing but ``APART``.

    A run without a readable args.yaml beside it goes by its folder's name without an ending like ``-seed1``.
    """
    keys: List[Tuple[Any, str]] = []
    for path, name in zip(files, names(files)):
        arguments = _arguments(path.with_name("args.yaml"))
        if arguments:
            key = tuple(sorted((k, repr(v)) for k, v in arguments.items() if k not in APART))
            keys.append((key, Path(os.fspath(arguments.get("model") or name)).stem))
        else:
            plain = re.sub(r"[-_. /]?seed[-_=]?\d+$", "", name) or name
            keys.append((plain, plain))
    labels: Dict[Any, str] = {}
    for key, label in keys:  # two settings of one model are two groups
        taken = set(labels.values())
        if key not in labels:
            labels[key] = next(c for c in (label, *(f"{label} ({n})" for n in range(2, 9999))) if c not in taken)
    return [labels[key] for key, _ in keys]


def _arguments(path: Path) -> Dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
