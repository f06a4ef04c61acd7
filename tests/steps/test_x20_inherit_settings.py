import pytest

from fork.steps.backbone import x20_inherit_settings

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import FITTING_TASKS

STEP = x20_inherit_settings.STEP
PLACE = f"{TASKS}: BaseModel.load"
LINE = "        csd  =  model.half().state_dict( )   # taken over\n"
CHANGES = ((LINE, "        addmodules.inherit(self, model)\n" + LINE),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the line `csd = model...state_dict()`"


@NEWLINES
def test_calls_before_the_weights_are_taken_over(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("    def load(self, trail", "    def fill(self, trail"), "one definition of that name", "0 of them"),
        ((LINE, ""), SOUGHT, "no such place"),
        ((LINE, LINE.replace("csd  =", "state  =")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("state_dict( )", "weights( )")), SOUGHT, "no such place"),
        ((LINE, LINE * 2), SOUGHT, "2 such places"),
    ],
    ids=["no function", "no line", "other name", "other value", "two lines"],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_a_call_elsewhere_does_not_count():
    other = "\n\ndef fill(self, model):\n    addmodules.inherit(self, model)\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


class TestOlderReleaseThatCallsWhatFitsBySameName:
    @NEWLINES
    def test_calls_before_the_weights_and_not_before_what_fits(self, newline):
        before, after = ({TASKS: text} for text in (FITTING_TASKS, edited(FITTING_TASKS, *CHANGES)))
        assert check(STEP, tree_of(before, newline), tree_of(after, newline)).applied == 1

    def test_refuses_what_fits_alone(self):
        refuses(STEP, tree_of({TASKS: edited(FITTING_TASKS, (LINE, ""))}), PLACE, SOUGHT, "no such place")
