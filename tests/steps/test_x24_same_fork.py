import pytest

from fork.errors import StepError
from fork.steps.policy import x24_same_fork

from .fakes import DIST, DIST_TEXT, ENGINE, ENGINE_TEXT, NEWLINES, TUNER, check, edited, refuses, tree_of, unchanged
from .fakes_old import OLD_TUNER_TEXT, SCRIPT_TEXT, TUNER_TEXT

STEP = x24_same_fork.STEP
GPUS, SERIES = "generate_ddp_file", "MultiTrainer.train"
DICT = '{ "trainer": type(trainer),'
IMPORT = "    import cloudpickle   # late\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
DIST_CHANGES = (
    (DICT, DICT.replace("{ ", '{ "addmodules": addmodules.this_tree(), ')),
    (IMPORT, IMPORT + "    " + HOOKS),
)
BASE = '{ "model": self.model,'
WORDS = "            ],   # its words\n"
FIRST = "from ultralytics.fakes.cfg import get\n"
ENGINE_CHANGES = (
    (BASE, BASE.replace("{ ", '{ "addmodules": addmodules.this_tree(), ')),
    (WORDS, WORDS + "            env=addmodules.child_environment(),\n"),
    (FIRST, HOOKS + FIRST),
)
BEFORE = {DIST: DIST_TEXT, ENGINE: ENGINE_TEXT, TUNER: TUNER_TEXT}
AFTER = {**BEFORE, DIST: edited(DIST_TEXT, *DIST_CHANGES), ENGINE: edited(ENGINE_TEXT, *ENGINE_CHANGES)}
GPUS_DICT = "the dict with the keys `trainer` and `args`"
SERIES_DICT = "the dict with the keys `model` and `train_args`"
CALL = "the call of a process with [*_YOLO_CLI_COMMAND, ...] and options"
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_puts_the_tree_first_and_starts_processes_with_it(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == (f"{DIST}: {GPUS}",) * 2 + (f"{ENGINE}: {SERIES}",) * 2 + (f"{ENGINE}: module",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_an_import_that_is_there_is_not_added():
    before = {**BEFORE, ENGINE: edited(ENGINE_TEXT, ENGINE_CHANGES[2])}
    assert check(STEP, tree_of(before), tree_of(AFTER)).applied == 4


WITHOUT = ENGINE_TEXT.partition("class MultiTrainer:")[0]
CONTENT = '    # all of it\n    content  =  f"""\n'
SCRIPT_AFTER = edited(
    SCRIPT_TEXT,
    (CONTENT, f'    # all of it\n    {HOOKS}    content  =  f"""{{addmodules.open_this_tree()}}\n'),
)
RUN = "subprocess.run( cmd,  check=True )"
TUNER_AFTER = edited(
    OLD_TUNER_TEXT,
    (RUN, "subprocess.run( cmd, env=addmodules.child_environment(),  check=True )".replace(",  check", ", check")),
    (FIRST, HOOKS + FIRST),
)
OLD = {DIST: SCRIPT_TEXT, ENGINE: WITHOUT, TUNER: OLD_TUNER_TEXT}
OLD_AFTER = {DIST: SCRIPT_AFTER, ENGINE: WITHOUT, TUNER: TUNER_AFTER}


@NEWLINES
def test_a_script_begins_with_the_tree_and_the_tuner_starts_processes_with_it(newline):
    outcome = check(STEP, tree_of(OLD, newline), tree_of(OLD_AFTER, newline))
    assert outcome.where == (f"{DIST}: {GPUS}",) * 2 + (f"{TUNER}: Tuner.__call__", f"{TUNER}: module")


def test_both_are_edited_where_both_start_processes():
    check(STEP, tree_of({**BEFORE, TUNER: OLD_TUNER_TEXT}), tree_of({**AFTER, TUNER: TUNER_AFTER}))


def test_a_trainer_of_several_data_sets_that_starts_no_process_is_left_alone():
    text = f"{WITHOUT}class MultiTrainer:\n    def train(self):\n        return self.trainer.train()\n"
    check(STEP, tree_of({**OLD, ENGINE: text}), tree_of({**OLD_AFTER, ENGINE: text}))


@pytest.mark.parametrize(
    ("file", "text", "where", "sought", "found"),
    [
        (ENGINE, ENGINE_TEXT.replace("train(self, run)", "run(self, run)"), f"{ENGINE}: {SERIES}",
         "one definition of that name", f"0 of them, and the word in {ENGINE}"),
        (TUNER, OLD_TUNER_TEXT.replace("subprocess.run", "start"), f"{TUNER}: Tuner.__call__",
         "subprocess.run(COMMAND, ...), or MultiTrainer, which does that", "neither"),
        (TUNER, OLD_TUNER_TEXT.replace("done = subprocess.run", "done = start"), f"{TUNER}: Tuner.__call__",
         "the call subprocess.run(COMMAND, ...)", "no such place"),
        (DIST, SCRIPT_TEXT.replace("content  =  f", "yield f"), f"{DIST}: {GPUS}", "the line `NAME = SCRIPT`",
         "no such place"),
        (DIST, SCRIPT_AFTER.replace(f"    {HOOKS}", ""), f"{DIST}: {GPUS}", WHOLE, "1 of 2 places edited"),
        (TUNER, TUNER_AFTER.replace(HOOKS, ""), f"{TUNER}: Tuner.__call__", WHOLE, "1 of 2 places edited"),
    ],
)  # fmt: skip
def test_refuses_other_shapes_of_earlier_releases(file, text, where, sought, found):
    refuses(STEP, tree_of({**OLD, file: text}), where, sought, found)


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (DIST, ("def generate_ddp_file(", "def generate_file("), GPUS, "one definition of that name", "0 of them"),
        (DIST, ("def generate_ddp_command(", "def generate_ddp_file("), GPUS, "one definition of that name",
         "2 of them"),
        (DIST, ('"args": note}', '"arguments": note}'), GPUS, GPUS_DICT, "no such place"),
        (DIST, ('note = {"trainer": trainer}', 'note = {"trainer": 1, "args": 1}'), GPUS, GPUS_DICT, "2 such places"),
        (DIST, (IMPORT, ""), GPUS, "the line `import cloudpickle`", "no such place"),
        (DIST, (IMPORT, IMPORT + IMPORT), GPUS, "the line `import cloudpickle`", "2 such places"),
        (ENGINE, ('"train_args":note', '"arguments":note'), SERIES, SERIES_DICT, "no such place"),
        (ENGINE, ('return {"model": note}', 'return {"model": 1, "train_args": 2}'), SERIES, SERIES_DICT,
         "2 such places"),
        (ENGINE, ("                *_YOLO_CLI_COMMAND,\n", ""), SERIES, CALL, "no such place"),
        (ENGINE, ("*_OTHER_COMMAND", "*_YOLO_CLI_COMMAND"), SERIES, CALL, "2 such places"),
    ],
)  # fmt: skip
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), f"{file}: {where}", sought, found)


