"""Not in the articles: a checkpoint is written whole or not at all."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places import HOOKS, import_hooks, imports_hooks
from fork.tree import Tree

NAME = "x13_save_whole"
FILE = "ultralytics/engine/trainer.py"
DEFINITION = "BaseTrainer.save_model"


def apply(tree: Tree) -> Outcome:
    """Route every ``PATH.write_bytes(DATA)`` of save_model through ``addmodules.write_whole(PATH, DATA)``."""
    source = Source(tree, FILE, NAME)
    todo = len(_writes(source))
    done = f"{HOOKS}.write_whole(" in code(source.find(DEFINITION).body)
    if done and source.applied(DEFINITION, not todo, imports_hooks(source)):
        return Outcome(0, "already applied")
    if not todo:
        raise source.fail(DEFINITION, "PATH.write_bytes(DATA)", "no such place")
    for _ in range(todo):
        call = _writes(source)[0]
        path = cst.ensure_type(call.func, cst.Attribute).value
        path = path.with_changes(lpar=[], rpar=[])  # the parentheses of `(a / b).write_bytes` are not needed any more
        new = cst.ensure_type(expression(f"{HOOKS}.write_whole(a, b)"), cst.Call)
        first = new.args[0].with_changes(value=path)
        source.replace(DEFINITION, call, new.with_changes(args=[first, *call.args]))
    if not imports_hooks(source):
        import_hooks(source)
    return source.save()


def _writes(source: Source) -> List[cst.Call]:
    return [
        node
        for node in own_nodes(source.find(DEFINITION), cst.Call)
        if isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "write_bytes"
        and len(node.args) == 1
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Write each checkpoint whole or not at all",
    reason=(
        "Upstream overwrites last.pt in place at the end of every epoch. A run killed while it does so leaves a "
        "truncated file, and with it nothing to resume from. The bytes go to a neighbour first, which then takes the "
        "name."
    ),
    files=(FILE,),
    places=(3, 5),
    apply=apply,
)
