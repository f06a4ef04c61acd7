"""Today's packages: setuptools has no pkg_resources any more."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import GENERAL, LOGGERS, MODULE, Swap, apply_swaps
from fork.tree import Tree

NAME = "z01_parse_versions"
SWAPS = (
    Swap(
        GENERAL,
        MODULE,
        "import pkg_resources as pkg",
        "from packaging import version as pkg",
    ),
    Swap(
        GENERAL,
        "check_version",
        "pkg.parse_version(x)",
        "pkg.parse(x)",
    ),
    Swap(
        LOGGERS,
        MODULE,
        "import pkg_resources as pkg",
        "from packaging import version as pkg",
    ),
    Swap(
        LOGGERS,
        MODULE,
        "pkg.parse_version(wandb.__version__)",
        "pkg.parse(wandb.__version__)",
    ),
    Swap(
        LOGGERS,
        MODULE,
        "pkg.parse_version('0.12.2')",
        "pkg.parse('0.12.2')",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Compare versions without pkg_resources",
    reason=(
        "setuptools has dropped pkg_resources, which YOLOv5 imports to compare version numbers. `packaging` "
        "does the same, and was what pkg_resources used."
    ),
    files=(
        GENERAL,
        LOGGERS,
    ),
    places=(5, 5),
    apply=apply,
)
