"""Not in the articles: `freeze` counts rows by their index in the YAML, and knows the backbone by name."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, definitions, expression, own_nodes, walk
from fork.steps._places_cst import HOOKS, imports_hooks, mentions
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
    holders = [SETUP, MODE] if _has_mode(source, tree) else [SETUP]
    setup = code(source.find(SETUP).body)
    if source.applied(SETUP, GIVEN in setup, *(ASKED in code(source.find(name).body) for name in holders)):
        return Outcome(0, "already applied")
    lists = [
        node
        for node in own_nodes(source.find(SETUP), cst.ListComp)
        if isinstance(node, cst.ListComp) and code(node.for_in.iter) == "freeze_list"
    ]
    source.replace(SETUP, source.one(SETUP, "the list of names made of `freeze_list`", lists), expression(GIVEN))
    for definition in holders:
        call = source.one(definition, f"the test `any(... {NAMES})`", _tests(source, definition))
        tests = [node for node in walk(call) if isinstance(node, cst.Comparison)]
        test = source.one(definition, f"one comparison in the test `any(... {NAMES})`", tests)
        operator = test.comparisons[0]
        if not isinstance(operator.operator, cst.In):
            raise source.fail(definition, "the comparison `part in name`", code(test))
        names = "self." + NAMES if f"self.{NAMES}" in code(call) else NAMES
        source.replace(definition, call, expression(f"{ASKED}{code(operator.comparator)}, {names})"))
    return source.save()


def _has_mode(source: Source, tree: Tree) -> bool:
    """Tell whether the trainer keeps the names, and frozen norms as they are; earlier ones know them in one place."""
    if MODE in [name for name, _ in definitions(source.module)]:
        return True
    others = [file for file in mentions(tree, NAMES, MODE.partition(".")[2]) if file != FILE]
    inside = code(source.find(SETUP)).count(NAMES)
    if others or f"self.{NAMES}".encode() in tree[FILE] or tree[FILE].count(NAMES.encode()) != inside:
        raise source.fail(MODE, "one definition of that name", f"0 of them, and {NAMES} at another place")
    return False


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
    places=(2, 3),
    apply=apply,
)
