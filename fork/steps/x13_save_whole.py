"""Not in the articles: a checkpoint is written whole or not at all."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, definitions, expression, own_nodes, statement
from fork.steps._places_cst import HOOKS, HOOKS_IMPORT, import_hooks, imports_hooks
from fork.tree import Tree

NAME = "x13_save_whole"
TRAINER = "ultralytics/engine/trainer.py"
SAVE, FINAL = "BaseTrainer.save_model", "BaseTrainer.final_eval"
UTILS = "ultralytics/utils/torch_utils.py"
STRIP = "strip_optimizer"


def apply(tree: Tree) -> Outcome:
    """Route the writes of save_model and strip_optimizer through ``addmodules.write_whole`` and ``save_whole``."""
    trainer, utils = Source(tree, TRAINER, NAME), Source(tree, UTILS, NAME)
    saved, stripped = _edit_save(trainer), _edit_strip(utils)
    if not trainer.applied(SAVE, saved, stripped):
        trainer.save()
        utils.save()
    where = [f"{source.file}: {name}" for source in (trainer, utils) for name in source.edited]
    return Outcome(len(where), where=tuple(where)) if where else Outcome(0, "already applied")


def _edit_save(source: Source) -> bool:
    """Edit every write of save_model, and a second one of final_eval; return whether that had been done before."""
    body = code(source.find(SAVE).body)
    todo = [name for name in (SAVE, FINAL) for _ in _writes(source, name)]
    done = f"{HOOKS}.write_whole(" in body or f"{HOOKS}.save_whole(" in body
    if done and source.applied(SAVE, not todo, imports_hooks(source)):
        return True
    if SAVE not in todo:
        raise source.fail(SAVE, "PATH.write_bytes(DATA) or torch.save(CONTENT, PATH)", "no such place")
    for name in todo:
        call = _writes(source, name)[0]
        source.replace(name, call, _saved(source, name, call) if _is_save(call) else _written(call))
    if not imports_hooks(source):
        import_hooks(source)
    return False


def _writes(source: Source, definition: str) -> List[cst.Call]:
    """Return the calls that write a file: ``PATH.write_bytes(DATA)``, and ``torch.save`` but into a buffer.

    Older releases pickle for each file; newer ones pickle once, into a buffer. Some write best.pt once more at the end
    of a run.
    """
    if definition == FINAL and all(name != FINAL for name, _ in definitions(source.module)):
        return []
    lines = own_nodes(source.find(definition), cst.SimpleStatementLine)
    buffers = [code(line).split(" =")[0] for line in lines if code(line).endswith(" = io.BytesIO()")]
    saves = [call for call in _calls(source, definition, "save") if _is_save(call)]
    found = [call for call in saves if not any(code(arg.value) in buffers for arg in call.args[1:])]
    return found + _calls(source, definition, "write_bytes")


def _is_save(call: cst.Call) -> bool:
    return code(call.func) == "torch.save"


def _saved(source: Source, definition: str, call: cst.Call) -> cst.Call:
    """Return ``addmodules.save_whole(CONTENT, PATH, ...)`` for a ``torch.save(CONTENT, PATH, ...)``."""
    if len(call.args) < 2 or any(arg.keyword or arg.star for arg in call.args[:2]):
        raise source.fail(definition, "torch.save(CONTENT, PATH)", f"`{code(call)[:67]}`")
    return call.with_changes(func=expression(f"{HOOKS}.save_whole"))


def _written(call: cst.Call) -> cst.Call:
    """Return ``addmodules.write_whole(PATH, DATA)`` for a ``PATH.write_bytes(DATA)``."""
    path = cst.ensure_type(call.func, cst.Attribute).value
    path = path.with_changes(lpar=[], rpar=[])  # the parentheses of `(a / b).write_bytes` are not needed any more
    new = cst.ensure_type(expression(f"{HOOKS}.write_whole(a, b)"), cst.Call)
    return new.with_changes(args=[new.args[0].with_changes(value=path), *call.args])


def _edit_strip(source: Source) -> bool:
    """Edit the one ``torch.save(CONTENT, PATH)``; return whether that had been done before."""
    body = code(source.find(STRIP).body)
    calls = [call for call in _calls(source, STRIP, "save") if _is_save(call)]
    if source.applied(STRIP, f"{HOOKS}.save_whole(" in body, HOOKS_IMPORT in body):
        return True
    call = source.one(STRIP, "torch.save(CONTENT, PATH)", calls)
    line = source.one(STRIP, "torch.save(CONTENT, PATH) on a line of its own", _lines_of(source, call))
    hook = statement(HOOKS_IMPORT, "here, since nn imports this module").with_changes(leading_lines=line.leading_lines)
    body_line = cst.ensure_type(line.body[0], cst.Expr).with_changes(value=_saved(source, STRIP, call))
    new = line.with_changes(body=[body_line, *line.body[1:]], leading_lines=[])
    source.replace(STRIP, line, cst.FlattenSentinel([hook, new]))
    return False


def _calls(source: Source, definition: str, method: str) -> List[cst.Call]:
    return [
        node
        for node in own_nodes(source.find(definition), cst.Call)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == method
    ]


def _lines_of(source: Source, call: cst.Call) -> List[cst.SimpleStatementLine]:
    return [
        line
        for line in own_nodes(source.find(STRIP), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine)
        and isinstance(line.body[0], cst.Expr)
        and line.body[0].value is call
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Write each checkpoint whole or not at all",
    reason=(
        "Upstream overwrites last.pt in place at the end of every epoch, and last.pt and best.pt at the end of a run. "
        "A run killed while it does so leaves a truncated file, and with it nothing to resume from. The bytes go to a "
        "neighbour first, which then takes the name."
    ),
    files=(TRAINER, UTILS),
    places=(3, 6),
    apply=apply,
)
