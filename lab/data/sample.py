"""Draws a sheet of labelled images: boxes or polygons with class names, to check whether the labels are right."""

from __future__ import annotations

import difflib
import os
import random
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from lab import files, plotting
from lab.data.common import Entry, entries, open_set
from run.arguments import UsageError
from run.start import load_quietly, say

COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF")
"""Okabe and Ito's palette, which colour-blind readers can tell apart; white in place of black."""

GAP, FOOT = 6, 18
"""Pixels between pictures, and of the line of text under each."""


class Shape(NamedTuple):
    """A row of a label file: its class, and its corners as fractions."""

    number: int
    points: List[Tuple[float, float]]


def main(options: Any) -> int:
    """Run ``sample``; return the exit code."""
    out = Path(options.out).expanduser()
    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise UsageError(f"--out {options.out}: give a file that ends in .jpg or .png")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {options.out}: there is no folder {out.absolute().parent}")
    for name, least, most in (("count", 1, 400), ("size", 64, 4096)):
        if not least <= getattr(options, name) <= most:
            raise UsageError(f"--{name} {getattr(options, name)}: give {least} to {most}")
    load_quietly()
    plan, _ = open_set(options.data)
    chosen = choose(plan, options.split, options.count, options.seed, options.name)
    font = plotting.font_file("".join(plan.names.values()))
    sheet = draw(chosen, plan.names, options.size, font)
    form = "PNG" if out.suffix.lower() == ".png" else "JPEG"
    files.write(out, lambda f: sheet.save(f, form, quality=92))
    objects = sum(len(read_shapes(entry)) for entry in chosen)
    say(f"{out}: {len(chosen)} images of {options.split} with {objects} objects, {sheet.width} x {sheet.height} pixels")
    unwritten = [name for number, name in plan.names.items() if shown(number, name, font) != name]
    if unwritten:
        say(f"note: no font with the letters of {unwritten[0]!r} is installed: classes are shown by number")
    return 0


def shown(number: int, name: str, font: Optional[str]) -> str:
    """Return a class's name where a font can write it, otherwise its number."""
    return name if font is not None or plotting.font_file(name) else f"class {number}"


def find_class(names: Dict[int, str], wanted: str) -> int:
    """Return the number of a class given by name or number.

    Raises:
        UsageError: There is no such class; names those that come near.
    """
    for number, name in names.items():
        if wanted == name or (wanted.isdigit() and wanted not in names.values() and int(wanted) == number):
            return number
    folded = [number for number, name in names.items() if name.strip().casefold() == wanted.strip().casefold()]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(wanted, names.values(), n=3, cutoff=0.5)
    there = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(list(names.values())[:20])}"
    raise UsageError(f"--class {wanted}: there is no such class: {there}")


def choose(plan: Any, split: str, count: int, seed: int, name: Optional[str]) -> List[Entry]:
    """Choose images at random that can be read and have a label: with an object, if there are such.

    Args:
        plan: The data set.
        split: Its part.
        count: How many.
        seed: Another seed, another choice.
        name: A class that each must have; None for any.

    Raises:
        UsageError: There is no such part or class, or no image with it.
    """
    if not plan.images.get(split):
        there = ", ".join(part for part, images in plan.images.items() if images)
        raise UsageError(f"--split {split}: the data set has no such part; there are {there}")
    number = None if name is None else find_class(plan.names, name)
    images = sorted(set(plan.images[split]))
    random.Random(seed).shuffle(images)
    chosen: List[Entry] = []
    bare: List[Entry] = []
    # a few at a time: of a large set only as many are read as are shown
    for start in range(0, len(images), 64):
        for entry in entries(plan._replace(images={split: images[start : start + 64]})):
            if entry.look.refused:
                continue
            found = {shape.number for shape in read_shapes(entry)}
            if number is None or number in found:
                (chosen if found else bare).append(entry)
        if len(chosen) >= count:
            break
    order = {image: n for n, image in enumerate(images)}
    result = (sorted(chosen, key=lambda e: order[e.image]) + sorted(bare, key=lambda e: order[e.image]))[:count]
    if not result:
        what = f" with {plan.names[number]}" if number is not None else " that can be read"
        raise UsageError(f"{split} has no image{what}")
    return result


