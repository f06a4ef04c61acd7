"""Not in the articles: a model that is about to get a checkpoint's weights does not look for its pretrained file."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Sources, Step
from fork.steps._places import HOOKS, import_hooks, imports_hooks
from fork.syntax import Definition, matches
from fork.tree import Tree

NAME = "x16_follow_checkpoint"
MUST = {
    "ultralytics/engine/model.py": "Model.train",
    "ultralytics/engine/trainer.py": "BaseTrainer.setup_model",
}
"""The function of each file that has to hold such a call; others (a trainer of several models) may."""

BUILDER = f"{HOOKS}.get_model"


def apply(tree: Tree) -> Outcome:
    """Turn ``X.get_model(..., weights=W)`` into ``addmodules.get_model(X.get_model, ..., weights=W)``."""
    sources = Sources(tree, NAME)
    done = [_edit(sources[file], must) for file, must in MUST.items()]
    return ALREADY if sources.find(*next(iter(MUST.items()))).applied(*done) else sources.save()


def _edit(source: Source, name: str) -> bool:
    """Edit every call in a file; return whether that had been done before."""
    must, holders = source.find(name), [place for place in source.places() if _calls(place)]
    if must.nodes(ast.Call, f"{BUILDER}(...)") and must.applied(not holders, imports_hooks(source)):
        return True
    if not _calls(must):
        raise must.fail("X.get_model(..., weights=...)", "no such place")
    for place in holders:
        for call in _calls(place):
            place.redirect(call, BUILDER, place.code(call.func))
    import_hooks(source)
    return False


def _calls(place: Place[Definition]) -> List[ast.Call]:
    calls = place.nodes(ast.Call, "(...).get_model(..., weights=...)")
    return [call for call in calls if not matches(call.func, BUILDER)]


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
