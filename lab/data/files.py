"""Looks at one image, and at one label file, as upstream's scan and its data loader will."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from lab.data.findings import Issue

FORMATS = {
    "bmp": {"BMP", "DIB"},
    "jpg": {"JPEG", "MPO"},
    "jpeg": {"JPEG", "MPO"},
    "png": {"PNG"},
    "tif": {"TIFF"},
    "tiff": {"TIFF"},
    "webp": {"WEBP"},
    "jp2": {"JPEG2000"},
    "avif": {"AVIF"},
}
"""What Pillow calls the content that belongs to a suffix; others are not compared."""

HIGH, LOW = 1.01, -0.01
"""Coordinates beyond these make upstream leave an image out; in between they count as rounding."""

MIN_SIDE = 10
"""Shortest side in pixels that upstream accepts."""

BOX = 5
"""Columns of a row: class, x, y, width, height."""


class Look(NamedTuple):
    """What an image is.

    Attributes:
        issues: What is wrong with it.
        size: Width and height in pixels as shown (EXIF orientation applied), None where unreadable.
        refused: Upstream leaves it out.
    """

    issues: List[Issue]
    size: Optional[Tuple[int, int]] = None
    refused: bool = False


class Rule(NamedTuple):
    """What the rows of label files are measured by.

    Attributes:
        task: detect or segment.
        classes: Number of classes; None where the YAML does not tell.
        points: Numbers of keypoints behind each box, which upstream passes over; 0 for none.
    """

    task: str = "detect"
    classes: Optional[int] = None
    points: int = 0


class Labels(NamedTuple):
    """What a label file holds.

    Attributes:
        issues: What is wrong with it.
        boxes: Rows (line, class, x, y, width, height) that upstream trains on; none if the file is refused.
        refused: Upstream leaves the image out.
        empty: There are no rows.
        polygons: The rows are polygons or corners, not boxes.
    """

    issues: List[Issue]
    boxes: List[Tuple[int, int, float, float, float, float]]
    refused: bool = False
    empty: bool = False
    polygons: bool = False


def look_at_image(path: str, channels: int = 3, decode: bool = False) -> Look:
    """Check that an image can be read.

    Args:
        path: The file.
        channels: Channels that the data YAML asks for.
        decode: Decode all of it, as training will; otherwise read the header, and checksums where the format has any.
    """
    from ultralytics.data.utils import IMG_FORMATS

    try:
        state = os.stat(path)
    except (OSError, ValueError) as e:  # ValueError: a NUL in a list
        return Look([Issue("image-missing", detail=getattr(e, "strerror", "") or "")], refused=True)
    if not stat.S_ISREG(state.st_mode):
        return Look([Issue("image-unreadable", detail="no file")], refused=True)
    if state.st_size == 0:
        return Look([Issue("image-unreadable", detail="zero bytes")], refused=True)
    try:
        form, shape, mode = _verified(path)
    except Exception as e:  # Pillow raises SyntaxError, struct.error and others on broken files
        if Path(path).suffix.lower() in {".heic", ".heif"}:
            return Look([Issue("image-heif")])
        return Look([Issue("image-unreadable", detail=_content(path) or _short(e))], refused=True)
    if min(shape) < MIN_SIDE:
        return Look([Issue("image-small", detail=f"{shape[0]}x{shape[1]}")], shape, refused=True)
    if form.lower() not in IMG_FORMATS | {"jpeg2000"}:
        return Look([Issue("image-format", detail=form)], shape, refused=True)
    issues = []
    if form not in FORMATS.get(Path(path).suffix[1:].lower(), {form}):
        issues.append(Issue("image-suffix", detail=form))
    if channels == 3 and mode not in {"RGB", "P", "YCbCr", "CMYK"}:
        issues.append(Issue("image-mode", detail=mode))
    unfinished = form == "JPEG" and not _ends_as_jpeg(path)
    if unfinished or (decode and form not in {"JPEG", "PNG"}):
        error = _load_error(path)
        if error:
            return Look([*issues, Issue("image-damaged", detail=error)], shape, refused=unfinished)
        if unfinished:
            issues.append(Issue("image-rewritten"))
    if decode or channels not in {1, 3}:
        issues += _decoded(path, channels)
    return Look(issues, shape)


def _verified(path: str) -> Tuple[str, Tuple[int, int], str]:
    """Return format, size as shown, and mode of an image whose header and checksums Pillow accepts."""
    from PIL import Image

    from ultralytics.utils import patches

    # upstream's Image.open would have pip install a package for a file that Pillow does not know
    opener = getattr(patches, "_image_open", Image.open)
    with open(path, "rb") as f:
        image = opener(f)
        form, size, mode = image.format or "", image.size, image.mode
        # asked before verify(), which ends the image; getexif() of a PNG without the chunk would decode it
        turned = form in {"JPEG", "MPO"} or "exif" in image.info
        orientation = image.getexif().get(274) if turned else None
        image.verify()
    return form, (size[::-1] if orientation in {5, 6, 7, 8} else size), mode


def _ends_as_jpeg(path: str) -> bool:
    with open(path, "rb") as f:
        f.seek(-2, os.SEEK_END)
        return f.read() == b"\xff\xd9"


def _load_error(path: str) -> str:
    """Return why Pillow cannot decode a whole image; empty where it can."""
    from PIL import Image

    from ultralytics.utils import patches

    try:
        with open(path, "rb") as f, getattr(patches, "_image_open", Image.open)(f) as image:
            image.load()
    except Exception as e:
        return _short(e)
    return ""


def _decoded(path: str, channels: int) -> List[Issue]:
    """Decode an image by upstream's own function, which copes with any path; say whether training can use it."""
    import cv2

    from ultralytics.utils.patches import imread

    flag = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}.get(channels, cv2.IMREAD_UNCHANGED)
    try:
        array = imread(path, flags=flag)
    except Exception as e:  # cv2.error is one; memory may run out
        return [Issue("image-damaged", detail=_short(e))]
    if array is None:
        return [Issue("image-damaged", detail="cannot be decoded")]
    found = array.shape[2]
    return [Issue("image-channels", detail=f"{found}")] if found != channels else []


