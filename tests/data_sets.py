"""Small data sets to spoil, and what is wrong with single rows and images of them."""

import io

import numpy as np
from PIL import Image

from lab.data.check import DataReport, check_data
from lab.data.kinds import KINDS

TREE = "train: images/train\nval: images/val\n"
NAMES = "names: [cat, dog]\n"
CAT, DOG = "0 0.5 0.5 0.25 0.25", "1 0.25 0.25 0.125 0.125"


def picture(seed=0, size=(48, 32), mode="RGB", form="PNG"):
    shape = (size[1], size[0], *([len(mode)] if len(mode) > 1 else []))
    pixels = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


class Set:
    """A data set of four images for training (a.png to d.png) and two for validation (y.png, z.png)."""

    def __init__(self, folder):
        self.folder = folder
        for n, name in enumerate(("train/a", "train/b", "train/c", "train/d", "val/y", "val/z")):
            self.image(f"{name}.png", picture(n))
            self.label(f"{name}.txt", CAT, DOG)
        self.yaml()

    def yaml(self, text="train: images/train\nval: images/val\nnames: [cat, dog]\n", root=True):
        """Write the YAML, with the line ``path:`` unless told not to, and return its path."""
        path = self.folder / "data.yaml"
        head = f"path: '{self.folder.as_posix()}'\n" if root else ""
        path.write_text(head + text, encoding="utf-8")
        return path

    def write(self, path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def image(self, name, data):
        self.write(self.folder / "images" / name, data)

    def label(self, name, *rows):
        self.write(self.folder / "labels" / name, "".join(f"{row}\n" for row in rows).encode())

    def check(self, **options) -> DataReport:
        return check_data(str(self.folder / "data.yaml"), **options)


def found(report):
    return {finding.kind: finding for finding in report.findings}


def only(report, kind, count, *examples, severe=None):
    """Assert that a report has one finding, of this kind, count and places."""
    assert list(found(report)) == [kind], report.lines()
    finding = report.findings[0]
    assert finding.count == count
    assert finding.examples == examples
    assert finding.severe == (KINDS[kind].severe if severe is None else severe)
    assert report.ok is not finding.severe
    assert finding.advice
    return finding


ROWS = [
    ("label-columns", ["0 0.5 0.5 0.1"], [":1: 4 instead of 5 columns"], 1),
    ("label-columns", [CAT, "0,0.5,0.5,0.1,0.1"], [":2: separated by commas, not spaces"], 1),
    (
        "label-columns",
        ["0 0.5 0.5 0.1 0.1 0.9"] * 2,
        [f":{n}: 6 columns; the last may be a confidence" for n in (1, 2)],
        1,
    ),
    ("label-columns", ["0 0 0 1 0 1 1 0", "0 0 0 1 0 1 1"], [":1: 8 columns, a polygon has an odd number"], 1),
    ("label-columns", ["0 0 0 1 0 1 1", "", CAT], [":3: a box in a file that also has polygons"], 1),
    ("label-number", ["cat 0.5 0.5 0.1 0.1", DOG], [":1: cat"], 1),
    ("label-number", ["0 0.5 nan 0.1 0.1", "0 0.5 inf 0.1 0.1"], [":1: nan or inf", ":2: nan or inf"], 1),
    ("label-class", ["0.5 0.5 0.5 0.1 0.1"], [":1: class 0.5"], 1),
    ("label-class", ["-1 0.5 0.5 0.1 0.1"], [":1: class -1"], 1),
    ("label-class", [CAT, "2 0.5 0.5 0.1 0.1"], [":2: class 2"], 1),
    ("label-pixels", ["0 320 240 50 60"], [":1: 320 240 50 60"], 1),
    ("label-range", ["0 1.2 0.5 0.1 0.1", "0 -0.3 0.5 0.1 0.1"], [":1: 1.2", ":2: -0.3"], 1),
    ("label-size", ["0 0.5 0.5 -0.1 0.1"], [":1: -0.1 x 0.1"], 1),
    ("label-zero", [CAT, "0 0.5 0.5 0 0.1"], [":2: 0 x 0.1"], 0),
    ("label-outside", ["0 0.9 0.5 0.4 0.1", CAT], [":1"], 0),
    ("label-duplicate", [CAT, DOG, CAT, CAT], [":3", ":4"], 0),
    ("label-empty", [], [""], 0),
    ("label-polygons", ["0 0.1 0.1 0.3 0.1 0.3 0.4"], [""], 0),
]


def jpeg_with_tail():
    return picture(5, form="JPEG") + b"tail"


IMAGES = [
    ("image-unreadable", "x.png", b"", ": zero bytes", True),
    ("image-unreadable", "x.jpg", b"<!DOCTYPE html><html>", ": a web page or XML", True),
    ("image-unreadable", "x.png", b"version https://git-lfs.github.com/spec/v1", ": a Git LFS pointer: run", True),
    ("image-unreadable", "x.png", bytes(500), ": only zero bytes", True),
    ("image-unreadable", "x.png", picture(5)[:-200], ": ", True),
    ("image-damaged", "x.jpg", picture(5, form="JPEG")[:-200], ": ", True),
    ("image-damaged", "x.bmp", picture(5, form="BMP")[:-900], ": ", False),
    ("image-small", "x.png", picture(5, (48, 9)), ": 48x9", True),
    ("image-format", "x.jpg", picture(5, form="GIF"), ": GIF", True),
    ("image-suffix", "x.jpg", picture(50), ": PNG", False),
    ("image-mode", "x.png", picture(5, mode="RGBA"), ": RGBA", False),
    ("image-mode", "x.jpg", picture(5, mode="L", form="JPEG"), ": L", False),
    ("image-rewritten", "x.jpg", jpeg_with_tail(), "", False),
    ("image-heif", "x.heic", b"\0\0\0\x18ftypheic" + bytes(64), "", False),
]
