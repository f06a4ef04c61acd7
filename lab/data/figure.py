"""The picture of a data set's counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Dict

from lab.data import fonts
from lab.data.stats import Stats, coco_sizes

COLOURS = ("#0072B2", "#E69F00", "#009E73")
"""Train, val and test, after Okabe and Ito: told apart by the colour-blind, and in grey."""

MOST = 30
"""Classes that are drawn, the most frequent first."""


def draw(stats: Stats, imgsz: int, target: Path) -> None:
    """Draw six panels into a PNG: classes, sizes, shapes, objects an image, image sizes, places of sizes by COCO."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import font_manager

    font = fonts.find(stats.names.values())
    style: Dict[str, Any] = {}
    if font is not None and font != fonts.plain():
        font_manager.fontManager.addfont(font)
        style["font.family"] = [font_manager.FontProperties(fname=font).get_name(), "DejaVu Sans"]
    with plt.rc_context({**style, "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = plt.subplots(2, 3, figsize=(14, 8.4), layout="constrained")
        _classes(axes[0, 0], stats, font)
        _box_sizes(axes[0, 1], stats)
        _areas(axes[0, 2], stats, imgsz)
        _aspects(axes[1, 0], stats)
        _per_image(axes[1, 1], stats)
        _image_sizes(axes[1, 2], stats)
        for place in (axes[0, 2], axes[1, 0], axes[1, 1]):
            place.yaxis.get_major_locator().set_params(integer=True)  # half an object is none
        figure.savefig(target, dpi=130)
        plt.close(figure)


def _classes(axes: Any, stats: Stats, font: Any) -> None:
    totals = {number: sum(count for _, count in parts.values()) for number, parts in stats.classes.items()}
    chosen = sorted(totals, key=lambda number: (-totals[number], number))[:MOST]
    left = [0] * len(chosen)
    for part, colour in zip(stats.splits, COLOURS):
        values = [stats.classes[number][part][1] for number in chosen]
        axes.barh(range(len(chosen)), values, left=left, color=colour, label=part, edgecolor="white", linewidth=0.5)
        left = [a + b for a, b in zip(left, values)]
    names = (fonts.shown(number, stats.names[number], font) for number in chosen)
    # a dollar sign would begin a formula
    axes.set_yticks(range(len(chosen)), [(n if len(n) < 24 else n[:22] + "…").replace("$", r"\$") for n in names])
    axes.invert_yaxis()
    axes.set_ylim(max(len(chosen), 3) - 0.4, -0.6)
    axes.set_xlabel("objects")
    more = f", {MOST} of {len(totals)}" if len(totals) > MOST else ""
    axes.set_title(f"Objects by class{more}")
    axes.legend(frameon=False)


def _box_sizes(axes: Any, stats: Stats) -> None:
    axes.set_title("Width and height of objects")
    axes.set_xlabel("width in pixels")
    axes.set_ylabel("height in pixels")
    if not stats.boxes:
        return _nothing(axes)
    widths, heights = [box.width for box in stats.boxes], [box.height for box in stats.boxes]
    if len(stats.boxes) > 3000:
        lowest, highest = max(min(*widths, *heights), 0.5), max(*widths, *heights) * 1.05
        import numpy as np

        edges = np.geomspace(lowest * 0.95, highest, 60)
        drawn = axes.hist2d(widths, heights, bins=[edges, edges], cmap="cividis", cmin=1)
        axes.figure.colorbar(drawn[3], ax=axes, label="objects")
    else:
        for part, colour, mark in zip(stats.splits, COLOURS, "ox^"):
            some = [box for box in stats.boxes if box.split == part]
            xs, ys = [box.width for box in some], [box.height for box in some]
            axes.scatter(xs, ys, s=9, c=colour, marker=mark, alpha=0.6, linewidths=0.6, label=part)
        axes.legend(frameon=False)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}" if max(*widths, *heights) < 9 * min(*widths, *heights) else "")


def _areas(axes: Any, stats: Stats, imgsz: int) -> None:
    rows = (
        ("in own pixels", coco_sizes([box.width * box.height for box in stats.boxes]), COLOURS[0]),
        (f"at imgsz {imgsz}", coco_sizes([box.width * box.height * box.scale**2 for box in stats.boxes]), COLOURS[1]),
    )
    for n, (title, counts, colour) in enumerate(rows):
        places = [place + (n - 0.5) * 0.38 for place in range(3)]
        bars = axes.bar(places, counts.values(), 0.36, label=title, color=colour, hatch="//" if n else "")
        axes.bar_label(bars, [f"{count:,}" for count in counts.values()], fontsize=8)
    axes.set_xticks(range(3), ["small\n< 32² px", "medium", "large\n≥ 96² px"])
    axes.set_ylabel("objects")
    axes.set_title("Objects by area, as COCO counts")
    axes.margins(y=0.12)
    axes.legend(frameon=False)


def _aspects(axes: Any, stats: Stats) -> None:
    axes.set_title("Aspect ratio of objects")
    axes.set_xlabel("width / height")
    axes.set_ylabel("objects")
    if not stats.boxes:
        return _nothing(axes)
    import numpy as np

    ratios = np.array([box.width / box.height for box in stats.boxes])
    reach = max(2.0, float(np.maximum(ratios, 1 / ratios).max()) * 1.01)
    axes.hist(ratios, bins=np.geomspace(1 / reach, reach, 41), color=COLOURS[0])
    axes.set_xscale("log")
    ticks = [2.0**n for n in range(-10, 11) if 1 / reach <= 2.0**n <= reach]
    axes.set_xticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")


def _per_image(axes: Any, stats: Stats) -> None:
    axes.set_title("Objects in an image")
    axes.set_xlabel("objects")
    axes.set_ylabel("images")
    if not stats.per_image:
        return _nothing(axes)
    counts = Counter(stats.per_image)
    if max(counts) <= 60:
        axes.bar(list(counts), list(counts.values()), 0.9, color=COLOURS[0])
        axes.bar([0], [counts[0]], 0.9, color=COLOURS[1], hatch="//", label=f"background: {counts[0]:,}")
    else:
        axes.hist(stats.per_image, bins=50, color=COLOURS[0], label=f"background: {counts[0]:,}")
    axes.legend(frameon=False)


def _image_sizes(axes: Any, stats: Stats) -> None:
    axes.set_title("Size of images" + (f", {len(stats.sizes)} different" if len(stats.sizes) > 1 else ""))
    axes.set_xlabel("width in pixels")
    axes.set_ylabel("height in pixels")
    if not stats.sizes:
        return _nothing(axes)
    most = max(stats.sizes.values())
    widths, heights = zip(*stats.sizes)
    areas = [20 + 500 * count / most for count in stats.sizes.values()]
    axes.scatter(widths, heights, s=areas, color=COLOURS[0], alpha=0.5, edgecolors="black", linewidths=0.6)
    for (width, height), count in stats.sizes.most_common(3):
        axes.annotate(f"{width}x{height}: {count:,}", (width, height), xytext=(8, 8), textcoords="offset points")
    axes.set_xlim(0, max(widths) * 1.35)
    axes.set_ylim(0, max(heights) * 1.35)


def _nothing(axes: Any) -> None:
    axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center")
