"""Articles' section 4.10 (optional there): square validation images."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places import HOOKS, import_hooks, imports_hooks
from fork.tree import Tree

NAME = "s10_square_validation"
FILE = "ultralytics/models/yolo/detect/train.py"
DEFINITION = "DetectionTrainer.build_dataset"
CALL = f"{HOOKS}.takes_any_shape(self.model)"


def apply(tree: Tree) -> Outcome:
    """Let the ``rect=mode == "val"`` of the YOLO trainer also ask whether the backbone takes any shape."""
    source = Source(tree, FILE, NAME)
    called = CALL in code(source.find(DEFINITION).body)
    if called and source.applied(DEFINITION, called, imports_hooks(source)):
        return Outcome(0, "already applied")
    found = [
        node
        for node in own_nodes(source.find(DEFINITION), cst.Arg)
        if isinstance(node, cst.Arg)
        and node.keyword is not None
        and node.keyword.value == "rect"
        and code(node.value).replace("'", '"') == 'mode == "val"'
    ]
    place = source.one(DEFINITION, 'the argument rect=mode == "val"', found)
    value = cst.ensure_type(expression(f"a and {CALL}"), cst.BooleanOperation).with_changes(left=place.value)
    source.replace(DEFINITION, place, place.with_changes(value=value))
    if not imports_hooks(source):
        import_hooks(source)
    return source.save()


STEP = Step(
    name=NAME,
    section="4.10",
    title="Validate at a square size where a backbone needs it",
    reason=(
        "The articles switch rectangular validation off for everyone, which changes the mAP of stock models. Here "
        "it goes off only behind a backbone that does not state its strides, as a file pasted from an article does "
        "not; ours run at every multiple of 32. RT-DETR's trainer never uses it."
    ),
    files=(FILE,),
    places=(2, 2),
    apply=apply,
)
