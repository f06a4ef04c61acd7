"""Images of ``lab heatmap``: found, read, brought to the network's size, and the way back."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Set, Tuple

from run.arguments import UsageError

ENDINGS = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
GREY = 114
"""Value of the padding, upstream's."""


def find(sources: Sequence[str]) -> List[Path]:
    """Return the images that files, folders (not their subfolders) and patterns name, sorted, each once.

    Raises:
        UsageError: A source gives none; all such sources are named.
    """
    found, faults = [], []
    for source in sources:
        path = Path(source).expanduser()
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())
            if not inside:
                faults.append(f"no image in the folder {source}: it takes {', '.join(sorted(ENDINGS))}")
            found += inside
        else:
            matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
            inside = [p for p in matches if p.suffix.lower() in ENDINGS and p.is_file()]
            if not inside:
                kind = "matches no image" if glob.has_magic(source) else "does not exist"
                faults.append(f"--source {source} {kind}")
            found += inside
    if faults:
        raise UsageError("\n  ".join(faults))
    return list(dict.fromkeys(found))


def read(path: Path, channels: int = 3) -> Optional[Any]:
    """Return an image as uint8 of shape (H, W, channels), BGR or grey; None for a file that is none."""
    import cv2
    import numpy as np

    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    try:
        photo = cv2.imdecode(np.fromfile(str(path), np.uint8), flag)  # imread fails on non-ASCII paths on Windows
    except (OSError, cv2.error):  # an empty file is an error of OpenCV's
        return None
    return photo if photo is None or photo.ndim == 3 else photo[..., None]


def unique(stem: str, taken: Set[str]) -> str:
    """Return a name for an image's pictures that is not in ``taken``, whatever its case, and add it."""
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name


class Placed(NamedTuple):
    """Where an image lies in the network's input.

    Attributes:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
        original: (height, width) of the image itself.
    """

    top: int
    left: int
    height: int
    width: int
    original: Tuple[int, int]

    def boxes_back(self, boxes: Any) -> Any:
        """Return boxes (n, 4) of corners in the image's own pixels, cut off at its edges."""
        import numpy as np

        height, width = self.original
        scale = np.array([width / self.width, height / self.height] * 2)
        moved = (np.asarray(boxes, float).reshape(-1, 4) - np.array([self.left, self.top] * 2)) * scale
        return moved.clip(0, np.array([width, height] * 2))

    def map_back(self, heat: Any) -> Any:
        """Return a map (H, W) of the input as one of the image, without the padding, scaled to its own maximum."""
        import cv2
        import numpy as np

        inside = heat[self.top : self.top + self.height, self.left : self.left + self.width]
        result = cv2.resize(np.ascontiguousarray(inside, np.float32), self.original[::-1]).clip(0, None)
        return result / result.max() if result.max() > 0 else result


def place(photo: Any, side: int, stretch: bool, square: bool, stride: int = 32) -> Tuple[Any, Placed]:
    """Bring an image to the network's size as upstream's prediction does: scaled to fit and padded, or stretched.

    Args:
        photo: uint8, (H, W, C).
        side: Longest side in pixels.
        stretch: Fill ``side`` x ``side`` whatever the shape (RT-DETR).
        square: Pad to ``side`` x ``side``, and not only to the next multiple of ``stride``.
        stride: That multiple.

    Returns:
        uint8 of shape (H', W', C), and where the image lies in it.
    """
    import cv2
    import numpy as np

    height, width = photo.shape[:2]
    scale = min(side / height, side / width)
    new = (side, side) if stretch else (max(round(height * scale), 1), max(round(width * scale), 1))
    resized = cv2.resize(photo, new[::-1], interpolation=cv2.INTER_LINEAR) if new != (height, width) else photo
    resized = resized.reshape(*new, photo.shape[2])  # OpenCV drops the one channel of a grey image
    gap = [(side - n) if square else (-n % stride) for n in new]
    top, left = (round(g / 2 - 0.1) for g in gap)
    canvas = np.full((new[0] + gap[0], new[1] + gap[1], photo.shape[2]), GREY, np.uint8)
    canvas[top : top + new[0], left : left + new[1]] = resized
    return canvas, Placed(top, left, new[0], new[1], (height, width))
