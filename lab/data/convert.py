"""Converts COCO, Pascal VOC and LabelMe to YOLO by the package ``supervision``, and checks what came of it.

The package takes one folder of images and one of annotations, and names no file where one is bad. So the annotations
are read here first: what is unreadable, or of a missing or another image, is named, and the package gets a plain copy
in ASCII. What it does not mind (coordinates outside the image, classes without an object), ``lab check`` names.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple
from xml.etree import ElementTree

from lab.data.check import check_data
from lab.data.common import GENERIC, PARTS, check_new, new_folder, part_of, write_yaml
from lab.data.files import look_at_image
from run import start
from run.arguments import UsageError
from run.start import say

EXAMPLES = 5
"""How many faults are named."""

LEAST = (0, 31, 2)
"""The version of supervision from which on boxes of Pascal VOC do not come out a pixel small."""

File = Tuple[Path, Any]
"""An annotation file, and what is in it."""


def main(options: Any) -> int:
    """Run ``convert``; return the exit code: 1 where the check finds something severe in the result."""
    place = check_new(options.to)
    source = Path(options.source).expanduser()
    images = Path(options.images).expanduser() if options.images else None
    if not source.exists():
        raise UsageError(f"{options.source} does not exist: name the folder of the annotations, or a COCO file")
    if images is not None and not images.is_dir():
        raise UsageError(f"--images {options.images}: there is no such folder")
    if importlib.util.find_spec("supervision") is None:
        raise UsageError("the package supervision is missing: run `python -m pip install supervision`")
    start.load_quietly()
    import supervision

    found = tuple(int(n) for n in re.findall(r"\d+", supervision.__version__)[:3])
    if found < LEAST:
        raise UsageError(
            f"supervision {supervision.__version__} is too old: {'.'.join(map(str, LEAST))} is needed, which needs "
            "Python 3.10; run `python -m pip install --upgrade supervision`"
        )
    kind, files = read(source)
    with new_folder(options.to) as work, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        sets: Dict[str, Any] = {}
        for name, some in grouped(kind, source, files).items():
            say(f"reading   {name}: {len(some):,} annotation file(s) of format {kind}")
            sets[name] = load(kind, name, some, images, options.task, work)
        names = list(dict.fromkeys(str(name) for one in sets.values() for name in one.classes))
        _write(work, sets, names if kind == "coco" else sorted(names), options.task)
    for text in dict.fromkeys(str(one.message) for one in caught if one.category is UserWarning):
        say(f"note: {text}")
    report = check_data(str(place / "data.yaml"), task=options.task, full=False)
    say("\n".join([*report.lines(), f"written   {Path(options.to) / 'data.yaml'}"]))
    if len(sets) == 1:
        quoted = [f'"{name}"' if " " in name else name for name in (options.to, f"{options.to}-split")]
        say(f"next      python -m lab data split {quoted[0]} --to {quoted[1]}")
    return 0 if report.ok else 1


def refuse(faults: Sequence[str], advice: str) -> None:
    """Raise UsageError where there are faults: names the first few, and says what to do."""
    if faults:
        more = f"\n  and {len(faults) - EXAMPLES} more" if len(faults) > EXAMPLES else ""
        raise UsageError("\n  ".join(faults[:EXAMPLES]) + f"{more}\n  nothing was written; to do: {advice}")


def read(source: Path) -> Tuple[str, List[File]]:
    """Read annotation files; return their format (voc, coco, labelme), and them.

    Raises:
        UsageError: A file cannot be read, or there are none, or of more than one format.
    """
    found: Dict[str, List[File]] = {}
    faults = []
    for path in [source] if source.is_file() else sorted(source.rglob("[!.]*.*")):
        if path.suffix.lower() not in (".xml", ".json"):
            continue
        try:
            text = _text(path.read_bytes())
            content = ElementTree.fromstring(text) if path.suffix.lower() == ".xml" else json.loads(text)
        except (OSError, ValueError, RecursionError, ElementTree.ParseError) as e:
            faults.append(f"{path} cannot be read: {' '.join(str(e).split())}")
            continue
        if isinstance(content, ElementTree.Element):
            kind = "voc" if content.tag == "annotation" else ""
        else:
            keys = {"images", "annotations", "shapes"} & set(content if isinstance(content, dict) else ())
            kind = "coco" if keys == {"images", "annotations"} else "labelme" if keys == {"shapes"} else ""
        found.setdefault(kind, []).append((path, content))
    refuse(faults, "mend or remove the files")
    found.pop("", None)
    if len(found) != 1:
        there = ", ".join(f"{len(some)} {kind}" for kind, some in found.items())
        what = f"annotations of more than one format ({there}): name the folder or file of one" if found else ""
        raise UsageError(f"{source} has {what or 'no annotation of Pascal VOC (.xml), COCO or LabelMe (.json)'}")
    ((kind, files),) = found.items()
    boxed = [file for file in files if file[0].name.startswith("instances_")]  # beside COCO's captions and keypoints
    return kind, boxed if kind == "coco" and boxed else files


def _text(raw: bytes) -> str:
    """Return a file's text: in UTF-8 or, as tools on Chinese Windows write it, GB18030; without XML's declaration."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    return text.partition("?>")[2] if text.lstrip().startswith("<?xml") else text


