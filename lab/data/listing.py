"""Lists the images of a split as upstream's data set does: folders with all below them, and text files of paths."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path
from typing import Callable, List, Optional, Tuple

from lab.data.findings import Issue
from run.links import Again, walk

UNREAD = {"gif", "ico", "jfif", "jif", "jpe", "pbm", "pgm", "pnm", "ppm", "psd", "svg", "tga"}
"""Suffixes of images that upstream passes over."""

MOST_LINKS = 5
"""How many links that lead to a folder once more are named."""

Add = Callable[..., None]
"""Notes a problem: keys of the YAML, message, advice, severe."""


def list_images(split: str, sources: List[str], add: Add, issues: List[Tuple[str, Issue]]) -> List[str]:
    """Return the images of a split, sorted; one that is named twice is there twice."""
    from ultralytics.data.utils import IMG_FORMATS

    result: List[str] = []
    for source in sources:
        if os.path.isdir(source):
            again: List[Again] = []
            folders = list(walk(source, again))
            for one in again[:MOST_LINKS]:
                add((split,), one.message, one.advice, one.loop)
            entries: Optional[List[str]] = [
                entry for folder in folders for entry in glob.glob(os.path.join(glob.escape(folder), "*.*"))
            ]
            issues += [(entry, Issue("image-skipped")) for entry in sorted(entries or []) if _suffix(entry) in UNREAD]
        else:
            entries = _read_list(split, source, add, issues)
        if entries is None:
            continue
        found = [entry.replace("/", os.sep) for entry in entries if _suffix(entry) in IMG_FORMATS]
        result += found
        if not found:
            kinds = Counter("." + _suffix(entry) for entry in entries if not os.path.isdir(entry)).most_common(4)
            there = ", ".join(f"{n} {kind}" for kind, n in kinds)
            add((split,), f"no images in {source}", f"it holds {there}" if there else "it is empty", split != "test")
    return sorted(result)


def _read_list(split: str, source: str, add: Add, issues: List[Tuple[str, Issue]]) -> Optional[List[str]]:
    """Return the paths in a text file, with ``./`` as its folder; None where it is not such a list."""
    from ultralytics.data.utils import IMG_FORMATS

    if _suffix(source) in IMG_FORMATS:
        add((split,), f"{source} is one image", "name its folder, or a .txt list of images")
        return None
    try:
        text = Path(source).read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError):
        add((split,), f"{source} cannot be read as a list in UTF-8", "save it as UTF-8")
        return None
    folder = str(Path(source).parent) + os.sep
    result = []
    for number, line in enumerate(text.splitlines(), 1):
        if _suffix(line) in IMG_FORMATS:
            result.append(folder + line[2:] if line.startswith("./") else line)
        elif line.strip():
            issues.append((source, Issue("list-line", number, line.strip()[-60:])))
    return result


def _suffix(path: str) -> str:
    return path.rpartition(".")[-1].lower()


def label_paths(images: List[str]) -> List[str]:
    """Return where upstream looks for the labels of images."""
    from ultralytics.data.utils import img2label_paths

    return [str(path) for path in img2label_paths(list(images))]
