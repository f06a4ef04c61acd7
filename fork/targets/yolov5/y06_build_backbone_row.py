"""Article 002's section 2.3: a branch of parse_model for backbones."""

from __future__ import annotations

import functools

from fork.edit import Step
from fork.steps.articles import s05_build_backbone_row
from fork.targets.yolov5._places import YOLO

NAME = "y06_build_backbone_row"

STEP = Step(
    name=NAME,
    section="2.3",
    title="Build a backbone row in parse_model",
    reason=(
        "The article has a branch for each class, listed by hand, and one that takes any unknown name for a network of "
        "timm. Here one branch, that of s05_build_backbone_row, asks the registry, and the building with its checks "
        "lives in Addmodules/hooks.py."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=functools.partial(s05_build_backbone_row.apply, file=YOLO, step=NAME),
)
