import pytest

from fork.steps import x11_look_up_modules

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x11_look_up_modules.STEP
LINE = 'm = getattr(torch.nn, m[3:]) if "nn." in m else globals()[m]\n'
CHANGES = ((LINE, 'm = getattr(torch.nn, m[3:]) if "nn." in m else addmodules.look_up(m, globals(), args)\n'),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the expression `globals()[m]`"


@NEWLINES
def test_calls_the_hook_where_the_row_loop_indexes_globals(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_keeps_the_spread_of_an_expression_over_lines():
    wide = "m = (\n            pick(m)  # odd\n            if m in OLD\n            else {}  # ours\n        )\n"
    before = edited(TASKS_TEXT, (LINE, wide.format("globals()[m]")))
    after = edited(TASKS_TEXT, (LINE, wide.format("addmodules.look_up(m, globals(), args)")))
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
        ((LINE, "m = locals()[m]\n"), SOUGHT, "no such place"),
        ((LINE, "m = globals()[n]\n"), SOUGHT, "no such place"),
        ((LINE, "m = globals()[m] or globals()[m]\n"), SOUGHT, "2 such places"),
    ],
    ids=["no function", "two functions", "no loop", "no lookup", "other name", "two lookups"],
)
def test_refuses_where_the_lookup_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
