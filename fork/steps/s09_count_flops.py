"""Articles' section 4.9: GFLOPs always print."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, own_nodes, statement
from fork.steps._places import HOOKS, HOOKS_IMPORT
from fork.tree import Tree

NAME = "s09_count_flops"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "get_flops"
CHANNELS = f"{HOOKS}.input_channels(model, p)"


def apply(tree: Tree) -> Outcome:
    """Take the number of input channels from the model's YAML, not from the shape of its first parameter."""
    source = Source(tree, FILE, NAME)
    text = code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, CHANNELS in text, HOOKS_IMPORT in text):
        return Outcome(0, "already applied")
    places = [node for node in own_nodes(source.find(DEFINITION), cst.Subscript) if code(node) == "p.shape[1]"]
    source.replace(DEFINITION, source.one(DEFINITION, "the expression `p.shape[1]`", places), expression(CHANNELS))
    lines = source.find(DEFINITION).body.body
    line = lines[1] if len(lines) > 1 and _is_text(lines[0]) else lines[0]
    hook = statement(HOOKS_IMPORT, "here, since nn imports this module")
    source.replace(DEFINITION, line, cst.FlattenSentinel([hook, line]))
    return source.save()


def _is_text(line: cst.CSTNode) -> bool:
    """Tell whether a line is a docstring."""
    part = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    return isinstance(part, cst.Expr) and isinstance(part.value, (cst.SimpleString, cst.ConcatenatedString))


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
    places=(2, 2),
    apply=apply,
)
