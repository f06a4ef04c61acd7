"""Not in the articles: checkpoints and exported models say which fork made them, and with which backbone."""

from __future__ import annotations

import ast
import re

from fork.edit import ALREADY, Outcome, Source, Sources, Step
from fork.steps._places import HOOKS, dicts_with, import_hooks, imports_hooks
from fork.syntax import entry_of, keys_of
from fork.tree import Tree

NAME = "x22_record_fork"
TRAINER, TRAINED = "ultralytics/engine/trainer.py", "BaseTrainer.save_model"
MODEL, SAVED = "ultralytics/engine/model.py", "Model.save"
EXPORTER, METADATA = "ultralytics/engine/exporter.py", "self.metadata"
KEY = HOOKS
RECORDED = f"{HOOKS}.recorded"


def apply(tree: Tree) -> Outcome:
    """Add the record to what save_model, Model.save and the exporter write."""
    sources = Sources(tree, NAME)
    done = [_edit_trainer(sources[TRAINER])]
    done += [_edit_model(sources[MODEL])] if _saves(sources[MODEL], tree) else []
    done += [_edit_exporter(sources[EXPORTER])]
    return ALREADY if sources.find(TRAINER, TRAINED).applied(*done) else sources.save()


def _edit_trainer(source: Source) -> bool:
    """Put the record before all else: a stock package names what is missing first (see Addmodules/_record.py)."""
    place = source.find(TRAINED)
    found = dicts_with(place, "model", "ema")
    if any(KEY in keys_of(node) for node in found):
        return place.applied(True, imports_hooks(source))
    node = place.one("the dict with the keys `model` and `ema`", found)
    place.insert_entry(node, KEY, f"{HOOKS}.record({place.code(entry_of(node, 'ema'))})")
    import_hooks(source)
    return False


def _saves(source: Source, tree: Tree) -> bool:
    """Return whether a model can be saved by a method of its own; in the first releases only a trainer saves."""
    if source.has(SAVED):
        return True
    if re.search(rb"torch[._]save|def save", tree[MODEL]):
        raise source.fail(SAVED, "one definition of that name", "0 of them, and something else that saves")
    return False


def _edit_model(source: Source) -> bool:
    """Pass what ``torch.save`` is given through ``addmodules.recorded``."""
    place = source.find(SAVED)
    if place.nodes(ast.Call, f"{RECORDED}(...)"):
        return place.applied(True, imports_hooks(source))
    found = [call.args[0] for call in place.nodes(ast.Call, "torch.save(...)") if call.args]
    place.wrap(place.one("torch.save(CONTENT, PATH)", found), f"{RECORDED}(", ")")
    import_hooks(source)
    return False


def _edit_exporter(source: Source) -> bool:
    """Add the record to the dict that is assigned to ``self.metadata``."""
    lines = [(place, line.value) for place in source.places() for line in place.nodes(ast.Assign, f"{METADATA} = ...")]
    found = [(place, value) for place, value in lines if isinstance(value, ast.Dict)]
    if any(KEY in keys_of(node) for _, node in found):
        return found[0][0].applied(True, imports_hooks(source))
    place, node = source.module.one(f"the line `{METADATA} = {{...}}`", found)
    task = entry_of(node, "task") if "task" in keys_of(node) else None
    if not isinstance(task, ast.Attribute) or task.attr != "task":
        raise place.fail("the entry `task: MODEL.task`", "no such entry")
    place.insert_entry(node, KEY, f"{HOOKS}.record_text({place.code(task.value)})")
    import_hooks(source)
    return False


STEP = Step(
    name=NAME,
    section="-",
    title="Record the fork in checkpoints and exports",
    reason=(
        "Upstream writes its own version into a checkpoint and into an export's metadata, which is the same for the "
        "stock package and for every revision of the fork. What made a file, and what it needs to be opened, is "
        "written beside it: revision, digest of the tree, steps, saved edits, backbone."
    ),
    files=(TRAINER, MODEL, EXPORTER),
    places=(2, 6),
    apply=apply,
)
