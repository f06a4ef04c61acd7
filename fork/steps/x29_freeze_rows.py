"""Not in the articles: `freeze` counts rows by their index in the YAML, and knows the backbone by name."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes, walk
from fork.steps._places import HOOKS, imports_hooks
from fork.tree import Tree

NAME = "x29_freeze_rows"
FILE = "ultralytics/engine/trainer.py"
SETUP = "BaseTrainer._setup_train"
MODE = "BaseTrainer._model_train"
NAMES = "freeze_layer_names"
GIVEN = f"{HOOKS}.frozen_layers(self.model, self.args.freeze, freeze_list)"
ASKED = f"{HOOKS}.is_frozen("


def apply(tree: Tree) -> Outcome:
    """Ask the hooks which rows are frozen, and whether a name is that of one of them."""
    source = Source(tree, FILE, NAME)
    if not imports_hooks(source):
        raise source.fail("module", "the import of the hooks (step x16)", "none")
    setup, mode = (code(source.find(name).body) for name in (SETUP, MODE))
    if source.applied(SETUP, GIVEN in setup, ASKED in setup, ASKED in mode):
        return Outcome(0, "already applied")
    lists = [
        node
        for node in own_nodes(source.find(SETUP), cst.ListComp)
        if isinstance(node, cst.ListComp) and code(node.for_in.iter) == "freeze_list"
    ]
    source.replace(SETUP, source.one(SETUP, "the list of names made of `freeze_list`", lists), expression(GIVEN))
    for definition in (SETUP, MODE):
        call = source.one(definition, f"the test `any(... {NAMES})`", _tests(source, definition))
        tests = [node for node in walk(call) if isinstance(node, cst.Comparison)]
        test = source.one(definition, f"one comparison in the test `any(... {NAMES})`", tests)
        operator = test.comparisons[0]
        if not isinstance(operator.operator, cst.In):
            raise source.fail(definition, "the comparison `part in name`", code(test))
        names = "self." + NAMES if f"self.{NAMES}" in code(call) else NAMES
        source.replace(definition, call, expression(f"{ASKED}{code(operator.comparator)}, {names})"))
    return source.save()


def _tests(source: Source, definition: str) -> List[cst.Call]:
    return [
        node
        for node in own_nodes(source.find(definition), cst.Call)
        if isinstance(node, cst.Call) and code(node.func) == "any" and NAMES in code(node)
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Freeze rows by their index in the YAML",
    reason=(
        "Upstream's `freeze` counts positions and looks for `model.1.` anywhere in a name. Behind a backbone of ours "
        "freeze=10 would freeze nine rows of the head, and freeze=[1] any module called model.1 inside the backbone. "
        "Indices are those of the YAML, and freeze=backbone is the backbone."
    ),
    files=(FILE,),
    places=(3, 3),
    apply=apply,
)
