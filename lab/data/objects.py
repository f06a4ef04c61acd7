"""Turns the objects of an annotation into rows of a label file, within the image as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from lab.data.geometry import around, clean_box, clean_parts, join, turn
from lab.data.problems import Problems
from lab.data.records import Box, Page, Point, Thing

DIGITS = 7
"""Decimals in a label file: about what single precision holds, and under a hundredth of a pixel in any image."""


class Row(NamedTuple):
    """An object to write: its class, its box and its outline in pixels; the outline is empty for the task detect."""

    number: int
    box: Box
    outline: Sequence[Point]


def outlined(page: Page, task: str, problems: Problems) -> Page:
    """Work out the outlines of masks where they are needed."""
    if not any(thing.mask for thing in page.things):
        return page
    things = []
    for thing in page.things:
        if thing.mask is not None and (task == "segment" or thing.box is None):
            try:
                thing = thing._replace(parts=thing.mask())
            except Exception as e:  # whatever numpy, base64 or Pillow say of a broken one
                problems.add("polygon-bad", page.source, thing.place, f"mask: {e}")
        things.append(thing._replace(mask=None))
    return page._replace(things=things)


def aligned(page: Page, file: Path, size: Tuple[int, int], rescale: bool, problems: Problems) -> Page:
    """Bring boxes that were drawn on an image of another size to the image as it is shown.

    Args:
        page: The annotation.
        file: The image.
        size: Its width and height as shown, EXIF orientation applied.
        rescale: Scale where the annotation states another size.
        problems: Is added to.
    """
    if page.size in (None, size) or not page.things or page.size is None:
        return page
    detail = f"{page.size[0]}x{page.size[1]}, the image has {size[0]}x{size[1]}"
    orientation = _orientation(file) if page.size == size[::-1] else 1
    if orientation >= 5:
        problems.add("exif-turned", page.source, page.at, detail=f"orientation {orientation}")
        stored = page.size
        turned = [_moved(thing, lambda points: turn(points, orientation, stored)) for thing in page.things]
        return page._replace(things=turned)
    problems.add("size-rescaled" if rescale else "size-differs", page.source, page.at, detail=detail)
    if not rescale:
        return page
    across, down = size[0] / page.size[0], size[1] / page.size[1]
    return page._replace(
        things=[_moved(thing, lambda points: [(x * across, y * down) for x, y in points]) for thing in page.things]
    )


def _orientation(file: Path) -> int:
    from PIL import Image

    with Image.open(file) as image:
        found = image.getexif().get(274)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _moved(thing: Thing, move: Any) -> Thing:
    box = thing.box
    if box is not None:
        corners = [min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])]
        if all(a == a for a in box):  # nan is refused later
            box = around(move([(corners[0], corners[1]), (corners[2], corners[3])]))
    return thing._replace(box=box, parts=[move(part) for part in thing.parts])


def rows_of(page: Page, size: Tuple[int, int], numbers: Dict[str, int], task: str, problems: Problems) -> List[Row]:
    """Return the rows of an image, each object mended, clipped or left out.

    Args:
        page: The annotation.
        size: The image's width and height as shown.
        numbers: Class -> number.
        task: detect or segment.
        problems: Is added to.
    """
    rows: Dict[Any, Row] = {}
    for thing in page.things:
        row = _row(page, thing, size, numbers[thing.name], task, problems)
        if row is None:
            continue
        same = (row.number, *(round(value, 2) for value in row.box), len(row.outline))
        if same in rows:
            problems.add("box-duplicate", page.source, thing.place, thing.name)
        rows.setdefault(same, row)
    return list(rows.values())


def _row(page: Page, thing: Thing, size: Tuple[int, int], number: int, task: str, problems: Problems) -> Optional[Row]:
    kept, bad = clean_parts(thing.parts, size)
    box = thing.box
    if bad and (task == "segment" or box is None):
        problems.add("polygon-bad", page.source, thing.place, thing.name)
    if kept and (box is None or task == "segment"):
        box = around([point for part in thing.parts for point in part if point[0] == point[0] and point[1] == point[1]])
    if box is None:
        if not bad:
            outside = bool(thing.parts)
            problems.add("box-outside" if outside else "box-missing", page.source, thing.place, thing.name)
        return None
    inside, kinds = clean_box(box, size)
    for kind in kinds:
        shown = " ".join(f"{value:g}" for value in box)
        problems.add(kind, page.source, thing.place, f"{thing.name} {shown} in {size[0]}x{size[1]}")
    if task == "segment" and kept:
        if len(kept) > 1:
            problems.add("parts-joined", page.source, thing.place, f"{len(kept)} polygons")
        outline = join(kept) if len(kept) > 1 else kept[0]
        return Row(number, around(outline), outline)
    if inside is None:
        return None
    if task == "detect":
        return Row(number, around([point for part in kept for point in part]) if thing.box is None else inside, ())
    if not bad:
        problems.add("box-polygon", page.source, thing.place, thing.name)
    left, top, right, bottom = inside
    return Row(number, inside, ((left, top), (right, top), (right, bottom), (left, bottom)))


def line(row: Row, size: Tuple[int, int], task: str) -> str:
    """Return an object as a line of a label file: fractions of the image's width and height."""
    width, height = size
    if task == "segment":
        values = [value for x, y in row.outline for value in (x / width, y / height)]
    else:
        left, top, right, bottom = row.box
        centre, sides = ((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top)
        values = [centre[0] / width, centre[1] / height, sides[0] / width, sides[1] / height]
    return " ".join([str(row.number), *(_short(value) for value in values)]) + "\n"


def _short(value: float) -> str:
    text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"
