"""Counts a data set: classes, box sizes and shapes, image sizes, background, and images that are in two parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from lab.data.common import Entry, check_new, entries, new_folder, open_set
from lab.data.findings import Tally
from lab.files import write_json
from lab.terminal import Progress, pad
from lab.terminal import width as columns
from run import start
from run.arguments import UsageError
from run.start import say

SMALL, MEDIUM = 32**2, 96**2
"""Areas in pixels under which COCO calls an object small and medium."""

NEAR_MOST = 5000
"""Images up to which near-identical ones are looked for unasked, as that decodes all."""


class Box(NamedTuple):
    """An object: its part, class, and width and height in pixels as it is and at the training size."""

    split: str
    number: int
    width: float
    height: float
    scale: float


class Stats(NamedTuple):
    """What was counted.

    Attributes:
        names: Class number -> name.
        splits: Part -> images, background, left_out, objects.
        classes: Class number -> part -> (images, objects).
        boxes: Every object.
        per_image: Objects in each image that is trained on.
        sizes: (width, height) -> images.
        leaks: (image, detail) to the byte.
        near: ``lab.data.near.Pair``; None where they were not looked for.
    """

    names: Dict[int, str]
    splits: Dict[str, Counter[str]]
    classes: Dict[int, Dict[str, Tuple[int, int]]]
    boxes: List[Box]
    per_image: List[int]
    sizes: Counter[Tuple[int, int]]
    leaks: List[Tuple[str, str]]
    near: Any


def main(options: Any) -> int:
    """Run ``stats``; return the exit code."""
    if options.imgsz < 32:
        raise UsageError(f"--imgsz {options.imgsz}: the least is 32")
    if options.out:
        check_new(options.out, "--out")
    start.load_quietly()
    plan, _ = open_set(options.data)
    stats = gather(plan, options.imgsz, options.near)
    if options.out:
        with new_folder(options.out, "--out") as work:
            write_json(work / "stats.json", record(stats, plan.file, options.imgsz))
    for line in lines(stats, options.imgsz):
        say(line)
    if options.out:
        say(f"written   {Path(options.out) / 'stats.json'}")
    return 1 if options.strict and (stats.leaks or stats.near) else 0


def gather(plan: Any, imgsz: int, near: str = "auto") -> Stats:
    """Count a data set.

    Args:
        plan: ``lab.data.yaml_file.Plan``.
        imgsz: Training size in pixels.
        near: yes, no or auto: look for near-identical images.
    """
    from lab.data.between import note_leaks

    short = Tally(plan.root).short
    same = [part for part in plan.images if part != "train" and plan.sources[part] == plan.sources.get("train")]
    # a set that is not divided yet names train as val: its images count once
    plan = plan._replace(images={part: some for part, some in plan.images.items() if part not in same})
    splits: Dict[str, Counter[str]] = {part: Counter() for part in plan.images}
    images_of: Dict[Tuple[int, str], int] = Counter()
    objects_of: Dict[Tuple[int, str], int] = Counter()
    boxes: List[Box] = []
    per_image: List[int] = []
    sizes: Counter[Tuple[int, int]] = Counter()
    seen = set()
    for entry in entries(plan):
        count = splits[entry.split]
        count["images"] += 1
        left_out = entry.look.refused or entry.look.size is None or (entry.labels is not None and entry.labels.refused)
        count["left_out"] += int(left_out)
        if left_out:
            continue
        found = _boxes(entry, imgsz)
        count["objects"] += len(found)
        count["background"] += int(not found)
        for number in {box.number for box in found}:
            images_of[number, entry.split] += 1
        objects_of.update((box.number, entry.split) for box in found)
        if entry.image not in seen:
            seen.add(entry.image)
            boxes += found
            per_image.append(len(found))
            sizes[entry.look.size] += 1
    leaks: List[Tuple[str, str]] = []

    def note(path: str, issue: Any) -> None:
        if issue.kind == "leak":
            leaks.append((short(path), issue.detail))

    note_leaks(plan, note, short)
    classes = {
        number: {part: (images_of[number, part], objects_of[number, part]) for part in splits} for number in plan.names
    }
    pairs = _near(plan, near, {path for path, _ in leaks}, short)
    return Stats(dict(plan.names), splits, classes, boxes, per_image, sizes, leaks, pairs)


def _near(plan: Any, near: str, known: Any, short: Any) -> Any:
    from lab.data.near import alike

    parts = {part: sorted(set(images)) for part, images in plan.images.items()}
    total = sum(map(len, parts.values()))
    if near == "no" or (near == "auto" and total > NEAR_MOST):
        return None
    if len(parts) < 2:
        return []
    progress = Progress("comparing", total)
    try:
        found = alike(parts, progress)
    finally:
        progress.end()
    shown = [pair._replace(image=short(pair.image), twin=short(pair.twin)) for pair in found]
    return [pair for pair in shown if pair.image not in known]


def _boxes(entry: Entry, imgsz: int) -> List[Box]:
    width, height = entry.look.size
    scale = imgsz / max(width, height)
    rows = entry.labels.boxes if entry.labels is not None else ()
    return [Box(entry.split, number, w * width, h * height, scale) for _, number, _, _, w, h in rows if w > 0 and h > 0]


def coco_sizes(areas: Sequence[float]) -> Dict[str, int]:
    """Count areas in square pixels as COCO does: small under 32 x 32, large from 96 x 96 on."""
    small = sum(area < SMALL for area in areas)
    medium = sum(SMALL <= area < MEDIUM for area in areas)
    return {"small": small, "medium": medium, "large": len(areas) - small - medium}


def quantiles(values: Sequence[float]) -> Dict[str, float]:
    """Return minimum, 5 %, median, 95 % and maximum, each a value that occurs; an empty mapping for no values."""
    if not values:
        return {}
    ordered = sorted(values)
    last = len(ordered) - 1
    places = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
    return {name: ordered[round(place * last)] for name, place in places.items()}


def record(stats: Stats, file: str, imgsz: int) -> Dict[str, Any]:
    """Return everything that was counted, for ``stats.json``."""
    objects = {number: sum(n for _, n in parts.values()) for number, parts in stats.classes.items()}
    return {
        "data": file,
        "parts": {part: dict(count) for part, count in stats.splits.items()},
        "classes": {
            str(number): {
                "name": stats.names[number],
                "images": {part: images for part, (images, _) in parts.items()},
                "objects": {part: count for part, (_, count) in parts.items()},
            }
            for number, parts in stats.classes.items()
        },
        "imbalance": imbalance(objects),
        "imgsz": imgsz,
        "sizes": coco_sizes([box.width * box.height for box in stats.boxes]),
        "sizes_at_imgsz": coco_sizes([box.width * box.height * box.scale**2 for box in stats.boxes]),
        "width": quantiles([box.width for box in stats.boxes]),
        "height": quantiles([box.height for box in stats.boxes]),
        "aspect": quantiles([box.width / box.height for box in stats.boxes]),
        "objects_per_image": quantiles(stats.per_image),
        "image_sizes": {f"{w}x{h}": count for (w, h), count in stats.sizes.most_common()},
        "leaks": [{"image": image, "detail": detail} for image, detail in stats.leaks],
        "near": None if stats.near is None else [pair._asdict() for pair in stats.near],
    }


def imbalance(objects: Dict[int, int]) -> Any:
    """Return the most frequent class's objects over the rarest's, of classes that have any; None without two."""
    counts = [count for count in objects.values() if count]
    return round(max(counts) / min(counts), 2) if len(counts) > 1 else None


def lines(stats: Stats, imgsz: int, most: int = 40) -> List[str]:
    """Return the counts for a terminal."""
    result = []
    for part, count in stats.splits.items():
        text = f"{count['images']:,} images, {count['objects']:,} objects, {count['background']:,} of background"
        result.append(f"{part:9} {text}" + (f", {count['left_out']:,} left out" if count["left_out"] else ""))
    wide = max([10, *(columns(name) for name in list(stats.names.values())[:most])])
    result.append(f"\n{'class':{wide + 4}}  " + "  ".join(f"{part + ' objects (images)':>24}" for part in stats.splits))
    for number, parts in list(stats.classes.items())[:most]:
        cells = (f"{count:,} ({images:,})" for images, count in parts.values())
        result.append(f"{number:>3} {pad(stats.names[number], wide)}  " + "  ".join(f"{cell:>24}" for cell in cells))
    if len(stats.names) > most:
        result.append(f"    and {len(stats.names) - most} more classes")
    content = record(stats, "", imgsz)
    if content["imbalance"] is not None:
        result.append(f"    the most frequent class has {content['imbalance']:g} times the objects of the rarest")
    if stats.boxes:
        result.append(f"\n{'objects by area (COCO)':26} {'small':>14} {'medium':>14} {'large':>14}")
        for title, key in (("in the image's own pixels", "sizes"), (f"at imgsz {imgsz}", "sizes_at_imgsz")):
            cells = (f"{count:,} ({count / len(stats.boxes):.0%})" for count in content[key].values())
            result.append(f"{title:26} " + " ".join(f"{cell:>14}" for cell in cells))
        result.append(f"\n{'':26} {'min':>9} {'5 %':>9} {'median':>9} {'95 %':>9} {'max':>9}")
        for title, key in (
            ("width in pixels", "width"),
            ("height in pixels", "height"),
            ("width / height", "aspect"),
            ("objects in an image", "objects_per_image"),
        ):
            result.append(f"{title:26} " + " ".join(f"{value:>9.4g}" for value in content[key].values()))
    common = ", ".join(f"{w}x{h}: {count:,}" for (w, h), count in stats.sizes.most_common(5))
    more = f" and {len(stats.sizes) - 5} more sizes" if len(stats.sizes) > 5 else ""
    result.append(f"\nimages by size            {common}{more}")
    result += _leak_lines(stats)
    return result


def _leak_lines(stats: Stats) -> List[str]:
    result = []
    if stats.leaks:
        result.append(f"warning: images of val or test that are in train too, to the byte: {len(stats.leaks)}")
        result += [f"    {image} {detail}" for image, detail in stats.leaks[:5]]
    if stats.near is None:
        result.append("near-identical images were not looked for: --near yes does, and decodes every image")
    elif stats.near:
        result.append(
            f"warning: images of val or test that look like one of train: {len(stats.near)}; a hint: look at them"
        )
        result += [f"    {pair.image} like {pair.twin} ({pair.bits} of 64 bits differ)" for pair in stats.near[:5]]
    else:
        extra = "" if stats.leaks else "no image of val or test is in train; "
        result.append(f"leaks     {extra}none looks like one of train")
    return result
