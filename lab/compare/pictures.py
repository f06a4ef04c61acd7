"""The pictures of a comparison: accuracy against cost, learning curves, precision and recall, differences by class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from lab import plotting
from lab.compare import stats
from lab.compare.pictures_labels import place
from lab.compare.predictions import predictions
from lab.compare.rows import Model, Results
from lab.compare.sheet import Sheet, looks, name, shown
from lab.curves.read import read
from run.arguments import UsageError

MOST_CLASSES = 20
"""Classes shown at either end of the differences where there are more than twice as many."""

MOST_DIFFERENCES = 4
"""Models in the picture of differences by class."""

MOST_NAMED = 24
"""Models up to which each point of accuracy against cost has its name; beyond, only those of the front."""

POINTS = 400
"""Most points of a drawn line."""


def front(points: List[Tuple[float, float]]) -> List[int]:
    """Return which points no other beats: none costs less or the same and reaches more, by rising cost.

    Args:
        points: (cost, accuracy) of each.
    """
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


def accuracy(results: Results, sheet: Sheet) -> List[Path]:
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
            figure, axes = plt.subplots(
                figsize=(plotting.COLUMN, 2.7 + 0.08 * max(0, min(len(models), MOST_NAMED) - 6))
            )
            best = front(list(zip(xs, ys)))
            corners = [(xs[n], ys[n]) for n in best]
            if len(best) > 1:
                axes.plot(*zip(*corners), color="#999999", linewidth=1, zorder=1, label=sheet.word("Pareto front"))
            for model, x, y in zip(models, xs, ys):
                look = {**style[model.label], "linestyle": "none"}
                spread = model.values["map50_95"].spread
                bar = None if spread is None else 100 * spread
                axes.errorbar(x, y, yerr=bar, capsize=2, elinewidth=0.8, zorder=3, markersize=5, **look)
            axes.set_xlabel(sheet.word(title))
            axes.set_ylabel(sheet.word("mAP50-95 (%)"))
            axes.margins(x=0.12, y=0.15)
            named = range(len(models)) if len(models) <= MOST_NAMED else best
            texts, colours = [name(m, results) for m in models], [style[m.label]["color"] for m in models]
            place(axes, list(zip(xs, ys)), {n: texts[n] for n in named}, colours)
            if len(best) > 1:
                axes.legend(loc="lower right")
            written += plotting.save(figure, sheet.folder / f"accuracy-{stem}")
    return written


def read_curve(path: Path, column: str) -> Tuple[Any, Any]:
    """Return epochs and values of a column of upstream's ``results.csv``; empty where it has none.

    Args:
        path: The file.
        column: Its name; with a star, ``train/*_loss`` say, the sum of all columns that begin and end so.
    """
    import numpy as np

    try:
        run = read(path)
    except UsageError:  # of a run that was stopped in its first epoch
        return np.empty(0), np.empty(0)
    begin, star, end = column.partition("*")
    found = [
        ys
        for name, ys in run.values.items()
        if (name.startswith(begin) and name.endswith(end) if star else name == column)
    ]
    total = np.sum(found, 0) if found else np.full(len(run.epochs), np.nan)
    keep = np.isfinite(total)
    return run.epochs[keep], total[keep]


def band(curves: List[Tuple[Any, Any]]) -> Optional[Tuple[Any, Any, Any, Any]]:
    """Return epochs, mean, least and most over several curves, thinned; None where there are none.

    Runs may have stopped early: at each epoch the figures are of those that reached it.
    """
    import numpy as np

    curves = [(xs, ys) for xs, ys in curves if len(xs)]
    if not curves:
        return None
    epochs = np.unique(np.concatenate([xs for xs, _ in curves]))
    table = np.full((len(curves), len(epochs)), np.nan)
    for n, (xs, ys) in enumerate(curves):
        table[n, np.searchsorted(epochs, xs)] = ys  # of an epoch that is there twice, the later one
    low, high, mean = np.nanmin(table, 0), np.nanmax(table, 0), np.nanmean(table, 0)
    if len(epochs) > POINTS:
        edges = np.linspace(0, len(epochs), POINTS + 1).astype(int)[:-1]
        size = np.diff(np.append(edges, len(epochs)))
        mean = np.add.reduceat(mean, edges) / size
        low, high = np.minimum.reduceat(low, edges), np.maximum.reduceat(high, edges)
        epochs = np.add.reduceat(epochs, edges) / size
    return epochs, mean, low, high


CURVES = [("metrics/mAP50-95(B)", "mAP50-95 (%)", 100.0), ("train/*_loss", "Training loss", 1.0)]


def curves(results: Results, sheet: Sheet) -> List[Path]:
    """Draw mAP50-95 and the training loss over epochs: mean over seeds, the band from the least to the most."""
    models, style, drawn = shown(results), looks(results), False
    with plotting.style() as plt:
        figure, panels = plt.subplots(1, 2, figsize=(plotting.PAGE, 2.4 + 0.06 * len(models)))
        for axes, (column, title, scale) in zip(panels, CURVES):
            for model in models:
                found = band([read_curve(run.folder / "results.csv", column) for run in model.done])
                if found is None:
                    continue
                drawn = True
                epochs, mean, low, high = found
                look = {**style[model.label], "markevery": max(1, len(epochs) // 8), "markersize": 3.5}
                axes.plot(epochs, scale * mean, label=name(model, results), **look)
                if len(model.done) > 1:
                    axes.fill_between(epochs, scale * low, scale * high, color=look["color"], alpha=0.15, linewidth=0)
            axes.set_xlabel(sheet.word("Epoch"))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_ylabel(sheet.word(title))
        if not drawn:
            return []
        _legend_below(figure, panels[0])
        return list(plotting.save(figure, sheet.folder / "curves"))


def _legend_below(figure: Any, axes: Any, letters: int = 110) -> None:
    """Put the legend of ``axes`` below all, with as many columns as go into ``letters`` letters."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(len(labels), letters // max(map(len, [*labels, " " * 12]))))
    figure.legend(handles, labels, loc="outside lower center", ncol=columns)


def precision_recall(results: Results, sheet: Sheet) -> List[Path]:
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
        axes.set_xlabel(sheet.word("Recall"))
        axes.set_ylabel(sheet.word("Precision at IoU 0.50"))
        _legend_below(figure, axes, 50)
        return list(plotting.save(figure, sheet.folder / "precision-recall"))


def class_differences(results: Results, sheet: Sheet) -> List[Path]:
    """Draw each class's difference to the baseline, with its interval; hollow where it shows no difference.

    Where there are many classes, those with the largest differences, either way, of the mean over the models; where
    there are many models, those of the best mAP50-95.
    """
    models = [m for m in results.models if results.class_differences(m.label)]
    classes = results.classes
    if not models or not classes:
        return []
    best = sorted(models, key=lambda m: -(m.values["map50_95"].mean or 0))[:MOST_DIFFERENCES]
    models = [m for m in models if m in best]
    found: Dict[str, Dict[Optional[str], stats.Interval]] = {}
    for model in models:
        overall = results.difference(model.label)
        found[model.label] = {**results.class_differences(model.label), **({None: overall} if overall else {})}

    def mean(cls: str) -> float:
        return sum(found[m.label][cls].value for m in models if cls in found[m.label]) / len(models)

    ranked = sorted(classes, key=mean)
    groups: List[List[Optional[str]]] = [[*ranked, None] if len(ranked) > 1 else [*ranked]]
    if len(ranked) > MOST_CLASSES:
        half = min(MOST_CLASSES, (len(ranked) + 1) // 2)
        groups = [[*ranked[:half]], [*ranked[max(half, len(ranked) - half) :], None]]
    tall = max(map(len, groups)) * max(0.22, 0.08 * len(models)) + 0.85 + 0.14 * len(models)
    wide = plotting.COLUMN if len(groups) == 1 else plotting.PAGE
    with plotting.style() as plt:
        figure, panels = plt.subplots(1, len(groups), figsize=(wide, tall), squeeze=False, sharex=True)
        baseline = next(m for m in results.models if m.label == results.plan["baseline"])
        title = sheet.word("Difference in mAP50-95 (percentage points)")
        for axes, group in zip(panels[0], groups):
            _differences(axes, group, models, results, found, sheet.word("all classes"))
            axes.set_xlabel(f"{title}\n{sheet.word('to')} {name(baseline, results)}")
        hollow = {"color": "#555555", "marker": "o", "markerfacecolor": "white", "linestyle": "none", "markersize": 3.5}
        panels[0][0].plot([], [], label=sheet.word("hollow: no difference shown"), **hollow)
        _legend_below(figure, panels[0][0], 40 if len(groups) == 1 else 90)
        return list(plotting.save(figure, sheet.folder / "class-differences"))


def _differences(
    axes: Any, group: List[Optional[str]], models: List[Model], results: Results, found: Dict[str, Any], every: str
) -> None:
    """Draw the rows of one panel; None among the classes is the mean over all, called ``every``."""
    style, step, classes = looks(results), 0.8 / len(models), results.classes
    for n, model in enumerate(models):
        look = {**style[model.label], "linestyle": "none", "markersize": 3.5}
        for at, cls in enumerate(group):
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
    axes.set_yticks(range(len(group)))
    axes.set_yticklabels(
        [every if cls is None else plotting.text(cls, f"class {classes.index(cls) + 1}") for cls in group]
    )
    axes.set_ylim(-0.6, len(group) - 0.4)
    axes.grid(axis="y", visible=False)
    for at in range(1, len(group)):
        over_all = group[at] is None
        axes.axhline(at - 0.5, color="#888888" if over_all else "#eeeeee", linewidth=0.5, zorder=0)


def draw(results: Results, folder: Path, say: Callable[[str], None] = print) -> List[Path]:
    """Draw all that the results are enough for; return the files. One that fails is reported, and the others are drawn.

    Args:
        results: The results.
        folder: Where the pictures go.
        say: Told of a picture that could not be drawn.
    """
    sheet = Sheet(folder, str(results.plan.get("language", "en")))
    written: List[Path] = []
    for picture in (accuracy, curves, precision_recall, class_differences, predictions):
        try:
            written += picture(results, sheet)
        except Exception as e:  # a picture must not cost the tables, which took days of training
            say(f"note: no picture {picture.__name__.replace('_', '-')}: {type(e).__name__}: {e}")
    return written
