"""Not in the articles: freeze, embed and distillation count rows by their index in the YAML."""

from __future__ import annotations

import ast
from typing import Tuple

from fork.edit import ALREADY, Outcome, Sources, Step
from fork.steps._places import HOOKS, TASKS, import_hooks, mentions
from fork.syntax import matches
from fork.tree import Tree

NAME = "b05_count_rows"
TRAINER, SETUP = "ultralytics/engine/trainer.py", "BaseTrainer._setup_train"
FROZEN = f"{HOOKS}.frozen_layers(self.model, self.args.freeze, freeze_list)"
MODEL, EMBED = "ultralytics/engine/model.py", "Model.embed"
LAST: Tuple[Tuple[str, str], ...] = (
    ("len(model.model) - 2", "model.model[-2].i"),
    ("len(self.model.model) - 2", "self.model.model[-2].i"),
)
"""The row that is embedded where none is named, and its own index, newest release first."""

FORWARD, CHECKED = "BaseModel.forward", f"{HOOKS}.embed_rows(self, kwargs)"
DISTILL, INPUTS = "ultralytics/nn/distill_model.py", "DistillationModel.get_distill_layers"
SIGNS = ("distill_model", "DistillationModel", "get_distill_layers")
POSITIONS = f"{HOOKS}.positions"


def apply(tree: Tree) -> Outcome:
    """Ask the hooks which rows are frozen, embedded and distilled."""
    sources = Sources(tree, NAME)
    setup, embed, forward = sources.find(TRAINER, SETUP), sources.find(MODEL, EMBED), sources.find(TASKS, FORWARD)
    distil = sources.find(DISTILL, INPUTS) if DISTILL in tree or mentions(tree, *SIGNS) else None
    done = [bool(setup.nodes(ast.Call, FROZEN)), bool(embed.nodes(ast.Attribute, *(new for _, new in LAST)))]
    done += [bool(forward.nodes(ast.Call, CHECKED))]
    done += [bool(distil.nodes(ast.Call, f"{POSITIONS}(model, ...)"))] if distil else []
    if setup.applied(*done):
        return ALREADY
    names = [node for node in setup.nodes(ast.ListComp) if matches(node.generators[0].iter, "freeze_list")]
    setup.replace(setup.one("the list of names made of `freeze_list`", names), FROZEN)
    import_hooks(setup.source)
    found = [(node, new) for old, new in LAST for node in embed.nodes(ast.BinOp, old)]
    embed.replace(*embed.one(f"the expression `{LAST[0][0]}`", found))
    given = [keyword for call in forward.nodes(ast.Call, "self.predict(...)") for keyword in call.keywords]
    stars = [keyword.value for keyword in given if keyword.arg is None and matches(keyword.value, "kwargs")]
    forward.replace(forward.one("the call `self.predict(..., **kwargs)`", stars), CHECKED)
    if distil:
        inputs = [line.value for line in distil.nodes(ast.Return, "return [..., m.i]") if line.value]
        distil.wrap(distil.one("`return [..., m.i]`", inputs), f"{POSITIONS}(model, ", ")")
        import_hooks(distil.source)
    return sources.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Count rows as the YAML does",
    reason=(
        "Upstream counts positions in `model.model`. Behind a backbone, one row of five indices, freeze=10 would "
        "freeze nine rows of the head, the row that is embedded by default is four rows too early, and distillation "
        "compares other rows than those that a head reads. Indices are those of the YAML; freeze=backbone is the "
        "backbone."
    ),
    files=(TRAINER, MODEL, TASKS, DISTILL),
    places=(4, 6),
    apply=apply,
    not_needed_when="upstream goes by the index that a row has in the YAML.",
)
"""A line each, two imports, and distillation in the releases that have it."""
