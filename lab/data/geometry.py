"""Boxes and polygons in pixels: clipping to the image, joining, turning, and masks to outlines."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from lab.data.records import Box, Point, Polygon

SLACK = 1.0
"""Pixels over the edge that are clipped without a word: tools differ by one."""


def clean_box(box: Box, size: Tuple[int, int]) -> Tuple[Optional[Box], List[str]]:
    """Mend or refuse a box.

    Args:
        box: The box, in any state.
        size: The image's width and height.

    Returns:
        The box within the image, None where nothing is left, and the kinds of problem.
    """
    if not all(math.isfinite(value) for value in box):
        return None, ["box-number"]
    left, top, right, bottom = box
    kinds = []
    if left > right or top > bottom:
        kinds.append("box-swapped")
        left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    if left == right or top == bottom:
        return None, [*kinds, "box-empty"]
    width, height = size
    over = max(-left, -top, right - width, bottom - height)
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return None, [*kinds, "box-outside"]
    return inside, kinds + (["box-clipped"] if over > SLACK else [])


def around(points: Sequence[Point]) -> Box:
    """Return the upright box around points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def area(polygon: Polygon) -> float:
    """Return the area of a polygon, by the shoelace formula."""
    pairs = zip(polygon, [*polygon[1:], polygon[0]]) if polygon else ()
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


def clip(polygon: Polygon, size: Tuple[int, int]) -> List[Point]:
    """Cut a polygon to the image by the four edges in turn (Sutherland and Hodgman, 1974)."""
    points = list(polygon)
    for axis, limit, sign in ((0, 0.0, 1), (1, 0.0, 1), (0, float(size[0]), -1), (1, float(size[1]), -1)):
        result: List[Point] = []
        for at, point in enumerate(points):
            before = points[at - 1]
            inside, was = sign * (point[axis] - limit) >= 0, sign * (before[axis] - limit) >= 0
            if inside != was:
                share = (limit - before[axis]) / (point[axis] - before[axis])
                crossing = [before[n] + share * (point[n] - before[n]) for n in (0, 1)]
                crossing[axis] = limit
                result.append((crossing[0], crossing[1]))
            if inside:
                result.append(point)
        points = result
    return points


def clean_parts(parts: Sequence[Polygon], size: Tuple[int, int]) -> Tuple[List[List[Point]], bool]:
    """Return the polygons within the image that have an area, and whether a given one has none."""
    kept, bad = [], False
    for part in parts:
        if len(part) < 3 or not all(math.isfinite(v) for point in part for v in point) or area(part) == 0:
            bad = True
            continue
        cut = clip(part, size)
        if len(cut) >= 3 and area(cut) > 0:
            kept.append(cut)
    return kept, bad


def join(parts: Sequence[Polygon]) -> List[Point]:
    """Make one polygon of several, as a label of YOLO holds one: each is hung on at the nearest pair of corners.

    The lines between them are walked there and back, so that they have no width.
    """
    import numpy as np

    ring = list(parts[0])
    rest = [list(part) for part in parts[1:]]
    while rest:
        here = np.array(ring)
        best = None
        for n, part in enumerate(rest):
            apart = ((here[:, None] - np.array(part)[None]) ** 2).sum(2)
            at = int(apart.argmin())
            if best is None or apart.flat[at] < best[0]:
                best = (apart.flat[at], n, *divmod(at, len(part)))
        _, n, i, j = best
        part = rest.pop(n)
        ring = ring[: i + 1] + part[j:] + part[: j + 1] + ring[i:]
    return ring


def turn(points: Sequence[Point], orientation: int, size: Tuple[int, int]) -> List[Point]:
    """Move points of an image as stored to where they are in it as shown.

    Args:
        points: The points.
        orientation: The EXIF tag, 1 to 8.
        size: Width and height as stored.
    """
    w, h = size
    moves = {
        2: lambda x, y: (w - x, y),
        3: lambda x, y: (w - x, h - y),
        4: lambda x, y: (x, h - y),
        5: lambda x, y: (y, x),
        6: lambda x, y: (h - y, x),
        7: lambda x, y: (h - y, w - x),
        8: lambda x, y: (y, w - x),
    }
    move = moves.get(orientation)
    return [move(x, y) for x, y in points] if move else list(points)


def outlines(mask: Any) -> List[Polygon]:
    """Return the outer outlines of a mask (height, width) as polygons in pixels; holes are filled.

    OpenCV walks the centres of the outermost pixels; the mask is doubled first, so that an outline lies a quarter of
    a pixel within the mask's edge and not half a pixel.
    """
    import cv2
    import numpy as np

    large = np.ascontiguousarray(np.asarray(mask, np.uint8).repeat(2, 0).repeat(2, 1))
    found = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
    return [[((x + 0.5) / 2, (y + 0.5) / 2) for x, y in one.reshape(-1, 2).tolist()] for one in found if len(one) > 2]


def rle_polygons(rle: Dict[str, Any]) -> List[Polygon]:
    """Return the outlines of a mask in COCO's run-length code, plain or compressed.

    Runs alternate between 0 and 1, begin with 0 and go down the columns. Compressed, a run is written in groups of
    five bits, least significant first, as characters from 48 on; bit 5 says that more follow and bit 4 of the last is
    the sign; from the fourth run on it is the difference from the run before the last.

    Raises:
        ValueError: It does not fit the size that it states.
    """
    import numpy as np

    height, width = (int(side) for side in rle["size"])
    counts = rle["counts"]
    runs = _runs(counts) if isinstance(counts, (str, bytes)) else [int(run) for run in counts]
    if sum(runs) != height * width or min(runs, default=0) < 0:
        raise ValueError(f"the runs cover {sum(runs)} pixels, not {height} x {width}")
    flat = np.repeat(np.arange(len(runs)) % 2, runs)
    return outlines(flat.reshape(width, height).T)


def _runs(text: Any) -> List[int]:
    codes = [byte - 48 for byte in (text.encode("ascii") if isinstance(text, str) else text)]
    runs: List[int] = []
    value, shift = 0, 0
    for code in codes:
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return runs
