import pytest

from fork.steps import x17_read_text

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x17_read_text.STEP
LINE = "            with contextlib.suppress(ValueError):   # text stays text\n"
CHANGES = ((LINE, LINE.replace("Error)", "Error, SyntaxError)")),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the call `contextlib.suppress(ValueError)`"


@NEWLINES
def test_suppresses_both_errors_in_the_row_loop_only(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_keeps_what_else_the_line_suppresses():
    wide = "            with ( contextlib.suppress(KeyError) , contextlib.suppress({})  ):  # odd\n"
    before = edited(TASKS_TEXT, (LINE, wide.format("ValueError")))
    after = edited(TASKS_TEXT, (LINE, wide.format("ValueError, SyntaxError")))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def parse_model(", "def parse_rows("), "one definition of that name", "0 of them"),
        (("def count_rows(", "def parse_model("), "one definition of that name", "2 of them"),
        (
            ('(d["backbone"] + d["head"]):  # from', "(d):  # from"),
            "the loop over the rows of d['backbone'] + d['head']",
            "no such place",
        ),
        ((LINE, LINE.replace("ValueError", "TypeError")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("ValueError", "ValueError, KeyError")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("contextlib.", "")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("contextlib.suppress(ValueError)", "nothing(ValueError)")), SOUGHT, "no such place"),
        (("suppress( KeyError )", "suppress(ValueError)"), SOUGHT, "2 such places"),
    ],
    ids=["no function", "two functions", "no loop", "other error", "more errors", "other name", "no call", "two calls"],
)
def test_refuses_where_the_call_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
