"""What the edited lines of YOLOv5's files call; each line of the series is one call into this package.

For YOLOv5's own model YAMLs every function here gives back what the line had before. The backbones, and most of the
work, are in the checkout's ``ultralytics/nn/Addmodules``: this package finds that and adds what is different here.
Nothing of yolov5 is imported at the top of these modules, since its own modules import them first.
"""

from __future__ import annotations

from ._locate import CHECKOUT  # first: it decides which ultralytics is imported

from . import amp  # isort: skip
from ._files import config_folders, default_font, is_repository, may_fetch_font, reach
from ._packages import Missing, check_requirements, later, optional, show_columns, table, text_size
from ._rows import (
    activation,
    build_backbone,
    check_row,
    check_yaml,
    fold,
    frozen_layers,
    is_backbone,
    is_frozen,
    keep,
    literal,
    look_up,
    match_rows,
    probe,
    probe_size,
    refuse_classifier,
    refuse_tensorflow,
    report_rows,
)
from ._run import run

__all__ = [
    "CHECKOUT",
    "Missing",
    "activation",
    "amp",
    "build_backbone",
    "check_requirements",
    "check_row",
    "check_yaml",
    "config_folders",
    "default_font",
    "fold",
    "frozen_layers",
    "is_backbone",
    "is_frozen",
    "is_repository",
    "keep",
    "later",
    "literal",
    "look_up",
    "match_rows",
    "may_fetch_font",
    "optional",
    "probe",
    "probe_size",
    "reach",
    "refuse_classifier",
    "refuse_tensorflow",
    "report_rows",
    "run",
    "show_columns",
    "table",
    "text_size",
]