def _content(path: str) -> str:
    """Name what a file is that is not an image, if its first bytes tell."""
    try:
        with open(path, "rb") as f:
            start = f.read(64).lstrip()
    except OSError:
        return ""
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer: run `git lfs pull`"
    if start[:1] == b"<":
        return "a web page or XML"
    if start[:1] in {b"{", b"["}:
        return "JSON"
    if not any(start):
        return "only zero bytes"
    return ""


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__


def read_labels(path: str, rule: Rule) -> Optional[Labels]:
    """Check a label file; None where there is none."""
    try:
        with open(path, "rb") as f:
            raw = f.read()
    except FileNotFoundError:
        return None
    except OSError as e:
        return Labels([Issue("label-encoding", detail=_short(e))], [], refused=True) if os.path.isfile(path) else None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        utf16 = raw[:2] in {b"\xff\xfe", b"\xfe\xff"}
        return Labels([Issue("label-encoding", detail="UTF-16" if utf16 else "")], [], refused=True)
    rows = [(n, words) for n, words in enumerate((line.split() for line in text.splitlines()), 1) if words]
    if not rows:
        return Labels([], [], empty=True)
    import numpy as np

    with np.errstate(all="ignore"):  # nan, inf and numbers beyond single precision are findings, not warnings
        return _check_rows(rows, rule)


