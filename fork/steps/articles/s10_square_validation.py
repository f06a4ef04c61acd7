"""Articles' section 4.10 (optional there): square validation images."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, import_hooks, imports_hooks
from fork.syntax import matches, within
from fork.tree import Tree

NAME = "s10_square_validation"
FILE = "ultralytics/models/yolo/detect/train.py"
DEFINITION = "DetectionTrainer.build_dataset"
CALL = f"{HOOKS}.takes_any_shape(self.model)"


def apply(tree: Tree) -> Outcome:
    """Let the ``rect=mode == "val"`` of the YOLO trainer also ask whether the backbone takes any shape."""
    source = Source(tree, FILE, NAME)
    place = source.find(DEFINITION)
    if CALL in place.code() and place.applied(True, imports_hooks(source)):
        return ALREADY
    arguments = [(line, node) for line in place.nodes(ast.Return) for node in within(line, ast.keyword)]
    found = [
        (line, node.value) for line, node in arguments if node.arg == "rect" and matches(node.value, 'mode == "val"')
    ]
    line, value = place.one('the argument rect=mode == "val"', found)
    with place.as_one():
        place.insert_before(line, f"rect = {place.code(value)} and {CALL}")
        place.replace(value, "rect")
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
    not_needed_when="validation during training does not use rectangular batches.",
    differs="The articles set `rect=False` outright; here it depends on the backbone.",
)
