"""Not in the articles: where GFLOPs cannot be counted, the reason is given."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, HOOKS_IMPORT
from fork.tree import Tree

NAME = "x32_explain_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
CALL = f"{HOOKS}.no_flops()"


def apply(tree: Tree) -> Outcome:
    """Return ``addmodules.no_flops()`` wherever the function gives up with 0.0."""
    place = Source(tree, FILE, NAME).find(DEFINITION)
    found = [line.value for line in place.nodes(ast.Return, "return 0", "return 0.0") if line.value]
    called = bool(place.nodes(ast.Call, CALL))
    if place.applied(*([called, not found] if called else [False])):
        return ALREADY
    if not found:
        raise place.fail("a line `return 0.0`", "no such place")
    if not any(line.lineno < found[0].lineno for line in place.nodes(ast.ImportFrom, HOOKS_IMPORT)):
        raise place.fail("the import of the hooks (step s09) before the first `return 0.0`", "none")
    for zero in found:
        place.replace(zero, CALL)
    return place.source.save()


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
