"""The look of the lab's pictures: fit for a paper, colour-blind safe, readable in grey, the same file every time.

    with plotting.style() as plt:
        figure, axes = plt.subplots(figsize=(plotting.COLUMN, 2.6))
        axes.plot(x, y, **plotting.look(0), label=plotting.text("树冠", "class 0"))
        plotting.save(figure, folder / "curves")     # curves.png and curves.pdf

No window is opened and no font fetched: matplotlib's Agg backend is used, display or not, and Chinese is drawn where a
font that has it is installed.
"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from lab import files
from run import start

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F4F24"]
"""Okabe and Ito's palette ("Color Universal Design", 2008) but for its yellow, too pale for lines on white: a brown of
another lightness takes its place. Its black is the baseline's."""

BLACK = "#000000"
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">"]
LINES: List[Any] = ["-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1.5)), (0, (8, 2)), (0, (2, 3))]
"""Line styles; their number and those of colours and markers have no common factor, so that pairs repeat late."""

COLUMN, PAGE = 3.5, 7.2
"""Width in inches of one column and of a page of a two-column paper."""

CHINESE_FONTS = ["Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "SimHei", "PingFang SC"]
CHINESE_FONTS += ["Hiragino Sans GB", "STHeiti", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP"]
CHINESE_FONTS += ["Droid Sans Fallback", "SimSun", "Arial Unicode MS", "AR PL UMing CN"]
"""Fonts with Chinese, in order of preference, by the names that Linux, Windows and macOS know them by."""

PLAIN_FONT = "DejaVu Sans"
"""The font that comes with matplotlib: Latin, Greek and Cyrillic."""


@functools.cache
def chinese_fonts() -> Tuple[str, ...]:
    """Return the names of installed fonts that have Chinese."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():  # matplotlib's list is a cache from before a font was installed
        if path not in known:
            with contextlib.suppress(Exception):  # a broken font of the system's is no concern of a picture
                manager.addfont(path)
    installed = {font.name for font in manager.ttflist}
    return tuple(name for name in CHINESE_FONTS if name in installed)


def _families() -> List[str]:
    """Return the fonts to draw with: matplotlib's own, then, glyph by glyph, the one with Chinese."""
    import matplotlib

    chinese = chinese_fonts()[:1]
    version = tuple(int(part) for part in matplotlib.__version__.split(".")[:2])
    # before 3.6 the first font that is installed draws everything
    return [PLAIN_FONT, *chinese] if version >= (3, 6) else [*(chinese or [PLAIN_FONT])]


@functools.cache
def _glyphs(family: str) -> frozenset:
    from matplotlib import font_manager, ft2font

    return frozenset(ft2font.FT2Font(font_manager.findfont(family)).get_charmap())


def font_file(text: str) -> Optional[str]:
    """Return the file of an installed font that has all of ``text``, for Pillow; None where there is none."""
    from matplotlib import font_manager

    wanted = {ord(c) for c in text if not c.isspace()}
    found = next((name for name in (PLAIN_FONT, *chinese_fonts()) if wanted <= _glyphs(name)), None)
    return None if found is None else font_manager.findfont(found)


def drawable(text: str) -> bool:
    """Return whether the fonts in use have every character of ``text``."""
    return all(any(ord(c) in _glyphs(family) for family in _families()) for c in text if c not in "\n ")


def text(name: str, otherwise: str) -> str:
    """Return ``name`` as it can be drawn, or ``otherwise`` where no installed font has its characters.

    A dollar sign is escaped: matplotlib would take what stands between two for a formula.
    """
    return (name if drawable(name) else otherwise).replace("$", r"\$")


def look(index: int, baseline: bool = False, line: bool = True) -> Dict[str, Any]:
    """Return the colour, marker and line style of the ``index``-th series; the baseline is black and solid."""
    kind = LINES[index % len(LINES)]
    return {
        "color": BLACK if baseline else COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": ("-" if baseline else kind) if line else "none",
    }


@contextlib.contextmanager
def style() -> Iterator[Any]:
    """Give ``matplotlib.pyplot`` with the lab's style, without a display; settings and figures are put back at the end.

    Figures are to be made, filled and saved within this block: matplotlib looks the fonts up as it draws.
    """
    import matplotlib

    matplotlib.use("Agg", force=True)
    from matplotlib import pyplot as plt

    settings = {
        "font.family": _families(),
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "axes.linewidth": 0.7,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.3,
        "lines.markersize": 5,
        "figure.dpi": 100,
        "savefig.dpi": 300,
        "savefig.bbox": "tight",
        "savefig.pad_inches": 0.03,
        "figure.constrained_layout.use": True,
        "pdf.fonttype": 42,  # publishers refuse Type 3
        "svg.fonttype": "none",
        "svg.hashsalt": "lab",
        "text.usetex": False,
        "agg.path.chunksize": 10000,
    }
    before = set(plt.get_fignums())
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **settings, "backend": "Agg"}):
        try:
            yield plt
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)


def save(figure: Any, stem: Path, dpi: int = 300, kinds: Sequence[str] = ("png", "pdf")) -> List[Path]:
    """Write a figure as PNG and PDF and close it; return the files. They hold no date: same figure, same bytes."""
    from matplotlib import pyplot as plt

    start.make_folder(stem.parent)
    nothing = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    written = []
    for kind in kinds:
        fill = functools.partial(figure.savefig, format=kind, dpi=dpi, metadata=nothing[kind])
        written.append(files.write(stem.parent / f"{stem.name}.{kind}", fill))
    plt.close(figure)
    return written
