"""Not in the articles: weights bring their normalisation and BatchNorm settings when they are loaded."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.tree import Tree

NAME = "x20_inherit_settings"
DEFINITION = "BaseModel.load"
CALL = f"{HOOKS}.inherit(self, model)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.inherit`` before the weights of another model are taken over."""
    place = Source(tree, TASKS, NAME).find(DEFINITION)
    if place.nodes(ast.Call, CALL):
        return ALREADY
    found = place.lines(ast.Assign, "csd = (...).state_dict(...)")  # older releases give what fits of it the same name
    place.insert_above(place.one("the line `csd = model...state_dict()`", found), CALL)
    return place.save()


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
