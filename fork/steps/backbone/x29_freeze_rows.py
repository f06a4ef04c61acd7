"""Not in the articles: `freeze` counts rows by their index in the YAML, and knows the backbone by name."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import HOOKS, imports_hooks, mentions
from fork.syntax import Definition, matches, within
from fork.tree import Tree

NAME = "x29_freeze_rows"
FILE = "ultralytics/engine/trainer.py"
SETUP = "BaseTrainer._setup_train"
MODE = "BaseTrainer._model_train"
NAMES = "freeze_layer_names"
GIVEN = f"{HOOKS}.frozen_layers(self.model, self.args.freeze, freeze_list)"
ASKED = f"{HOOKS}.is_frozen"


def apply(tree: Tree) -> Outcome:
    """Ask the hooks which rows are frozen, and whether a name is that of one of them."""
    source = Source(tree, FILE, NAME)
    if not imports_hooks(source):
        raise source.module.fail("the import of the hooks (step x16)", "none")
    setup = source.find(SETUP)
    holders = [setup, source.find(MODE)] if _has_mode(source, tree) else [setup]
    asked = [bool(place.nodes(ast.Call, f"{ASKED}(...)")) for place in holders]
    if setup.applied(bool(setup.nodes(ast.Call, GIVEN)), *asked):
        return ALREADY
    lists = [node for node in setup.nodes(ast.ListComp) if matches(node.generators[0].iter, "freeze_list")]
    setup.replace(setup.one("the list of names made of `freeze_list`", lists), GIVEN)
    for place in holders:
        call = place.one(f"the test `any(... {NAMES})`", _tests(place))
        test = place.one(f"one comparison in the test `any(... {NAMES})`", within(call, ast.Compare))
        if not isinstance(test.ops[0], ast.In):
            raise place.fail("the comparison `part in name`", place.code(test))
        names = f"self.{NAMES}" if within(call, ast.Attribute, f"self.{NAMES}") else NAMES
        place.replace(call, f"{ASKED}({place.code(test.comparators[0])}, {names})")
    return source.save()


def _has_mode(source: Source, tree: Tree) -> bool:
    """Tell whether the trainer keeps the names, and frozen norms as they are; earlier ones know them in one place."""
    if source.has(MODE):
        return True
    others = [file for file in mentions(tree, NAMES, MODE.partition(".")[2]) if file != FILE]
    inside = source.find(SETUP).code().count(NAMES)
    if others or f"self.{NAMES}".encode() in tree[FILE] or tree[FILE].count(NAMES.encode()) != inside:
        raise source.fail(MODE, "one definition of that name", f"0 of them, and {NAMES} at another place")
    return False


def _tests(place: Place[Definition]) -> List[ast.Call]:
    return [call for call in place.nodes(ast.Call, "any(...)") if NAMES in place.code(call)]


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
