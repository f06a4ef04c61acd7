import pytest

from fork.steps.backbone import b01_prepare_model

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = b01_prepare_model.STEP
PLACE = f"{TASKS}: parse_model"
HEADER = "def parse_model(d, ch, verbose=True):\n"
DOC = '    """Turn rows into layers."""\n'
CHANGES = ((HEADER + DOC, HEADER + DOC + "    d = addmodules.prepare(d, ch)\n"),)
AFTER = edited(TASKS_TEXT, *CHANGES)


@NEWLINES
def test_prepares_first_thing_behind_the_docstring(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_a_call_in_another_function_does_not_count():
    other = "\n\ndef parse_rows(d, ch):\n    d = addmodules.prepare(d, ch)\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        ((HEADER, "def parse_rows(d, ch, verbose=True):\n"), "one definition of that name", "0 of them"),
        ((HEADER, HEADER + DOC + "    return d, ch\n\n\n" + HEADER), "one definition of that name", "2 of them"),
        ((HEADER, "def parse_model(ch, d):\n"), "the parameters d and ch", "ch, d"),
        ((HEADER, "def parse_model():\n"), "the parameters d and ch", "none"),
        ((HEADER + DOC, HEADER), "a docstring, behind which the call goes", "none"),
    ],
    ids=["no function", "two functions", "other order", "no parameters", "no docstring"],
)
def test_refuses_another_shape(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_edits_the_pinned_release(pristine, results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert outcome.where == (PLACE,)
