import pytest

from fork.steps.articles import s05_build_backbone_row

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s05_build_backbone_row.STEP
ELSE = "        else:\n            c2 = ch[f]   # as before\n"
BRANCH = """\
        elif addmodules.is_backbone(m):
            m, c2 = addmodules.build_backbone(m, args, ch, row=i, source=f, repeats=n)  # instance, channels of slots 0 to 4
            backbone = True
"""  # noqa: E501
CHANGES = ((ELSE, BRANCH + ELSE),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "an if/elif chain that ends in `else: c2 = ch[f]`"
HEAD = 'def parse_model(d):\n    for i, m in enumerate(d["backbone"] + d["head"]):\n'


@NEWLINES
def test_adds_a_branch_before_the_else_that_ends_the_chain(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_a_chain_of_one_if_gets_the_branch_too():
    before = f"{HEAD}        if m is Conv:\n            c2 = 1\n\n        # last\n{ELSE}        use(c2)\n"
    after = edited(before, ("\n        # last\n", f"{BRANCH}\n        # last\n"))
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
    ],
    ids=["no function", "two functions", "other value", "more in the else", "no else", "two chains"],
)
def test_refuses_where_the_chain_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_leaves_an_else_on_one_line_alone():
    line = (
        "            trail.append(c2)\n        else:\n            c2 = ch[ -1 ]\n",
        "            c2 = 1\n        else: c2 = 2\n",
    )
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, line)}), tree_of({TASKS: edited(AFTER, line)}))
