"""Article 002's section 2.3: parse_model keeps a flag and the row's name."""

from __future__ import annotations

import functools

from fork.edit import Step
from fork.steps.articles import s04_name_row
from fork.targets.yolov5._places import YOLO

NAME = "y03_name_row"

STEP = Step(
    name=NAME,
    section="2.3",
    title="Keep a backbone flag and the row's name in parse_model",
    reason="The two variables that the next steps use, by the edit of s04_name_row.",
    files=(YOLO,),
    places=(2, 2),
    apply=functools.partial(s04_name_row.apply, file=YOLO, step=NAME),
)
