"""Not in the articles: embeddings are taken of rows by their index in the YAML."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places_cst import HOOKS, TASKS
from fork.tree import Tree

NAME = "x30_embed_rows"
MODEL = "ultralytics/engine/model.py"
EMBED = "Model.embed"
FORWARD = "BaseModel.forward"
LAST, OLD_LAST = "len(model.model) - 2", "len(self.model.model) - 2"
NEW, OLD_NEW = "model.model[-2].i", "self.model.model[-2].i"
CHECKED = f"{HOOKS}.embed_rows(self, kwargs)"


def apply(tree: Tree) -> Outcome:
    """Take the second-to-last row's own index, and check the indices on the way that every model's pass takes."""
    model, tasks = Source(tree, MODEL, NAME), Source(tree, TASKS, NAME)
    done = [NEW in code(model.find(EMBED).body), CHECKED in code(tasks.find(FORWARD).body)]
    if model.applied(EMBED, *done):
        return Outcome(0, "already applied")
    sums = [node for node in own_nodes(model.find(EMBED), cst.BinaryOperation) if code(node) in (LAST, OLD_LAST)]
    last = model.one(EMBED, f"the expression `{LAST}`", sums)
    model.replace(EMBED, last, expression(NEW if code(last) == LAST else OLD_NEW))
    stars = [
        arg
        for call in own_nodes(tasks.find(FORWARD), cst.Call)
        if isinstance(call, cst.Call) and code(call.func) == "self.predict"
        for arg in call.args
        if arg.star == "**" and code(arg.value) == "kwargs"
    ]
    star = tasks.one(FORWARD, "the call `self.predict(..., **kwargs)`", stars)
    tasks.replace(FORWARD, star.value, expression(CHECKED))
    outcomes = [model.save(), tasks.save()]
    return Outcome(2, where=tuple(where for outcome in outcomes for where in outcome.where))


STEP = Step(
    name=NAME,
    section="-",
    title="Embed rows by their index in the YAML",
    reason=(
        "By default upstream embeds row `len - 2`, which behind a backbone of ours is four rows too early; and of an "
        "index that no row has it returns detections as if nothing had been asked."
    ),
    files=(MODEL, TASKS),
    places=(2, 2),
    apply=apply,
)
