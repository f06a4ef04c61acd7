"""The kinds of finding in images and labels: how each is called, what it leads to, what to do, and the list of them."""

from __future__ import annotations

from typing import Dict, NamedTuple


class Kind(NamedTuple):
    """One kind of finding.

    Attributes:
        title: What is counted, as the beginning of a sentence.
        effect: What upstream, or the tool that met it, does about it.
        advice: What to do.
        severe: Upstream stops or leaves images out, or there is nothing to learn from or to measure by.
    """

    title: str
    effect: str
    advice: str
    severe: bool = True


def _note(title: str, effect: str, advice: str) -> Kind:
    return Kind(title, effect, advice, severe=False)


_OUT = "upstream leaves the image out"
_FILE = "upstream leaves the image with all its labels out"

KINDS: Dict[str, Kind] = {
    "no-labels": Kind(
        "splits without any label file",
        "upstream stops, or measures nothing",
        "put a .txt file per image in the folder that is named here",
    ),
    "no-boxes": Kind(
        "splits without any object in their label files", "there is nothing to learn or to measure", "check the export"
    ),
    "image-missing": Kind(
        "images that are listed but not there",
        _OUT,
        "correct the list; a path there counts from the folder of the list if it begins with ./, otherwise from the "
        "folder that training is started in",
    ),
    "image-unreadable": Kind("files that are no readable image", _OUT, "replace or delete them"),
    "image-damaged": Kind(
        "images that are cut off or damaged",
        "upstream leaves out a JPEG without its end; any other stops the training",
        "copy them again, or delete them with their labels",
    ),
    "image-small": Kind("images under 10 pixels high or wide", _OUT, "delete them"),
    "image-format": Kind("images of a format that upstream does not take", _OUT, "convert them to PNG or JPEG"),
    "image-channels": Kind(
        "images with another number of channels than `channels`",
        "the training stops",
        "correct `channels`, or convert the images",
    ),
    "label-encoding": Kind(
        "label files that cannot be read as text in UTF-8", _FILE, "save them as UTF-8 (in Notepad: Save as, UTF-8)"
    ),
    "label-columns": Kind(
        "rows with the wrong number of columns", _FILE, "write `class x y width height`, split by spaces"
    ),
    "label-number": Kind("rows with something that is no number", _FILE, "write numbers only; a class by its number"),
    "label-class": Kind(
        "rows whose class is not in `names`", _FILE, "classes count from 0: add the name to the data YAML, or mend them"
    ),
    "label-pixels": Kind(
        "rows that look like pixels, not like fractions",
        _FILE,
        "divide x and width by the image's width, y and height by its height; x and y are the centre's",
    ),
    "label-range": Kind("rows with a coordinate below 0 or above 1", _FILE, "clip the boxes to the image"),
    "label-size": Kind("rows with a negative width or height", _FILE, "write x and y of the centre, width, height"),
    "label-task": Kind(
        "label files of boxes where the task needs polygons", "upstream stops", "train with task detect"
    ),
    "label-zero": _note("objects without width or height", "nothing is learnt from them", "delete the rows"),
    "label-outside": _note(
        "objects that reach over the image's edge", "upstream clips them", "nothing, if it is meant so"
    ),
    "label-duplicate": _note("rows that repeat another", "upstream takes one of them", "delete them"),
    "label-polygons": _note(
        "label files with polygons or corners", "upstream takes the upright box around each", "nothing, if meant so"
    ),
    "label-tiny": _note(
        "objects under 2 pixels wide or high at the training size",
        "upstream's augmentation drops them",
        "use a larger imgsz, or cut tiles",
    ),
    "label-shared": _note(
        "images whose names differ in the suffix alone", "they share a label file", "rename or delete one of them"
    ),
    "label-orphan": _note(
        "label files without an image", "upstream does not look at them", "name a label file as its image, with .txt"
    ),
    "label-empty": _note("empty label files", "their images count as background", "nothing, if nothing is in them"),
    "label-none": _note("images without a label file", "they count as background", "nothing, if nothing is in them"),
    "image-skipped": _note(
        "images with a suffix that upstream does not read",
        "upstream does not look at them",
        "convert them to PNG or JPEG; rename .jfif and .jpe",
    ),
    "image-rewritten": _note(
        "JPEG files with something behind their end",
        "upstream replaces these files by a copy",
        "keep a copy if the originals matter",
    ),
    "image-suffix": _note(
        "images of another format than their suffix says", "upstream reads them all the same", "rename them"
    ),
    "image-mode": _note(
        "images that are not 8-bit colour without transparency",
        "upstream repeats a grey channel, drops transparency and keeps 8 of 16 bits",
        "nothing, if meant so; `channels: 1` for grey images",
    ),
    "image-heif": _note(
        "HEIC images, which need the package pi-heif",
        "not checked; upstream installs it when it meets them",
        "convert them, or run `python -m pip install pi-heif`",
    ),
    "list-line": _note(
        "lines of a list without an image suffix", "upstream passes over them", "one path of an image a line"
    ),
    "twice": _note("images that are twice in a split", "they count twice", "name overlapping folders once"),
    "leak": _note(
        "images of another split that are in train, to the byte",
        "figures on them say nothing about new images",
        "take them out of one of the two",
    ),
    "same-name": _note(
        "images named like one in train, with other content", "none", "look whether they show the same scene"
    ),
    "class-none": _note(
        "classes without an object in a part", "they cannot be learnt, or are not measured", "check `names`"
    ),
    "no-images": Kind("parts without an image", "there are too few images or groups", "ask for fewer parts"),
    "group-unmatched": Kind(
        "file names that --group-by does not match", "each is a group of its own", "correct the rule"
    ),
    "same-bytes": _note("images that are another to the byte", "they stay in its part", "delete them"),
}
"""Kind of finding -> what it says, in the order of printing."""
