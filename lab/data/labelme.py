"""Reads LabelMe annotations, and X-AnyLabeling's: a JSON file for each image, which may hold the image too.

A rectangle is its two corners in any order (X-AnyLabeling writes four); a circle is its centre and a point on it, and
becomes a polygon of ``SIDES`` corners; points and lines have no area and are left out. ``supervision`` 0.31 reads
polygons and rectangles only.
"""

from __future__ import annotations

import base64
import io
import json
import math
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence

from lab.data.problems import Problems
from lab.data.records import Box, Page, Point, Polygon, Reading, Thing, decode, number, parsed, size_of

SIDES = 32
"""Corners of the polygon that a circle becomes; its area is 0.6 % under the circle's."""

FLAT = {"point", "points", "line", "linestrip", "lines"}


def read(files: Iterable[Path], problems: Problems) -> Reading:
    """Read LabelMe files."""
    pages, failed = parsed(files, lambda path, text: _page(path, text, problems), problems)
    return Reading(pages, [], failed)


def _page(path: Path, text: str, problems: Problems) -> Page:
    data = _mapping(text)
    if not isinstance(data.get("shapes"), list):
        raise ValueError("it has no list `shapes`")
    found = [_thing(shape, f"shape {n}", path, problems) for n, shape in enumerate(data["shapes"], 1)]
    things = [thing for thing in found if thing is not None]
    stated = size_of(data.get("imageWidth"), data.get("imageHeight"))
    held = isinstance(data.get("imageData"), str) and bool(data["imageData"])
    image = str(data.get("imagePath") or "")
    return Page(path, image, stated, things, embedded=held, lost=len(found) - len(things))


def _mapping(text: str) -> Dict[str, Any]:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it is no mapping")
    return data


def image_in(path: Path) -> bytes:
    """Return the image that a file holds.

    Raises:
        ValueError: It is no base64.
    """
    return base64.b64decode(str(_mapping(decode(path.read_bytes()).text).get("imageData") or ""))


def _thing(shape: Any, place: str, path: Path, problems: Problems) -> Any:
    if not isinstance(shape, dict) or not isinstance(shape.get("points"), list):
        problems.add("annotation-malformed", path, place, "it has no `points`")
        return None
    name, kind = str(shape.get("label") or ""), str(shape.get("shape_type") or "polygon")
    points: List[Point] = []
    for point in shape["points"]:
        pair = point if isinstance(point, list) and len(point) >= 2 else [None, None]
        points.append((number(pair[0]), number(pair[1])))
    if kind in FLAT:
        problems.add("shape-skipped", path, place, f"{kind} {name}")
        return None
    if kind == "rectangle" and len(points) >= 2:
        return Thing(name, _around(points), (), place)
    if kind == "circle" and len(points) == 2:
        return Thing(name, None, (circle(*points),), place)
    if kind == "mask" and len(points) == 2 and isinstance(shape.get("mask"), str):
        box = _around(points)
        return Thing(name, box, (), place, partial(_mask, shape["mask"], box))
    if kind in {"polygon", "rotation"}:
        return Thing(name, None, (points,), place)
    known = kind in {"rectangle", "circle", "mask"}
    detail = f"a {kind} of {len(points)} points" if known else kind
    problems.add("annotation-malformed" if known else "shape-unknown", path, place, detail)
    return None


def _around(points: Sequence[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if any(value != value for value in xs + ys):
        nan = float("nan")
        return nan, nan, nan, nan
    return min(xs), min(ys), max(xs), max(ys)


def circle(centre: Point, edge: Point) -> Polygon:
    """Return a regular polygon on a circle, whose four extreme points are among its corners."""
    radius = math.hypot(edge[0] - centre[0], edge[1] - centre[1])
    angles = [2 * math.pi * n / SIDES for n in range(SIDES)]
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]


def _mask(text: str, box: Box) -> Sequence[Polygon]:
    """Return the outline of a mask, which is a PNG of the box's size."""
    import numpy as np
    from PIL import Image

    from lab.data.geometry import outlines

    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        mask = np.array(image.convert("L")) > 0
    return [[(x + box[0], y + box[1]) for x, y in part] for part in outlines(mask)]
