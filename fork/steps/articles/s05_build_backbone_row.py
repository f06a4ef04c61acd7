"""Articles' section 4.5: a branch of parse_model for backbones."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS, row_loop
from fork.syntax import matches
from fork.tree import Tree

NAME = "s05_build_backbone_row"
TEST = f"{HOOKS}.is_backbone(m)"
BRANCH = f"""\
elif {TEST}:
    m, c2 = {HOOKS}.build_backbone(m, args, ch, row=i, source=f, repeats=n)  # instance, channels of slots 0 to 4
    backbone = True"""


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Add an ``elif`` before the ``else`` (``c2 = ch[f]``) that ends parse_model's chain of module kinds."""
    rows = row_loop(Source(tree, file, step))
    branches = [branch for node in rows.node.body if isinstance(node, ast.If) for branch in _chain(node)]
    if any(matches(branch.test, TEST) for branch in branches):
        return ALREADY
    ends = [node for node in branches if len(node.orelse) == 1 and matches(node.orelse[0], "c2 = ch[f]")]
    last = rows.one("an if/elif chain that ends in `else: c2 = ch[f]`", ends)
    rows.insert_after(last.body[-1], BRANCH, level=last)
    return rows.save()


def _chain(branch: ast.If) -> List[ast.If]:
    """Return a branch and the ``elif`` ones behind it, which ``ast`` tells from an ``else: if`` by the column only."""
    chain, rest = [branch], branch.orelse
    while rest and isinstance(rest[0], ast.If) and rest[0].col_offset == branch.col_offset:
        chain.append(rest[0])
        rest = rest[0].orelse
    return chain


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
