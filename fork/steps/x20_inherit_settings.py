"""Not in the articles: weights bring their normalisation and BatchNorm settings when they are loaded."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, own_nodes, statement
from fork.steps._places_cst import HOOKS, TASKS, value_of
from fork.tree import Tree

NAME = "x20_inherit_settings"
DEFINITION = "BaseModel.load"
CALL = f"{HOOKS}.inherit(self, model)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.inherit`` before the weights of another model are taken over."""
    source = Source(tree, TASKS, NAME)
    found = []
    for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine):
        if code(line) == CALL:
            return Outcome(0, "already applied")
        if isinstance(line, cst.SimpleStatementLine) and assigns(line, "csd") and _is_of_weights(value_of(line)):
            found.append(line)
    line = source.one(DEFINITION, "the line `csd = model...state_dict()`", found)
    source.replace(DEFINITION, line, cst.FlattenSentinel([statement(CALL), line]))
    return source.save()


def _is_of_weights(node: cst.BaseExpression) -> bool:
    """Tell whether an expression is ``X.state_dict()``; older releases give what fits of it the same name."""
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "state_dict"


STEP = Step(
    name=NAME,
    section="-",
    title="Let weights bring their normalisation",
    reason=(
        "A backbone with pretrained weights normalises its input, and its BatchNorms have an eps of their own. A "
        "checkpoint of it that is loaded into a model whose YAML says nothing of weights, or the other way round, "
        "would compute something else without a word."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
