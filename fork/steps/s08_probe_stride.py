"""Articles' section 4.8: the pass that measures a head's strides, 256 -> 640."""

from __future__ import annotations

from typing import List, Tuple

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, definitions, expression, own_nodes, with_value
from fork.steps._places import HOOKS, TASKS
from fork.tree import Tree

NAME = "s08_probe_stride"
PROBE = f"{HOOKS}.probe_size(self.model, 256)"
MUST = "DetectionModel.__init__"


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Let ``s = 256`` grow to 640 for models with a backbone of ours, in every constructor that probes strides."""
    source = Source(tree, file, step)
    done = [name for name, _ in _probes(source, PROBE)]
    for name, _ in _probes(source, "256"):
        line = source.one(name, "one line `s = 256`", [line for at, line in _probes(source, "256") if at == name])
        source.replace(name, line, with_value(line, expression(PROBE)))
    if MUST not in source.edited + done:
        raise source.fail(MUST, "the line `s = 256`", code(source.find(MUST).body)[:60].splitlines()[0])
    return source.save() if source.edited else Outcome(0, "already applied")


def _probes(source: Source, value: str) -> List[Tuple[str, cst.SimpleStatementLine]]:
    """Return the lines ``s = value`` with the function that holds each."""
    return [
        (name, line)
        for name, definition in definitions(source.module)
        for line in own_nodes(definition, cst.SimpleStatementLine)
        if name.endswith(".__init__") and isinstance(line, cst.SimpleStatementLine)
        if assigns(line, "s", value)
    ]


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
)
