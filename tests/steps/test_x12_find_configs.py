import pytest

from fork.steps.backbone import x12_find_configs

from .fakes import CHECKS, CHECKS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = x12_find_configs.STEP
VALUE = 'glob.glob(str(ROOT / "**" / file), recursive=True) or glob.glob(str(ROOT.parent / file))'
MORE = 'glob.glob(str(ROOT.parent / "cfg" / "**" / file), recursive=True)'
LINE = f"    files = {VALUE}   # find\n"
CHANGES = ((LINE, f"    files = {VALUE} or {MORE}   # find\n"),)
AFTER = edited(CHECKS_TEXT, *CHANGES)
SOUGHT = "the line `files = glob.glob(...)`"


@NEWLINES
def test_searches_one_more_place(newline):
    outcome = check(STEP, tree_of({CHECKS: CHECKS_TEXT}, newline), tree_of({CHECKS: AFTER}, newline))
    assert outcome.where == (f"{CHECKS}: check_file",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({CHECKS: AFTER}, newline))


def test_a_search_of_one_place_gets_the_second():
    before = edited(CHECKS_TEXT, (LINE, "    files = glob.glob( file )\n"))
    after = edited(CHECKS_TEXT, (LINE, f"    files = glob.glob( file ) or {MORE}\n"))
    check(STEP, tree_of({CHECKS: before}), tree_of({CHECKS: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def check_file(", "def check_path("), "one definition of that name", "0 of them"),
        (("def check_files(", "def check_file("), "one definition of that name", "2 of them"),
        ((LINE, ""), SOUGHT, "no such place"),
        ((LINE, "    files = sorted(glob.glob(file))\n"), SOUGHT, "no such place"),
        (("names = glob.glob(", "files = glob.glob("), SOUGHT, "2 such places"),
    ],
    ids=["no function", "two functions", "no line", "other call first", "two lines"],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({CHECKS: edited(CHECKS_TEXT, change)}), f"{CHECKS}: check_file", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{CHECKS}: module", "the file", "no such file in this release")


def test_keeps_a_second_statement_on_the_line():
    before = edited(CHECKS_TEXT, (LINE, "    files = glob.glob(file); note += 'x'\n"))
    after = edited(CHECKS_TEXT, (LINE, f"    files = glob.glob(file) or {MORE}; note += 'x'\n"))
    check(STEP, tree_of({CHECKS: before}), tree_of({CHECKS: after}))
