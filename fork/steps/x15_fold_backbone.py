"""Not in the articles: fuse() folds the backbone too, and is_fused() tells the truth about it."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, expression, own_nodes, statement
from fork.steps._places_cst import HOOKS, TASKS
from fork.tree import Tree

NAME = "x15_fold_backbone"
FUSE, CHECK = "BaseModel.fuse", "BaseModel.is_fused"
FOLD, FOLDED = f"{HOOKS}.fold(self)", f"{HOOKS}.is_folded(self)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.fold`` before fuse() reports, and ask ``addmodules.is_folded`` as well in is_fused()."""
    source = Source(tree, TASKS, NAME)
    if source.applied(FUSE, FOLD in code(source.find(FUSE).body), FOLDED in code(source.find(CHECK).body)):
        return Outcome(0, "already applied")
    reports = [line for line in _lines(source, FUSE) if code(line).startswith("self.info(")]
    line = source.one(FUSE, "the line `self.info(...)`", reports)
    source.replace(FUSE, line, cst.FlattenSentinel([statement(FOLD), line]))
    returns = [
        node
        for node in own_nodes(source.find(CHECK), cst.Return)
        if isinstance(node, cst.Return) and node.value is not None
    ]
    answer = source.one(CHECK, "one `return VALUE`", returns)
    value = answer.value
    if value is None or not (isinstance(value, (cst.UnaryOperation, cst.Call)) or _counts(value)):
        raise source.fail(
            CHECK, "`return not any(...)` or `return sum(...) < thresh`", f"`{code(answer).splitlines()[0][:67]}`"
        )
    both = cst.ensure_type(expression(f"a and {FOLDED}"), cst.BooleanOperation)
    source.replace(CHECK, value, both.with_changes(left=value))
    return source.save()


def _counts(value: cst.BaseExpression) -> bool:
    """Tell whether an answer is that of older releases, ``sum(...) < thresh``: so many norms may be left."""
    if not isinstance(value, cst.Comparison) or len(value.comparisons) != 1:
        return False
    only = value.comparisons[0]
    is_sum = isinstance(value.left, cst.Call) and code(value.left.func) == "sum"
    return is_sum and isinstance(only.operator, cst.LessThan) and code(only.comparator) == "thresh"


def _lines(source: Source, definition: str) -> List[cst.SimpleStatementLine]:
    nodes = own_nodes(source.find(definition), cst.SimpleStatementLine)
    return [node for node in nodes if isinstance(node, cst.SimpleStatementLine)]


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
)
