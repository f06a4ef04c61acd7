import pytest

from fork.steps.backbone import x11_look_up_modules

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x11_look_up_modules.STEP
LINE = 'm = getattr(torch.nn, m[3:]) if "nn." in m else globals()[m]\n'
EVAL = "Conv.default_act = eval(act)   # from the file\n"
CALL = "m = addmodules.look_up(m, globals(), args)\n"
CHANGES = ((LINE, CALL), (EVAL, "Conv.default_act = addmodules.activation(act)   # from the file\n"))
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the line `m = ...` with `globals()[m]`"
EVALS = "the call `eval(act)`, and no other eval"


@NEWLINES
def test_calls_a_hook_where_the_row_loop_indexes_globals_and_where_code_is_run(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",) * 2


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_puts_one_line_for_an_expression_over_several():
    wide = 'm = (\n            pick(m)\n            if "nn." in m\n            else globals()[m]\n        )  # get\n'
    before = edited(TASKS_TEXT, (LINE, wide))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: edited(AFTER, (CALL, CALL.replace("\n", "  # get\n")))}))


def test_keeps_the_condition_of_the_activation():
    one, other = (
        f"Conv.default_act = safe(act) if restricted else {c}\n" for c in ("eval(act)", "addmodules.activation(act)")
    )
    check(
        STEP,
        tree_of({TASKS: edited(TASKS_TEXT, (EVAL, one))}),
        tree_of({TASKS: edited(TASKS_TEXT, (EVAL, other), (LINE, CALL))}),
    )


def test_refuses_half_of_the_edit():
    half = edited(TASKS_TEXT, CHANGES[0])
    refuses(
        STEP,
        tree_of({TASKS: half}),
        f"{TASKS}: parse_model",
        "the whole of this step's edit, or nothing of it",
        "1 of 2 places edited",
    )


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
        ((LINE, LINE + "        " + LINE), SOUGHT, "2 such places"),
        ((EVAL, "Conv.default_act = act\n"), EVALS, "no such place"),
        ((EVAL, "Conv.default_act = eval(act or eval(d))\n"), EVALS, "2 such places"),
        ((EVAL, "Conv.default_act = eval(d['act'])\n"), EVALS, "eval(d['act'])"),
    ],
    ids=[
        "no function",
        "two functions",
        "no loop",
        "no lookup",
        "other name",
        "two lookups",
        "no eval",
        "two evals",
        "other eval",
    ],
)
def test_refuses_where_the_lookup_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
