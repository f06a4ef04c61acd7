import pytest

from fork.steps.backbone import x18_drop_anchors

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import WIDTHS, WIDTHS_TASKS

STEP = x18_drop_anchors.STEP
LINE = "            args.extend( [ch[x] for x in f] )   # widths\n"
BRANCH = "        elif m in {Conv, Detect}:   # heads\n"
CHANGES = ((LINE, LINE.replace("args.extend", "addmodules.drop_anchors(args, t).extend")),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the line `args.extend(...)` or `args.append(...)` in the branch of Detect"


@NEWLINES
def test_drops_the_anchors_where_the_heads_get_their_widths(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    "test",
    [
        "m is Detect",
        "m in (\n            Detect,  # one\n            Conv,\n        )",
        "m in frozenset( {Conv} | {Detect} )",
    ],
)
def test_knows_the_branch_by_the_name_in_its_test(test):
    before, after = (edited(text, (BRANCH, f"        elif {test}:\n")) for text in (TASKS_TEXT, AFTER))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


def test_keeps_a_second_statement_and_arguments_over_lines():
    wide = "            {}(  # odd\n                [1], *args,\n            ); trail.append(1)  # both\n"
    before = edited(TASKS_TEXT, (LINE, wide.format("args.extend")))
    after = edited(TASKS_TEXT, (LINE, wide.format("addmodules.drop_anchors(args, t).extend")))
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
        ((BRANCH, BRANCH.replace("Detect", "Detector")), SOUGHT, "no such place"),
        ((BRANCH, BRANCH.replace("Detect", '"Detect"')), SOUGHT, "no such place"),
        ((LINE, ""), SOUGHT, "no such place"),
        ((LINE, "            args += [1]\n"), SOUGHT, "no such place"),
        ((LINE, "            args.insert(1, [1])\n"), SOUGHT, "no such place"),
        ((LINE, f"            if f:\n    {LINE}"), SOUGHT, "no such place"),
        ((LINE, LINE * 2), SOUGHT, "2 such places"),
        (("        elif m is Concat:\n", "        elif m is Concat or m is Detect:\n"), SOUGHT, "2 such places"),
    ],
    ids=[
        *("no function", "two functions", "no loop", "other head", "a string", "no line", "no call", "other method"),
        *("deeper", "two lines", "two branches"),
    ],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_takes_a_call_in_another_function_for_none_of_its_own():
    other = ("        ch.append(globals()[m])\n", "        addmodules.drop_anchors(args, t).extend(ch)\n")
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, other)}), tree_of({TASKS: edited(AFTER, other)}))


def test_refuses_a_branch_on_one_line():
    change = (BRANCH, "        elif m is Detect: args.extend([1])\n        elif m in {Conv}:\n")
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", SOUGHT, "no such place")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


@NEWLINES
def test_drops_the_anchors_where_an_older_release_appends_the_widths(newline):
    after = edited(WIDTHS_TASKS, (WIDTHS, WIDTHS.replace("args.append", "addmodules.drop_anchors(args, t).append")))
    check(STEP, tree_of({TASKS: WIDTHS_TASKS}, newline), tree_of({TASKS: after}, newline))


@pytest.mark.parametrize(
    ("line", "found"), [("", "no such place"), (WIDTHS + LINE, "2 such places")], ids=["none", "both ways"]
)
def test_refuses_an_older_release_where_the_line_is_not_there_once(line, found):
    tree = tree_of({TASKS: edited(WIDTHS_TASKS, (WIDTHS, line or "            pass\n"))})
    refuses(STEP, tree, f"{TASKS}: parse_model", SOUGHT, found)
