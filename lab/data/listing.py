"""Lists the images of a split as upstream's data set does: folders with all below them, and text files of paths."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from lab.data.findings import Issue

UNREAD = {"gif", "ico", "jfif", "jif", "jpe", "pbm", "pgm", "pnm", "ppm", "psd", "svg", "tga"}
"""Suffixes of images that upstream passes over."""

MOST_LINKS = 5
"""How many links that lead to a folder once more are named."""

Add = Callable[..., None]
"""Notes a problem: keys of the YAML, message, advice, severe."""


class Again(NamedTuple):
    """A folder below another that is reached a second time, by a link.

    Attributes:
        link: Its path there.
        first: The folder that it is.
        loop: It is one of those above the link.
    """

    link: str
    first: str
    loop: bool

    @property
    def message(self) -> str:
        """Say what upstream makes of it."""
        if self.loop:
            circles = "upstream goes round in it, and takes the same images up to 40 times"
            return f"the link {self.link} leads back to {self.first}: {circles}"
        return f"{self.link} and {self.first} are one folder: upstream takes its images from both"

    @property
    def advice(self) -> str:
        """Say what to do."""
        return "remove the link" if self.loop else "remove one of the two, or leave it if that is meant"


def walk(folder: str, again: List[Again]) -> Iterator[str]:
    """Yield a folder and those below it, each once, wherever links lead; hidden ones are left out, as upstream does.

    Args:
        folder: Where to begin.
        again: What is reached a second time is appended.
    """
    seen: Dict[str, str] = {}
    waiting: List[Tuple[str, Tuple[str, ...]]] = [(folder, ())]
    while waiting:
        path, above = waiting.pop()
        real = os.path.realpath(path)
        if real in seen:
            again.append(Again(_link_in(path), seen[real], real in above))
            continue
        seen[real] = path
        yield path
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry))
        except OSError:  # not for this user
            continue
        waiting += [(os.path.join(path, name), (*above, real)) for name in reversed(names)]


def _link_in(path: str) -> str:
    """Return the last link in a path, or all of it: what leads there may be a mount."""
    part = path
    while not os.path.islink(part):
        part, last = os.path.dirname(part), part
        if part == last:
            return path
    return part


def _is_folder(entry: Any) -> bool:
    """Tell whether an entry of a folder is one, or a link to one; a link to itself is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def find_loops(sources: Any) -> List[Again]:
    """Return the links that lead back to a folder above them.

    Args:
        sources: What a data YAML names as a split: a path, or a list of them; or nothing.
    """
    again: List[Again] = []
    for source in sources if isinstance(sources, list) else [sources]:
        if source and os.path.isdir(source):
            for _ in walk(str(source), again):
                pass
    return [one for one in again if one.loop]


def list_images(split: str, sources: List[str], add: Add, issues: List[Tuple[str, Issue]]) -> List[str]:
    """Return the images of a split, sorted; one that is named twice is there twice.

    Args:
        split: The key in the YAML.
        sources: Its folders and lists.
        add: Is called where one of them has no images.
        issues: What is passed over is appended here, with its file.
    """
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
    """Return the paths in a text file, with ``./`` as its folder; None where it is no such list."""
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
