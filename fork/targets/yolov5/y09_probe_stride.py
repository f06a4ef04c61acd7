"""Not in article 002 (section 4.8 of the others): the pass that measures the head's strides, 256 -> 640."""

from __future__ import annotations

import functools

from fork.edit import Step
from fork.steps.articles import s08_probe_stride
from fork.targets.yolov5._places import YOLO

NAME = "y09_probe_stride"

STEP = Step(
    name=NAME,
    section="-",
    title="Probe strides at 640 behind a backbone",
    reason=(
        "Some backbones fail below 224 pixels or need a multiple of their window. Article 002 leaves the probe at 256, "
        "which the others raise for every model; here, by the edit of s08_probe_stride, models with a backbone row get "
        "it alone."
    ),
    files=(YOLO,),
    places=(1, 1),
    apply=functools.partial(s08_probe_stride.apply, file=YOLO, step=NAME),
)
