"""Not in the articles: a model that is about to get a checkpoint's weights does not look for its pretrained file."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Definition, Outcome, Source, Step, code, definitions, expression, own_nodes
from fork.steps._places_cst import HOOKS, import_hooks, imports_hooks
from fork.tree import Tree

NAME = "x16_follow_checkpoint"
MUST = {
    "ultralytics/engine/model.py": "Model.train",
    "ultralytics/engine/trainer.py": "BaseTrainer.setup_model",
}
"""The function of each file that has to hold such a call; others (a trainer of several models) may."""

METHOD = "get_model"


def apply(tree: Tree) -> Outcome:
    """Turn ``X.get_model(..., weights=W)`` into ``addmodules.get_model(X.get_model, ..., weights=W)``."""
    sources = [Source(tree, file, NAME) for file in MUST]
    done = [_edit(source, MUST[source.file]) for source in sources]
    if not sources[0].applied(MUST[sources[0].file], *done):
        for source in sources:
            source.save()
    where = [f"{source.file}: {name}" for source in sources for name in source.edited]
    return Outcome(len(where), where=tuple(where)) if where else Outcome(0, "already applied")


def _edit(source: Source, must: str) -> bool:
    """Edit every call in a file; return whether that had been done before."""
    holders = [name for name, node in definitions(source.module) if _calls(node)]
    calls = [node for node in own_nodes(source.find(must), cst.Call) if isinstance(node, cst.Call)]
    done = any(code(call.func) == f"{HOOKS}.{METHOD}" for call in calls)
    if done and source.applied(must, not holders, imports_hooks(source)):
        return True
    if must not in holders:
        raise source.fail(must, "X.get_model(..., weights=...)", "no such place")
    for name in holders:
        for _ in range(len(_calls(source.find(name)))):
            call = _calls(source.find(name))[0]
            first = cst.Arg(call.func, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
            new = call.with_changes(func=expression(f"{HOOKS}.{METHOD}"), args=[first, *call.args])
            source.replace(name, call, new)
    if not imports_hooks(source):
        import_hooks(source)
    return False


def _calls(definition: Definition) -> List[cst.Call]:
    return [
        node
        for node in own_nodes(definition, cst.Call)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
        if node.func.attr.value == METHOD and code(node.func.value) != HOOKS
        if any(arg.keyword is not None and arg.keyword.value == "weights" for arg in node.args)
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Let a checkpoint stand in for a pretrained file",
    reason=(
        "Upstream builds the model anew when a run is resumed or a checkpoint is fine-tuned, and loads the weights "
        "afterwards. The YAML's `pretrained` would then be fetched or read again, and a checkpoint would not train on "
        "a machine that lacks the file. The builder is told which weights follow."
    ),
    files=tuple(MUST),
    places=(2, 6),
    apply=apply,
)
