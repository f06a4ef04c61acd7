"""Draws the rows of a model and who reads them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, List, Tuple

COLOURS = {"backbone": "#CC79A7", "join": "#E69F00", "resize": "#56B4E9", "head": "#D55E00", "other": "#BBBBBB"}
"""Okabe and Ito's colours, which the colour-blind can tell apart; the labels say the same."""


def draw(report: Any, path: Path) -> None:
    """Draw a report's rows, finest maps left, coarsest right, and write a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [row for row in report.rows if row.channels != 0]
    place = _places(rows)
    width = 2.2 * (1 + max((x for x, _ in place.values()), default=0))
    height = 0.62 * (1 + max((y for _, y in place.values()), default=0))
    figure, axes = plt.subplots(figsize=(width + 1.5, height + 0.8))
    for row in rows:
        for n, reader in enumerate(row.readers):
            if reader in place:
                (x0, y0), (x1, y1) = place[row.index], place[reader]
                bend = 0.0 if y1 - y0 == 1 else (0.3 if x0 == x1 else 0.12) + 0.04 * n
                style = {"arrowstyle": "-|>", "color": "#555555", "lw": 0.9, "shrinkA": 11, "shrinkB": 11}
                style["connectionstyle"] = f"arc3,rad={bend if x1 <= x0 else -bend}"
                axes.annotate("", xy=(x1, y1), xytext=(x0, y0), arrowprops=style)
    for row in rows:
        x, y = place[row.index]
        name = row.module if not row.slot else f"{row.module} {row.slot}"
        size = f" {row.size[0]}x{row.size[1]}" if row.size else ""
        text = f"{row.index}  {name}\n{row.channels or ''}{size}".rstrip()
        box = {"boxstyle": "round,pad=0.35", "fc": COLOURS[_kind(row)], "ec": "#333333", "lw": 0.7}
        axes.text(x, y, text, ha="center", va="center", fontsize=6.5, bbox=box)
    strides = sorted({row.stride for row in rows if row.stride})
    for stride in strides:
        axes.text(strides.index(stride), -1.1, f"stride {stride:g}", ha="center", fontsize=7, color="#333333")
    axes.set_xlim(-0.7, max(len(strides), 1) - 0.3)
    axes.set_ylim(max((y for _, y in place.values()), default=0) + 0.8, -1.6)
    axes.axis("off")
    title = f"{Path(report.path).name}: {report.parameters:,} parameters, {report.size[0]}x{report.size[1]} pixels"
    axes.set_title(title, fontsize=8)
    figure.savefig(path, bbox_inches="tight", dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _places(rows: List[Any]) -> Dict[int, Tuple[float, float]]:
    """Return a column (by stride) and a line for each index; the maps of a backbone share their lines' order."""
    strides = sorted({row.stride for row in rows if row.stride})
    place: Dict[int, Tuple[float, float]] = {}
    for line, row in enumerate(rows):
        column = strides.index(row.stride) if row.stride in strides else (len(strides) - 1) / 2 if strides else 0
        place[row.index] = (column, float(line))
    assert all(math.isfinite(x) for x, _ in place.values())
    return place


def _kind(row: Any) -> str:
    if row.slot:
        return "backbone"
    if row.module in ("Concat", "CBFuse") or (isinstance(row.source, list) and row.readers):
        return "join"
    if row.module.startswith("nn.Upsample"):
        return "resize"
    return "head" if not row.readers else "other"
