"""Tells whether a data set is still the one that it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lab.data.between import size_of
from lab.data.listing import label_paths
from lab.data.yaml_file import read_plan

MOST_BYTES = 512 << 20
"""Images of more bytes than this in all are recognised by name and size only."""


def data_digest(file: str) -> str:
    """Return a digest of a data set: of its names, its splits, all its labels, and its images.

    It begins with ``bytes:`` where the images' content is part of it, with ``sizes:`` where only names and sizes are,
    because they are more than ``MOST_BYTES`` in all. Where the data set lies is ignored.
    """
    plan = read_plan(file, None, [])
    if plan is None:
        return "none"
    every = {image for images in plan.images.values() for image in images}
    whole = sum(os.path.getsize(image) for image in every if os.path.isfile(image)) <= MOST_BYTES
    hasher = hashlib.sha256(repr(sorted((plan.names or {}).items())).encode())
    for split, images in sorted(plan.images.items()):
        for image, label in zip(images, label_paths(images)):
            name = os.path.relpath(image, plan.root) if image.startswith(plan.root) else image
            hasher.update(f"\n{split} {name} ".replace(os.sep, "/").encode("utf-8", "surrogateescape"))
            hasher.update(_content(image) if whole else str(size_of(image)).encode())
            hasher.update(_content(label))
    return f"{'bytes' if whole else 'sizes'}:{hasher.hexdigest()}"


def _content(path: str) -> bytes:
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return b"-"
