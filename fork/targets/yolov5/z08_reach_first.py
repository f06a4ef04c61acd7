"""Today's packages: before a file is fetched, its server is asked once whether it can be reached."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import DOWNLOADS, GENERAL, PLOTS, Swap, apply_swaps
from fork.tree import Tree

NAME = "z08_reach_first"
SWAPS = (
    Swap(
        GENERAL,
        "check_font",
        "not font.exists() and not file.exists()",
        "not font.exists() and not file.exists() and addmodules.may_fetch_font(file)",
    ),
    Swap(
        PLOTS,
        "check_pil_font",
        "URLError",
        "OSError",
    ),
    Swap(
        PLOTS,
        "check_pil_font",
        "ImageFont.load_default()",
        "addmodules.default_font(size)",
    ),
    Swap(
        DOWNLOADS,
        "attempt_download",
        "name = Path(urllib.parse.unquote(str(file))).name",
        "addmodules.reach(file)\nname = Path(urllib.parse.unquote(str(file))).name",
    ),
    Swap(
        GENERAL,
        "check_file",
        "url = file",
        "addmodules.reach(file)\nurl = file",
    ),
    Swap(
        GENERAL,
        "check_dataset",
        "f = Path(s).name",
        "addmodules.reach(s)\nf = Path(s).name",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Try a server once before fetching from it",
    reason=(
        "Every run fetches the font Arial.ttf and ends where it cannot, and a name of weights that is not a file "
        "is asked for twice, then `git tag` is run, then curl tries nine times. One quick connection tells; "
        "without a font plots use Matplotlib's own, and for a file the error says where to put it."
    ),
    files=(
        GENERAL,
        PLOTS,
        DOWNLOADS,
    ),
    places=(6, 6),
    apply=apply,
)