def read_shapes(entry: Entry) -> List[Shape]:
    """Return the boxes and polygons of a label file that upstream would take."""
    if entry.labels is None or entry.labels.refused:
        return []
    if not entry.labels.polygons:
        corners = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        return [
            Shape(number, [(x + across * w, y + down * h) for across, down in corners])
            for _, number, x, y, w, h in entry.labels.boxes
        ]
    kept = {line: number for line, number, *_ in entry.labels.boxes}
    rows = Path(entry.label).read_text(encoding="utf-8-sig").splitlines()
    result = []
    for line, number in kept.items():
        values = [float(word) for word in rows[line - 1].split()[1:]]
        result.append(Shape(number, list(zip(values[0::2], values[1::2]))))
    return result


def draw(chosen: List[Entry], names: Dict[int, str], side: int, font: Optional[str]) -> Any:
    """Return the sheet as a Pillow image.

    Args:
        chosen: The images.
        names: Class number -> name.
        side: Pixels of the longer side of each.
        font: File of the font for class names, None to write numbers.
    """
    from PIL import Image, ImageDraw, ImageFont

    plain, titles = plotting.font_file(""), "".join(os.path.basename(entry.image) for entry in chosen)
    letters = ImageFont.truetype(font or plain, max(11, side // 26))
    small = ImageFont.truetype(plotting.font_file(titles) or plain, 12)
    across = max(1, min(len(chosen), round(len(chosen) ** 0.5 + 0.49)))
    down = -(-len(chosen) // across)
    tiles = [_tile(entry, names, side, letters, font) for entry in chosen]
    wide, high = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (across * (wide + GAP) + GAP, down * (high + FOOT + GAP) + GAP), "white")
    for n, (entry, tile) in enumerate(zip(chosen, tiles)):
        left, top = GAP + n % across * (wide + GAP), GAP + n // across * (high + FOOT + GAP)
        sheet.paste(tile, (left + (wide - tile.width) // 2, top + (high - tile.height) // 2))
        pen = ImageDraw.Draw(sheet)
        title = os.path.basename(entry.image)
        while title and pen.textlength(title, small) > wide:
            title = "…" + title.lstrip("…")[1:] if len(title) > 2 else ""
        pen.text((left + 2, top + high + 1), title, "black", small)
    return sheet


def _tile(entry: Entry, names: Dict[int, str], side: int, letters: Any, font: Optional[str]) -> Any:
    from PIL import Image, ImageDraw, ImageOps

    shapes = read_shapes(entry)
    try:
        with Image.open(entry.image) as image:
            image.draft("RGB", (side, side))
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith(("I", "F")):  # 16 bits: what upstream keeps of them
                image = image.point(lambda value: value / 256).convert("L")
            image = image.convert("RGB")
    except Exception:  # Pillow raises many kinds on broken files
        image, shapes = Image.new("RGB", (side, side), "gray"), []
    scale = side / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    pen = ImageDraw.Draw(image)
    width = max(2, side // 160)
    for shape in shapes:
        colour = COLOURS[shape.number % len(COLOURS)]
        points = [(x * image.width, y * image.height) for x, y in shape.points]
        pen.line([*points, points[0]], "black", width + 2)
        pen.line([*points, points[0]], colour, width)
    for shape in shapes if len(shapes) <= 12 or len(names) > 1 else ():  # one class need not be written on each of many
        colour = COLOURS[shape.number % len(COLOURS)]
        x, y = (min(point[axis] for point in shape.points) for axis in (0, 1))
        text = shown(shape.number, names.get(shape.number, ""), font)
        box = pen.textbbox((0, 0), text, letters)
        at = (
            min(max(0, x * image.width), max(0, image.width - box[2] - 4)),
            min(max(0, y * image.height - box[3] - 3), max(0, image.height - box[3] - 3)),
        )
        pen.rectangle((at[0], at[1], at[0] + box[2] + 4, at[1] + box[3] + 3), colour)
        pen.text((at[0] + 2, at[1] + 1), text, "black" if shape.number % len(COLOURS) != 4 else "white", letters)
    return image
