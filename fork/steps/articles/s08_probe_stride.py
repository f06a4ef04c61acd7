"""Articles' section 4.8: the pass that measures a head's strides, 256 -> 640."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.tree import Tree

NAME = "s08_probe_stride"
PROBE = f"{HOOKS}.probe_size(self.model, 256)"
MUST = "DetectionModel.__init__"


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Let ``s = 256`` grow to 640 for models with a backbone of ours, in every constructor that probes strides."""
    source = Source(tree, file, step)
    constructors = [place for place in source.places() if place.name.endswith(".__init__")]
    for place in constructors:
        lines = place.lines(ast.Assign, "s = 256")
        if lines:
            place.replace(place.one("one line `s = 256`", lines).value, PROBE)
    done = [place.name for place in constructors if place.lines(ast.Assign, f"s = {PROBE}")]
    if MUST not in source.edited + done:
        must = source.find(MUST)
        raise must.fail("the line `s = 256`", must.code(must.node.body[0])[:60].splitlines()[0])
    return source.save() if source.edited else ALREADY


STEP = Step(
    name=NAME,
    section="4.8",
    title="Probe strides at 640 behind a backbone",
    reason=(
        "Some backbones of the articles fail below 224 pixels or need a multiple of their window. The articles "
        "probe every model at 640, which slows down all of them; here only models with a backbone row are. Semantic "
        "segmentation models (from 8.4.60) measure their stride the same way and get the same call."
    ),
    files=(TASKS,),
    places=(1, 2),
    apply=apply,
    not_needed_when="strides are known without a pass, or the pass takes its size from the model.",
    differs="Only behind a backbone: stock models keep 256 and build as fast as before.",
)
