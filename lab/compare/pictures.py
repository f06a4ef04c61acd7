"""The pictures of a comparison: accuracy against cost, learning curves, precision and recall, differences by class."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

from lab import plotting
from lab.compare import stats
from lab.compare.rows import Model, Results
from lab.compare.sheet import looks, name, shown
from lab.curves.draw import draw as draw_curves
from lab.curves.read import read
from run.arguments import UsageError

MOST_CLASSES = 40
"""Classes shown of the differences: those with the largest, either way."""

MOST_DIFFERENCES = 4
"""Models in the picture of differences by class."""

MOST_NAMED = 24
"""Models up to which each point of accuracy against cost has its name; beyond, only those of the front."""


COLUMNS = ["metrics/mAP50-95(B)", "metrics/mAP50(B)"]
"""Columns of upstream's results.csv whose curves are drawn."""


def front(points: List[Tuple[float, float]]) -> List[int]:
    """Return which points no other beats: none costs less or the same and reaches more, by rising cost."""
    best, kept = -math.inf, []
    for n in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if points[n][1] > best:
            best = points[n][1]
            kept.append(n)
    return kept


COSTS: List[Tuple[str, str, Callable[[Model], Optional[float]]]] = [
    ("parameters", "Parameters (million)", lambda m: m.facts["parameters"] and m.facts["parameters"] / 1e6),
    ("gflops", "GFLOPs", lambda m: m.facts["gflops"]),
    ("latency", "Latency (ms)", lambda m: (m.latency or {}).get("median_ms")),
]


def accuracy(results: Results, folder: Path) -> List[Path]:
    """Draw mAP50-95 against parameters, GFLOPs and latency, with the Pareto front; bars are standard deviations."""
    written: List[Path] = []
    style = looks(results)
    for stem, title, cost in COSTS:
        models = [m for m in results.models if cost(m) is not None and m.values["map50_95"].mean is not None]
        if not models:
            continue
        xs = [float(cost(m) or 0) for m in models]
        ys = [100 * (m.values["map50_95"].mean or 0) for m in models]
        with plotting.style() as plt:
            figure, axes = plt.subplots(figsize=(plotting.COLUMN, 2.7 + 0.08 * min(len(models), MOST_NAMED)))
            best = front(list(zip(xs, ys)))
            corners = [(xs[n], ys[n]) for n in best]
            if len(best) > 1:
                axes.plot(*zip(*corners), color="#999999", linewidth=1, zorder=1, label="Pareto front")
            for model, x, y in zip(models, xs, ys):
                look = {**style[model.label], "linestyle": "none"}
                spread = model.values["map50_95"].spread
                bar = None if spread is None else 100 * spread
                axes.errorbar(x, y, yerr=bar, capsize=2, elinewidth=0.8, zorder=3, markersize=5, **look)
            axes.set_xlabel(title)
            axes.set_ylabel("mAP50-95 (%)")
            axes.margins(x=0.12, y=0.15)
            middle = (min(xs) + max(xs)) / 2
            for n in (
                range(len(models)) if len(models) <= MOST_NAMED else best
            ):  # towards the middle, where there is room
                offset, side = ((5, 3), "left") if xs[n] <= middle else ((-5, 3), "right")
                colour = style[models[n].label]["color"]
                place = {"xytext": offset, "textcoords": "offset points", "ha": side}
                axes.annotate(name(models[n], results), (xs[n], ys[n]), fontsize=6.5, color=colour, **place)
            if len(best) > 1:
                axes.legend(loc="lower right")
            written += plotting.save(figure, folder / f"accuracy-{stem}")
    return written


def curves(results: Results, folder: Path) -> List[Path]:
    """Draw mAP50-95 and mAP50 over epochs: the mean over seeds as far as the shortest run goes, and its deviation."""
    models = sorted(shown(results), key=lambda model: model.label != results.plan.get("baseline"))
    runs, names = [], []
    for model in models:
        for run in model.done:
            with contextlib.suppress(UsageError):  # of a run that was stopped in its first epoch
                runs.append(read(run.folder / "results.csv"))
                names.append(model.label)
    columns = [name for name in COLUMNS if any(name in run.values for run in runs)]
    return draw_curves(runs, names, columns, folder / "curves", results.plan.get("baseline"))[0] if columns else []


