"""Counts a data set: classes, object and image sizes, background, and images that are in two parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

from lab.data.between import note_leaks
from lab.data.common import check_new, entries, new_folder, open_set
from lab.data.findings import Tally
from lab.files import write_json
from lab.terminal import pad
from lab.terminal import width as columns
from run import start
from run.arguments import UsageError
from run.start import say

SIZES = {"small": 32**2, "medium": 96**2, "large": float("inf")}
"""Areas in pixels under which COCO calls an object so."""


def main(options: Any) -> int:
    """Run ``stats``; return the exit code."""
    if options.imgsz < 32:
        raise UsageError(f"--imgsz {options.imgsz}: the least is 32")
    if options.out:
        check_new(options.out, "--out")
    start.load_quietly()
    plan, _ = open_set(options.data)
    stats = gather(plan, options.imgsz)
    if options.out:
        with new_folder(options.out, "--out") as work:
            write_json(work / "stats.json", stats)
    for line in lines(stats):
        say(line)
    if options.out:
        say(f"written   {Path(options.out) / 'stats.json'}")
    return 1 if options.strict and stats["leaks"] else 0


def size_of(area: float) -> str:
    """Return what COCO calls an object of so many square pixels."""
    return next(name for name, end in SIZES.items() if area < end)


def gather(plan: Any, imgsz: int) -> Dict[str, Any]:
    """Count a data set (``lab.data.yaml_file.Plan``) at a training size in pixels; return what ``stats.json`` holds."""
    same = [part for part in plan.images if part != "train" and plan.sources[part] == plan.sources.get("train")]
    # a set that is not divided yet names train as val: its images count once
    plan = plan._replace(images={part: some for part, some in plan.images.items() if part not in same})
    parts = {part: Counter(images=0, left_out=0, objects=0, background=0) for part in plan.images}
    images, objects = ({n: dict.fromkeys(parts, 0) for n in plan.names} for _ in range(2))
    sizes, at_imgsz = (dict.fromkeys(SIZES, 0) for _ in range(2))
    image_sizes: Counter[str] = Counter()
    for entry in entries(plan):
        part, size = entry.split, entry.look.size
        parts[part]["images"] += 1
        if entry.look.refused or size is None or (entry.labels is not None and entry.labels.refused):
            parts[part]["left_out"] += 1
            continue
        rows = entry.labels.boxes if entry.labels is not None else ()
        boxes = [(number, w * size[0], h * size[1]) for _, number, _, _, w, h in rows if w > 0 and h > 0]
        parts[part].update(objects=len(boxes), background=int(not boxes))
        image_sizes["{}x{}".format(*size)] += 1
        for number in {number for number, *_ in boxes}:
            images[number][part] += 1
        for number, width, height in boxes:
            objects[number][part] += 1
            sizes[size_of(width * height)] += 1
            at_imgsz[size_of(width * height * (imgsz / max(size)) ** 2)] += 1
    leaks: List[Dict[str, str]] = []
    short = Tally(plan.root).short

    def note(path: str, issue: Any) -> None:
        if issue.kind == "leak":
            leaks.append({"image": short(path), "detail": issue.detail})

    note_leaks(plan, note, short)
    return {
        "data": plan.file,
        "parts": {part: dict(count) for part, count in parts.items()},
        "classes": {
            str(n): {"name": name, "images": images[n], "objects": objects[n]} for n, name in plan.names.items()
        },
        "imgsz": imgsz,
        "sizes": sizes,
        "sizes_at_imgsz": at_imgsz,
        "image_sizes": dict(image_sizes.most_common()),
        "leaks": leaks,
    }


def lines(stats: Dict[str, Any], most: int = 40) -> List[str]:
    """Return the counts for a terminal."""
    result = []
    for part, count in stats["parts"].items():
        text = f"{count['images']:,} images, {count['objects']:,} objects, {count['background']:,} of background"
        result.append(f"{part:9} {text}" + (f", {count['left_out']:,} left out" if count["left_out"] else ""))
    classes = dict(list(stats["classes"].items())[:most])
    wide = max([10, *(columns(one["name"]) for one in classes.values())])
    result.append(f"\n{'class':{wide + 4}}  " + "  ".join(f"{p + ' objects (images)':>24}" for p in stats["parts"]))
    for number, one in classes.items():
        cells = (f"{one['objects'][part]:,} ({one['images'][part]:,})" for part in stats["parts"])
        result.append(f"{number:>3} {pad(one['name'], wide)}  " + "  ".join(f"{cell:>24}" for cell in cells))
    if len(stats["classes"]) > most:
        result.append(f"    and {len(stats['classes']) - most} more classes")
    total = sum(stats["sizes"].values())
    result.append(f"\n{'objects by area (COCO)':26} " + " ".join(f"{name:>14}" for name in SIZES))
    for title, key in (("in the image's own pixels", "sizes"), (f"at imgsz {stats['imgsz']}", "sizes_at_imgsz")):
        cells = (f"{count:,} ({count / max(total, 1):.0%})" for count in stats[key].values())
        result.append(f"{title:26} " + " ".join(f"{cell:>14}" for cell in cells))
    found = list(stats["image_sizes"].items())
    more = f" and {len(found) - 5} more sizes" if len(found) > 5 else ""
    result.append(f"\nimages by size            {', '.join(f'{size}: {n:,}' for size, n in found[:5])}{more}")
    leaks = stats["leaks"]
    if not leaks:
        return [*result, "leaks     no image of val or test is in train"]
    result.append(f"warning: images of val or test that are in train too, to the byte: {len(leaks)}")
    return [*result, *(f"    {one['image']} {one['detail']}" for one in leaks[:5])]
