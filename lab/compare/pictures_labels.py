"""Names beside the points of a picture, so that they do not lie on each other."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

SPOTS = [(x, y) for x in (1, -1, 0) for y in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6) if (x, y) != (0, 0)]
"""Where a name may go: at the right, the left or centred; on the point's height or so many lines above or below."""


def place(
    axes: Any, points: List[Tuple[float, float]], names: Dict[int, str], colours: List[str], size: float = 6.5
) -> None:
    """Write names beside points where they hide the fewest points and names; a far one gets a thin line.

    Args:
        axes: matplotlib's axes, with limits set.
        points: All points.
        names: Number of a point -> what to write.
        colours: Of each point's name.
        size: Of the letters in points.
    """
    from matplotlib.patheffects import withStroke

    figure = axes.figure
    figure.canvas.draw()  # limits, the size of the axes and of text are known only then
    renderer = figure.canvas.get_renderer()
    unit = figure.dpi / 72
    area = axes.get_window_extent(renderer)
    at = [tuple(axes.transData.transform(point)) for point in points]
    taken: List[Tuple[float, float, float, float]] = []
    for n in sorted(names, key=lambda n: -at[n][1]):
        probe = axes.text(0, 0, names[n], fontsize=size)
        extent = probe.get_window_extent(renderer)
        probe.remove()
        options = []
        for rank, (side, line) in enumerate(SPOTS):
            x, y = at[n][0] + 7 * side * unit, at[n][1] + 1.25 * size * line * unit
            left = x - {1: 0.0, -1: 1.0, 0: 0.5}[side] * extent.width
            box = (left, y - extent.height / 2, left + extent.width, y + extent.height / 2)
            cost = 0.02 * rank + 0.1 * abs(line)
            cost += 8 * sum(_near(box, point, 4 * unit) for point in at)
            cost += 10 * sum(_overlap(box, other) for other in taken)
            outside = max(area.x0 - box[0], box[2] - area.x1, area.y0 - box[1], box[3] - area.y1, 0)
            cost += 6 * (outside > 0) + outside / (20 * unit)
            options.append((cost, rank, box))
        _, rank, box = min(options)
        taken.append(box)
        side, line = SPOTS[rank]
        start = ({1: 0.0, -1: 1.0, 0: 0.5}[side], 0.5)
        thin = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3, "relpos": start}
        axes.annotate(
            names[n],
            points[n],
            xytext=(7 * side, 1.25 * size * line),
            textcoords="offset points",
            ha={1: "left", -1: "right", 0: "center"}[side],
            va="center",
            fontsize=size,
            color=colours[n],
            arrowprops=thin if abs(line) > 1 else None,
            annotation_clip=False,
            zorder=4,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )


def _near(box: Tuple[float, float, float, float], point: Tuple[float, float], around: float) -> bool:
    return box[0] - around < point[0] < box[2] + around and box[1] - around < point[1] < box[3] + around


def _overlap(a: Tuple[float, float, float, float], b: Tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
