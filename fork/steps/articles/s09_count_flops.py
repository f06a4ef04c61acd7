"""Articles' section 4.9: GFLOPs always print."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, HOOKS_IMPORT, import_first
from fork.syntax import within
from fork.tree import Tree

NAME = "s09_count_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
NONE = f"{HOOKS}.no_flops()"
CHANNELS = f"{HOOKS}.input_channels(model, p)"
SIDE = f"{HOOKS}.flops_side"
SHAPE = "p.shape[1]"
DECODER = "RTDETRDecoder"
"""Named in get_flops since upstream measures on images that are large enough for RT-DETR."""


def apply(tree: Tree) -> Outcome:
    """Take the number of input channels from the model's YAML, say why nothing is counted, and measure large enough.

    Older releases measure on an image of one stride's side and multiply, which is far off behind attention, pooling to
    one pixel and RT-DETR's queries.
    """
    place = Source(tree, FILE, NAME).find(DEFINITION)
    text = place.code()
    small = not place.nodes(ast.Name, DECODER)
    zeros = [line.value for line in place.nodes(ast.Return, "return 0", "return 0.0") if line.value]
    if place.applied(CHANNELS in text, NONE in text, HOOKS_IMPORT in text, *([f"{SIDE}(" in text] if small else [])):
        return ALREADY
    if not zeros:
        raise place.fail("a line `return 0.0`", "no such place")
    place.replace(zeros[0], NONE)
    shapes: List[ast.expr] = [*place.nodes(ast.Subscript, SHAPE)]
    images = [node.elts[1] for node in place.nodes(ast.Tuple, f"(1, {SHAPE}, ...)") if len(node.elts) > 2]
    twice = small and len(shapes) == len(images) == 2  # a small image, and where that fails a whole one
    for shape in images if twice else [place.one(f"the expression `{SHAPE}`", shapes)]:
        line = place.one("one line with it", [n for n in place.nodes(ast.Assign) if shape in within(n, ast.expr)])
        text = place.code(line).replace(place.code(shape), CHANNELS, 1)
        place.replace(line, text, comment="")
    if small:  # let the side of the image that is measured be this for a model with a backbone of ours
        found = place.lines(ast.Assign, "stride = ...")
        line = place.one(f"the line `stride = ...`, or the name {DECODER}", found)
        place.wrap(line.value, f"{SIDE}(model, ", f", {'max(imgsz)' if twice else 'None'})")
    import_first(place)
    return place.save()


STEP = Step(
    name=NAME,
    section="4.9",
    title="Count GFLOPs whatever the first parameter is",
    reason=(
        "The articles raise the probe to 640 because 0 was printed for RT-DETR; upstream counts RT-DETR rightly "
        "since 8.4.117; before that, a model with a backbone is counted on a whole image. What is left: the input's "
        "channels are read off the first parameter, and a backbone whose first parameter is not a convolution's "
        "weight still prints 0.0. Where the counting package is missing, upstream returns 0.0 without a word; the "
        "reason is now logged once."
    ),
    files=(FILE,),
    places=(3, 5),
    apply=apply,
    not_needed_when=(
        "get_flops does not look at the first parameter for the input's channels, or counts again at the full "
        "size where that fails."
    ),
    differs="The articles change the size of the probe; here the input's channels are taken from the YAML.",
)
