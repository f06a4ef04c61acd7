"""Articles' section 4.9: GFLOPs always print."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes
from fork.steps._places import HOOKS, HOOKS_IMPORT, import_first
from fork.tree import Tree

NAME = "s09_count_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
CHANNELS = f"{HOOKS}.input_channels(model, p)"
SHAPE = "p.shape[1]"


def apply(tree: Tree) -> Outcome:
    """Take the number of input channels from the model's YAML, not from the shape of its first parameter."""
    source = Source(tree, FILE, NAME)
    text = code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, CHANNELS in text, HOOKS_IMPORT in text):
        return Outcome(0, "already applied")
    images, shapes = _images(source), [node for node in own_nodes(source.find(DEFINITION), cst.Subscript) if _is(node)]
    if (
        len(images) == len(shapes) == 2
    ):  # older releases: an image of one stride's side, and where that fails a whole one
        source.replace(DEFINITION, images[0], expression(CHANNELS))
        shapes = _images(source)
    source.replace(DEFINITION, source.one(DEFINITION, f"the expression `{SHAPE}`", shapes), expression(CHANNELS))
    import_first(source, DEFINITION)
    return source.save()


def _images(source: Source) -> List[cst.CSTNode]:
    """Return the channels of the images that are made for counting: ``(1, p.shape[1], ...)``."""
    return [
        node.elements[1].value
        for node in own_nodes(source.find(DEFINITION), cst.Tuple)
        if isinstance(node, cst.Tuple) and len(node.elements) > 2
        if code(node.elements[0].value) == "1" and _is(node.elements[1].value)
    ]


def _is(node: cst.CSTNode) -> bool:
    return code(node) == SHAPE


STEP = Step(
    name=NAME,
    section="4.9",
    title="Count GFLOPs whatever the first parameter is",
    reason=(
        "The articles raise the probe to 640 because 0 was printed for RT-DETR; upstream counts RT-DETR rightly "
        "since 8.4.120. What is left: the input's channels are read off the first parameter, and a backbone whose "
        "first parameter is not a convolution's weight still prints 0.0."
    ),
    files=(FILE,),
    places=(2, 3),
    apply=apply,
)
