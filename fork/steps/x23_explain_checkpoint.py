"""Not in the articles: a checkpoint whose backbone is not here says so, and what to do."""

from __future__ import annotations

from typing import List, Tuple

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, definitions, expression, own_nodes, walk, with_value
from fork.steps._places_cst import HOOKS, TASKS, assignments, value_of
from fork.tree import Tree

NAME = "x23_explain_checkpoint"
DEFINITION = "torch_safe_load"
FILE = "file"
INNER, HOOK = "_load", f"{HOOKS}.explained_load"
OLD, NEW = f"{INNER}()", f"{HOOK}({FILE}, {INNER})"
READS = ("torch.load", "torch_load")


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.explained_load`` where upstream tries to open a checkpoint."""
    source = Source(tree, TASKS, NAME)
    definition = source.find(DEFINITION)
    if f"{DEFINITION}.{INNER}" not in [name for name, _ in definitions(source.module)]:
        return _apply_in_place(source)
    attempts = [node for node in own_nodes(definition, cst.Try) if isinstance(node, cst.Try)]
    lines = [line for attempt in attempts for line in attempt.body.body if isinstance(line, cst.SimpleStatementLine)]
    if any(assigns(line, value=NEW) for line in lines):
        return Outcome(0, "already applied")
    line = source.one(DEFINITION, f"the line `NAME = {OLD}` in a try", [i for i in lines if assigns(i, value=OLD)])
    _check_path(source)
    source.replace(DEFINITION, line, with_value(line, expression(NEW)))
    return source.save()


def _apply_in_place(source: Source) -> Outcome:
    """Wrap the calls themselves in a release that has no function for them, in the attempt before it installs."""
    bare, wrapped = _reads(source)
    if not (bare or wrapped):
        raise source.fail(DEFINITION, "torch.load(...) in the try that knows ModuleNotFoundError", "no such place")
    if source.applied(DEFINITION, *(call in wrapped for call in (*wrapped, *bare))):
        return Outcome(0, "already applied")
    _check_path(source)
    for _ in range(len(bare)):
        call = _reads(source)[0][0]
        new = cst.ensure_type(expression(f"{HOOK}({FILE}, lambda: 0)"), cst.Call)
        read = cst.ensure_type(new.args[1].value, cst.Lambda).with_changes(body=call)
        source.replace(DEFINITION, call, new.with_changes(args=[new.args[0], new.args[1].with_changes(value=read)]))
    return source.save()


def _reads(source: Source) -> Tuple[List[cst.Call], List[cst.Call]]:
    """Return the calls that read a checkpoint in the first attempt, and those of the hook there."""
    attempts = [
        node
        for node in own_nodes(source.find(DEFINITION), cst.Try)
        if isinstance(node, cst.Try)
        if any(handler.type is not None and code(handler.type) == "ModuleNotFoundError" for handler in node.handlers)
    ]
    attempt = source.one(DEFINITION, "the try that knows ModuleNotFoundError", attempts)
    calls = [node for node in walk(attempt.body) if isinstance(node, cst.Call)]
    wrapped = [call for call in calls if code(call.func) == HOOK]
    inside = {id(node) for call in wrapped for node in walk(call)}
    return [call for call in calls if code(call.func) in READS and id(call) not in inside], wrapped


def _check_path(source: Source) -> None:
    if not any("download" in code(value_of(item)) for item in assignments(source.find(DEFINITION), FILE)):
        raise source.fail(DEFINITION, f"the path of the file under the name `{FILE}`", "no such assignment")


STEP = Step(
    name=NAME,
    section="-",
    title="Explain a checkpoint that needs a backbone",
    reason=(
        "A checkpoint is opened by importing the file of its backbone. Where that is missing, broken or another "
        "one, upstream advises to train anew, or ends in a bare error. The record in the checkpoint tells which fork "
        "made it; it is read without opening it."
    ),
    files=(TASKS,),
    places=(1, 2),
    apply=apply,
)
