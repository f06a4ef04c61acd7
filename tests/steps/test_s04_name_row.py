import pytest

from fork.steps.articles import s04_name_row

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s04_name_row.STEP
LOOP = '    for i, (f, n, m, args) in enumerate(d["backbone"] + d["head"]):  # from, number, module, args\n'
FLAG = "    backbone = False  # True once row 0 is a multi-map backbone, which takes indices 0 to 4\n"
NAME = "        t = m  # the row's module by name: a built backbone has no class to print\n"
CHANGES = ((LOOP, FLAG + LOOP + NAME),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the loop over the rows of d['backbone'] + d['head']"


@NEWLINES
def test_adds_the_flag_above_the_row_loop_and_the_name_as_its_first_line(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",) * 2


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    "rows",
    ["d['backbone'] + d['head']", 'enumerate( d["head"]+d["backbone"] )', 'zip(d["backbone"], d["neck"], d["head"])'],
)
def test_knows_the_loop_by_the_two_keys_it_reads(rows):
    before = f"def parse_model(d):\n    # rows\n    for m in {rows}:\n        use(m)\n"
    after = edited(before, ("    for", f"{FLAG}    for"), ("        use(m)", f"{NAME}        use(m)"))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


def test_takes_the_indentation_of_the_file():
    before = 'def parse_model(d):\n\tfor m in d["backbone"] + d["head"]:\n\t\tuse(m)\n\t# end\n'
    after = edited(
        before,
        ("\tfor", "\t" + FLAG.strip() + "\n\tfor"),
        ("\t\tuse", "\t\t" + NAME.strip() + "\n\t\tuse"),
    )
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    ("change", "where", "sought", "found"),
    [
        (("def parse_model(", "def parse_rows("), "parse_model", "one definition of that name", "0 of them"),
        (("def count_rows(", "def parse_model("), "parse_model", "one definition of that name", "2 of them"),
        (
            ('enumerate(d["backbone"] + d["head"]):  # from', 'enumerate(d["backbone"] + d["tail"]):  # from'),
            "parse_model",
            SOUGHT,
            "no such place",
        ),
        (
            ('enumerate(d["head"] + d["neck"])', 'enumerate(d["head"] + d["backbone"])'),
            "parse_model",
            SOUGHT,
            "2 such places",
        ),
    ],
    ids=["no function", "two functions", "no loop", "two loops"],
)
def test_refuses_where_the_row_loop_is_not_there_once(change, where, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: {where}", sought, found)


def test_the_loop_of_a_nested_function_does_not_count():
    text = 'def parse_model(d):\n    def inner():\n        for m in d["backbone"] + d["head"]:\n            use(m)\n'
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: parse_model", SOUGHT, "no such place")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_a_name_line_further_down_is_not_taken_for_the_edit():
    before = 'def parse_model(d):\n    for m in d["backbone"] + d["head"]:\n        use(m)\n        t = m\n'
    after = edited(before, ("    for", f"{FLAG}    for"), ("        use(m)", f"{NAME}        use(m)"))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))
