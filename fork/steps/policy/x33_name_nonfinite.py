"""Not in the articles: training that turns to NaN or infinity says in which row, and stops where it cannot recover."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import HOOKS, imports_hooks, mentions
from fork.syntax import Definition, matches
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
        raise source.module.fail("the import of the hooks (step x16)", "none")
    if not source.has(RECOVERY):
        return _without_recovery(source, tree)
    loop, recovery = source.find(LOOP), source.find(RECOVERY)
    if recovery.applied(_has(loop, WATCH), _has(recovery, CALL)):
        return ALREADY
    loop.insert_before(_step(loop), WATCH)
    healthy = [node for node in recovery.nodes(ast.If) if matches(node.test, "not corrupted")]
    recovery.insert_after(recovery.one("the branch `if not corrupted: return ...`", healthy), CALL)
    return source.save()


def _without_recovery(source: Source, tree: Tree) -> Outcome:
    """Look at the loss there, too, and tell at the end of an epoch, unless the release skips batches that go wrong."""
    signs = mentions(tree, RECOVERY.partition(".")[2], "nan_recovery_attempts")
    if signs:
        raise source.fail(RECOVERY, "one definition of that name", f"0 of them, and the word in {signs[0]}")
    loop = source.find(LOOP)
    guards = _branches(loop, "self.loss.isfinite()")
    calls = [WATCH_BATCH] if guards else [WATCH, TELL]
    if loop.applied(*(_has(loop, call) for call in calls)):
        return ALREADY
    if guards:
        loop.insert_before(loop.one("one look at self.loss.isfinite()", guards), WATCH_BATCH)
        return source.save()
    loop.insert_before(_step(loop), WATCH)
    saves = loop.lines(ast.Expr, f"{SAVES}...)")
    loop.insert_before(loop.one(f"the line `{SAVES}...)` behind the validation", saves), TELL)
    return source.save()


def _has(place: Place[Definition], call: str) -> bool:
    return bool(place.nodes(ast.Call, call))


def _step(place: Place[Definition]) -> ast.If:
    steps = [node for node in _branches(place, "self.accumulate") if _steps(node)]
    return place.one("the branch `if ... self.accumulate: self.optimizer_step()`", steps)


def _branches(place: Place[Definition], asked: str) -> List[ast.If]:
    return [node for node in place.lines(ast.If) if asked in place.code(node.test)]


def _steps(branch: ast.If) -> bool:
    """Return whether a line of the branch itself is ``self.optimizer_step()``."""
    return any(matches(line, "self.optimizer_step()") for line in branch.body)


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
