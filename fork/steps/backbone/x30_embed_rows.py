"""Not in the articles: embeddings are taken of rows by their index in the YAML."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Sources, Step
from fork.steps._places import HOOKS, TASKS
from fork.syntax import matches
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
    sources = Sources(tree, NAME)
    embed, forward = sources.find(MODEL, EMBED), sources.find(TASKS, FORWARD)
    if embed.applied(bool(embed.nodes(ast.Attribute, NEW, OLD_NEW)), bool(forward.nodes(ast.Call, CHECKED))):
        return ALREADY
    last = embed.one(f"the expression `{LAST}`", embed.nodes(ast.BinOp, LAST, OLD_LAST))
    embed.replace(last, NEW if matches(last, LAST) else OLD_NEW)
    given = [keyword for call in forward.nodes(ast.Call, "self.predict(...)") for keyword in call.keywords]
    stars = [keyword.value for keyword in given if keyword.arg is None and matches(keyword.value, "kwargs")]
    forward.replace(forward.one("the call `self.predict(..., **kwargs)`", stars), CHECKED)
    return sources.save()


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
