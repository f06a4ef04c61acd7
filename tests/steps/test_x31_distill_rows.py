import pytest

from fork.steps.backbone import x31_distill_rows

from .fakes import DISTILL, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_more import DISTILL_TEXT

STEP = x31_distill_rows.STEP
PLACE = f"{DISTILL}: DistillationModel.get_distill_layers"
IMPORT = "from ultralytics.fakes.parts import Detect\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
ROWS = "return  [ *list(m.f), m.i ]"
CHANGES = ((ROWS, "return  addmodules.positions(model, [ *list(m.f), m.i ])"), (IMPORT, HOOKS + IMPORT))
AFTER = edited(DISTILL_TEXT, *CHANGES)
SOUGHT = "`return [..., m.i]`"


@NEWLINES
def test_returns_positions(newline):
    outcome = check(STEP, tree_of({DISTILL: DISTILL_TEXT}, newline), tree_of({DISTILL: AFTER}, newline))
    assert outcome.where == (PLACE, f"{DISTILL}: module")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({DISTILL: AFTER}, newline))


@pytest.mark.parametrize("change", CHANGES, ids=["call alone", "import alone"])
def test_refuses_half_of_it(change):
    text = edited(DISTILL_TEXT, change)
    whole = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({DISTILL: text}), PLACE, whole, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("change", "where", "sought", "found"),
    [
        (("def get_distill_layers(", "def get_rows("), PLACE, "one definition of that name", "0 of them"),
        ((ROWS, "return m.f"), PLACE, SOUGHT, "no such place"),
        ((ROWS, "return [*m.f]"), PLACE, SOUGHT, "no such place"),
        ((ROWS, f"{ROWS}\n            {ROWS}"), PLACE, SOUGHT, "2 such places"),
        ((IMPORT, ""), f"{DISTILL}: module", "an import from ultralytics", "none at module level"),
    ],
    ids=["no function", "no list", "no own index", "two lists", "no import"],
)
def test_refuses_where_the_list_is_not_there_once(change, where, sought, found):
    refuses(STEP, tree_of({DISTILL: edited(DISTILL_TEXT, change)}), where, sought, found)


def test_not_needed_where_nothing_is_distilled():
    tree = tree_of({"ultralytics/nn/tasks.py": "# distilled water\n"})
    unchanged(STEP, tree, "no distillation in this release")


@pytest.mark.parametrize("word", ["distill_model", "DistillationModel", "get_distill_layers"])
def test_refuses_a_release_that_distils_in_another_file(word):
    tree = tree_of({"ultralytics/cfg/default.yaml": f"{word}: 1\n"})
    refuses(STEP, tree, f"{DISTILL}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    assert STEP.apply(tree).applied == 2
    unchanged(STEP, tree)
