"""Not in the articles: a path or a model's name as an argument in a YAML is text."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import TASKS, row_loop
from fork.syntax import matches, within
from fork.tree import Tree

NAME = "x17_read_text"
OLD, NEW = "contextlib.suppress(ValueError)", "contextlib.suppress(ValueError, SyntaxError)"
CAUGHT, BOTH = "ValueError", "(ValueError, SyntaxError)"
"""The same in releases that use ``try`` and ``except``."""


def apply(tree: Tree) -> Outcome:
    """Let parse_model keep an argument that is no Python literal as the text that it is."""
    rows = row_loop(Source(tree, TASKS, NAME))
    caught = _caught(rows)
    if rows.nodes(ast.Call, NEW) or any(matches(node, BOTH) for node in caught):
        return ALREADY
    found = [(node, BOTH) for node in caught if matches(node, CAUGHT)]
    found += [(call, NEW) for call in rows.nodes(ast.Call, OLD)]
    rows.replace(*rows.one(f"the call `{OLD}`, or `except {CAUGHT}` around `args[j] = ...`", found))
    return rows.save()


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
    title="Read paths in a YAML as text",
    reason=(
        "parse_model tries to read each text argument as a Python literal and keeps it as text where that fails, but "
        "for the failures of `weights/m0.pth`, not for those of `./m0.pth` or of a path on Windows."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