@pytest.mark.parametrize("change", DIST_CHANGES, ids=["dict", "import"])
def test_refuses_half_an_edit_of_the_first_file(change):
    tree = {**AFTER, DIST: edited(DIST_TEXT, change)}
    refuses(STEP, tree_of(tree), f"{DIST}: {GPUS}", WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize("without", [0, 1, 2], ids=["dict", "call", "import"])
def test_refuses_half_an_edit_of_the_second_file(without):
    changes = [change for n, change in enumerate(ENGINE_CHANGES) if n != without]
    tree = {**AFTER, ENGINE: edited(ENGINE_TEXT, *changes)}
    refuses(STEP, tree_of(tree), f"{ENGINE}: {SERIES}", WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize("file", [DIST, ENGINE])
def test_refuses_one_file_without_the_other(file):
    tree = {**BEFORE, file: AFTER[file]}
    before = tree_of(tree)
    with pytest.raises(StepError, match="1 of 2 places edited"):
        STEP.apply(before)
    assert before == tree_of(tree)


@pytest.mark.parametrize("file", [DIST, ENGINE, TUNER])
def test_refuses_a_release_without_a_file(file):
    tree = {name: text for name, text in BEFORE.items() if name != file}
    refuses(STEP, tree_of(tree), f"{file}: module", "the file", "no such file in this release")
