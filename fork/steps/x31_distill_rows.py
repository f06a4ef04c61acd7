"""Not in the articles: distillation compares the outputs of the rows that the heads read."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places_cst import HOOKS, import_hooks, imports_hooks, mentions
from fork.tree import Tree

NAME = "x31_distill_rows"
FILE = "ultralytics/nn/distill_model.py"
DEFINITION = "DistillationModel.get_distill_layers"
SIGNS = ("distill_model", "DistillationModel", "get_distill_layers")
CALL = f"{HOOKS}.positions(model, "


def apply(tree: Tree) -> Outcome:
    """Turn the indices that the function returns into positions."""
    if FILE not in tree and not mentions(tree, *SIGNS):
        return Outcome(0, "no distillation in this release")
    source = Source(tree, FILE, NAME)
    done = [CALL in code(source.find(DEFINITION).body), imports_hooks(source)]
    if source.applied(DEFINITION, *done):
        return Outcome(0, "already applied")
    lists = [
        node.value
        for node in own_nodes(source.find(DEFINITION), cst.Return)
        if isinstance(node, cst.Return) and isinstance(node.value, cst.List) and "m.i" in code(node.value)
    ]
    found = source.one(DEFINITION, "`return [..., m.i]`", lists)
    source.replace(DEFINITION, found, expression(f"{CALL}{code(found)})"))
    import_hooks(source)
    return source.save()


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
