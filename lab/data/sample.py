"""Draws a sheet of labelled images: boxes or polygons with class names, to check whether the labels are right."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from lab import files, plotting
from lab.data.common import Entry, entries, open_set
from run.arguments import UsageError
from run.start import load_quietly, say

GAP, FOOT = 6, 18
"""Pixels between pictures, and of the line of text under each."""


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
    if font is None:
        say("note: no font with the letters of all class names is installed: classes are shown by number")
    return 0


def choose(plan: Any, split: str, count: int, seed: int, name: Optional[str]) -> List[Entry]:
    """Choose images at random that can be read, those with an object first; of a class, if one is named."""
    if not plan.images.get(split):
        there = ", ".join(part for part, images in plan.images.items() if images)
        raise UsageError(f"--split {split}: the data set has no such part; there are {there}")
    number = next((n for n, one in plan.names.items() if name in (one, str(n))), None)
    if number is None and name is not None:
        raise UsageError(f"--class {name}: there are {', '.join(list(plan.names.values())[:20])}")
    images = sorted(set(plan.images[split]))
    random.Random(seed).shuffle(images)
    chosen: List[Entry] = []
    bare: List[Entry] = []
    # a few at a time: of a large set only as many are read as are shown
    for start in range(0, len(images), 64):
        for entry in entries(plan._replace(images={split: images[start : start + 64]})):
            found = {cls for cls, _ in read_shapes(entry)}
            if not entry.look.refused and (number is None or number in found):
                (chosen if found else bare).append(entry)
        if len(chosen) >= count:
            break
    if not chosen and not bare:
        what = f" with {plan.names[number]}" if number is not None else " that can be read"
        raise UsageError(f"{split} has no image{what}")
    return [*chosen, *bare][:count]


def read_shapes(entry: Entry) -> List[Tuple[int, List[Tuple[float, float]]]]:
    """Return class, and corners as fractions, of the boxes and polygons of a label file that upstream would take."""
    if entry.labels is None or entry.labels.refused:
        return []
    if not entry.labels.polygons:
        corners = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        return [
            (number, [(x + across * w, y + down * h) for across, down in corners])
            for _, number, x, y, w, h in entry.labels.boxes
        ]
    rows = Path(entry.label).read_text(encoding="utf-8-sig").splitlines()
    result = []
    for line, number, *_ in entry.labels.boxes:
        values = [float(word) for word in rows[line - 1].split()[1:]]
        result.append((number, list(zip(values[0::2], values[1::2]))))
    return result


def draw(chosen: List[Entry], names: Dict[int, str], side: int, font: Optional[str]) -> Any:
    """Return the sheet as a Pillow image."""
    from PIL import Image, ImageDraw, ImageFont

    plain = plotting.font_file("")
    letters = ImageFont.truetype(font or plain, max(11, side // 26))
    titles = plotting.font_file("".join(os.path.basename(entry.image) for entry in chosen)) or plain
    small = ImageFont.truetype(titles, 12)
    across = round(len(chosen) ** 0.5 + 0.49)
    down = -(-len(chosen) // across)
    tiles = [_tile(entry, names if font else {}, side, letters) for entry in chosen]
    wide, high = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (across * (wide + GAP) + GAP, down * (high + FOOT + GAP) + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for n, (entry, tile) in enumerate(zip(chosen, tiles)):
        left, top = GAP + n % across * (wide + GAP), GAP + n // across * (high + FOOT + GAP)
        pen.text((left + 2, top + high + 1), os.path.basename(entry.image)[-wide // 7 :], "black", small)
        sheet.paste(tile, (left + (wide - tile.width) // 2, top + (high - tile.height) // 2))
    return sheet


def _tile(entry: Entry, names: Dict[int, str], side: int, letters: Any) -> Any:
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
    for number, corners in shapes:
        colour = plotting.COLOURS[number % len(plotting.COLOURS)]
        points = [(x * image.width, y * image.height) for x, y in corners]
        pen.line([*points, points[0]], "black", width + 2)
        pen.line([*points, points[0]], colour, width)
        text = names.get(number, f"class {number}")
        _, _, right, bottom = pen.textbbox((0, 0), text, letters)
        x = max(0, min(min(x for x, _ in points), image.width - right - 4))
        y = max(0, min(y for _, y in points) - bottom - 3)
        pen.rectangle((x, y, x + right + 4, y + bottom + 3), colour)
        pen.text((x + 2, y + 1), text, "white", letters)
    return image
