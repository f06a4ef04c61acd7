"""Not in the articles: checkpoints and exported models say which fork made them, and with which backbone."""

from __future__ import annotations

import re
from typing import Callable, Tuple

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, definitions, expression, own_nodes
from fork.steps._places_cst import HOOKS, dicts_with, entry_of, import_hooks, imports_hooks, keys_of, with_first_entry
from fork.tree import Tree

NAME = "x22_record_fork"
TRAINER, TRAINED = "ultralytics/engine/trainer.py", "BaseTrainer.save_model"
MODEL, SAVED = "ultralytics/engine/model.py", "Model.save"
EXPORTER, METADATA = "ultralytics/engine/exporter.py", "self.metadata"
KEY = HOOKS
RECORDED = f"{HOOKS}.recorded"


def apply(tree: Tree) -> Outcome:
    """Add the record to what save_model, Model.save and the exporter write."""
    edits: Tuple[Callable[[Source], bool], ...] = (_edit_trainer, _edit_model, _edit_exporter)
    sources = [Source(tree, file, NAME) for file in (TRAINER, MODEL, EXPORTER)]
    parts = [(source, edit) for source, edit in zip(sources, edits) if source.file != MODEL or _saves(source, tree)]
    done = [edit(source) for source, edit in parts]
    sources = [source for source, _ in parts]
    if not sources[0].applied(TRAINED, *done):
        for source in sources:
            source.save()
    where = [f"{source.file}: {name}" for source in sources for name in source.edited]
    return Outcome(len(where), where=tuple(where)) if where else Outcome(0, "already applied")


def _edit_trainer(source: Source) -> bool:
    """Put the record before all else: a stock package names what is missing first (see Addmodules/_record.py)."""
    found = dicts_with(source.find(TRAINED), "model", "ema")
    if any(KEY in keys_of(node) for node in found):
        return source.applied(TRAINED, True, imports_hooks(source))
    node = source.one(TRAINED, "the dict with the keys `model` and `ema`", found)
    value = f"{HOOKS}.record({code(entry_of(node, 'ema'))})"
    source.replace(TRAINED, node, with_first_entry(node, KEY, value))
    return _import(source)


def _saves(source: Source, tree: Tree) -> bool:
    """Tell whether a model can be saved by a method of its own; in the first releases only a trainer saves."""
    if SAVED in [name for name, _ in definitions(source.module)]:
        return True
    if re.search(rb"torch[._]save|def save", tree[MODEL]):
        raise source.fail(SAVED, "one definition of that name", "0 of them, and something else that saves")
    return False


def _edit_model(source: Source) -> bool:
    """Pass what ``torch.save`` is given through ``addmodules.recorded``."""
    nodes = own_nodes(source.find(SAVED), cst.Call)
    calls = [call for call in nodes if isinstance(call, cst.Call)]
    if any(code(call.func) == RECORDED for call in calls):
        return source.applied(SAVED, True, imports_hooks(source))
    found = [call.args[0].value for call in calls if code(call.func) == "torch.save" and call.args]
    content = source.one(SAVED, "torch.save(CONTENT, PATH)", found)
    call = cst.ensure_type(expression(f"{RECORDED}(a)"), cst.Call)
    source.replace(SAVED, content, call.with_changes(args=[cst.Arg(content)]))
    return _import(source)


def _edit_exporter(source: Source) -> bool:
    """Add the record to the dict that is assigned to ``self.metadata``."""
    found = [
        (name, node.value)
        for name, definition in definitions(source.module)
        for node in own_nodes(definition, cst.Assign)
        if isinstance(node, cst.Assign) and isinstance(node.value, cst.Dict) and isinstance(definition, cst.FunctionDef)
        if [code(target.target) for target in node.targets] == [METADATA]
    ]
    if any(KEY in keys_of(node) for _, node in found):
        return source.applied(found[0][0], True, imports_hooks(source))
    name, node = source.one("module", f"the line `{METADATA} = {{...}}`", found)
    task = entry_of(node, "task") if "task" in keys_of(node) else None
    if not isinstance(task, cst.Attribute) or task.attr.value != "task":
        raise source.fail(name, "the entry `task: MODEL.task`", "no such entry")
    source.replace(name, node, with_first_entry(node, KEY, f"{HOOKS}.record_text({code(task.value)})"))
    return _import(source)


def _import(source: Source) -> bool:
    if not imports_hooks(source):
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
