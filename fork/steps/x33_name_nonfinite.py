"""Not in the articles: training that turns to NaN or infinity says in which row, and stops where it cannot recover."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, own_nodes, statement
from fork.steps._places import HOOKS, imports_hooks
from fork.tree import Tree

NAME = "x33_name_nonfinite"
FILE = "ultralytics/engine/trainer.py"
LOOP = "BaseTrainer._do_train"
RECOVERY = "BaseTrainer._handle_nan_recovery"
WATCH = f"{HOOKS}.watch_loss(self, batch)"
CALL = f"{HOOKS}.name_nonfinite(self, reason)"


def apply(tree: Tree) -> Outcome:
    """Look at the loss before a step of the optimizer spreads it, and tell before upstream recovers or goes on."""
    source = Source(tree, FILE, NAME)
    if not imports_hooks(source):
        raise source.fail("module", "the import of the hooks (step x16)", "none")
    loop, recovery = (code(source.find(name).body) for name in (LOOP, RECOVERY))
    if source.applied(RECOVERY, WATCH in loop, CALL in recovery):
        return Outcome(0, "already applied")
    steps = [node for node in _branches(source, LOOP) if "self.accumulate" in code(node.test) and _steps(node)]
    step = source.one(LOOP, "the branch `if ... self.accumulate: self.optimizer_step()`", steps)
    watch = statement(WATCH).with_changes(leading_lines=step.leading_lines)
    source.replace(LOOP, step, cst.FlattenSentinel([watch, step.with_changes(leading_lines=[])]))
    healthy = [node for node in _branches(source, RECOVERY) if code(node.test) == "not corrupted"]
    branch = source.one(RECOVERY, "the branch `if not corrupted: return ...`", healthy)
    source.replace(RECOVERY, branch, cst.FlattenSentinel([branch, statement(CALL)]))
    return source.save()


def _branches(source: Source, definition: str) -> List[cst.If]:
    return [node for node in own_nodes(source.find(definition), cst.If) if isinstance(node, cst.If)]


def _steps(branch: cst.If) -> bool:
    """Tell whether a line of the branch itself is ``self.optimizer_step()``."""
    lines = (line for line in branch.body.body if isinstance(line, cst.SimpleStatementLine))
    return any(code(line) == "self.optimizer_step()" for line in lines)


STEP = Step(
    name=NAME,
    section="-",
    title="Name the row that turned to NaN or infinity",
    reason=(
        "Where the loss is no number any more, upstream goes back to last.pt without a word on the cause, and in the "
        "first epoch it warns and trains on with weights that are lost. Behind a backbone of ours the row that first "
        "gave no finite number is named, with what helps, and the first epoch ends there."
    ),
    files=(FILE,),
    places=(2, 2),
    apply=apply,
)
