"""For old releases: RepC3 with another expansion than 1, as the articles' RT-DETR heads have it."""

from __future__ import annotations

import ast

from fork.edit import Outcome, Place, Source, Step
from fork.syntax import Definition, matches, within
from fork.tree import Tree

NAME = "c36_project_channels"
FILE = "ultralytics/nn/modules/block.py"
DEFINITION = "RepC3.__init__"
HIDDEN, OUT = "c_", "c2"
TARGETS = ("self.cv1", "self.cv2")
BLOCK = f"RepConv({HIDDEN}, {HIDDEN})"


def apply(tree: Tree) -> Outcome:
    """Let the two convolutions in front of RepC3's blocks give the channels that these blocks take."""
    place = Source(tree, FILE, NAME).find(DEFINITION)
    if not place.lines(ast.Assign, f"{HIDDEN} = ..."):
        raise place.fail(f"the line `{HIDDEN} = ...`, the hidden channels", "no such line")
    blocks = [call for call in place.nodes(ast.Call, "RepConv(...)") if len([*call.args, *call.keywords]) > 1]
    block = place.one(f"`{BLOCK}`", blocks)
    if not matches(block, f"RepConv({HIDDEN}, {HIDDEN}, ...)"):
        raise place.fail(f"`{BLOCK}`", f"`{place.code(block)}`")
    widths = [_width(place, target) for target in TARGETS]
    if place.applied(*(matches(width, HIDDEN) for width in widths)):
        return Outcome(0, "RepC3 takes any expansion")
    for width in widths:
        place.replace(width, HIDDEN)
    return place.source.save()


def _width(place: Place[Definition], target: str) -> ast.expr:
    """Return the second argument of ``target = Conv(c1, WIDTH, ...)``: c2, or c_ where nothing is to be done."""
    forms = [f"{target} = Conv(c1, {width}, ...)" for width in (HIDDEN, OUT)]
    found = [within(line, ast.Call)[0].args[1] for line in place.lines(ast.Assign, *forms)]
    return place.one(f"`{target} = Conv(c1, {OUT} or {HIDDEN}, ...)`", found)


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
    not_needed_when="the class takes any expansion, as it does from 8.3.38 on.",
)
