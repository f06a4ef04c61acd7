"""The tree-crown data set: two annotated aerial photographs, cut into overlapping tiles in YOLO's layout.

The photographs (Yellowstone, National Ecological Observatory Network, 0.1 m a pixel) and their hand-drawn boxes
come with the MIT-licensed PyPI package ``deepforest`` (Weinstein et al.), whose wheel is fetched with pip, verified
and read, not installed. One photograph is for training (574 crowns), the other for validation (279), so no crown is
in both.

    python -m run.crowns            # into datasets/tree-crowns of the checkout
    python -m run.crowns --help
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional
from xml.etree import ElementTree

from fork.arguments import Parser
from fork.errors import ForkError, IntegrityError
from fork.fetch import obtain
from fork.pin import ROOT, Package
from fork.tree import check_member, replace

PACKAGE = Package(
    name="deepforest",
    version="2.1.0",
    file="deepforest-2.1.0-py3-none-any.whl",
    sha256="8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54",
    size=20639595,
)

PHOTOGRAPHS = {
    "train": ("deepforest/data/2019_YELL_2_528000_4978000_image_crop2", 574),
    "val": ("deepforest/data/2019_YELL_2_541000_4977000_image_crop", 279),
}
"""Split -> (path of the photograph in the wheel without its ending, number of crowns in its annotation)."""

FOLDER = ROOT / "datasets" / "tree-crowns"
RECORD = "prepared.json"
RECIPE = 1
"""Raised when tiles would come out differently, so that older ones are cut anew."""

TILE = 320
"""Side of a tile in pixels (32 m)."""

STEP = 256
"""Distance between neighbouring tiles in pixels; the overlap of 64 exceeds most crowns (median 41 wide)."""

MIN_VISIBLE = 0.4
"""A crown cut by a tile's edge is kept, clipped, where at least this part of its area lies in the tile."""

MIN_SIDE = 5
"""Shortest side in pixels of a clipped box that is kept."""


class Box(NamedTuple):
    """A box in pixels, right and bottom exclusive."""

    left: float
    top: float
    right: float
    bottom: float


def read_boxes(xml: bytes) -> List[Box]:
    """Read a Pascal VOC annotation; its corners are counted from 1 and inclusive.

    Raises:
        IntegrityError: A box has no area.
    """
    boxes = []
    for item in ElementTree.fromstring(xml).iter("bndbox"):
        left, top, right, bottom = (float(item.findtext(side) or "nan") for side in ("xmin", "ymin", "xmax", "ymax"))
        box = Box(left - 1, top - 1, right, bottom)
        if not (box.left < box.right and box.top < box.bottom):
            raise IntegrityError(f"a box without area in the annotation: {box}")
        boxes.append(box)
    return boxes


def origins(length: int, tile: int, step: int) -> List[int]:
    """Return where tiles begin along a side of ``length`` pixels; the last one ends flush with the side."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, step), length - tile]


def clip(box: Box, x: int, y: int, width: int, height: int) -> Optional[Box]:
    """Return ``box`` clipped to the tile at (x, y), in the tile's pixels; None where too little of it is in there."""
    inside = Box(max(box.left - x, 0), max(box.top - y, 0), min(box.right - x, width), min(box.bottom - y, height))
    w, h = inside.right - inside.left, inside.bottom - inside.top
    if w <= 0 or h <= 0:
        return None
    visible = w * h / ((box.right - box.left) * (box.bottom - box.top))
    whole = visible == 1.0  # a small crown that is not cut stays
    return inside if whole or (visible >= MIN_VISIBLE and min(w, h) >= MIN_SIDE) else None


def label(box: Box, width: int, height: int) -> str:
    """Return a line of YOLO's label format: class 0, then centre and size as fractions of the tile."""
    numbers = (
        (box.left + box.right) / 2 / width,
        (box.top + box.bottom) / 2 / height,
        (box.right - box.left) / width,
        (box.bottom - box.top) / height,
    )
    return "0 " + " ".join(f"{n:.6f}" for n in numbers)


