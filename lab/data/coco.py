"""Reads COCO annotations: JSON files with images, annotations and categories.

Both libraries were tried on the same files first. Upstream's ``convert_coco`` (8.4.190) numbers classes by category id
less one, so that ids 5 and 9 become 4 and 8 of a set of two classes; believes the size in the JSON; leaves boxes over
the edge as they are; stops with KeyError at an annotation of an unknown image; gives the last of two images with one
id the annotations of both; and copies no images and writes no data.yaml. ``supervision`` 0.31 stops at a missing image
or a negative width, turns a crowd region into an object, and gives both images of one id the same objects.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from lab.data.geometry import rle_polygons
from lab.data.problems import Problems
from lab.data.records import Page, Point, Reading, Thing, decode, number, part_of, size_of


def read(files: Iterable[Path], problems: Problems) -> Reading:
    """Read COCO files; classes are in the order of their ids."""
    pages: List[Page] = []
    names: List[str] = []
    failed: List[Path] = []
    for path in files:
        try:
            found = decode(path.read_bytes())
            data = json.loads(found.text)
            if not isinstance(data, dict) or not isinstance(data.get("images"), list):
                raise ValueError("it has no list `images`")
        except (ValueError, RecursionError, OSError) as e:
            problems.add("annotation-unreadable", path, detail=" ".join(str(e).split())[:120])
            failed.append(path)
            continue
        if found.foreign:
            problems.add("annotation-encoding", path)
        categories = _categories(data, path, problems)
        names += [name for _, name in sorted(categories.items(), key=_by_id) if name not in names]
        pages += _pages(data, path, categories, problems)
    return Reading(pages, names, failed, complete=True)


def _by_id(item: Any) -> Any:
    return (not isinstance(item[0], (int, float)), item[0] if isinstance(item[0], (int, float)) else str(item[0]))


def _entries(data: Dict[str, Any], key: str, needed: str, path: Path, problems: Problems) -> List[Dict[str, Any]]:
    """Return the entries of a list that are mappings with an id that can be looked up."""
    result = []
    for n, entry in enumerate(data.get(key) or []):
        value = entry.get(needed) if isinstance(entry, dict) else None
        if isinstance(value, (int, float, str)):
            result.append(entry)
        else:
            problems.add("annotation-malformed", path, f"{key}[{n}]", f"it has no `{needed}`")
    return result


def _categories(data: Dict[str, Any], path: Path, problems: Problems) -> Dict[Any, str]:
    result: Dict[Any, str] = {}
    for entry in _entries(data, "categories", "id", path, problems):
        name = str(entry.get("name", "")).strip()
        if entry["id"] not in result:
            result[entry["id"]] = name
        elif result[entry["id"]] != name:
            problems.add("category-id", path, f"category {entry['id']}", f"{result[entry['id']]} and {name}")
    return result


def _pages(data: Dict[str, Any], path: Path, categories: Dict[Any, str], problems: Problems) -> List[Page]:
    pages: Dict[Any, Page] = {}
    part = part_of(path.stem) or part_of(path.parent.name)
    for entry in _entries(data, "images", "id", path, problems):
        name = str(entry.get("file_name") or "")
        if not name:
            problems.add("annotation-malformed", path, f"image {entry['id']}", "it has no `file_name`")
        elif entry["id"] in pages:
            if pages[entry["id"]].image != name:
                problems.add("image-id", path, f"image {entry['id']}", f"{pages[entry['id']].image} and {name}")
        else:
            stated = size_of(entry.get("width"), entry.get("height"))
            pages[entry["id"]] = Page(path, name, stated, [], part, own_name=False)
    ids: Counter[Any] = Counter()
    for entry in _entries(data, "annotations", "image_id", path, problems):
        number_of = entry.get("id")
        place = f"annotation {number_of}"
        if isinstance(number_of, (int, str)):
            ids[number_of] += 1
            if ids[number_of] == 2:
                problems.add("annotation-id", path, place)
        category, page = entry.get("category_id"), pages.get(entry["image_id"])
        if page is None:
            problems.add("annotation-image", path, place, f"image {entry['image_id']}")
            continue
        place += f" of {page.image}"
        known = isinstance(category, (int, float, str)) and category in categories
        thing = _thing(entry, categories[category] if known else "", place)
        if entry.get("iscrowd") in (1, True, "1"):
            problems.add("crowd", path, place)
        elif not known:
            problems.add("annotation-category", path, place, f"category {category}")
        elif thing.box and (thing.box[2] < thing.box[0] or thing.box[3] < thing.box[1]):
            problems.add("box-negative", path, place, " ".join(map(str, entry["bbox"])))
        else:
            page.things.append(thing)
            continue
        pages[entry["image_id"]] = page._replace(lost=page.lost + 1)
    return list(pages.values())


def _thing(entry: Dict[str, Any], name: str, place: str) -> Thing:
    box = None
    given = entry.get("bbox")
    if isinstance(given, (list, tuple)) and len(given) == 4:
        x, y, w, h = map(number, given)
        box = (x, y, x + w, y + h)
    outline = entry.get("segmentation")
    if isinstance(outline, dict) and "counts" in outline:
        return Thing(name, box, (), place, partial(rle_polygons, outline))
    parts = [_points(part) for part in outline] if isinstance(outline, list) else []
    return Thing(name, box, [part for part in parts if part], place)


def _points(flat: Any) -> List[Point]:
    """Return the points of a flat list x, y, x, y, ...; one of an odd number is no polygon."""
    if not isinstance(flat, list) or len(flat) % 2:
        return []
    values = [number(value) for value in flat]
    return list(zip(values[0::2], values[1::2]))


def is_coco(path: Path) -> Optional[bool]:
    """Tell whether a JSON file is COCO's (True), LabelMe's (False) or neither (None), by its first and last bytes."""
    with path.open("rb") as f:
        head = f.read(1 << 16)
        f.seek(0, 2)
        f.seek(max(0, f.tell() - 4096))
        ends = head + f.read()
    if b'"shapes"' in ends and (b'"imagePath"' in ends or b'"version"' in ends):
        return False
    if b'"images"' in ends or b'"annotations"' in ends or b'"categories"' in ends:
        return True
    return None
