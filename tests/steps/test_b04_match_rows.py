import pytest

from fork.steps.backbone import b04_match_rows

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import FITTING_TASKS

STEP = b04_match_rows.STEP
PLACE = f"{TASKS}: BaseModel.load"
STATE = "        csd  =  model.half().state_dict( )   # taken over\n"
FIT = "        fit = intersect_dicts(csd, self.state_dict( ))   # what fits\n"
CHANGES = (
    ("model.half().state_dict( )", "addmodules.match_rows(self, model, model.half().state_dict( ))"),
    (
        "intersect_dicts(csd, self.state_dict( ))",
        "addmodules.report_rows(self, csd, intersect_dicts(csd, self.state_dict( )), verbose)",
    ),
)
AFTER = edited(TASKS_TEXT, *CHANGES)
STATE_SOUGHT, FIT_SOUGHT = "the line `csd = model...state_dict()`", "the line `... = intersect_dicts(csd, ...)`"


@NEWLINES
def test_renames_tensors_and_reports_them(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,) * 2


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize("change", CHANGES, ids=["names alone", "report alone"])
def test_refuses_half_of_it(change):
    text = edited(TASKS_TEXT, change)
    whole = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({TASKS: text}), PLACE, whole, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("    def load(self, trail, ", "    def fill(self, trail, "), "one definition of that name", "0 of them"),
        (("trail, verbose=1", "trail"), "the parameters self and verbose", "others"),
        ((STATE, ""), STATE_SOUGHT, "no such place"),
        ((STATE, STATE.replace("csd  =", "state  =")), STATE_SOUGHT, "no such place"),
        ((STATE, STATE * 2), STATE_SOUGHT, "2 such places"),
        ((FIT, ""), FIT_SOUGHT, "no such place"),
        ((FIT, FIT.replace("intersect_dicts(csd", "intersect_dicts(trail")), FIT_SOUGHT, "no such place"),
        ((FIT, FIT * 2), FIT_SOUGHT, "2 such places"),
    ],
    ids=[
        *("no function", "no verbose", "no state", "other name", "two states"),
        *("no comparison", "another's", "two comparisons"),
    ],
)
def test_refuses_where_a_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    assert STEP.apply(tree).applied == 2
    unchanged(STEP, tree)


def test_fits_a_release_that_keeps_what_fits_under_the_same_name():
    fit, after = "intersect_dicts(csd, self.state_dict())", CHANGES[1][1].replace("dict( )", "dict()")
    check(STEP, tree_of({TASKS: FITTING_TASKS}), tree_of({TASKS: edited(FITTING_TASKS, CHANGES[0], (fit, after))}))
