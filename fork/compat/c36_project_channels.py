"""For old releases: RepC3 with another expansion than 1, as the articles' RT-DETR heads have it."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, own_nodes
from fork.steps._places_cst import assignments, value_of
from fork.tree import Tree

NAME = "c36_project_channels"
FILE = "ultralytics/nn/modules/block.py"
DEFINITION = "RepC3.__init__"
HIDDEN, OUT = "c_", "c2"
TARGETS = ("self.cv1", "self.cv2")


def apply(tree: Tree) -> Outcome:
    """Let the two convolutions in front of RepC3's blocks give the channels that these blocks take."""
    source = Source(tree, FILE, NAME)
    if not assignments(source.find(DEFINITION), HIDDEN):
        raise source.fail(DEFINITION, f"the line `{HIDDEN} = ...`, the hidden channels", "no such line")
    _blocks(source)
    if source.applied(DEFINITION, *(code(_width(source, target).value) == HIDDEN for target in TARGETS)):
        return Outcome(0, "RepC3 takes any expansion")
    for target in TARGETS:
        width = _width(source, target)
        source.replace(DEFINITION, width, width.with_changes(value=cst.Name(HIDDEN)))
    return source.save()


def _width(source: Source, target: str) -> cst.Arg:
    """Return the second argument of ``target = Conv(c1, WIDTH, ...)``: c2, or c_ where nothing is to be done."""
    found: List[cst.Arg] = []
    for line in assignments(source.find(DEFINITION), target):
        call = value_of(line)
        if isinstance(call, cst.Call) and code(call.func) == "Conv" and len(call.args) > 1:
            first, second = call.args[:2]
            if code(first.value) == "c1" and second.keyword is None and code(second.value) in (HIDDEN, OUT):
                found.append(second)
    return source.one(DEFINITION, f"`{target} = Conv(c1, {OUT} or {HIDDEN}, ...)`", found)


def _blocks(source: Source) -> None:
    """Check that the blocks between take the hidden channels."""
    calls = [node for node in own_nodes(source.find(DEFINITION), cst.Call) if isinstance(node, cst.Call)]
    blocks = [call for call in calls if code(call.func) == "RepConv" and len(call.args) > 1]
    block = source.one(DEFINITION, f"`RepConv({HIDDEN}, {HIDDEN})`", blocks)
    given = [code(argument.value) for argument in block.args[:2]]
    if given != [HIDDEN, HIDDEN]:
        raise source.fail(DEFINITION, f"`RepConv({HIDDEN}, {HIDDEN})`", f"`{code(block)}`")


STEP = Step(
    name=NAME,
    section="-",
    title="Let RepC3 take another expansion than 1",
    reason=(
        "The articles' RT-DETR heads say RepC3, [256, 0.5], and the class gave its blocks twice the channels that they "
        "are built for: the model stops at its first image. With expansion 1, as in upstream's own YAMLs, nothing "
        "changes. Upstream has mended it in 8.3.38."
    ),
    files=(FILE,),
    places=(2, 2),
    apply=apply,
)
