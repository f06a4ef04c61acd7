"""Not in the articles: a model named HEAD-BACKBONE.yaml needs no file of its own."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places import HOOKS, TASKS, value_of
from fork.tree import Tree

NAME = "x19_derive_models"
DEFINITION = "yaml_model_load"
FIND, READ = f"{HOOKS}.derive(path)", f"{HOOKS}.read_model"


def apply(tree: Tree) -> Outcome:
    """Ask ``addmodules.derive`` between upstream's two searches for a file, and let it be read with its backbone."""
    source = Source(tree, TASKS, NAME)
    text = code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, FIND in text, f"{READ}(" in text):
        return Outcome(0, "already applied")
    searches = [line for line in _assignments(source, "yaml_file") if _is_or(value_of(line))]
    line = source.one(DEFINITION, "the line `yaml_file = A or B`", searches)
    either = cst.ensure_type(value_of(line), cst.BooleanOperation)
    middle = cst.ensure_type(expression(f"a or {FIND}"), cst.BooleanOperation).with_changes(left=either.left)
    source.replace(DEFINITION, line, with_value(line, either.with_changes(left=middle)))
    reads = [line for line in _assignments(source, "d") if code(value_of(line)) == "YAML.load(yaml_file)"]
    line = source.one(DEFINITION, "the line `d = YAML.load(yaml_file)`", reads)
    source.replace(DEFINITION, line, with_value(line, expression(f"{READ}(yaml_file)")))
    return source.save()


def _is_or(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.BooleanOperation) and isinstance(node.operator, cst.Or)


def _assignments(source: Source, target: str) -> List[cst.SimpleStatementLine]:
    return [
        line
        for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and assigns(line, target)
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Derive HEAD-BACKBONE.yaml where no file has that name",
    reason=(
        "A YAML for each backbone and head would be a hundred files that differ in one row. cfg/models/ has one a "
        "head; `rtdetr-efficientvit_m0.yaml` is the RT-DETR one with another first row. A file of that name goes "
        "first."
    ),
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
)
