"""Finds a font that has the letters that are to be drawn; fetches none."""

from __future__ import annotations

from functools import cache
from typing import Iterable, Optional

CJK = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-VF.ttf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "msyh.ttc",  # Windows
    "simhei.ttf",
    "simsun.ttc",
    "PingFang.ttc",  # macOS
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "Arial Unicode.ttf",
    "ukai.ttc",
    "uming.ttc",
)
"""Files of fonts with Chinese letters; Pillow looks for them where the system keeps its fonts."""


def plain() -> str:
    """Return the path of the font that comes with matplotlib: Latin, Greek and Cyrillic."""
    import os

    import matplotlib

    return os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@cache
def _letters(path: str) -> frozenset:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()


def has(path: str, text: str) -> bool:
    """Tell whether a font has every letter of a text."""
    return all(ord(letter) in _letters(path) for letter in text if not letter.isspace())


@cache
def _installed() -> tuple:
    from PIL import ImageFont

    found = []
    for name in CJK:
        try:
            found.append(str(ImageFont.truetype(name, 12).path))
        except OSError:
            continue
    return tuple(found)


def find(texts: Iterable[str]) -> Optional[str]:
    """Return the file of a font that has all letters of the texts; None where none is installed."""
    text = "".join(texts)
    return next((path for path in (plain(), *_installed()) if has(path, text)), None)


def shown(number: int, name: str, font: Optional[str]) -> str:
    """Return a class's name where the font can write it, otherwise its number."""
    return name if font is not None or has(plain(), name) else f"class {number}"
