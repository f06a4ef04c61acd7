"""For old releases: the area under a precision-recall curve, for numpy 2.4, which has no ``trapz`` any more."""

from __future__ import annotations

import ast

from fork.edit import Outcome, Source, Step
from fork.syntax import code, within
from fork.tree import Tree

NAME = "c37_integrate_curve"
FILE = "ultralytics/utils/metrics.py"
DEFINITION = "compute_ap"
OLD, NEW = "np.trapz", "np.trapezoid"
CHOICE = f'({NEW} if hasattr(np, "trapezoid") else {OLD})'


def apply(tree: Tree) -> Outcome:
    """Take numpy's new name of the function, where it has it."""
    source = Source(tree, FILE, NAME)
    place, forms = source.find(DEFINITION), (f"{NEW} if ... else {OLD}", f"{OLD} if ... else {NEW}")
    choices = [*source.module.nodes(ast.IfExp, *forms), *place.nodes(ast.IfExp, *forms)]
    chosen = [node for choice in choices for node in within(choice, ast.Attribute)]
    named = source.text.data.count(OLD.encode()) > len(choices)
    bare = [node for node in within(source.text.node, ast.Attribute, OLD) if node not in chosen] if named else []
    called = [call.func for call in place.nodes(ast.Call)]
    if not bare:
        lines = [line for line in within(source.text.node, ast.Assign) if line.value in choices]
        names = [code(line.targets[0]) for line in lines if len(line.targets) == 1]
        if any(code(function) in names or function in choices for function in called):
            return Outcome(0, "it takes numpy's new name")
    node = place.one(f"the call of `{OLD}`, or of a choice between it and `{NEW}`", bare)
    if node not in called:
        raise place.fail(f"the call of `{OLD}`", f"`{OLD}` in another place of the file")
    place.replace(node, CHOICE)
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Integrate curves with today's numpy",
    reason=(
        "numpy 2.0 calls np.trapz np.trapezoid, and 2.4 no longer has the old name: validation ends in an "
        "AttributeError after the first epoch. Upstream takes the new name since 8.3.108."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
    not_needed_when="upstream calls numpy's new name, as it does from 8.3.108 on.",
)
