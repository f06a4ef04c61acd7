import pytest

from fork.steps import x23_explain_checkpoint

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x23_explain_checkpoint.STEP
PLACE = f"{TASKS}: torch_safe_load"
LINE = "        blob  =  _load()   # first\n"
FILE = "    file = download(weight)  # here at last\n"
CHANGES = ((LINE, LINE.replace("_load()", "addmodules.explained_load(file, _load)")),)
SOUGHT = "the line `NAME = _load()` in a try"
AFTER = edited(TASKS_TEXT, *CHANGES)


@NEWLINES
def test_the_first_attempt_goes_through_the_hook(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def torch_safe_load(", "def torch_load("), "one definition of that name", "0 of them"),
        (("def torch_other_load(", "def torch_safe_load("), "one definition of that name", "2 of them"),
        ((LINE, LINE.replace("_load", "_open")), SOUGHT, "no such place"),
        ((LINE, LINE + LINE), SOUGHT, "2 such places"),
        ((FILE, "    path = download(weight)\n"), "the path of the file under the name `file`", "no such assignment"),
    ],
    ids=["no function", "two functions", "other call", "two lines", "other name"],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_a_call_elsewhere_does_not_count():
    line = "blob = addmodules.explained_load(file, _load)"
    other = f"\n\ndef fill(file, _load):\n    try:\n        {line}\n    finally:\n        pass\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
