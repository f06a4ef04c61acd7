"""Article 002's section 2.3: the tail of parse_model: indices behind a backbone row move by 4."""

from __future__ import annotations

import functools

from fork.edit import Step
from fork.steps.articles import s06_shift_indices
from fork.targets.yolov5._places import YOLO

NAME = "y07_shift_indices"

STEP = Step(
    name=NAME,
    section="2.3",
    title="Shift the indices behind a backbone row by 4",
    reason=(
        "A backbone row stands for five entries (slots P1 to P5), so the rows behind it count on from 5. The article "
        "replaces the whole function; here the six statements are edited that s06_shift_indices knows, and a backbone "
        "is recognised by being an instance, not by a list of channels."
    ),
    files=(YOLO,),
    places=(6, 6),
    apply=functools.partial(s06_shift_indices.apply, file=YOLO, step=NAME),
)
