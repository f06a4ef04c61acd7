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


_OUT = "upstream leaves the image out"
_FILE = "upstream leaves the image with all its labels out"

KINDS: Dict[str, Kind] = {
    "no-labels": Kind(
        "splits without any label file",
        "upstream stops where it is the training split, and measures nothing where it is another",
        "put a .txt file for each image in the folder that is named here",
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
    "image-empty": Kind("image files of zero bytes", _OUT, "copy them again, or delete them"),
    "image-unreadable": Kind("files that are not readable images", _OUT, "replace or delete them"),
    "image-damaged": Kind(
        "images that are cut off or damaged",
        "upstream leaves out a JPEG that lacks its end; any other stops the training when it is loaded",
        "copy them again, or delete them with their labels",
    ),
    "image-small": Kind("images under 10 pixels high or wide", _OUT, "delete them"),
    "image-format": Kind("images of a format that upstream does not take", _OUT, "convert them to PNG or JPEG"),
    "image-channels": Kind(
        "images with another number of channels than `channels`",
        "the training stops",
        "correct `channels` in the data YAML, or convert the images",
    ),
    "label-encoding": Kind(
        "label files that cannot be read as text in UTF-8", _FILE, "save them as UTF-8 (in Notepad: Save as, UTF-8)"
    ),
    "label-columns": Kind(
        "rows with the wrong number of columns", _FILE, "write `class x y width height`, split by spaces"
    ),
    "label-mixed": Kind(
        "rows of a box in a file that also has polygons", _FILE, "write one kind of row in a file, best in all files"
    ),
    "label-number": Kind(
        "rows with something that is not a number", _FILE, "write numbers only; a class by its number"
    ),
    "label-class-fraction": Kind(
        "rows whose class is not a whole number", _FILE, "begin the row with the class's number"
    ),
    "label-class-negative": Kind("rows whose class is negative", _FILE, "classes count from 0"),
    "label-class-range": Kind(
        "rows whose class is not in `names`",
        _FILE,
        "classes count from 0: add the name in the data YAML, or mend the rows",
    ),
    "label-pixels": Kind(
        "rows that look like pixels, not like fractions",
        _FILE,
        "divide x and width by the image's width, y and height by its height; x and y are the centre's",
    ),
    "label-range": Kind("rows with a coordinate below 0 or above 1", _FILE, "clip the boxes to the image"),
    "label-size": Kind("rows with a negative width or height", _FILE, "write x and y of the centre, width, height"),
    "label-task": Kind(
        "label files with boxes where the task needs polygons or corners",
        "upstream stops",
        "train with task detect, or export polygons (segment) or four corners (obb)",
    ),
    "label-zero": Kind("objects without width or height", "nothing is learnt from them", "delete the rows", False),
    "label-outside": Kind(
        "objects that reach over the image's edge", "upstream clips them", "nothing, if it is meant so", False
    ),
    "label-duplicate": Kind("rows that repeat another", "upstream takes one of them", "delete them", False),
    "label-corners": Kind(
        "rows of a number of corners other than four",
        "upstream takes the rectangle around them",
        "check the export",
        False,
    ),
    "label-polygons": Kind(
        "label files with polygons or corners",
        "upstream takes the upright box around each",
        "nothing, if meant so",
        False,
    ),
    "label-tiny": Kind(
        "objects under 2 pixels wide or high at the training size",
        "upstream's augmentation drops such objects",
        "train with a larger imgsz, or cut the images into tiles",
        False,
    ),
    "label-shared": Kind(
        "images that share a label file, as their names differ in the suffix alone",
        "each gets the same boxes",
        "rename or delete one of them",
        False,
    ),
    "label-orphan": Kind(
        "label files without an image",
        "upstream does not look at them",
        "name a label file as its image, with .txt",
        False,
    ),
    "label-empty": Kind(
        "empty label files", "their images count as background", "nothing, if nothing is in them", False
    ),
    "label-none": Kind(
        "images without a label file", "they count as background", "nothing, if nothing is in them", False
    ),
    "image-skipped": Kind(
        "files that look like images, with a suffix that upstream does not read",
        "upstream does not look at them",
        "convert them to PNG or JPEG; renaming does where only the suffix is unusual (.jfif, .jpe)",
        False,
    ),
    "image-rewritten": Kind(
        "JPEG files with something behind their end",
        "upstream replaces these files by a copy of its own when it first reads them",
        "keep a copy of the data if the originals matter",
        False,
    ),
    "image-suffix": Kind(
        "images of another format than their suffix says", "upstream reads them all the same", "rename them", False
    ),
    "image-mode": Kind(
        "images that are not 8-bit colour without transparency",
        "upstream repeats a grey channel, drops transparency and keeps 8 of 16 bits",
        "nothing, if meant so; `channels: 1` in the data YAML for grey images",
        False,
    ),
    "image-heif": Kind(
        "HEIC images, which need the package pi-heif",
        "not checked; upstream installs the package when it meets them",
        "convert them to JPEG, or run `python -m pip install pi-heif`",
        False,
    ),
    "list-line": Kind(
        "lines of a list that end with no image suffix",
        "upstream passes over them",
        "one path of an image a line",
        False,
    ),
    "twice": Kind("images that are twice in a split", "they count twice", "name overlapping folders once", False),
    "leak": Kind(
        "images of another split that are also in train, to the byte",
        "the figures measured on them say nothing about new images",
        "take them out of one of the two",
        False,
    ),
    "same-name": Kind(
        "images of another split named like one in train, with other content",
        "nothing: they are two images",
        "check whether they show the same scene",
        False,
    ),
    "class-train": Kind("classes without an object in train", "they cannot be learnt", "check `names`", False),
    "no-images": Kind("parts without an image", "there are too few images or groups", "ask for fewer parts"),
    "group-unmatched": Kind(
        "file names that --group-by does not match",
        "each is a group of its own",
        "correct the rule",
    ),
    "same-bytes": Kind("images that are another to the byte", "they stay in its part", "delete them", False),
    "renamed": Kind(
        "images that are written under another name",
        "two would have shared a label file",
        "nothing, if names do not matter",
        False,
    ),
    "class-test": Kind(
        "classes without an object in test", "they are not measured", "check how the set was split", False
    ),
    "class-val": Kind(
        "classes without an object in val", "they are not measured", "check how the set was split", False
    ),
}
"""Kind of finding -> what it says, in the order of printing."""
