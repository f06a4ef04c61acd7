"""Draws training curves, and says in a table what is in them."""

from __future__ import annotations

import functools
import math
import warnings
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from lab import plotting
from lab.curves.read import Run, is_loss, short

STAR = {"marker": "*", "markersize": 9, "markeredgecolor": "black", "markeredgewidth": 0.6, "linestyle": "none"}


class Curve(NamedTuple):
    """A line of the picture.

    Attributes:
        x: Epochs.
        y: Values, or their mean over the runs of a group.
        deviation: Sample standard deviation over the runs, or None for one run.
        count: Number of runs.
    """

    x: Any
    y: Any
    deviation: Any
    count: int


def together(runs: Sequence[Run], column: str) -> Curve:
    """Return a column's curve of one run, or the mean of several that have it as far as the shortest goes."""
    import numpy as np

    x = functools.reduce(np.intersect1d, [run.epochs for run in runs])
    stack = np.array([run.values[column][np.searchsorted(run.epochs, x)] for run in runs])
    return Curve(x, stack.mean(0), stack.std(0, ddof=1) if len(runs) > 1 else None, len(runs))


def best(values: Any, column: str) -> int:
    """Return the position of the best value, the first of equals; -1 where there is none."""
    import numpy as np

    if not np.isfinite(values).any():
        return -1
    return int(np.nanargmin(values) if is_loss(column) else np.nanargmax(values))


def draw(
    runs: Sequence[Run], names: Sequence[str], columns: Sequence[str], stem: Path, baseline: Optional[str] = None
) -> Tuple[List[Path], List[str]]:
    """Draw a panel per column; return the files and the table. Equal names make a group; a baseline is the first."""
    labels = list(dict.fromkeys(names))
    groups = {label: [run for run, name in zip(runs, names) if name == label] for label in labels}
    lines = table(groups, columns)
    wide = min(len(columns), 3)
    down = math.ceil(len(columns) / wide)
    width = {1: 4.6, 2: 6.4}.get(wide, plotting.PAGE + 1)
    with plotting.style() as plt, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        figure, axes = plt.subplots(down, wide, figsize=(width, 2.3 * down + 0.2 + 0.13 * len(labels)), squeeze=False)
        handles = {}
        for axes_of, column in zip(axes.flat, columns):
            for n, label in enumerate(labels):
                members = [run for run in groups[label] if column in run.values]
                if members:
                    curve = together(members, column)
                    handles.setdefault(n, _line(axes_of, curve, column, n, len(labels), label == baseline))
            axes_of.set_title(_heading(column, columns))
            axes_of.set_xlabel("epoch")
        for axes_of in axes.flat[len(columns) :]:
            axes_of.axis("off")
        shown = [_legend(labels[n], n, len(groups[labels[n]])) for n in handles] + ["best epoch of a curve"]
        star = plt.Line2D([], [], **{**STAR, "color": "white"})
        figure.legend([*handles.values(), star], shown, loc="outside lower center", ncols=2 if len(shown) > 3 else 1)
        return plotting.save(figure, stem), lines


def _line(axes: Any, curve: Curve, column: str, n: int, total: int, black: bool) -> Any:
    """Draw a curve with its band and its best epoch; return the line for the legend."""
    import numpy as np

    look = plotting.look(n, black)
    marker = look.pop("marker")
    if curve.deviation is not None and len(curve.x):
        low, high = curve.y - curve.deviation, curve.y + curve.deviation
        axes.fill_between(curve.x, low, high, color=look["color"], alpha=0.18, linewidth=0)
    count = len(curve.x)
    step = max(count // 8, 1)
    every = (n * step // max(total, 1), step)  # shifted, so that markers do not cover each other
    alone = np.isfinite(curve.y).sum() <= 1
    (line,) = axes.plot(
        curve.x, curve.y, **look, marker=marker, markersize=5 if alone else 3.2, markevery=None if alone else every
    )
    at = best(curve.y, column) if "lr/" not in column else -1
    if at >= 0:
        axes.plot(curve.x[at], curve.y[at], **STAR, color=look["color"], zorder=5)
    return line


def _heading(column: str, columns: Sequence[str]) -> str:
    """Return a panel's title; whole where two columns share a short name."""
    plain = short(column)
    alike = [c for c in columns if short(c) == plain]
    return column if len(alike) > 1 or is_loss(column) else plain


def _legend(label: str, n: int, count: int) -> str:
    shown = plotting.text(label, f"run {n + 1}")
    return f"{shown} (mean of {count} runs, band: 1 sd)" if count > 1 else shown


def table(groups: Any, columns: Sequence[str]) -> List[str]:
    """Return a table: for each column, and each run or group, the best value, its epoch, the last value, the epochs.

    Of a group the mean and standard deviation over its runs are given, each run with its own best epoch.
    """
    import numpy as np

    several = any(len(members) > 1 for members in groups.values())
    wide = 17 if several else 9
    width = min(max(16, *(len(label) for label in groups)) + 2, 44)
    lines = []
    for column in columns:
        if "lr/" in column:
            continue
        title = column if is_loss(column) else short(column)
        lines.append(f"{title:{width}} {'best':>{wide}} {'at epoch':>9} {'last':>{wide}} {'epochs':>9}")
        for label, members in groups.items():
            there = [run for run in members if column in run.values]
            found = [(run, at) for run in there for at in [best(run.values[column], column)] if at >= 0]
            if not found:
                lines.append(f"{_cut(label, width)} {'no finite value' if there else 'no such column':>{wide}}")
                continue
            tops = np.array([run.values[column][at] for run, at in found])
            ends = np.array([run.values[column][-1] for run, _ in found])
            at_epochs = [int(run.epochs[at]) for run, at in found]
            spans = [_span(at_epochs), _span([len(run.epochs) for run, _ in found])]
            lines.append(
                f"{_cut(label, width)} {_spread(tops):>{wide}} {spans[0]:>9} {_spread(ends):>{wide}} {spans[1]:>9}"
            )
    return [*lines, *(["± is the standard deviation over a group's runs"] if several else [])]


def _spread(values: Any) -> str:
    mean = f"{values.mean():.4f}" if math.isfinite(values.mean()) else "-"
    return mean if len(values) == 1 or mean == "-" else f"{mean} ± {values.std(ddof=1):.4f}"


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}-{high}"


def _cut(text: str, width: int) -> str:
    return f"{text if len(text) <= width else '…' + text[1 - width :]:{width}}"
