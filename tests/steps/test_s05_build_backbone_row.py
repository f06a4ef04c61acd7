import pytest

from fork.steps.articles import s05_build_backbone_row

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s05_build_backbone_row.STEP
ELSE = "        else:\n            c2 = ch[f]   # as before\n"
BRANCH = """\
        elif addmodules.is_backbone(m):
            m, c2 = addmodules.build_backbone(m, args, ch, i, f, n, d)  # instance, channels of slots 0 to 4
            backbone = True
"""
LINE = 'm = getattr(torch.nn, m[3:]) if "nn." in m else globals()[m]\n'
EVAL = "Conv.default_act = eval(act)   # from the file\n"
CALL = "m = addmodules.look_up(m, globals(), args)\n"
ACT = "Conv.default_act = addmodules.activation(act)   # from the file\n"
CHANGES = ((EVAL, ACT), (LINE, CALL), (ELSE, BRANCH + ELSE))
AFTER = edited(TASKS_TEXT, *CHANGES)
LOOKED_UP = "the line `m = ...` with `globals()[m]`"
EVALS = "the call `eval(act)`, and no other eval"
SOUGHT = "an if/elif chain that ends in `else: c2 = ch[f]`"
HEAD = """\
def parse_model(d):
    act = eval(act)
    for i, m in enumerate(d["backbone"] + d["head"]):
        m = globals()[m]
"""


@NEWLINES
def test_looks_up_names_and_adds_a_branch_before_the_else_that_ends_the_chain(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",) * 3


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_a_chain_of_one_if_gets_the_branch_too():
    before = f"{HEAD}        if m is Conv:\n            c2 = 1\n\n        # last\n{ELSE}        use(c2)\n"
    after = edited(
        before,
        ("\n        # last\n", f"{BRANCH}\n        # last\n"),
        ("eval(act)", "addmodules.activation(act)"),
        ("m = globals()[m]\n", CALL),
    )
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def parse_model(", "def parse_rows("), "one definition of that name", "0 of them"),
        (("def count_rows(", "def parse_model("), "one definition of that name", "2 of them"),
        (("c2 = ch[f]   # as before", "c2 = ch[-1]"), SOUGHT, "no such place"),
        (("c2 = ch[f]   # as before", "c2 = ch[f]\n            trail.append(f)"), SOUGHT, "no such place"),
        (("        else:\n            c2 = ch[f]   # as before\n", ""), SOUGHT, "no such place"),
        (("c2 = ch[ -1 ]", "c2 = ch[f]"), SOUGHT, "2 such places"),
        (
            ('(d["backbone"] + d["head"]):  # from', "(d):  # from"),
            "the loop over the rows of d['backbone'] + d['head']",
            "no such place",
        ),
        ((LINE, "m = locals()[m]\n"), LOOKED_UP, "no such place"),
        ((LINE, "m = globals()[n]\n"), LOOKED_UP, "no such place"),
        ((LINE, LINE + "        " + LINE), LOOKED_UP, "2 such places"),
        ((EVAL, "Conv.default_act = act\n"), EVALS, "no such place"),
        ((EVAL, "Conv.default_act = eval(act or eval(d))\n"), EVALS, "2 such places"),
        ((EVAL, "Conv.default_act = eval(d['act'])\n"), EVALS, "eval(d['act'])"),
    ],
    ids=[
        *("no function", "two functions", "other value", "more in the else", "no else", "two chains", "no loop"),
        *("no lookup", "other name", "two lookups", "no eval", "two evals", "other eval"),
    ],
)
def test_refuses_where_one_of_the_places_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_leaves_an_else_on_one_line_alone():
    line = (
        "            trail.append(c2)\n        else:\n            c2 = ch[ -1 ]\n",
        "            c2 = 1\n        else: c2 = 2\n",
    )
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, line)}), tree_of({TASKS: edited(AFTER, line)}))


@pytest.mark.parametrize("left_out", range(3))
def test_refuses_half_of_the_edit(left_out):
    half = edited(TASKS_TEXT, *(change for number, change in enumerate(CHANGES) if number != left_out))
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({TASKS: half}), f"{TASKS}: parse_model", sought, "2 of 3 places edited")


def test_puts_one_line_for_an_expression_over_several():
    wide = 'm = (\n            pick(m)\n            if "nn." in m\n            else globals()[m]\n        )  # get\n'
    after = edited(AFTER, (CALL, CALL.replace("\n", "  # get\n")))
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, (LINE, wide))}), tree_of({TASKS: after}))


def test_keeps_the_condition_of_the_activation():
    one, other = (text.replace("= ", "= safe(act) if restricted else ") for text in (EVAL, ACT))
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, (EVAL, one))}), tree_of({TASKS: edited(AFTER, (ACT, other))}))
