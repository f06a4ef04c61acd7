"""Not in the articles: distillation compares the outputs of the rows that the heads read."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, import_hooks, imports_hooks, mentions
from fork.tree import Tree

NAME = "x31_distill_rows"
FILE = "ultralytics/nn/distill_model.py"
DEFINITION = "DistillationModel.get_distill_layers"
SIGNS = ("distill_model", "DistillationModel", "get_distill_layers")
CALL = f"{HOOKS}.positions"


def apply(tree: Tree) -> Outcome:
    """Turn the indices that the function returns into positions."""
    if FILE not in tree and not mentions(tree, *SIGNS):
        return Outcome(0, "no distillation in this release")
    place = Source(tree, FILE, NAME).find(DEFINITION)
    if place.applied(bool(place.nodes(ast.Call, f"{CALL}(model, ...)")), imports_hooks(place.source)):
        return ALREADY
    found = [line.value for line in place.nodes(ast.Return, "return [..., m.i]") if line.value]
    place.wrap(place.one("`return [..., m.i]`", found), f"{CALL}(model, ", ")")
    import_hooks(place.source)
    return place.source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Distil the rows that the heads read",
    reason=(
        "Upstream looks the inputs of a head up by their index in the YAML where positions are needed. Behind a "
        "backbone of ours these are other rows, or none: wrong features were compared without a word."
    ),
    files=(FILE,),
    places=(2, 2),
    apply=apply,
)
