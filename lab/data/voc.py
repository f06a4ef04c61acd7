"""Reads Pascal VOC annotations: an XML file for each image.

``supervision`` 0.31 was tried on the same files first. It stops at the first broken XML, at GBK ("multi-byte encodings
are not supported") and at a coordinate ``nan``; takes no notice of folders below the first, of a size in the XML that
is not the image's and of EXIF; and decodes every image. Like it, this reader takes corners to count from 1 and to be
inclusive, as the VOC development kit defines them, so left and top are lowered by one; unlike it, it sees from a
coordinate of 0 that a set counts from 0.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple
from xml.etree import ElementTree

from lab.data.problems import Problems
from lab.data.records import Box, Page, Point, Reading, Thing, decode, number, parsed, part_of, size_of

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(
    files: Iterable[Path], root: Path, problems: Problems, origin: str = "auto", difficult: bool = True
) -> Reading:
    """Read XML files.

    Args:
        files: The files.
        root: The folder that they were found in.
        problems: Is added to.
        origin: "1" or "0": what corners count from; "auto": 0 where any is below 1.
        difficult: Keep objects that are marked as difficult.
    """
    parts = _lists(root)

    def parse(path: Path, text: str) -> Page:
        return _page(path, text, parts.get(path.stem, ""), difficult, problems)

    pages, failed = parsed(files, parse, problems)
    corners = [thing.box for page in pages for thing in page.things if thing.box and not thing.parts]
    zero = origin == "0" or (origin == "auto" and any(-1 < side < 1 for box in corners for side in box[:2]))
    if not zero:
        pages = [page._replace(things=[_from_one(thing) for thing in page.things]) for page in pages]
    why = "as --origin says" if origin != "auto" else "some are 0" if zero else "Pascal VOC's rule: none is 0"
    return Reading(pages, [], failed, lines=[f"corners count from {0 if zero else 1} ({why})"])


def _page(path: Path, text: str, part: str, difficult: bool, problems: Problems) -> Page:
    start = text.find("?>") + 2 if text.lstrip().startswith("<?xml") else 0  # the declaration may be wrong
    try:
        tree = ElementTree.fromstring(text[max(start, 0) :].strip())
    except ElementTree.ParseError as e:
        raise ValueError(str(e)) from None
    if tree.tag != "annotation":
        raise ValueError(f"its root is <{tree.tag}>, not <annotation>")
    size = tree.find("size")
    stated = size_of(size.findtext("width"), size.findtext("height")) if size is not None else None
    things = []
    items = tree.findall("object")
    for n, item in enumerate(items, 1):
        if not difficult and (item.findtext("difficult") or "").strip() == "1":
            problems.add("difficult", path, f"object {n}")
        else:
            things.append(_thing(item, f"object {n}"))
    image = (tree.findtext("filename") or "").strip()
    return Page(path, image, stated, things, part, lost=len(items) - len(things))


def _thing(item: ElementTree.Element, place: str) -> Thing:
    """Read an object; its own box only, as <part> inside it has one too."""
    name = item.findtext("name") or ""
    box: Optional[Box] = None
    found = item.find("bndbox")
    if found is not None:
        left, top, right, bottom = (number(found.findtext(side)) for side in SIDES)
        box = (left, top, right, bottom)
    polygon = item.find("polygon")
    points = _points(polygon) if polygon is not None else []
    turned = item.find("robndbox")
    if turned is not None and box is None:  # written by roLabelImg, counted from 0: the upright box around it
        cx, cy, w, h, angle = (number(turned.findtext(key)) for key in ("cx", "cy", "w", "h", "angle"))
        across, down = (math.cos(angle), math.sin(angle)) if math.isfinite(angle) else (angle, angle)
        wide, high = abs(w * across) + abs(h * down), abs(w * down) + abs(h * across)
        box = (cx - wide / 2 + 1, cy - high / 2 + 1, cx + wide / 2, cy + high / 2)
    return Thing(name, box, (points,) if points else (), place)


def _points(polygon: ElementTree.Element) -> List[Point]:
    """Read <x1>, <y1>, <x2>, ... or a <point> with <x> and <y> each."""
    points = [(number(one.findtext("x")), number(one.findtext("y"))) for one in polygon.findall("point")]
    n = 1
    while polygon.find(f"x{n}") is not None:
        points.append((number(polygon.findtext(f"x{n}")), number(polygon.findtext(f"y{n}"))))
        n += 1
    return points


def _from_one(thing: Thing) -> Thing:
    box = thing.box
    if box is not None:
        # corners in the wrong order are mended later: it is the smaller of two that is inclusive
        left, right, top, bottom = box[0], box[2], box[1], box[3]
        left, right = (left, right - 1) if left - right > 1 else (left - 1, right)
        top, bottom = (top, bottom - 1) if top - bottom > 1 else (top - 1, bottom)
        box = (left, top, right, bottom)
    parts = tuple([(x - 1, y - 1) for x, y in part] for part in thing.parts)
    return thing._replace(box=box, parts=parts)


def _lists(root: Path) -> Dict[str, str]:
    """Return stem -> part from ImageSets/Main, which the VOC sets come with."""
    result: Dict[str, str] = {}
    named: List[Tuple[str, str]] = [(name, part_of(name)) for name in ("train", "val", "test")]
    for place in (root, root.parent):
        folder = place / "ImageSets" / "Main"
        if folder.is_dir():
            if not (folder / "train.txt").is_file():
                named.append(("trainval", "train"))
            for name, part in named:
                path = folder / f"{name}.txt"
                if path.is_file():
                    lines = decode(path.read_bytes()).text.splitlines()
                    for line in lines:
                        if line.split():
                            result.setdefault(line.split()[0], part)
            break
    return result
