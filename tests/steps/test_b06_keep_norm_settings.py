import pytest

from fork.steps.backbone import b06_keep_norm_settings

from .fakes import FLOPS, FLOPS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = b06_keep_norm_settings.STEP
WHERE = f"{FLOPS}: initialize_weights"
LINE = "        elif  t is nn.BatchNorm2d:   # norms\n"
NEW = '        elif  t is nn.BatchNorm2d and not hasattr(m, "addmodules_keeps_settings"):   # norms\n'
CHANGES = ((LINE, NEW),)
AFTER = edited(FLOPS_TEXT, *CHANGES)
SOUGHT = "the branch `t is nn.BatchNorm2d`"


@NEWLINES
def test_leaves_out_marked_norms_in_the_one_branch(newline):
    outcome = check(STEP, tree_of({FLOPS: FLOPS_TEXT}, newline), tree_of({FLOPS: AFTER}, newline))
    assert outcome.where == (WHERE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({FLOPS: AFTER}, newline))


def test_finds_a_plain_if_on_one_line():
    before = "def initialize_weights(m, t):\n\t# norms\n\tif t is nn.BatchNorm2d : m.eps = 1; m.k = 2  # set\n"
    after = before.replace("2d :", '2d and not hasattr(m, "addmodules_keeps_settings") :')
    check(STEP, tree_of({FLOPS: before}), tree_of({FLOPS: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def initialize_weights(", "def initialize("), "one definition of that name", "0 of them"),
        (("def initialize_other(", "def initialize_weights("), "one definition of that name", "2 of them"),
        ((LINE, LINE.replace("2d", "3d")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("t is", "kind is")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("t is", "t is not")), SOUGHT, "no such place"),
        ((LINE, LINE.replace(":", " and note:")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("t is nn.BatchNorm2d", "isinstance(m, nn.BatchNorm2d)")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("elif", "while")), SOUGHT, "no such place"),
        (("if t is nn.Linear or t is nn.BatchNorm2d", "if t is nn.BatchNorm2d"), SOUGHT, "2 such places"),
    ],
    ids=[
        *("no function", "two functions", "other class", "other name", "the opposite", "more in the test"),
        *("by isinstance", "no branch", "two branches"),
    ],
)
def test_refuses_where_the_branch_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({FLOPS: edited(FLOPS_TEXT, change)}), WHERE, sought, found)


def test_takes_another_branch_that_asks_for_a_mark_for_none_of_its_own():
    other = ("if t is nn.Linear or t is nn.BatchNorm2d:", 'if hasattr(m, "addmodules_keeps_settings"):')
    check(STEP, tree_of({FLOPS: edited(FLOPS_TEXT, other)}), tree_of({FLOPS: edited(AFTER, other)}))


def test_leaves_a_branch_of_a_nested_function_alone():
    inner = "    def inner(m, t):\n        if t is nn.BatchNorm2d:\n            m.eps = 1\n\n"
    head = "def initialize_weights(model):\n"
    before, after = (edited(text, (head, head + inner)) for text in (FLOPS_TEXT, AFTER))
    check(STEP, tree_of({FLOPS: before}), tree_of({FLOPS: after}))


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{FLOPS}: module", "the file", "no such file in this release")
