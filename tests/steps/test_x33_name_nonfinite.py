import pytest

from fork.steps.backbone import x16_follow_checkpoint
from fork.steps.policy import x33_name_nonfinite

from .fakes import ENGINE, ENGINE_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_old import GUARDED_TEXT, TRAINER_TEXT

STEP = x33_name_nonfinite.STEP
LOOP, RECOVERY = f"{ENGINE}: BaseTrainer._do_train", f"{ENGINE}: BaseTrainer._handle_nan_recovery"
IMPORT = "from ultralytics.fakes.cfg import get\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
SINCE = "            if ni - self.seen >=  self.accumulate:   # now\n"
HEALTHY = "        if not corrupted:   # fine\n            return False\n"
CHANGES = (
    (
        "            # one in a while\n" + SINCE,
        "            # one in a while\n            addmodules.watch_loss(self, batch)\n" + SINCE,
    ),
    (HEALTHY, HEALTHY + "        addmodules.name_nonfinite(self, reason)\n"),
)
BEFORE = edited(ENGINE_TEXT, (IMPORT, HOOKS + IMPORT))
AFTER = edited(BEFORE, *CHANGES)
WHOLE = "the whole of this step's edit, or nothing of it"
SINCE_SOUGHT = "the branch `if ... self.accumulate: self.optimizer_step()`"
HEALTHY_SOUGHT = "the branch `if not corrupted: return ...`"


@NEWLINES
def test_looks_before_the_step_and_tells_before_the_recovery(newline):
    outcome = check(STEP, tree_of({ENGINE: BEFORE}, newline), tree_of({ENGINE: AFTER}, newline))
    assert outcome.where == (LOOP, RECOVERY)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({ENGINE: AFTER}, newline))


@pytest.mark.parametrize("change", CHANGES[:2], ids=["look alone", "tell alone"])
def test_refuses_half_of_it(change):
    refuses(STEP, tree_of({ENGINE: edited(BEFORE, change)}), RECOVERY, WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("change", "where", "sought", "found"),
    [
        (("def _do_train(", "def _do("), LOOP, "one definition of that name", "0 of them"),
        (
            ("def _handle_nan_recovery(self", "def _recover(self, nan_recovery_attempts"),
            RECOVERY,
            "one definition of that name",
            f"0 of them, and the word in {ENGINE}",
        ),
        ((SINCE, SINCE.replace("accumulate", "every")), LOOP, SINCE_SOUGHT, "no such place"),
        ((SINCE + "                self.optimizer_step()\n", SINCE), LOOP, SINCE_SOUGHT, "no such place"),
        ((SINCE, SINCE + "                self.optimizer_step()\n" + SINCE), LOOP, SINCE_SOUGHT, "2 such places"),
        ((HEALTHY, ""), RECOVERY, HEALTHY_SOUGHT, "no such place"),
        ((HEALTHY, HEALTHY * 2), RECOVERY, HEALTHY_SOUGHT, "2 such places"),
        ((HOOKS, ""), f"{ENGINE}: module", "the import of the hooks (step x16)", "none"),
    ],
    ids=[
        *("no loop", "no recovery", "no count", "no step", "two steps"),
        *("no branch", "two branches", "no import"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(change, where, sought, found):
    refuses(STEP, tree_of({ENGINE: edited(BEFORE, change)}), where, sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{ENGINE}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    x16_follow_checkpoint.STEP.apply(tree)
    assert STEP.apply(tree).applied == 2
    unchanged(STEP, tree)


OLD = edited(TRAINER_TEXT, (IMPORT, HOOKS + IMPORT))
SAVES = "            # write\n            self.save_metrics( metrics=self.metrics )   # kept\n"
OLD_CHANGES = (
    CHANGES[0],
    (SAVES, SAVES.replace("            self.", "            addmodules.tell_nonfinite(self)\n            self.")),
)
OLD_AFTER = edited(OLD, *OLD_CHANGES)
GUARDED = edited(GUARDED_TEXT, (IMPORT, HOOKS + IMPORT))
GUARD = "            if self.loss.isfinite():   # fine\n"
GUARDED_AFTER = edited(GUARDED, (GUARD, f"            addmodules.watch_loss(self, batch, self.loss)\n{GUARD}"))
SAVES_SOUGHT = "the line `self.save_metrics(...)` behind the validation"


@NEWLINES
def test_tells_behind_the_validation_where_there_is_no_recovery(newline):
    outcome = check(STEP, tree_of({ENGINE: OLD}, newline), tree_of({ENGINE: OLD_AFTER}, newline))
    assert outcome.where == (LOOP,) * 2


@NEWLINES
def test_looks_before_a_batch_is_skipped(newline):
    outcome = check(STEP, tree_of({ENGINE: GUARDED}, newline), tree_of({ENGINE: GUARDED_AFTER}, newline))
    assert outcome.where == (LOOP,)


@pytest.mark.parametrize("change", OLD_CHANGES, ids=["look alone", "tell alone"])
def test_refuses_half_of_it_without_a_recovery(change):
    refuses(STEP, tree_of({ENGINE: edited(OLD, change)}), LOOP, WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("text", "where", "sought", "found"),
    [
        (OLD.replace("self.save_metrics(", "self.write("), LOOP, SAVES_SOUGHT, "no such place"),
        (OLD.replace(SAVES, SAVES * 2), LOOP, SAVES_SOUGHT, "2 such places"),
        (OLD.replace("self.accumulate", "self.every"), LOOP, SINCE_SOUGHT, "no such place"),
        (f"{OLD}        self.nan_recovery_attempts = 0\n", RECOVERY, "one definition of that name",
         f"0 of them, and the word in {ENGINE}"),
    ],
    ids=["no line", "two lines", "no step", "a recovery"],
)  # fmt: skip
def test_refuses_other_shapes_of_earlier_releases(text, where, sought, found):
    refuses(STEP, tree_of({ENGINE: text}), where, sought, found)
