"""Articles' section 4.5: a branch of parse_model for backbones."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code
from fork.steps._places import HOOKS, PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "s05_build_backbone_row"
TEST = f"{HOOKS}.is_backbone(m)"
BRANCH = f"""\
if {TEST}:
    m, c2 = {HOOKS}.build_backbone(m, args, ch, row=i, source=f, repeats=n)  # instance, channels of slots 0 to 4
    backbone = True
"""


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Add an ``elif`` before the ``else`` (``c2 = ch[f]``) that ends parse_model's chain of module kinds."""
    source = Source(tree, file, step)
    chain: List[cst.If] = []
    for node in cst.ensure_type(row_loop(source).loop.body, cst.IndentedBlock).body:
        while isinstance(node, cst.If):
            if code(node.test) == TEST:
                return Outcome(0, "already applied")
            if isinstance(node.orelse, cst.Else) and _lines(node.orelse) == ["c2 = ch[f]"]:
                chain.append(node)
            node = node.orelse  # type: ignore[assignment]
    last = source.one(PARSE, "an if/elif chain that ends in `else: c2 = ch[f]`", chain)
    branch = cst.ensure_type(cst.parse_statement(BRANCH), cst.If).with_changes(orelse=last.orelse)
    source.replace(PARSE, last, last.with_changes(orelse=branch))
    return source.save()


def _lines(node: cst.Else) -> List[str]:
    return [code(line) for line in node.body.body]


STEP = Step(
    name=NAME,
    section="4.5",
    title="Build a backbone row in parse_model",
    reason=(
        "The articles list every class in a set by hand and build it there. Here one branch asks the registry, and "
        "the building, with its checks (row 0, one repeat, 1 to 5 maps, input channels), lives in "
        "Addmodules/hooks.py."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
