"""For old releases: the area under a precision-recall curve, for numpy 2.4, which has no ``trapz`` any more."""

from __future__ import annotations

from typing import List, Tuple

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes, walk
from fork.tree import Tree

NAME = "c37_integrate_curve"
FILE = "ultralytics/utils/metrics.py"
DEFINITION = "compute_ap"
OLD, NEW = "np.trapz", "np.trapezoid"
CHOICE = f'({NEW} if hasattr(np, "trapezoid") else {OLD})'


def apply(tree: Tree) -> Outcome:
    """Take numpy's new name of the function, where it has it."""
    source = Source(tree, FILE, NAME)
    choices = _choices(source)
    chosen = {id(node) for choice in choices for node in walk(choice)}
    bare = [node for node in walk(source.module) if _is(node, OLD) and id(node) not in chosen]
    calls = [node.func for node in own_nodes(source.find(DEFINITION), cst.Call) if isinstance(node, cst.Call)]
    if not bare:
        named = [name for name, value in _assigned(source) if any(value is choice for choice in choices)]
        if any(code(func) in named or any(func is choice for choice in choices) for func in calls):
            return Outcome(0, "it takes numpy's new name")
    place = source.one(DEFINITION, f"the call of `{OLD}`, or of a choice between it and `{NEW}`", bare)
    if not any(func is place for func in calls):
        raise source.fail(DEFINITION, f"the call of `{OLD}`", f"`{OLD}` in another place of the file")
    source.replace(DEFINITION, place, expression(CHOICE))
    return source.save()


def _is(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Attribute) and code(node) == name


def _choices(source: Source) -> List[cst.CSTNode]:
    """Return the conditional expressions that end in one name or the other."""
    nodes = [node for node in walk(source.module) if isinstance(node, cst.IfExp)]
    return [node for node in nodes if {OLD, NEW} == {code(node.body), code(node.orelse)}]


def _assigned(source: Source) -> List[Tuple[str, cst.BaseExpression]]:
    """Return the lines NAME = VALUE of the file."""
    nodes = [node for node in walk(source.module) if isinstance(node, cst.Assign)]
    return [(code(node.targets[0].target), node.value) for node in nodes if len(node.targets) == 1]


STEP = Step(
    name=NAME,
    section="-",
    title="Integrate curves with today's numpy",
    reason=(
        "numpy 2.0 calls np.trapz np.trapezoid, and 2.4 has the old name no more: validation ends in an "
        "AttributeError after the first epoch. Upstream takes the new name since 8.3.108."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
)
