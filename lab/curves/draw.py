"""Draws training curves, and says in a table what is in them."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any, List, NamedTuple, Sequence, Tuple

from lab import plotting
from lab.curves.read import Run, is_loss, short
from run.arguments import UsageError

GRID = 400
"""Points at which the runs of a group are read along the time axis."""

STAR = {"marker": "*", "markersize": 9, "markeredgecolor": "black", "markeredgewidth": 0.6, "linestyle": "none"}


class Curve(NamedTuple):
    """A line of the picture.

    Attributes:
        x: Epochs or hours.
        y: Values, or their mean over the runs of a group.
        deviation: Sample standard deviation over the runs, or None for one run.
        count: Number of runs.
    """

    x: Any
    y: Any
    deviation: Any
    count: int


def smoothed(values: Any, width: int) -> Any:
    """Return the centred moving average over ``width`` entries, fewer at the ends; nan is passed over, and stays."""
    import numpy as np

    if width <= 1 or not len(values):
        return values
    there = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    at = np.arange(len(values))
    low, high = np.maximum(at - (width - 1) // 2, 0), np.minimum(at + width // 2 + 1, len(values))
    number = counts[high] - counts[low]
    return np.where(there, (sums[high] - sums[low]) / np.maximum(number, 1), np.nan)


def together(runs: Sequence[Run], column: str, axis: str) -> Curve:
    """Return the curve of one run, or the mean of several as far as the shortest goes.

    Args:
        runs: Runs that have the column (and times, for that axis).
        column: Its name.
        axis: ``epoch`` or ``time``; along the latter the runs are interpolated.
    """
    import numpy as np

    if len(runs) == 1:
        run = runs[0]
        return Curve(run.epochs if axis == "epoch" else run.hours, run.values[column], None, 1)
    if axis == "epoch":
        x = runs[0].epochs
        for run in runs[1:]:
            x = np.intersect1d(x, run.epochs)
        rows = [run.values[column][np.searchsorted(run.epochs, x)] for run in runs]
    else:
        low, high = max(run.hours[0] for run in runs), min(run.hours[-1] for run in runs)
        x = np.linspace(low, high, GRID) if high > low else np.empty(0)
        rows = [np.interp(x, run.hours, run.values[column]) for run in runs]
    stack = np.array(rows)
    return Curve(x, stack.mean(0), stack.std(0, ddof=1), len(runs))


def best(values: Any, column: str) -> int:
    """Return the position of the best value, the first of equals; -1 where there is none."""
    import numpy as np

    if not np.isfinite(values).any():
        return -1
    return int(np.nanargmin(values) if is_loss(column) else np.nanargmax(values))


def draw(
    runs: Sequence[Run], names: Sequence[str], columns: Sequence[str], axis: str, smooth: int, stem: Path
) -> Tuple[Tuple[Path, Path], List[str]]:
    """Draw a panel for each column; return the PNG and PDF, and the lines of the table.

    Args:
        runs: The runs.
        names: Label of each; equal ones make a group.
        columns: Columns to draw.
        axis: ``epoch`` or ``time``.
        smooth: Epochs of the moving average; 1 for none.
        stem: Path of the pictures without an ending.

    Raises:
        UsageError: The time axis is asked for, and no run has times.
    """
    labels = list(dict.fromkeys(names))
    groups = {label: [run for run, name in zip(runs, names) if name == label] for label in labels}
    lines = table(groups, columns)
    for label, members in groups.items():
        if axis == "time":
            groups[label] = [run for run in members if len(run.hours)]
            lines += [f"note: {run.path} records no time, and is not drawn" for run in members if not len(run.hours)]
    if not any(groups.values()):
        raise UsageError("--x time: none of the runs records times (ultralytics does from 8.3 on): use --x epoch")
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
                    curve = together(members, column, axis)
                    handles.setdefault(n, _line(axes_of, curve, column, n, smooth, len(labels)))
            axes_of.set_title(_heading(column, columns))
            axes_of.set_xlabel("epoch" if axis == "epoch" else "hours of training")
        for axes_of in axes.flat[len(columns) :]:
            axes_of.axis("off")
        shown = [_legend(labels[n], n, len(groups[labels[n]])) for n in handles] + ["best epoch of a curve"]
        star = plt.Line2D([], [], **{**STAR, "color": "white"})
        figure.legend([*handles.values(), star], shown, loc="outside lower center", ncols=2 if len(shown) > 3 else 1)
        return plotting.save(figure, stem), lines


def _line(axes: Any, curve: Curve, column: str, n: int, smooth: int, total: int) -> Any:
    """Draw a curve with its band and its best epoch; return the line for the legend."""
    import numpy as np

    look = plotting.look(n)
    marker = look.pop("marker")
    y = smoothed(curve.y, smooth)
    if smooth > 1:
        axes.plot(curve.x, curve.y, color=look["color"], linewidth=0.5, alpha=0.35)
    if curve.deviation is not None and len(curve.x):
        spread = smoothed(curve.deviation, smooth)
        axes.fill_between(curve.x, y - spread, y + spread, color=look["color"], alpha=0.18, linewidth=0)
    count = len(curve.x)
    every = (
        n * max(count // 8, 1) // max(total, 1),
        max(count // 8, 1),
    )  # shifted, so that markers do not cover each other
    alone = np.isfinite(curve.y).sum() <= 1
    (line,) = axes.plot(
        curve.x, y, **look, marker=marker, markersize=5 if alone else 3.2, markevery=None if alone else every
    )
    at = best(curve.y, column) if "lr/" not in column else -1
    if at >= 0:
        axes.plot(curve.x[at], y[at], **STAR, color=look["color"], zorder=5)
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
