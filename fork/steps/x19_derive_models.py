"""Not in the articles: a model named HEAD-BACKBONE.yaml needs no file of its own."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places_cst import HOOKS, TASKS, value_of
from fork.tree import Tree

NAME = "x19_derive_models"
DEFINITION = "yaml_model_load"
FIND, FIND_FIRST, READ = f"{HOOKS}.derive(path)", f"{HOOKS}.find_model(path)", f"{HOOKS}.read_model"
READERS = ("YAML.load(yaml_file)", "yaml_load(yaml_file)")
"""How a release reads the file, newest first."""


def apply(tree: Tree) -> Outcome:
    """Derive where no file has exactly that name, before upstream drops the scale from it; read through the hook."""
    source = Source(tree, TASKS, NAME)
    text = code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, FIND in text or FIND_FIRST in text, f"{READ}(" in text):
        return Outcome(0, "already applied")
    searches = [line for line in _assignments(source, "yaml_file") if _is_or(value_of(line))]
    line = source.one(DEFINITION, "the line `yaml_file = A or B`", searches)
    either = cst.ensure_type(value_of(line), cst.BooleanOperation)
    if _searches(either.left, "path"):
        new = _between(either)
    elif _searches(either.right, "path") and _searches(either.left, "unified_path"):
        new = _before(either)
    else:
        sought = "`yaml_file = A(path) or B(unified_path)`, or the other way round"
        raise source.fail(DEFINITION, sought, f"`{code(line)[:67]}`")
    source.replace(DEFINITION, line, with_value(line, new))
    reads = [line for line in _assignments(source, "d") if code(value_of(line)) in READERS]
    line = source.one(DEFINITION, "the line `d = YAML.load(yaml_file)` or `d = yaml_load(yaml_file)`", reads)
    source.replace(DEFINITION, line, with_value(line, expression(f"{READ}(yaml_file)")))
    return source.save()


def _between(either: cst.BooleanOperation) -> cst.BooleanOperation:
    """Return ``A(path) or derive or B(unified_path)``: upstream looks for the exact name first."""
    middle = cst.ensure_type(expression(f"a or {FIND}"), cst.BooleanOperation).with_changes(left=either.left)
    return either.with_changes(left=middle)


def _before(either: cst.BooleanOperation) -> cst.BooleanOperation:
    """Return ``find_model or A(unified_path) or B(path)``: older releases drop a scale from the name before they look.

    ``rtdetr-NAMEs.yaml`` would be read as ``rtdetr-NAME.yaml`` there, though both are files.
    """
    first = cst.ensure_type(expression(f"{FIND_FIRST} or a"), cst.BooleanOperation).with_changes(right=either.left)
    return either.with_changes(left=first)


def _searches(node: cst.BaseExpression, name: str) -> bool:
    """Tell whether an expression begins with a call whose first argument is this name."""
    while _is_or(node):
        node = cst.ensure_type(node, cst.BooleanOperation).left
    return isinstance(node, cst.Call) and bool(node.args) and code(node.args[0].value) == name


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
