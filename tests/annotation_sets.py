"""Writes small annotated sets of Pascal VOC, COCO and LabelMe, and runs `python -m lab data` on them."""

import json
from typing import NamedTuple

import numpy as np
from PIL import Image

from lab.data.command import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def runner(capsys):
    """Return a function that runs the command line in this process."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as e:
            code = e.code
        return Ran(code, *capsys.readouterr())

    return run


def image(path, size=(100, 80), orientation=None, seed=0, form=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    extra = {}
    if orientation:
        extra["exif"] = Image.Exif()
        extra["exif"][274] = orientation
    Image.fromarray(pixels).save(path, form, **extra)
    return path


def thing(name, *corners, extra=""):
    sides = "".join(f"<{s}>{v}</{s}>" for s, v in zip(("xmin", "ymin", "xmax", "ymax"), corners))
    return f"<object><name>{name}</name>{extra}<bndbox>{sides}</bndbox></object>"


def xml(path, *things, size=(100, 80), filename=None, encoding="utf-8", head=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    name = f"<filename>{filename}</filename>" if filename else ""
    path.write_bytes(f"{head}<annotation>{name}{stated}{''.join(things)}</annotation>".encode(encoding))
    return path


def labelme(path, *shapes, size=(100, 80), image_path="", data=None, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = [{"label": label, "shape_type": kind, "points": points, **rest} for label, kind, points, rest in shapes]
    content = {"version": "5.4.1", "shapes": keys, "imagePath": image_path, "imageData": data}
    content.update(imageWidth=size[0], imageHeight=size[1])
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    return path


def shape(label, kind, *points, **rest):
    return label, kind, [list(point) for point in points], rest


def coco(path, images, annotations, categories=((1, "cat"),)):
    """Write a COCO file from (id, file name[, width, height]), and (image, category, box, more) without ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "images": [{"id": n, "file_name": f, **dict(zip(("width", "height"), s or (100, 80)))} for n, f, *s in images],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": box, "iscrowd": 0, "area": 1, **rest}
            for n, (i, c, box, rest) in enumerate(annotations, 1)
        ],
        "categories": [{"id": n, "name": name} for n, name in categories],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def labels(folder):
    """Return {path without suffix: [[class, numbers ...], ...]} of the label files of a set."""
    base = folder / "labels"
    return {
        path.relative_to(base).with_suffix("").as_posix(): [
            [int(line.split()[0]), *map(float, line.split()[1:])] for line in path.read_text().splitlines()
        ]
        for path in sorted(base.rglob("*.txt"))
    }


def noted(folder):
    """Return {kind: places} of a division's report."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))["findings"]
    assert all(one["count"] == len(one["places"]) for one in report.values())
    return {kind: one["places"] for kind, one in report.items()}


def tree(folder):
    """Return {path: bytes} of a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
