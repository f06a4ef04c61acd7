"""Finds images of val and test that look like one of train: a hint at leaks that differ in some bytes.

Difference hash (Krawetz, "Kind of Like That", 2013): an image is made grey and 9 x 8 pixels small; each of its 64 bits
says whether a pixel is darker than its right neighbour. Copies that were scaled, compressed anew or brightened differ
in a few bits at most; flipped or cropped ones are not found.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

BITS = 6
"""Bits that two hashes may differ in."""

LEAST = 8
"""Bits of each value that a hash must have: a clear sky is like any other."""


class Pair(NamedTuple):
    """Two images that look alike: the one of val or test, that of train, and the bits that they differ in."""

    image: str
    twin: str
    bits: int


def dhash(path: str) -> Optional[int]:
    """Return an image's difference hash, None where it cannot be decoded or is flat."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.draft("L", (72, 64))  # a JPEG is decoded at an eighth of its size
            small = ImageOps.exif_transpose(image).convert("L").resize((9, 8), Image.Resampling.BOX)
    except Exception:  # Pillow raises many kinds on broken files
        return None
    pixels = small.tobytes()
    bits = [pixels[9 * y + x] < pixels[9 * y + x + 1] for y in range(8) for x in range(8)]
    if not LEAST <= sum(bits) <= 64 - LEAST:
        return None
    return sum(1 << n for n, bit in enumerate(bits) if bit)


def alike(images: Dict[str, Sequence[str]], progress: Any = None) -> List[Pair]:
    """Return the images of other parts that look like one of train, each with the nearest.

    Args:
        images: Part -> paths.
        progress: Its ``step`` is called for each image.
    """
    import numpy as np

    hashes: Dict[str, List[Any]] = {}
    with ThreadPoolExecutor(4) as executor:
        for part, paths in images.items():
            hashes[part] = []
            for path, value in zip(paths, executor.map(dhash, paths)):
                if value is not None:
                    hashes[part].append((path, value))
                if progress is not None:
                    progress.step()
    train = hashes.pop("train", [])
    if not train:
        return []
    ones = np.array([bin(n).count("1") for n in range(256)], np.uint8)
    table = np.array([value for _, value in train], np.uint64)
    result = []
    for found in hashes.values():
        for path, value in found:
            differing = (table ^ np.uint64(value)).view(np.uint8).reshape(-1, 8)
            bits = ones[differing].sum(1)
            at = int(bits.argmin())
            if bits[at] <= BITS and train[at][0] != path:
                result.append(Pair(path, train[at][0], int(bits[at])))
    return result