def prepare(folder: Path = FOLDER, source: Optional[Path] = None, say: Callable[[str], None] = print) -> Path:
    """Make sure that the tiles are in ``folder``, whole and unchanged, and return the path of their data YAML.

    Args:
        folder: Where the tiles go; made if missing. One that holds anything else is refused.
        source: A local ``deepforest`` wheel, or a folder that holds it, instead of the index.
        say: Called with lines of progress.

    Raises:
        ForkError: The wheel cannot be fetched or is another one, or ``folder`` is not this data set.
    """
    folder = Path(folder).resolve()
    wrong = check(folder)
    if wrong is None:
        return folder / "data.yaml"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / RECORD).is_file():
            raise ForkError(f"{folder} exists and holds no tree crowns of this project: name another folder or move it")
        say(f"tree crowns: {wrong}; cutting them anew")
    wheel = obtain(PACKAGE, source, say)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _cut_all(wheel, partial, folder, say)
        if folder.exists() and any(folder.iterdir()):  # it may hold labels that somebody has mended
            names = (folder.with_name(f"{folder.name}.old{number}") for number in itertools.count(1))
            aside = next(path for path in names if not path.exists())
            replace(folder, aside)
            say(f"tree crowns: what was there is now {aside}")
        elif folder.exists():
            folder.rmdir()
        replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "data.yaml"


def check(folder: Path) -> Optional[str]:
    """Return what is wrong with the tiles in ``folder``, or None where they are as cut."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files: Dict[str, str] = record["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "not prepared"
    if record.get("recipe") != RECIPE or record.get("folder") != str(folder):
        return "prepared by another version, or moved"
    for path, digest in files.items():
        try:
            if hashlib.sha256((folder / path).read_bytes()).hexdigest() != digest:
                return f"{path} was changed"
        except OSError:
            return f"{path} is missing"
    return None


def _cut_all(wheel: Path, target: Path, final: Path, say: Callable[[str], None]) -> None:
    import cv2
    import numpy as np

    files: Dict[str, str] = {}

    def write(path: str, data: bytes) -> None:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)
        files[path] = hashlib.sha256(data).hexdigest()

    with zipfile.ZipFile(wheel) as archive:
        for split, (name, expected) in PHOTOGRAPHS.items():
            for ending in (".png", ".xml"):
                check_member(wheel.name, archive.getinfo(name + ending))
            boxes = read_boxes(archive.read(name + ".xml"))
            if len(boxes) != expected:
                raise IntegrityError(f"{name}.xml has {len(boxes)} crowns, expected {expected}")
            photo = cv2.imdecode(np.frombuffer(archive.read(name + ".png"), np.uint8), cv2.IMREAD_COLOR)
            tiles = [(x, y) for y in origins(photo.shape[0], TILE, STEP) for x in origins(photo.shape[1], TILE, STEP)]
            count = 0
            for done, (x, y) in enumerate(tiles, 1):
                tile = photo[y : y + TILE, x : x + TILE]
                height, width = tile.shape[:2]
                clipped = [c for c in (clip(box, x, y, width, height) for box in boxes) if c]
                count += len(clipped)
                _, png = cv2.imencode(".png", tile)
                write(f"images/{split}/{split}_{y:04d}_{x:04d}.png", png.tobytes())
                lines = "".join(label(box, width, height) + "\n" for box in clipped)
                write(f"labels/{split}/{split}_{y:04d}_{x:04d}.txt", lines.encode())
                if done == len(tiles) or done % 30 == 0:
                    say(f"tree crowns: {split} {done}/{len(tiles)} tiles, {count} boxes")
    yaml = (
        f"path: {json.dumps(str(final), ensure_ascii=False)}\ntrain: images/train\nval: images/val\nnames:\n  0: tree\n"
    )
    write("data.yaml", yaml.encode())
    record = {"recipe": RECIPE, "folder": str(final), "source": PACKAGE._asdict(), "files": files}
    (target / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command line; return its exit code."""
    parser = Parser(prog="python -m run.crowns", description="Cut the tree-crown data set.")
    parser.add_argument("--dir", type=Path, default=FOLDER, help="where the tiles go (default: %(default)s)")
    parser.add_argument("--source", type=Path, help=f"a local {PACKAGE.file}, or a folder that holds it")
    options = parser.parse_args(arguments)
    try:
        print(prepare(options.dir, options.source))
    except ForkError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