def _check_rows(rows: List[Tuple[int, List[str]]], rule: Rule) -> Labels:
    import numpy as np

    if rule.points:
        rows = [(n, words[:BOX] if len(words) == BOX + rule.points else words) for n, words in rows]
    polygons = any(len(words) > BOX + 1 for _, words in rows)
    issues: List[Issue] = []
    values: List[Tuple[int, List[float]]] = []
    for n, words in rows:
        kind, detail = _columns(words, polygons)
        if not kind:
            try:
                values.append((n, [float(word) for word in words]))
                continue
            except ValueError:
                kind = "label-number"
                detail = next((word for word in words if not _is_number(word)), "")
        issues.append(Issue(kind, n, detail[:40]))
    if not values:
        return Labels(issues, [], refused=True, polygons=polygons)
    arrays = [np.array(numbers, np.float32) for _, numbers in values]
    table = np.array([_polygon_row(a) for a in arrays], np.float32) if polygons else np.stack(arrays)
    refused = bool(issues)
    kept: List[Tuple[int, float, float, float, float, float]] = []
    seen = set()
    clean = (
        np.isfinite(table).all(1)
        & (table[:, 1:].max(1) <= HIGH)
        & (table.min(1) >= LOW)
        & (table[:, 3:].min(1) > 0)
        & (table[:, 0] % 1 == 0)
        & (table[:, 0] >= 0)
    )
    for (n, _), array, row, fine in zip(values, arrays, table.tolist(), clean.tolist()):
        fine = fine and (rule.classes is None or row[0] < rule.classes)
        if not fine:
            found, fatal = _row_issues(n, row, rule.classes)
            issues += found
            refused |= fatal
        key: Any = (row[0], array.tobytes()) if polygons else tuple(row)
        if key in seen:
            issues.append(Issue("label-duplicate", n))
            continue
        seen.add(key)
        x, y, w, h = row[1:]
        if fine and (max(x + w / 2, y + h / 2) > HIGH or min(x - w / 2, y - h / 2) < LOW):
            issues.append(Issue("label-outside", n))
        kept.append((n, row[0], x, y, w, h))
    if refused:  # upstream ignores the file as a whole: what it would merge or clip does not matter
        issues = [issue for issue in issues if issue.kind not in {"label-duplicate", "label-outside"}]
    elif rule.task == "segment" and not polygons:
        issues.append(Issue("label-task"))
    issues.sort(key=lambda issue: issue.line)
    boxes = [] if refused else [(n, int(number), x, y, w, h) for n, number, x, y, w, h in kept]
    return Labels(issues, boxes, refused, polygons=polygons)


def _columns(words: List[str], polygons: bool) -> Tuple[str, str]:
    """Return what is wrong with the number of columns (kind, detail), or two empty texts."""
    count = len(words)
    if polygons:
        if count == BOX:
            return "label-columns", "a box in a file that also has polygons"
        return (
            ("", "") if count >= 3 and count % 2 else ("label-columns", f"{count} columns, a polygon has an odd number")
        )
    if count == BOX:
        return "", ""
    if count == 1 and any(c in words[0] for c in ",;"):
        return "label-columns", "separated by commas, not spaces"
    if count == BOX + 1:
        return "label-columns", "6 columns; the last may be a confidence"
    return "label-columns", f"{count} instead of {BOX} columns"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _polygon_row(array: Any) -> List[float]:
    """Return class, centre and size of the box around a polygon, in single precision as upstream does."""
    xs, ys = array[1::2], array[2::2]
    left, top, right, bottom = xs.min(), ys.min(), xs.max(), ys.max()
    return [array[0], (left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def _row_issues(line: int, row: List[float], classes: Optional[int]) -> Tuple[List[Issue], bool]:
    """Return what is wrong with a row of numbers, and whether upstream leaves the image out for it."""
    number, box, sides = row[0], row[1:], row[3:]
    beyond = classes is not None and number >= classes
    fatal = beyond or not (max(box) <= HIGH and min(row) >= LOW and min(sides) >= 0 and number % 1 == 0)
    if not all(abs(v) < float("inf") for v in row):  # nan is not below it either
        return [Issue("label-number", line, "nan or inf")], fatal or any(v != v for v in row)
    issues = []
    if number % 1 or number < 0 or beyond:
        issues.append(Issue("label-class", line, f"class {number:g}"))
    top, bottom = max(box), min(box)
    if min(sides) < 0:
        issues.append(Issue("label-size", line, f"{sides[0]:g} x {sides[1]:g}"))
    elif top > 2 and bottom >= 0:
        issues.append(Issue("label-pixels", line, " ".join(f"{v:g}" for v in box)))
    elif top > HIGH or bottom < LOW:
        issues.append(Issue("label-range", line, f"{top if top > HIGH else bottom:g}"))
    elif min(sides) == 0:
        issues.append(Issue("label-zero", line, f"{sides[0]:g} x {sides[1]:g}"))
    return issues, fatal
