"""What the readers of annotation formats hand on, and how they read text and numbers."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from lab.data.problems import Problems

Point = Tuple[float, float]
Polygon = Sequence[Point]
Box = Tuple[float, float, float, float]
"""Left, top, right and bottom in pixels from the image's upper left corner; right and bottom exclusive."""

PART = re.compile(r"(?:^|[^a-z])(train|valid(?:ation)?|val|test)(?![a-z])")
"""A word in a file's or folder's name that puts it into a part."""

DECLARED = re.compile(rb"\s*<\?xml[^>]*encoding=[\"']gb(k|2312|18030)[\"']", re.IGNORECASE)


class Thing(NamedTuple):
    """One annotated object.

    Attributes:
        name: Its class as written.
        box: Its box, None where there is only an outline.
        parts: Its outline: polygons in pixels; empty where there is only a box.
        place: Where it is in the file.
        mask: Works out ``parts`` where the file has a mask, which takes time.
    """

    name: str
    box: Optional[Box]
    parts: Sequence[Polygon] = ()
    place: str = ""
    mask: Optional[Callable[[], Sequence[Polygon]]] = None


class Page(NamedTuple):
    """The annotation of one image.

    Attributes:
        source: The annotation file.
        image: What it calls the image; may be a path, of Windows too.
        size: Width and height that it states, None where it does not.
        things: Its objects.
        part: train, val, test, or empty where the file does not tell.
        own_name: The annotation file's own stem says which image it is of.
        embedded: The file holds the image.
        lost: How many objects the reader has left out: an image without others is no background then.
    """

    source: Path
    image: str
    size: Optional[Tuple[int, int]]
    things: List[Thing]
    part: str = ""
    own_name: bool = True
    embedded: bool = False
    lost: int = 0

    @property
    def at(self) -> str:
        """The image's name where the file has many."""
        return "" if self.own_name else self.image


class Reading(NamedTuple):
    """What a reader found.

    Attributes:
        pages: One for each image.
        names: Classes in the file's own order; empty where it has none.
        failed: Annotation files that could not be read: their images are no background.
        complete: Every image has its entry, so that others do not belong to the set.
        lines: What to tell the user about the way it was read.
    """

    pages: List[Page]
    names: List[str]
    failed: List[Path]
    complete: bool = False
    lines: Sequence[str] = ()


def part_of(text: str) -> str:
    """Return train, val or test where a name says so, otherwise an empty text."""
    found = PART.search(text.lower())
    return {"t": found.group(1), "v": "val"}[found.group(1)[0]] if found else ""


class Decoded(NamedTuple):
    """A file's text, whether it is in GB18030 (a superset of GBK), and whether it might as well be."""

    text: str
    foreign: bool = False
    unsure: bool = False


def decode(raw: bytes, chinese: bool = False) -> Decoded:
    """Return a file's text.

    ``encoding="gbk"`` in XML is believed, ``encoding="utf-8"`` is not where the bytes do not fit: tools on Chinese
    Windows write that over GBK. A few Chinese words in GBK may be Latin or Greek letters in UTF-8, of two bytes each.

    Args:
        raw: The file.
        chinese: Take what may be either for GB18030.

    Raises:
        ValueError: It is neither in Unicode nor in GB18030.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Decoded(raw.decode("utf-16"))
    if DECLARED.match(raw):
        with contextlib.suppress(UnicodeDecodeError):
            return Decoded(raw.decode("gb18030"), True)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Decoded(raw.decode("gb18030"), True)
    if not text.isascii() and max(text) < "\u0800":
        with contextlib.suppress(UnicodeDecodeError):
            other = raw.decode("gb18030")
            return Decoded(other, True, True) if chinese else Decoded(text, False, True)
    return Decoded(text)


def parsed(
    files: Iterable[Path], parse: Callable[[Path, str], Page], problems: Problems
) -> Tuple[List[Page], List[Path]]:
    """Read the annotation files of single images.

    Files that may be in GB18030 or in UTF-8 come last, and are taken for what the others are.

    Args:
        files: The files.
        parse: Returns a file's page; raises ValueError.
        problems: Is added to.

    Returns:
        The pages in the order of the files, and the files that could not be read.
    """
    pages: Dict[Path, Optional[Page]] = {}
    waiting: List[Path] = []
    chinese = False
    for rest in (False, True):
        for path in waiting if rest else files:
            pages[path] = None
            try:
                found = decode(path.read_bytes(), chinese)
                if found.unsure and not rest:
                    waiting.append(path)
                    continue
                chinese = chinese or found.foreign
                pages[path] = parse(path, found.text)
            except (ValueError, RecursionError, OSError) as e:
                problems.add("annotation-unreadable", path, detail=" ".join(str(e).split())[:120])
                continue
            if found.foreign:
                problems.add("annotation-encoding", path)
    return [page for page in pages.values() if page], [path for path, page in pages.items() if not page]


def number(value: Any) -> float:
    """Return a number, NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def size_of(width: Any, height: Any) -> Optional[Tuple[int, int]]:
    """Return a stated size, None where a side is missing, zero or no number."""
    sides = number(width), number(height)
    return (round(sides[0]), round(sides[1])) if all(1 <= side < 1e6 for side in sides) else None