def _legend_below(figure: Any, axes: Any, letters: int = 110) -> None:
    """Put the legend of ``axes`` below all, with as many columns as go into ``letters`` letters."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(len(labels), letters // max(map(len, [*labels, " " * 12]))))
    figure.legend(handles, labels, loc="outside lower center", ncol=columns)


def precision_recall(results: Results, folder: Path) -> List[Path]:
    """Draw precision over recall at IoU 0.50, mean over classes and seeds; the band is from the least to the most."""
    import numpy as np

    style, drawn = looks(results), False
    with plotting.style() as plt:
        models = shown(results)
        figure, axes = plt.subplots(figsize=(plotting.COLUMN, 2.6 + 0.15 * len(models)))
        for model in models:
            found = [stats.load(run.folder / "eval.npz") for run in model.done]
            lines = [stats.precision_recall(each) for each in found if each is not None and len(each.target_class)]
            if not lines:
                continue
            drawn, recall = True, np.linspace(0, 1, 101)
            look = {**style[model.label], "markevery": 12, "markersize": 3.5}
            axes.plot(recall, np.mean(lines, 0), label=name(model, results), **look)
            if len(lines) > 1:
                axes.fill_between(
                    recall, np.min(lines, 0), np.max(lines, 0), color=look["color"], alpha=0.15, linewidth=0
                )
        if not drawn:
            return []
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
        axes.set_xlabel("Recall")
        axes.set_ylabel("Precision at IoU 0.50")
        _legend_below(figure, axes, 50)
        return plotting.save(figure, folder / "precision-recall")


def class_differences(results: Results, folder: Path) -> List[Path]:
    """Draw each class's difference to the baseline, with its interval; hollow where it shows no difference.

    Where there are many classes, those with the largest differences, either way, of the mean over the models; where
    there are many models, those of the best mAP50-95.
    """
    found = {m.label: results.class_differences(m.label) for m in shown(results, MOST_DIFFERENCES + 1)}
    models = [m for m in results.models if found.get(m.label)]
    if not models or not results.classes:
        return []

    def mean(cls: str) -> float:
        return sum(found[m.label][cls].value for m in models if cls in found[m.label]) / len(models)

    chosen = sorted(sorted(results.classes, key=lambda cls: -abs(mean(cls)))[:MOST_CLASSES], key=mean)
    style, step, classes = looks(results), 0.8 / len(models), results.classes
    tall = len(chosen) * max(0.22, 0.08 * len(models)) + 0.85 + 0.14 * len(models)
    with plotting.style() as plt:
        figure, axes = plt.subplots(figsize=(plotting.COLUMN, tall))
        for n, model in enumerate(models):
            look = {**style[model.label], "linestyle": "none", "markersize": 3.5}
            for at, cls in enumerate(chosen):
                i = found[model.label].get(cls)
                if i is None:
                    continue
                y = at + ((len(models) - 1) / 2 - n) * step
                if i.low is not None and i.high is not None:
                    axes.plot([100 * i.low, 100 * i.high], [y, y], color=look["color"], linewidth=0.9, zorder=2)
                fill = look["color"] if i.verdict in (stats.HIGHER, stats.LOWER) else "white"
                axes.plot(100 * i.value, y, markerfacecolor=fill, zorder=3, **look)
            axes.plot([], [], label=name(model, results), **look)
        axes.axvline(0, color="black", linewidth=0.8, zorder=1)
        names = [plotting.text(cls, f"class {classes.index(cls) + 1}") for cls in chosen]
        axes.set_yticks(range(len(chosen)), names)
        axes.set_ylim(-0.6, len(chosen) - 0.4)
        axes.grid(axis="y", visible=False)
        baseline = next(m for m in results.models if m.label == results.plan["baseline"])
        axes.set_xlabel(f"Difference in mAP50-95 (percentage points)\nto {name(baseline, results)}")
        hollow = {"color": "#555555", "marker": "o", "markerfacecolor": "white", "linestyle": "none", "markersize": 3.5}
        axes.plot([], [], label="hollow: no difference shown", **hollow)
        _legend_below(figure, axes, 40)
        return plotting.save(figure, folder / "class-differences")


def draw(results: Results, folder: Path, say: Callable[[str], None] = print) -> List[Path]:
    """Draw all that the results are enough for; return the files. One that fails is told of, and the rest are drawn."""
    written: List[Path] = []
    for picture in (accuracy, curves, precision_recall, class_differences):
        try:
            written += picture(results, folder)
        except Exception as e:  # a picture must not cost the tables, which took days of training
            say(f"note: no picture {picture.__name__.replace('_', '-')}: {type(e).__name__}: {e}")
    return written
