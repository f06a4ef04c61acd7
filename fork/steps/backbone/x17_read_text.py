"""Not in the articles: a path as an argument in a YAML is text, and what a data YAML says is read as it was meant."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, TASKS, row_loop
from fork.syntax import matches, within
from fork.tree import Tree

NAME = "x17_read_text"
OLD, NEW = "contextlib.suppress(ValueError)", "contextlib.suppress(ValueError, SyntaxError)"
CAUGHT, BOTH = "ValueError", "(ValueError, SyntaxError)"
"""The same in releases that use ``try`` and ``except``."""

DATA, DATASET = "ultralytics/data/utils.py", "check_det_dataset"
READERS = ("data = YAML.load(file, append_filename=True)", "data = yaml_load(file, append_filename=True)")
"""How a release reads a data YAML, newest first."""
CHECK = f"{HOOKS}.check_legible(file)"


def apply(tree: Tree) -> Outcome:
    """Let parse_model keep what is no Python literal as text, and have a data YAML looked at before it is read."""
    sources = Sources(tree, NAME)
    rows, data = row_loop(sources[TASKS]), sources.find(DATA, DATASET)
    caught = _caught(rows)
    done = rows.nodes(ast.Call, NEW) or any(matches(node, BOTH) for node in caught)
    if rows.applied(bool(done), bool(data.nodes(ast.Call, CHECK))):
        return ALREADY
    found = [(node, BOTH) for node in caught if matches(node, CAUGHT)]
    found += [(call, NEW) for call in rows.nodes(ast.Call, OLD)]
    rows.replace(*rows.one(f"the call `{OLD}`, or `except {CAUGHT}` around `args[j] = ...`", found))
    line = data.one(f"the line `{READERS[0]}`", data.lines(ast.Assign, *READERS))
    data.insert_before(line, LATE_IMPORT, CHECK)
    return sources.save()


def _caught(rows: Place[ast.For]) -> List[ast.expr]:
    """Return what is caught, and passed over, where a row's argument is read."""
    reads = [
        node for node in rows.nodes(ast.Try) if any(within(line, ast.Assign, "args[j] = ...") for line in node.body)
    ]
    handlers = [handler for node in reads for handler in node.handlers]
    return [h.type for h in handlers if h.type and len(h.body) == 1 and isinstance(h.body[0], ast.Pass)]


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
