import pytest

from fork.steps.backbone import x16_follow_checkpoint, x29_freeze_rows

from .fakes import ENGINE, ENGINE_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_old import TRAINER_TEXT

STEP = x29_freeze_rows.STEP
SETUP, MODE = f"{ENGINE}: BaseTrainer._setup_train", f"{ENGINE}: BaseTrainer._model_train"
IMPORT = "from ultralytics.fakes.cfg import get\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
NAMES = '[f"row.{x}." for x in freeze_list]'
ANY = "any( x in k for x in freeze_layer_names )"
FILTER = "any(filter(lambda f: f in n, self.freeze_layer_names))"
CHANGES = (
    (NAMES, "addmodules.frozen_layers(self.model, self.args.freeze, freeze_list)"),
    (ANY, "addmodules.is_frozen(k, freeze_layer_names)"),
    (FILTER, "addmodules.is_frozen(n, self.freeze_layer_names)"),
)
BEFORE = edited(ENGINE_TEXT, (IMPORT, HOOKS + IMPORT))
AFTER = edited(BEFORE, *CHANGES)
WHOLE = "the whole of this step's edit, or nothing of it"
TEST = "the test `any(... freeze_layer_names)`"


@NEWLINES
def test_asks_the_hooks_for_the_names_and_compares_through_them(newline):
    outcome = check(STEP, tree_of({ENGINE: BEFORE}, newline), tree_of({ENGINE: AFTER}, newline))
    assert outcome.where == (SETUP, SETUP, MODE)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({ENGINE: AFTER}, newline))


@pytest.mark.parametrize("left_out", range(3))
def test_refuses_half_of_it(left_out):
    changes = [change for number, change in enumerate(CHANGES) if number != left_out]
    refuses(STEP, tree_of({ENGINE: edited(BEFORE, *changes)}), SETUP, WHOLE, "2 of 3 places edited")


@pytest.mark.parametrize(
    ("change", "where", "sought", "found"),
    [
        (("def _setup_train(", "def _setup("), SETUP, "one definition of that name", "0 of them"),
        (
            ("def _model_train(", "def _train("),
            MODE,
            "one definition of that name",
            "0 of them, and freeze_layer_names at another place",
        ),
        ((NAMES, "[]"), SETUP, "the list of names made of `freeze_list`", "no such place"),
        ((NAMES, f"{NAMES} + {NAMES}"), SETUP, "the list of names made of `freeze_list`", "2 such places"),
        ((ANY, "k in freeze_layer_names"), SETUP, TEST, "no such place"),
        ((ANY, f"{ANY} or {ANY}"), SETUP, TEST, "2 such places"),
        ((FILTER, "self.freeze_layer_names"), MODE, TEST, "no such place"),
        ((FILTER, f"{FILTER} or {FILTER}"), MODE, TEST, "2 such places"),
        ((ANY, "any(freeze_layer_names)"), SETUP, f"one comparison in {TEST}", "no such place"),
        ((ANY, ANY.replace(" in k", " == k")), SETUP, "the comparison `part in name`", "x == k"),
        ((HOOKS, ""), f"{ENGINE}: module", "the import of the hooks (step x16)", "none"),
    ],
    ids=[
        *("no setup", "no mode", "no list", "two lists", "no test", "two tests", "no filter", "two filters"),
        *("no comparison", "other comparison", "no import"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(change, where, sought, found):
    refuses(STEP, tree_of({ENGINE: edited(BEFORE, change)}), where, sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{ENGINE}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    x16_follow_checkpoint.STEP.apply(tree)
    assert STEP.apply(tree).applied == 3
    unchanged(STEP, tree)


OLD = edited(TRAINER_TEXT, (IMPORT, HOOKS + IMPORT))
OLD_ANY = "any(x in k for x in freeze_layer_names)"
OLD_AFTER = edited(OLD, (NAMES, CHANGES[0][1]), (OLD_ANY, CHANGES[1][1]))


@NEWLINES
def test_a_release_that_knows_the_names_in_one_place_is_edited_there(newline):
    assert check(STEP, tree_of({ENGINE: OLD}, newline), tree_of({ENGINE: OLD_AFTER}, newline)).where == (SETUP,) * 2


@pytest.mark.parametrize(
    "files",
    [
        {ENGINE: OLD.replace("                v.note = True\n", "                self.freeze_layer_names = 1\n")},
        {ENGINE: f"{OLD}\n    def _train(self, freeze_layer_names):\n        pass\n"},
        {ENGINE: OLD, "ultralytics/other.py": "freeze_layer_names = 1\n"},
        {ENGINE: OLD, "ultralytics/other.py": "trainer._model_train()\n"},
    ],
    ids=["kept", "used", "used in another file", "another class"],
)
def test_names_at_another_place_are_no_release_without_it(files):
    found = "0 of them, and freeze_layer_names at another place"
    refuses(STEP, tree_of(files), MODE, "one definition of that name", found)
