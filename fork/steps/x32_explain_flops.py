"""Not in the articles: where GFLOPs cannot be counted, the reason is given."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places_cst import HOOKS, HOOKS_IMPORT
from fork.tree import Tree

NAME = "x32_explain_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
CALL = f"{HOOKS}.no_flops()"


def apply(tree: Tree) -> Outcome:
    """Return ``addmodules.no_flops()`` wherever the function gives up with 0.0."""
    source = Source(tree, FILE, NAME)
    found = _zeros(source)
    called = CALL in code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, *([called, not found] if called else [False])):
        return Outcome(0, "already applied")
    if not found:
        raise source.fail(DEFINITION, "a line `return 0.0`", "no such place")
    lines = [code(line) for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)]
    zero = next(number for number, line in enumerate(lines) if line.startswith("return 0"))
    if HOOKS_IMPORT not in lines[:zero]:
        raise source.fail(DEFINITION, "the import of the hooks (step s09) before the first `return 0.0`", "none")
    for _ in range(len(found)):
        source.replace(DEFINITION, _zeros(source)[0], expression(CALL))
    return source.save()


def _zeros(source: Source) -> List[cst.BaseExpression]:
    return [
        node.value
        for node in own_nodes(source.find(DEFINITION), cst.Return)
        if isinstance(node, cst.Return) and node.value is not None and code(node.value) in ("0", "0.0")
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Say why GFLOPs are not counted",
    reason=(
        "Upstream returns 0.0 without a word where the counting package is missing, is another one of the same name, "
        "or fails on the model, and the summary then lacks its GFLOPs. The number is still 0.0, and the reason is "
        "logged once."
    ),
    files=(FILE,),
    places=(1, 2),
    apply=apply,
)