def grouped(kind: str, source: Path, files: List[File]) -> Dict[str, List[File]]:
    """Return each COCO file, or the files of each folder, by a name: train, val or test where it says so."""
    folders: Dict[Path, List[File]] = {}
    for file in files:
        folders.setdefault(file[0] if kind == "coco" else file[0].parent, []).append(file)
    result: Dict[str, List[File]] = {}
    for path, some in folders.items():
        above = path.parent.name if source in path.parents else path.stem
        own = part_of(path.stem) or part_of(above) or (above if path.stem.lower() in GENERIC else path.stem)
        name = own if own not in result else next(f"{own}-{n}" for n in range(2, 10**6) if f"{own}-{n}" not in result)
        result[name] = some
    return result


def load(kind: str, unit: str, files: List[File], given: Optional[Path], task: str, work: Path) -> Any:
    """Return annotation files as the package reads them: its ``DetectionDataset``.

    Raises:
        UsageError: Images are missing, unreadable or of another size, or the package cannot read an annotation.
    """
    from supervision import DetectionDataset

    reader = getattr(DetectionDataset, "from_pascal_voc" if kind == "voc" else f"from_{kind}")
    stage, path = work / "staged", Path(unit)
    stage.mkdir()
    try:
        stated = []
        for path, content in files:
            stated += [(path, name, size) for name, size in _stated(kind, path, content)]
        folder, images = _images(kind, unit, {name for _, name, _ in stated}, files[0][0].parent, given)
        faults, looks = [], {name: look_at_image(str(file)) for name, file in images.items()}
        for path, name, size in stated:
            look = looks.get(name)
            if look is None:
                faults.append(f"{path}: its image {name} is not in {folder}")
            elif look.refused or look.size is None:
                faults.append(f"{images[name]} is not an image that upstream reads: {look.issues[0].kind}")
            elif all(size) and size != tuple(look.size):
                faults.append(
                    f"{images[name]} has {look.size[0]}x{look.size[1]} pixels, not {size[0]}x{size[1]} as in {path}"
                )
        refuse(faults, "mend or remove them, or name the folder of the images with --images")
        for path, content in files:
            _stage(kind, path, content, images, {name: look.size for name, look in looks.items()}, task, stage)
        path = folder
        where = "annotations_path" if kind == "coco" else "annotations_directory_path"
        return reader(str(folder), **{where: str(stage / "coco.json" if kind == "coco" else stage)})
    except (AttributeError, LookupError, TypeError, ValueError) as e:  # an entry that lacks what it needs
        raise UsageError(f"{path} cannot be converted: {type(e).__name__}: {' '.join(str(e).split())}") from None
    finally:
        shutil.rmtree(stage)


def _stated(kind: str, path: Path, content: Any) -> List[Tuple[str, Tuple[int, int]]]:
    """Return the images of an annotation file, by name (COCO) or stem, and the width and height it states, or 0."""
    if kind == "voc":
        width, height = (content.findtext(f"size/{side}", "") for side in ("width", "height"))
        return [(path.stem, (int(width) if width.isdecimal() else 0, int(height) if height.isdecimal() else 0))]
    if kind == "labelme":
        return [(path.stem, (content.get("imageWidth") or 0, content.get("imageHeight") or 0))]
    return [
        (one["file_name"].replace("\\", "/"), (one.get("width") or 0, one.get("height") or 0))
        for one in content["images"]
    ]


