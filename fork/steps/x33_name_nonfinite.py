"""Not in the articles: training that turns to NaN or infinity says in which row, and stops where it cannot recover."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, definitions, own_nodes, statement
from fork.steps._places_cst import HOOKS, imports_hooks, mentions
from fork.tree import Tree

NAME = "x33_name_nonfinite"
FILE = "ultralytics/engine/trainer.py"
LOOP = "BaseTrainer._do_train"
RECOVERY = "BaseTrainer._handle_nan_recovery"
WATCH = f"{HOOKS}.watch_loss(self, batch)"
WATCH_BATCH = f"{HOOKS}.watch_loss(self, batch, self.loss)"
TELL, SAVES = f"{HOOKS}.tell_nonfinite(self)", "self.save_metrics("
CALL = f"{HOOKS}.name_nonfinite(self, reason)"


def apply(tree: Tree) -> Outcome:
    """Look at the loss before a step of the optimizer spreads it, and tell before upstream recovers or goes on."""
    source = Source(tree, FILE, NAME)
    if not imports_hooks(source):
        raise source.fail("module", "the import of the hooks (step x16)", "none")
    if RECOVERY not in [name for name, _ in definitions(source.module)]:
        return _without_recovery(source, tree)
    loop, recovery = (code(source.find(name).body) for name in (LOOP, RECOVERY))
    if source.applied(RECOVERY, WATCH in loop, CALL in recovery):
        return Outcome(0, "already applied")
    _put_before(source, _step(source), WATCH)
    healthy = [node for node in _branches(source, RECOVERY) if code(node.test) == "not corrupted"]
    branch = source.one(RECOVERY, "the branch `if not corrupted: return ...`", healthy)
    source.replace(RECOVERY, branch, cst.FlattenSentinel([branch, statement(CALL)]))
    return source.save()


def _without_recovery(source: Source, tree: Tree) -> Outcome:
    """Look at the loss there, too, and tell at the end of an epoch, unless the release skips batches that go wrong."""
    signs = mentions(tree, RECOVERY.partition(".")[2], "nan_recovery_attempts")
    if signs:
        raise source.fail(RECOVERY, "one definition of that name", f"0 of them, and the word in {signs[0]}")
    guards = [node for node in _branches(source, LOOP) if "self.loss.isfinite()" in code(node.test)]
    calls = [WATCH_BATCH] if guards else [WATCH, TELL]
    loop = code(source.find(LOOP).body)
    if source.applied(LOOP, *(call in loop for call in calls)):
        return Outcome(0, "already applied")
    if guards:
        _put_before(source, source.one(LOOP, "one look at self.loss.isfinite()", guards), WATCH_BATCH)
        return source.save()
    _put_before(source, _step(source), WATCH)
    lines = [line for line in own_nodes(source.find(LOOP), cst.SimpleStatementLine) if code(line).startswith(SAVES)]
    _put_before(source, source.one(LOOP, f"the line `{SAVES}...)` behind the validation", lines), TELL)
    return source.save()


def _step(source: Source) -> cst.If:
    steps = [node for node in _branches(source, LOOP) if "self.accumulate" in code(node.test) and _steps(node)]
    return source.one(LOOP, "the branch `if ... self.accumulate: self.optimizer_step()`", steps)


def _put_before(source: Source, node: cst.CSTNode, call: str) -> None:
    assert isinstance(node, (cst.If, cst.SimpleStatementLine))
    new = statement(call).with_changes(leading_lines=node.leading_lines)
    source.replace(LOOP, node, cst.FlattenSentinel([new, node.with_changes(leading_lines=[])]))


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
    places=(1, 2),
    apply=apply,
)
