"""Articles' section 4.9: GFLOPs always print."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places import HOOKS, HOOKS_IMPORT, import_first, value_of
from fork.tree import Tree

NAME = "s09_count_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
CHANNELS = f"{HOOKS}.input_channels(model, p)"
SIDE = f"{HOOKS}.flops_side"
SHAPE = "p.shape[1]"
DECODER = "RTDETRDecoder"
"""Named in get_flops since upstream measures on images that are large enough for RT-DETR."""


def apply(tree: Tree) -> Outcome:
    """Take the number of input channels from the model's YAML, and in older releases measure on a whole image.

    Those measure on an image of one stride's side and multiply, which is far off behind attention, pooling to one
    pixel and RT-DETR's queries.
    """
    source = Source(tree, FILE, NAME)
    text = code(source.find(DEFINITION).body)
    small = not any(node for node in own_nodes(source.find(DEFINITION), cst.Name) if code(node) == DECODER)
    whole = [f"{SIDE}(" in text] if small else []
    if source.applied(DEFINITION, CHANNELS in text, HOOKS_IMPORT in text, *whole):
        return Outcome(0, "already applied")
    shapes = [node for node in own_nodes(source.find(DEFINITION), cst.Subscript) if code(node) == SHAPE]
    twice = small and len(shapes) == len(_images(source)) == 2  # a small image, and where that fails a whole one
    if twice:
        source.replace(DEFINITION, _images(source)[0], expression(CHANNELS))
        shapes = _images(source)
    source.replace(DEFINITION, source.one(DEFINITION, f"the expression `{SHAPE}`", shapes), expression(CHANNELS))
    if small:
        _measure_whole(source, "max(imgsz)" if twice else "None")
    import_first(source, DEFINITION)
    return source.save()


def _images(source: Source) -> List[cst.CSTNode]:
    """Return the channels of the images that are made for counting: ``(1, p.shape[1], ...)``."""
    return [
        node.elements[1].value
        for node in own_nodes(source.find(DEFINITION), cst.Tuple)
        if isinstance(node, cst.Tuple) and len(node.elements) > 2
        if code(node.elements[0].value) == "1" and code(node.elements[1].value) == SHAPE
    ]


def _measure_whole(source: Source, side: str) -> None:
    """Let ``stride``, the side of the image that is measured, be this for a model with a backbone of ours."""
    lines = own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)
    found = [line for line in lines if isinstance(line, cst.SimpleStatementLine) and assigns(line, "stride")]
    line = source.one(DEFINITION, f"the line `stride = ...`, or the name {DECODER}", found)
    call = cst.ensure_type(expression(f"{SIDE}(model, 32, {side})"), cst.Call)
    arguments = [call.args[0], call.args[1].with_changes(value=value_of(line)), call.args[2]]
    source.replace(DEFINITION, line, with_value(line, call.with_changes(args=arguments)))


STEP = Step(
    name=NAME,
    section="4.9",
    title="Count GFLOPs whatever the first parameter is",
    reason=(
        "The articles raise the probe to 640 because 0 was printed for RT-DETR; upstream counts RT-DETR rightly "
        "since 8.4.117; before that, a model with a backbone is counted on a whole image. What is left: the input's "
        "channels are read off the first parameter, and a backbone whose first parameter is not a convolution's "
        "weight still prints 0.0."
    ),
    files=(FILE,),
    places=(2, 4),
    apply=apply,
)