def _images(
    kind: str, unit: str, wanted: Set[str], beside: Path, given: Optional[Path]
) -> Tuple[Path, Dict[str, Path]]:
    """Return the folder that has most of the images, and name (COCO) or stem -> file of those it has."""
    from ultralytics.data.utils import IMG_FORMATS

    above = [given] if given else [beside, beside.parent]
    folders = [*above, *(child for one in above for child in sorted(one.iterdir()) if child.is_dir())]
    best: Tuple[Path, Dict[str, Path]] = above[0], {}
    for folder in sorted(folders, key=lambda one: part_of(one.name) != unit):  # train2017, val2017 may share names
        found = {name: folder / name for name in wanted if kind == "coco" and (folder / name).is_file()}
        for file in sorted(folder.iterdir()) if kind != "coco" else ():
            if file.stem in wanted and file.suffix[1:].lower() in IMG_FORMATS:
                found[file.stem] = file
        best = (folder, found) if len(found) > len(best[1]) else best
    return best


def _box(values: Sequence[Any], what: str) -> List[float]:
    try:
        box = [float(value) for value in values]
    except (TypeError, ValueError):
        box = []
    if len(box) != 4 or not all(map(math.isfinite, box)):
        raise ValueError(f"{what} has no box of four numbers: {values}")
    return box


def _stage(
    kind: str, path: Path, content: Any, images: Dict[str, Path], sizes: Dict[str, Any], task: str, stage: Path
) -> None:
    """Write a plain copy of an annotation file, without outlines for detect: as masks they would fill the memory."""
    if kind == "voc":
        for one in content.findall("object"):
            corners = [one.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            _box(corners, f"an object {one.findtext('name')!r}")
            for polygon in one.findall("polygon") if task == "detect" else ():
                one.remove(polygon)
        (stage / f"{path.stem}.xml").write_bytes(ElementTree.tostring(content))
        return
    if kind == "labelme":
        shapes = content["shapes"] if isinstance(content["shapes"], list) else [content["shapes"]]
        for one in shapes:
            if task == "detect" and one.get("shape_type") == "polygon":
                xs, ys = zip(*one["points"])
                one.update(shape_type="rectangle", points=[[min(xs), min(ys)], [max(xs), max(ys)]])
        plain = {"shapes": shapes, "imagePath": images[path.stem].name}
        plain.update(zip(("imageWidth", "imageHeight"), sizes[path.stem]))
    else:
        names = [one["file_name"].replace("\\", "/") for one in content["images"]]
        plain = {"categories": content["categories"], "annotations": []}
        plain["images"] = [
            {**one, "file_name": name, "width": sizes[name][0], "height": sizes[name][1]}
            for one, name in zip(content["images"], names)
        ]
        for one in content["annotations"]:
            if not one.get("iscrowd"):  # a region of many objects is none
                _box(one.get("bbox"), f"annotation {one.get('id')}")
                plain["annotations"].append(
                    {**one, "segmentation": one.get("segmentation") if task == "segment" else []}
                )
    (stage / f"{path.stem if kind == 'labelme' else 'coco'}.json").write_text(json.dumps(plain), encoding="ascii")


def _write(work: Path, sets: Dict[str, Any], names: List[str], task: str) -> None:
    """Write the images, labels and data.yaml of all units."""
    import numpy as np

    folders: Dict[str, List[str]] = {part: [] for part in PARTS}
    for unit, one in sets.items():
        below = unit if len(sets) > 1 or unit in PARTS else ""
        bare, stems = [], Counter(Path(path).stem.casefold() for path in one.image_paths)
        for path, found in one.annotations.items():
            found.class_id = np.array([names.index(str(one.classes[n])) for n in found.class_id], dtype=int)
            if stems[Path(path).stem.casefold()] > 1:
                bare.append(f"{path} would share its label file with another image")
            elif task == "segment" and len(found) and (found.mask is None or not found.mask.any((1, 2)).all()):
                bare.append(f"{path} has objects without an outline, which --task detect would take as boxes")
        refuse(bare, "rename, mend or remove them")
        one.classes = names
        try:
            one.as_yolo(str(work / "images" / below), str(work / "labels" / below))
        except ValueError as e:  # an image of the folder that cannot be decoded
            raise UsageError(f"{unit} cannot be written: {' '.join(str(e).split())}") from None
        folders[unit if unit in PARTS else "train"].append("/".join(filter(None, ("images", below))))
    train = folders["train"] or folders["val"] or folders["test"]
    parts = {"train": train, "val": folders["val"] or folders["test"] or train, "test": folders["test"]}
    content: Dict[str, Any] = {part: some if len(some) > 1 else some[0] for part, some in parts.items() if some}
    comment = f"Converted by `python -m lab data convert`; task {task}. Paths count from this file's folder."
    if content["val"] == content["train"]:
        comment += "\nNot divided yet: val is train. `python -m lab data split` divides it."
    write_yaml(work / "data.yaml", {**content, "names": dict(enumerate(names))}, comment)
