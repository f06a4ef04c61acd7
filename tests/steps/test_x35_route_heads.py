import pytest

from fork.steps.backbone import x35_route_heads

from .fakes import CLI, CLI_TEXT, MODEL, MODEL_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_more import OLD_STEM, OLD_TASK

STEP = x35_route_heads.STEP
NEW_TASK = "        self.task  =  addmodules.task_of(self, rows, given or guess_model_task( rows ))   # by name\n"
NEW_STEM = (
    "    from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
    "    stem  =  addmodules.stem(model)   # by name\n"
)
IMPORT = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
FIRST = "from ultralytics.fakes.cfg import get\n"
MODEL_CHANGES = ((OLD_TASK, NEW_TASK), (FIRST, IMPORT + FIRST))
MODEL_AFTER = edited(MODEL_TEXT, *MODEL_CHANGES)
CLI_AFTER = edited(CLI_TEXT, (OLD_STEM, NEW_STEM))
BEFORE = {MODEL: MODEL_TEXT, CLI: CLI_TEXT}
AFTER = {MODEL: MODEL_AFTER, CLI: CLI_AFTER}
TASK_LINE = "the line `self.task = task or guess_model_task(...)`"
STEM_LINE = "the line `stem = Path(model)...`"
HALF = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_the_task_is_checked_and_the_stem_asked_for(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert set(outcome.where) == {
        f"{MODEL}: Model._new",
        f"{MODEL}: module",
        f"{CLI}: entrypoint",
    } or outcome.applied in (2, 3)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_a_file_that_imports_the_hooks_gets_no_second_import():
    before = {**BEFORE, MODEL: edited(MODEL_TEXT, (FIRST, IMPORT + FIRST))}
    assert check(STEP, tree_of(before), tree_of(AFTER)).applied == 2


@pytest.mark.parametrize(
    ("file", "change", "sought", "found"),
    [
        (MODEL, ("    def _new(self", "    def _make(self"), "one definition of that name", "0 of them"),
        (MODEL, (OLD_TASK, ""), TASK_LINE, "no such place"),
        (MODEL, (OLD_TASK, OLD_TASK * 2), TASK_LINE, "2 such places"),
        (MODEL, (OLD_TASK, OLD_TASK.replace("given or", "guess_model_task(given) or")), "one call of", "2 such places"),
        (CLI, ("def entrypoint", "def begin"), "one definition of that name", "0 of them"),
        (CLI, (OLD_STEM, ""), STEM_LINE, "no such place"),
        (CLI, (OLD_STEM, OLD_STEM * 2), STEM_LINE, "2 such places"),
    ],
    ids=["no _new", "no task", "two tasks", "two calls", "no entrypoint", "no stem", "two stems"],
)
def test_refuses_another_shape(file, change, sought, found):
    where = f"{MODEL}: Model._new" if file == MODEL else f"{CLI}: entrypoint"
    sought = "one call of guess_model_task in that line" if sought == "one call of" else sought
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("done", [MODEL, CLI])
def test_refuses_half_an_edit(done):
    refuses(STEP, tree_of({**BEFORE, done: AFTER[done]}), f"{MODEL}: Model._new", HALF, "1 of 2 places edited")


@pytest.mark.parametrize("file", [MODEL, CLI])
def test_refuses_a_release_without_the_file(file):
    files = {key: text for key, text in BEFORE.items() if key != file}
    refuses(STEP, tree_of(files), f"{file}: module", "the file", "no such file in this release")


def test_edits_the_pinned_release(results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert set(outcome.where) == {f"{MODEL}: Model._new", f"{CLI}: entrypoint"}
