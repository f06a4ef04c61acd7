import pytest

from fork.errors import StepError
from fork.steps.policy import x22_record_fork

from .fakes import (
    ENGINE,
    ENGINE_TEXT,
    EXPORTER,
    EXPORTER_TEXT,
    MODEL,
    MODEL_TEXT,
    NEWLINES,
    check,
    edited,
    refuses,
    tree_of,
    unchanged,
)

STEP = x22_record_fork.STEP
SAVE, CALL = "BaseTrainer.save_model", "Exporter.__call__"
IMPORT = "from ultralytics.fakes.cfg import get\n"
HOOKS = (IMPORT, "from ultralytics.nn.Addmodules import hooks as addmodules\n" + IMPORT)
BRACE = "            {   # all of it\n                # the number first\n"
ENTRY = '                "addmodules": addmodules.record(self.mean( )),\n'
ENGINE_CHANGES = ((BRACE, BRACE + ENTRY), HOOKS)
SAVED = "torch.save( {**self.blob,  **note}, path )"
MODEL_CHANGES = ((SAVED, "torch.save( addmodules.recorded({**self.blob,  **note}), path )"), HOOKS)
META = "        self.metadata = {   # for readers\n"
META_ENTRY = '            "addmodules": addmodules.record_text(net.inner),\n'
EXPORTER_CHANGES = ((META, META + META_ENTRY), HOOKS)
BEFORE = {ENGINE: ENGINE_TEXT, MODEL: MODEL_TEXT, EXPORTER: EXPORTER_TEXT}
AFTER = {
    ENGINE: edited(ENGINE_TEXT, *ENGINE_CHANGES),
    MODEL: edited(MODEL_TEXT, *MODEL_CHANGES),
    EXPORTER: edited(EXPORTER_TEXT, *EXPORTER_CHANGES),
}
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_adds_the_record_to_what_is_written(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    places = ((ENGINE, SAVE), (MODEL, "Model.save"), (EXPORTER, CALL))
    assert outcome.where == tuple(f"{file}: {name}" for file, place in places for name in (place, "module"))


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_an_import_that_is_there_is_not_added():
    before = {file: edited(text, HOOKS) for file, text in BEFORE.items()}
    assert check(STEP, tree_of(before), tree_of(AFTER)).applied == 3


def test_a_dict_on_one_line_stays_on_it():
    line = '        self.metadata = {"task": net.task}\n'
    whole = META + EXPORTER_TEXT.partition(META)[2].partition("        return")[0]
    change = (whole, line)
    after = edited(EXPORTER_TEXT, (whole, line.replace("{", '{"addmodules": addmodules.record_text(net), ')), HOOKS)
    check(STEP, tree_of({**BEFORE, EXPORTER: edited(EXPORTER_TEXT, change)}), tree_of({**AFTER, EXPORTER: after}))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (ENGINE, ('"epoch": self.epoch,\n                "model"', '"epoch": self.epoch,\n                "net"'), SAVE,
         "the dict with the keys `model` and `ema`", "no such place"),
        (ENGINE, ('{"model": blob, "kept": {"ema": blob}}', '{"model": blob, "ema": blob}'), SAVE,
         "the dict with the keys `model` and `ema`", "2 such places"),
        (ENGINE, ("class BaseTrainer:", "class Trainer:"), SAVE, "one definition of that name", "0 of them"),
        (MODEL, (SAVED, SAVED.replace("torch.save", "pack")), "Model.save", "torch.save(CONTENT, PATH)",
         "no such place"),
        (MODEL, ("torch.load(note, path)", "torch.save(note, path)"), "Model.save", "torch.save(CONTENT, PATH)",
         "2 such places"),
        (EXPORTER, (META, META.replace("self.metadata", "self.notes")), "module", "the line `self.metadata = {...}`",
         "no such place"),
        (EXPORTER, ("self.metadata = metadata", "self.metadata = {1: 2}"), "module",
         "the line `self.metadata = {...}`", "2 such places"),
        (EXPORTER, ("net.inner.task", "net.inner"), CALL, "the entry `task: MODEL.task`", "no such entry"),
        (EXPORTER, ('"task":  net', '"kind":  net'), CALL, "the entry `task: MODEL.task`", "no such entry"),
    ],
)  # fmt: skip
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), f"{file}: {where}", sought, found)


@pytest.mark.parametrize("file", list(BEFORE))
def test_refuses_one_file_without_the_others(file):
    for tree in ({**BEFORE, file: AFTER[file]}, {**AFTER, file: BEFORE[file]}):
        before = tree_of(tree)
        with pytest.raises(StepError, match=r"[12] of 3 places edited"):
            STEP.apply(before)
        assert before == tree_of(tree)


@pytest.mark.parametrize(
    ("file", "place"), [(ENGINE, SAVE), (MODEL, "Model.save"), (EXPORTER, CALL)], ids=["trainer", "model", "exporter"]
)
def test_refuses_an_entry_without_its_import(file, place):
    tree = {**AFTER, file: AFTER[file].replace(HOOKS[1], HOOKS[0])}
    refuses(STEP, tree_of(tree), f"{file}: {place}", WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize("file", list(BEFORE))
def test_refuses_a_release_without_a_file(file):
    tree = {name: text for name, text in BEFORE.items() if name != file}
    refuses(STEP, tree_of(tree), f"{file}: module", "the file", "no such file in this release")


OLD_MODEL = MODEL_TEXT.partition("    def save(")[0] + "    def tune(" + MODEL_TEXT.partition("    def tune(")[2]


def test_a_release_whose_models_have_no_save_is_edited_in_two_files():
    outcome = check(STEP, tree_of({**BEFORE, MODEL: OLD_MODEL}), tree_of({**AFTER, MODEL: OLD_MODEL}))
    assert outcome.where == tuple(f"{file}: {name}" for file, place in PLACES_OLD for name in (place, "module"))


PLACES_OLD = ((ENGINE, SAVE), (EXPORTER, CALL))


@pytest.mark.parametrize("new", ["    def save_as(", "    def keep("])
def test_a_save_under_another_name_is_no_release_without_it(new):
    model = edited(MODEL_TEXT, ("    def save(", new))
    found = "0 of them, and something else that saves"
    refuses(STEP, tree_of({**BEFORE, MODEL: model}), f"{MODEL}: Model.save", "one definition of that name", found)
