import pytest

from fork.steps.compat import c39_build_unscaled

from .fakes import NEWLINES, edited, refuses, tree_of, unchanged
from .fakes_compat import TASKS, UNSCALED_BOUND, UNSCALED_CHANGES, UNSCALED_OLD

STEP = c39_build_unscaled.STEP
WHERE = f"{TASKS}: parse_model"
AFTER = edited(UNSCALED_OLD, *UNSCALED_CHANGES)
DONE = "rows look for the scale among letters, and it has a value"
ASKED = "`scale in ...`, what the row C3k2 asks for"
BRANCH = "        scale = d.get('scale')\n        if not scale:\n            scale = tuple(scales)[0]\n"


@NEWLINES
def test_gives_the_scale_a_value_and_looks_among_letters(newline):
    tree = tree_of({TASKS: UNSCALED_OLD}, newline)
    outcome = STEP.apply(tree)
    assert tree == tree_of({TASKS: AFTER}, newline)
    assert outcome.where == (WHERE,) * 3
    unchanged(STEP, tree, DONE)


def test_a_release_that_gives_it_a_value_needs_the_letters_only():
    before = edited(UNSCALED_OLD, UNSCALED_BOUND)
    after = edited(AFTER, ("    scale = None  # in a YAML without scales\n", ""), UNSCALED_BOUND)
    tree = tree_of({TASKS: before})
    assert STEP.apply(tree).applied == 2
    assert tree == tree_of({TASKS: after})
    unchanged(STEP, tree, DONE)


def built(text, model):
    """Run the fake's parse_model and return what its rows were given."""
    scope = {"C3k2": "C3k2", "A2C2f": "A2C2f"}
    exec(text, scope)
    return scope["parse_model"](model)


ROWS = {"rows": ["C3k2", "A2C2f"]}


@pytest.mark.parametrize("bound", [(), (UNSCALED_BOUND,)], ids=["unbound", "none"])
def test_what_it_edits_builds_as_before_and_without_scales(bound):
    tree = tree_of({TASKS: edited(UNSCALED_OLD, *bound)})
    before = tree[TASKS].decode()
    STEP.apply(tree)
    after = tree[TASKS].decode()
    for scale in ("n", "s", "m", "l", "x", None):
        model = {**ROWS, "scales": {"n": 1, "l": 2}, "scale": scale}
        assert built(after, model) == built(before, model)
    with pytest.raises((UnboundLocalError, TypeError)):
        built(before, ROWS)
    if bound:  # a file's name without a scale gives the empty text, which is in every text
        assert built(before, {**ROWS, "scale": ""}) == ["large", "larger"]
    assert built(after, {**ROWS, "scale": ""}) == []
    assert built(after, ROWS) == built(before, {**ROWS, "scales": {"n": 1}})


def test_a_release_without_such_a_row_needs_nothing():
    text = UNSCALED_OLD.replace("C3k2", "C2f").replace("scale in", "note in")
    unchanged(STEP, tree_of({TASKS: text}), "it has no C3k2, and no row asks for the scale")


@pytest.mark.parametrize("letters", ['{"m", "l", "x"}', '("m", "l", "x")', 'set("mlx")', "LARGE"])
def test_a_release_that_looks_among_letters_needs_nothing(letters):
    text = edited(UNSCALED_OLD, UNSCALED_BOUND, ("'mlx'", letters), ('"lx"', letters))
    unchanged(STEP, tree_of({TASKS: text}), DONE)


@pytest.mark.parametrize(
    ("changes", "sought", "found"),
    [
        ([("def parse_model(", "def parse(")], "one definition of that name", "0 of them"),
        ([("scale in 'mlx'", "size in 'mlx'"), ('scale in "lx"', 'size in "lx"')], ASKED, "no such place"),
        ([("    if scales:", "    if scales is not None:")], "the branch `if scales:`", "no such place"),
        ([("    # rows", "    if scales:\n        pass\n    # rows")], "the branch `if scales:`", "2 such places"),
        ([(BRANCH, "        pass\n")], "the line `scale = ...` below `if scales:`", "no such line"),
    ],
)
def test_refuses_what_it_does_not_know(changes, sought, found):
    refuses(STEP, tree_of({TASKS: edited(UNSCALED_OLD, *changes)}), WHERE, sought, found)
