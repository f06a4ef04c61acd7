import pytest

from fork.steps.compat import c36_project_channels

from .fakes import NEWLINES, edited, refuses, tree_of, unchanged
from .fakes_compat import BLOCK, BLOCK_CHANGES, BLOCK_OLD

STEP = c36_project_channels.STEP
WHERE = f"{BLOCK}: RepC3.__init__"
AFTER = edited(BLOCK_OLD, *BLOCK_CHANGES)
FIRST, SECOND = (old for old, _ in BLOCK_CHANGES)
ONE, TWO = (f"`self.cv{n} = Conv(c1, c2 or c_, ...)`" for n in (1, 2))
BLOCKS = "`RepConv(c_, c_)`"


@NEWLINES
def test_gives_both_convolutions_the_hidden_channels(newline):
    tree = tree_of({BLOCK: BLOCK_OLD}, newline)
    step = dict(tree)
    outcome = STEP.apply(step)
    assert step == tree_of({BLOCK: AFTER}, newline)
    assert outcome.where == (WHERE, WHERE)


def test_a_release_that_does_so_itself_needs_nothing():
    unchanged(STEP, tree_of({BLOCK: AFTER}), "RepC3 takes any expansion")


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("class RepC3(", "class RepC4("), "one definition of that name", "0 of them"),
        (("c_ = int( c2*e )", "hidden = int(c2 * e)"), "the line `c_ = ...`, the hidden channels", "no such line"),
        ((FIRST, FIRST.replace("Conv(", "Linear(")), ONE, "no such place"),
        ((FIRST, FIRST.replace("c1, c2", "c2, c1")), ONE, "no such place"),
        ((FIRST, FIRST.replace("c2", "c3")), ONE, "no such place"),
        ((FIRST, "self.cv1 = Conv(c1, c2=c2)"), ONE, "no such place"),
        ((SECOND, SECOND.replace("cv2", "cv0")), TWO, "no such place"),
        ((SECOND, SECOND + "\n        " + SECOND), TWO, "2 such places"),
        (("Sequential(*[RepConv(c_, c_, act=None)", "Sequential(*[RepConv(c2, c2)"), BLOCKS, "`RepConv(c2, c2)`"),
        (("Sequential(*[RepConv(", "Sequential(*[RepBlock("), BLOCKS, "no such place"),
    ],
)
def test_refuses_a_class_that_is_built_in_another_way(change, sought, found):
    refuses(STEP, tree_of({BLOCK: edited(BLOCK_OLD, change)}), WHERE, sought, found)


@pytest.mark.parametrize("change", BLOCK_CHANGES)
def test_refuses_half_of_it(change):
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({BLOCK: edited(BLOCK_OLD, change)}), WHERE, sought, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{BLOCK}: module", "the file", "no such file in this release")
