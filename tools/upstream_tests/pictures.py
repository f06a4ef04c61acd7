"""Stand-ins for data: tiny synthetic data sets in the layouts of those that upstream's tests download, videos, fonts.

Runs with the pristine tree on the path; see ``tools.upstream_tests.assets``. Names of classes and data sets are read
from the release itself.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import cv2
import numpy as np
from PIL import Image

IDS = {"train": (9, 25, 30, 34), "val": (36, 42, 49, 61)}
"""Numbers of the images: COCO's annotations refer to files by number."""

SIZES = ((480, 640), (426, 640), (640, 480), (480, 640))  # height, width

Box = Tuple[int, float, float, float, float]
"""Class; centre x, centre y, width and height as parts of the image."""


def draw(rng: np.random.Generator, size: Tuple[int, int], boxes: Sequence[Box]) -> np.ndarray:
    """Return a picture (height, width, 3) of noise with a filled rectangle where each box is."""
    height, width = size
    image = cv2.resize(rng.integers(0, 120, (height // 8, width // 8, 3), dtype=np.uint8), (width, height))
    for _, x, y, w, h in boxes:
        corners = np.array([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height])
        left, top, right, bottom = corners.round().astype(int).tolist()
        cv2.rectangle(image, (left, top), (right, bottom), rng.integers(130, 256, 3).tolist(), -1)
    return image


def some_boxes(rng: np.random.Generator, classes: int, count: int = 3) -> List[Box]:
    """Return boxes that lie inside the image; the first is of class 0."""
    out = []
    for n in range(count):
        w, h = rng.uniform(0.2, 0.5, 2)
        x, y = rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2)
        out.append((0 if n == 0 else int(rng.integers(classes)), *(round(float(v), 6) for v in (x, y, w, h))))
    return out


def corners(box: Box) -> List[float]:
    """Return the four corners of a box, clockwise from the top left: x, y, x, y, ..."""
    _, x, y, w, h = box
    return [x - w / 2, y - h / 2, x + w / 2, y - h / 2, x + w / 2, y + h / 2, x - w / 2, y + h / 2]


def keypoints(rng: np.random.Generator, box: Box) -> List[float]:
    """Return 17 visible points inside the box: x, y, visibility, ..."""
    _, x, y, w, h = box
    return [v for _ in range(17) for v in (x + w * rng.uniform(-0.4, 0.4), y + h * rng.uniform(-0.4, 0.4), 2)]


def line(*values: float) -> str:
    """Return one line of a label file."""
    return " ".join(f"{v:.6g}" for v in values) + "\n"


def save(path: Path, image: np.ndarray) -> None:
    """Write an image; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., ::-1] if image.ndim == 3 else image).save(path)


def detection_set(
    folder: Path, classes: int, text: Callable[[np.random.Generator, Box], str], grey: bool = False, suffix: str = "jpg"
) -> Dict[str, List[Box]]:
    """Write eight images with their label files, and return the boxes of each image by its stem."""
    rng, all_boxes = np.random.default_rng(len(folder.name)), {}
    for split, ids in IDS.items():
        (folder / "labels" / split).mkdir(parents=True)
        for number, size in zip(ids, SIZES):
            boxes, stem = some_boxes(rng, classes), f"{number:012}"
            image = draw(rng, size, boxes)
            save(folder / "images" / split / f"{stem}.{suffix}", image[..., 0] if grey else image)
            (folder / "labels" / split / f"{stem}.txt").write_text("".join(text(rng, b) for b in boxes), "utf-8")
            all_boxes[stem] = boxes
    return all_boxes


def detection_sets(root: Path) -> Dict[str, List[Box]]:
    """Write the data sets of boxes, polygons, key points, rotated boxes, one and ten channels."""
    boxes = detection_set(root / "coco8", 80, lambda _, b: line(*b))
    detection_set(root / "coco8-grayscale", 80, lambda _, b: line(*b), grey=True)
    detection_set(root / "coco8-seg", 80, lambda _, b: line(b[0], *corners(b)))
    detection_set(root / "coco8-pose", 1, lambda rng, b: line(*b, *keypoints(rng, b)))
    detection_set(root / "dota8", 15, lambda _, b: line(b[0], *corners(b)))
    many = root / "coco8-multispectral"
    detection_set(many, 80, lambda _, b: line(*b), suffix="png")
    for path in sorted(many.rglob("*.png")):
        with Image.open(path) as image:
            pages = [image.convert("L").point(lambda v, n=n: v * (10 - n) // 10) for n in range(10)]
        pages[0].save(path.with_suffix(".tiff"), save_all=True, append_images=pages[1:])
        path.unlink()
    return boxes


def formats_set(root: Path) -> None:
    """Write coco12-formats: one image a format; what Pillow cannot write is a JPEG or TIFF of that name."""
    names = ("avif", "bmp", "dng", "heic", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp")
    stands_in = {"avif": "JPEG", "dng": "TIFF", "heic": "JPEG", "jpg": "JPEG", "mpo": "JPEG", "tif": "TIFF"}
    rng = np.random.default_rng(12)
    for n, name in enumerate(names):
        split, boxes = ("train", "val")[n % 2], some_boxes(rng, 80)
        for kind in ("images", "labels"):
            (root / "coco12-formats" / kind / split).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(draw(rng, (96, 128), boxes))
        kind = {"jp2": "JPEG2000"}.get(name, stands_in.get(name, name.upper()))
        image.save(root / "coco12-formats" / "images" / split / f"{n:012}.{name}", format=kind)
        label = root / "coco12-formats" / "labels" / split / f"{n:012}.txt"
        label.write_text("".join(line(*b) for b in boxes), "utf-8")


def dense_sets(root: Path, city: Dict[str, Any], data_yaml: Dict[str, Any]) -> None:
    """Write cityscapes8 (masks of raw ids) and depth8 (16-bit PNG, in the scale of the release's YAML)."""
    rng = np.random.default_rng(3)
    raw = [int(key) for key, value in city["label_mapping"].items() if isinstance(value, int) and int(key) >= 0]
    for split, ids in IDS.items():
        for number in ids:
            image = draw(rng, (512, 1024), some_boxes(rng, 19))
            save(root / "cityscapes8" / "images" / split / f"{number}.png", image)
            mask = rng.choice(np.array([0, *raw], dtype=np.uint8), (4, 8)).repeat(128, 0).repeat(128, 1)
            save(root / "cityscapes8" / "masks" / split / f"{number}.png", mask)
            depth = root / str(data_yaml["path"])
            save(depth / "images" / split / f"{number}.jpg", draw(rng, (192, 256), some_boxes(rng, 1)))
            metres = cv2.resize(rng.uniform(1, 9, (6, 8)).astype(np.float32), (256, 192))
            save(depth / "depth" / split / f"{number}.png", (metres * data_yaml["depth_scale"]).astype(np.uint16))


def classification_set(root: Path, names: Sequence[str]) -> None:
    """Write imagenet10: a folder a class."""
    rng = np.random.default_rng(10)
    for split, count in (("train", 2), ("val", 1)):
        for name in names:
            for n in range(count):
                save(root / "imagenet10" / split / name / f"{n}.jpg", draw(rng, (64, 80), some_boxes(rng, 1)))


def coco_annotations(root: Path, boxes: Dict[str, List[Box]]) -> None:
    """Write the two JSON files that upstream takes for COCO's validation set, for the images of coco8."""
    rng = np.random.default_rng(17)
    images, found = [], []
    for stem, size in zip([f"{n:012}" for n in IDS["val"]], SIZES):
        height, width = size
        images.append({"id": int(stem), "file_name": f"{stem}.jpg", "height": height, "width": width})
        for box in boxes[stem]:
            scale = np.array([width, height] * 4)
            polygon = (np.array(corners(box)) * scale).round(2).tolist()
            w, h = box[3] * width, box[4] * height
            points = np.array(keypoints(rng, box)).reshape(17, 3) * [width, height, 1]
            record = {"id": len(found) + 1, "image_id": int(stem), "category_id": 1, "iscrowd": 0, "area": w * h}
            record.update(bbox=[polygon[0], polygon[1], w, h], segmentation=[polygon], num_keypoints=17)
            found.append({**record, "keypoints": points.round(2).ravel().tolist()})
    category = {"id": 1, "name": "person", "keypoints": [f"point{n}" for n in range(17)], "skeleton": []}
    text = json.dumps({"info": {}, "licenses": [], "images": images, "annotations": found, "categories": [category]})
    folder = root / "annotations"
    folder.mkdir(parents=True)
    for name in ("instances_val2017.json", "person_keypoints_val2017.json"):
        (folder / name).write_text(text, encoding="utf-8")


def solution_files(folder: Path, wanted: Dict[str, str]) -> None:
    """Write the videos (six frames), the picture, the archive and the areas that the tests of solutions use."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(6)
    boxes = some_boxes(rng, 1, 4)
    for name in wanted.values():
        path, suffix = folder / name, Path(name).suffix
        if suffix in (".mp4", ".mov"):
            video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (640, 480))
            for _ in range(6):
                video.write(draw(rng, (480, 640), boxes))
            video.release()
        elif suffix == ".jpg":
            save(path, draw(rng, (480, 640), boxes))
        elif suffix == ".json":
            areas = [{"points": [[20 + x, 20], [220 + x, 20], [220 + x, 220], [20 + x, 220]]} for x in (0, 250)]
            path.write_text(json.dumps(areas), encoding="utf-8")
        elif suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for n in range(4):
                    image = cv2.imencode(".jpg", draw(rng, (224, 224), boxes))[1]
                    archive.writestr(f"{path.stem}/{n}.jpg", image.tobytes())


def fonts(folder: Path) -> None:
    """Put a font of matplotlib's where upstream looks for the two that it would download."""
    import matplotlib

    folder.mkdir(parents=True)
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        shutil.copyfile(font, folder / name)
