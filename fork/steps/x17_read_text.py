"""Not in the articles: a path as an argument in a YAML is text, and what a data YAML says is read as it was meant."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, statement, walk
from fork.steps._places import HOOKS, HOOKS_IMPORT, PARSE, TASKS, assignments, lines, row_loop, value_of
from fork.tree import Tree

NAME = "x17_read_text"
OLD, NEW = "contextlib.suppress(ValueError)", "contextlib.suppress(ValueError, SyntaxError)"
CAUGHT, BOTH = "ValueError", "(ValueError, SyntaxError)"
"""The same in releases that use ``try`` and ``except``."""

DATA, DATASET = "ultralytics/data/utils.py", "check_det_dataset"
READERS = ("YAML.load(file, append_filename=True)", "yaml_load(file, append_filename=True)")
"""How a release reads a data YAML, newest first."""
CHECK = f"{HOOKS}.check_legible(file)"


def apply(tree: Tree) -> Outcome:
    """Let parse_model keep what is no Python literal as text, and have a data YAML looked at before it is read."""
    source, data = Source(tree, TASKS, NAME), Source(tree, DATA, NAME)
    loop = row_loop(source).loop
    calls = [node for node in walk(loop) if isinstance(node, cst.Call)]
    caught = _caught(loop)
    done = any(code(node) == NEW for node in calls) or any(code(node) == BOTH for node in caught)
    if source.applied(PARSE, done, f"{CHECK}" in [code(line) for line in lines(data.find(DATASET))]):
        return Outcome(0, "already applied")
    found = [node for node in calls if code(node) == OLD] + [node for node in caught if code(node) == CAUGHT]
    place = source.one(PARSE, f"the call `{OLD}`, or `except {CAUGHT}` around `args[j] = ...`", found)
    reads = [line for line in assignments(data.find(DATASET), "data") if code(value_of(line)) in READERS]
    line = data.one(DATASET, f"the line `data = {READERS[0]}`", reads)
    source.replace(PARSE, place, expression(NEW if isinstance(place, cst.Call) else BOTH))
    hooks = statement(HOOKS_IMPORT, "here, since nn imports this module")
    new = [hooks.with_changes(leading_lines=line.leading_lines), statement(CHECK), line.with_changes(leading_lines=[])]
    data.replace(DATASET, line, cst.FlattenSentinel(new))
    rows, sets = source.save(), data.save()
    return Outcome(rows.applied + sets.applied, where=(*rows.where, *sets.where))


def _caught(loop: cst.For) -> List[cst.BaseExpression]:
    """Return what is caught, and passed over, where a row's argument is read."""
    found = []
    for node in walk(loop):
        if isinstance(node, cst.Try) and any(code(line).startswith("args[j] = ") for line in lines(node.body)):
            found += [item.type for item in node.handlers if item.type and [code(x) for x in lines(item)] == ["pass"]]
    return found


STEP = Step(
    name=NAME,
    section="-",
    title="Read text in a YAML as it was meant",
    reason=(
        "parse_model tries to read each text argument as a Python literal and keeps it as text where that fails, but "
        "for the failures of `weights/m0.pth`, not for those of `./m0.pth` or of a path on Windows. Of a data YAML in "
        "GBK or UTF-16 upstream drops what is no UTF-8: classes lose their names without a word. It is refused."
    ),
    files=(TASKS, DATA),
    places=(2, 2),
    apply=apply,
)
