"""What a conversion or a split finds wrong: its kinds, a count of each with the first places, and a complete list."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

EXAMPLES = 5
"""How many places of a kind are printed."""


class Kind(NamedTuple):
    """One kind of problem: what is counted, what was done about it, and whether ``--strict`` minds."""

    title: str
    action: str
    warn: bool = True


class Problem(NamedTuple):
    """One problem: its kind (a key of ``KINDS``), the file, the place in it and details."""

    kind: str
    file: str
    place: str = ""
    detail: str = ""


OWN: Dict[str, Kind] = {
    "annotation-unreadable": Kind("annotation files that cannot be read", "their images are left out"),
    "annotation-encoding": Kind("annotation files that are not in UTF-8", "read as GB18030 (GBK)", False),
    "image-missing": Kind("annotations whose image is not there", "left out"),
    "image-ambiguous": Kind("annotations that several images fit", "left out; name the folder with --images"),
    "image-unlisted": Kind("images that no COCO file lists", "left out"),
    "image-twice": Kind("images that are annotated more than once", "their objects are put together"),
    "image-part": Kind("images that are listed in two parts", "the first counts"),
    "image-id": Kind("image ids that are used twice", "the first image keeps the id, the other is left out"),
    "category-id": Kind("category ids that are used twice", "the first name counts"),
    "annotation-id": Kind("annotation ids that are used twice", "kept; identical boxes count once", False),
    "annotation-image": Kind("annotations of an image id that is not there", "left out"),
    "annotation-category": Kind("annotations of a category id that is not there", "left out"),
    "annotation-malformed": Kind("entries that lack what they need", "left out"),
    "name-differs": Kind("annotations that name another image than their own name does", "their own name counts"),
    "size-differs": Kind(
        "annotations with another size than the image has",
        "boxes are read as pixels of the image; --rescale takes the annotation's size instead",
    ),
    "size-rescaled": Kind("annotations with another size than the image has", "boxes are scaled to the image"),
    "exif-turned": Kind("images that EXIF turns, annotated unturned", "their boxes are turned with them"),
    "no-annotation": Kind("images without an annotation", "kept as background", False),
    "no-object": Kind("images whose annotation has no object", "kept as background", False),
    "objects-lost": Kind("images all of whose objects are bad or unknown", "left out: they are no background"),
    "empty-dropped": Kind("images without an object", "left out, as --drop-empty says", False),
    "class-unknown": Kind("objects of a class that --names lacks", "left out"),
    "class-none": Kind("objects without a class name", "left out"),
    "class-space": Kind("class names with space around them", "taken without", False),
    "class-similar": Kind("class names that differ little", "kept apart; --rename OLD=NEW merges them"),
    "class-unused": Kind("classes without an object", "kept in the list", False),
    "box-missing": Kind("objects without a box or polygon", "left out"),
    "box-number": Kind("boxes with a coordinate that is no number", "left out"),
    "box-swapped": Kind("boxes with their corners swapped", "mended"),
    "box-empty": Kind("boxes without width or height", "left out"),
    "box-negative": Kind("boxes with a negative width or height", "left out"),
    "box-outside": Kind("boxes outside the image", "left out"),
    "box-clipped": Kind("boxes that reach more than a pixel over the image's edge", "clipped"),
    "box-duplicate": Kind("boxes that repeat another", "left out"),
    "polygon-bad": Kind("polygons of under three points or without area", "the box is taken where there is one"),
    "shape-skipped": Kind("LabelMe points and lines, which have no area", "left out"),
    "shape-unknown": Kind("LabelMe shapes of an unknown type", "left out"),
    "crowd": Kind("COCO crowd regions", "left out", False),
    "difficult": Kind("objects marked as difficult", "left out, as --skip-difficult says", False),
    "box-polygon": Kind("objects with a box and no polygon", "the box is written as a polygon of four corners", False),
    "parts-joined": Kind("objects of several polygons", "joined into one by lines of no width", False),
    "renamed": Kind("images that are written under another name", "two would have shared a label file", False),
    "not-linked": Kind("images that are copied though --link was given", "upstream would write into them", False),
    "part-unknown": Kind("images that no list or folder puts into a part", "put into train"),
    "label-refused": Kind("label files that upstream refuses", "divided as if empty; see `python -m lab check`"),
    "group-unmatched": Kind("file names that --group-by does not match", "each is a group of its own"),
    "same-bytes": Kind("images that are another to the byte", "kept in its part", False),
    "class-part": Kind("classes that are missing in a part", "there are too few images or groups with them"),
    "part-empty": Kind("parts without an image", "there are too few images or groups"),
    "image-absent": Kind("images that are listed but cannot be read", "left out"),
}


def kind_of(name: str) -> Kind:
    """Return a kind of this module, or that of ``lab check`` for an image."""
    from lab.data.kinds import KINDS

    return OWN.get(name) or Kind(KINDS[name].title, "left out")


class Problems:
    """Collects problems in the order in which they are met."""

    def __init__(self) -> None:
        self.all: List[Problem] = []

    def add(self, kind: str, file: Any, place: str = "", detail: Any = "") -> None:
        """Note a problem."""
        self.all.append(Problem(kind, str(file), place, str(detail)))

    def counts(self) -> Dict[str, int]:
        """Return kinds and how often each was met, warnings first."""
        counts = Counter(problem.kind for problem in self.all)
        return dict(sorted(counts.items(), key=lambda item: (not kind_of(item[0]).warn, item[0])))

    @property
    def warned(self) -> bool:
        """Whether there is more than notes."""
        return any(kind_of(kind).warn for kind in self.counts())

    def lines(self) -> List[str]:
        """Return the problems for a terminal: each kind, its count, and the first few places."""
        lines = []
        for kind, count in self.counts().items():
            text = kind_of(kind)
            lines.append(f"{'warning' if text.warn else 'note'}: {text.title}: {count}; {text.action}")
            for problem in [one for one in self.all if one.kind == kind][:EXAMPLES]:
                place = ", ".join(word for word in (problem.file, problem.place) if word)
                lines.append(f"    {place}" + (f": {problem.detail}" if problem.detail else ""))
            if count > EXAMPLES:
                lines.append(f"    and {count - EXAMPLES} more")
        return lines

    def write(self, folder: Path, record: Dict[str, Any]) -> None:
        """Write ``report.json`` (the record and the counts) and ``problems.csv`` (every problem) into a folder."""
        counts = {
            kind: {"count": n, "what": kind_of(kind).title, "done": kind_of(kind).action, "warning": kind_of(kind).warn}
            for kind, n in self.counts().items()
        }
        text = json.dumps({**record, "problems": counts}, indent=1, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        with (folder / "problems.csv").open("w", encoding="utf-8-sig", newline="") as f:  # the mark is for Excel
            writer = csv.writer(f)
            writer.writerow(Problem._fields)
            writer.writerows(self.all)
