"""Today's packages: what a run does not use need not be installed."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import (
    BENCHMARKS,
    CLASSIFY_TRAIN,
    COMMON,
    EXPORT,
    GENERAL,
    MODULE,
    PLOTS,
    SEGMENT_PLOTS,
    SEGMENT_TRAIN,
    TRAIN,
    VAL,
    Swap,
    apply_swaps,
)
from fork.tree import Tree

NAME = "z02_import_when_used"
CONNECTOR = "from yolov5.utils.roboflow import RoboflowConnector"
LATER = 'RoboflowConnector = addmodules.later("yolov5.utils.roboflow", "RoboflowConnector", "roboflow")'
PANDAS = 'pd = addmodules.optional("pandas")'

SWAPS = (
    *(Swap(file, MODULE, CONNECTOR, LATER) for file in (TRAIN, SEGMENT_TRAIN, CLASSIFY_TRAIN)),
    *(
        Swap(file, MODULE, "import pandas as pd", PANDAS)
        for file in (GENERAL, COMMON, PLOTS, SEGMENT_PLOTS, VAL, EXPORT, BENCHMARKS)
    ),
    Swap(
        PLOTS,
        MODULE,
        "import seaborn as sn",
        'sn = addmodules.optional("seaborn")',
    ),
    Swap(
        GENERAL,
        MODULE,
        "pd.options.display.max_columns = 10",
        "addmodules.show_columns(pd, 10)",
    ),
    Swap(
        VAL,
        "run",
        "pd.DataFrame(data, columns=headers)",
        "addmodules.table(pd, data, headers)",
    ),
    Swap(
        EXPORT,
        "export_formats",
        "pd.DataFrame(x, columns=['Format', 'Argument', 'Suffix', 'CPU', 'GPU'])",
        "addmodules.table(pd, x, ['Format', 'Argument', 'Suffix', 'CPU', 'GPU'])",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Import roboflow, pandas and seaborn where they are used",
    reason=(
        "Every training imports roboflow, which only --data of that service and --roboflow_upload need, and "
        "it pins packages that clash with today's. pandas and seaborn draw plots and write tables. One that "
        "is missing is named by what needs it, and plots are left out with a line."
    ),
    files=(
        TRAIN,
        SEGMENT_TRAIN,
        CLASSIFY_TRAIN,
        GENERAL,
        COMMON,
        PLOTS,
        SEGMENT_PLOTS,
        VAL,
        EXPORT,
        BENCHMARKS,
    ),
    places=(14, 14),
    apply=apply,
)
