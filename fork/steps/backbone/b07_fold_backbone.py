"""Not in the articles: fuse() folds the backbone too, and is_fused() tells the truth about it."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.syntax import matches
from fork.tree import Tree

NAME = "b07_fold_backbone"
FUSE, CHECK = "BaseModel.fuse", "BaseModel.is_fused"
FOLD, FOLDED = f"{HOOKS}.fold(self)", f"{HOOKS}.is_folded(self)"
COUNT = "sum(...) < thresh"
"""The answer of older releases: so many norms may be left."""


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.fold`` before fuse() reports, and ask ``addmodules.is_folded`` as well in is_fused()."""
    source = Source(tree, TASKS, NAME)
    fuse, check = source.find(FUSE), source.find(CHECK)
    if fuse.applied(bool(fuse.nodes(ast.Call, FOLD)), bool(check.nodes(ast.Call, FOLDED))):
        return ALREADY
    report = fuse.one("the line `self.info(...)`", fuse.lines(ast.Expr, "self.info(...)"))
    answers = [node.value for node in check.nodes(ast.Return) if node.value]
    answer = check.one("one `return VALUE`", answers)
    if not (isinstance(answer, (ast.UnaryOp, ast.Call)) or matches(answer, COUNT)):
        (line,) = check.nodes(ast.Return, "return ...")
        raise check.fail(f"`return not any(...)` or `return {COUNT}`", f"`{check.code(line).splitlines()[0][:67]}`")
    fuse.insert_above(report, FOLD)
    check.append(answer, f" and {FOLDED}")
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Fold the BatchNorms of a backbone in fuse()",
    reason=(
        "fuse() knows upstream's own layers only. The BatchNorms of a backbone, and those in front of RT-DETR's "
        "decoder, stay, while the model calls itself fused. Models without a backbone row are left as upstream has "
        "them."
    ),
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
    not_needed_when="fuse() folds whatever it can, and is_fused() looks at what is left.",
)
