"""Looks for what no single file shows: label files without an image, and images that are in two splits."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

from lab.data.findings import Issue
from lab.data.listing import label_paths
from lab.data.yaml_file import Plan

Add = Callable[[str, Issue], None]

NOT_LABELS = {"classes", "labels", "names", "notes", "readme", "license", "train", "val", "valid", "test"}
"""Stems of text files that tools leave beside labels."""


def names_in(folder: str) -> List[str]:
    """Return the names in a folder, sorted; none where there is no folder that may be read."""
    try:
        return sorted(os.listdir(folder)) if folder else []
    except OSError:
        return []


def note_orphans(plan: Plan, add: Add) -> None:
    """Note label files that belong to no image, listed or not."""
    from ultralytics.data.utils import IMG_FORMATS

    every = [image for images in plan.images.values() for image in images]
    labels = label_paths(every)
    expected = set(labels)
    lists = {source for sources in plan.sources.values() for source in sources}
    seen: Set[str] = set()
    for folder, beside in sorted({(os.path.dirname(a), os.path.dirname(b)) for a, b in zip(labels, every)}):
        images = [name.rpartition(".") for name in names_in(beside)]
        stems = {stem for stem, _, ending in images if ending.lower() in IMG_FORMATS}
        for name in names_in(folder):
            path = os.path.join(folder, name)
            stem, _, ending = name.rpartition(".")
            if ending.lower() != "txt" or path in expected or path in lists or stem.lower() in NOT_LABELS:
                continue
            other_case = ending != "txt" and not os.path.isfile(os.path.join(folder, f"{stem}.txt"))
            if path not in seen and (stem not in stems or other_case):
                seen.add(path)
                add(path, Issue("label-orphan"))


def note_leaks(plan: Plan, add: Add, short: Callable[[str], str]) -> None:
    """Note images of val and test that are in train too, by content, and those that share only a telling name."""
    train = plan.images.get("train", [])
    names = {os.path.basename(path): path for path in train}
    for split in ("val", "test"):
        if plan.sources.get(split) == plan.sources.get("train"):
            continue
        images = list(dict.fromkeys(plan.images.get(split, [])))
        sizes = {size_of(path) for path in images}
        few = [path for path in train if size_of(path) in sizes]  # no other is read
        every = [*few, *images]
        first = {other: one for one, other in twins(every) if one < len(few)}
        for n, path in enumerate(images, len(few)):
            name = os.path.basename(path)
            if n in first:
                add(path, Issue("leak", detail=f"is {short(every[first[n]])}"))
            elif name in names and not name.rpartition(".")[0].isdigit():  # 0.png, 1.png: counted anew in each folder
                add(path, Issue("same-name", detail=short(names[name])))


def twins(images: Sequence[str]) -> List[Tuple[int, int]]:
    """Return pairs of images with the same bytes, sorted: the first of a kind, and each other.

    Reads only files of one size, and whole only those alike in three pieces.
    """
    alike = [list(range(len(images)))]
    for key in (size_of, functools.partial(digest, whole=False), functools.partial(digest, whole=True)):
        groups: Dict[Any, List[int]] = {}
        for number, some in enumerate(alike):
            for n in some:
                groups.setdefault((number, key(images[n])), []).append(n)
        alike = [some for (_, value), some in groups.items() if len(some) > 1 and value not in (0, -1)]
    return sorted((some[0], n) for some in alike for n in some[1:])


def size_of(path: str) -> int:
    """Return the bytes of a file, -1 where it cannot be read."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def digest(path: str, whole: bool) -> str:
    """Return a hash of a file, or of three pieces of it, which tells most files of one size apart."""
    hasher = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as f:
            if whole:
                for block in iter(lambda: f.read(1 << 20), b""):
                    hasher.update(block)
            else:
                size = os.fstat(f.fileno()).st_size
                for place in (0, size // 2, max(0, size - 2048)):
                    f.seek(place)
                    hasher.update(f.read(2048))
    except OSError:
        return path
    return hasher.hexdigest()
