import pytest

from fork.steps.articles import s09_count_flops
from fork.steps.backbone import x32_explain_flops

from . import test_s09_count_flops as s09
from .fakes import FLOPS, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = x32_explain_flops.STEP
PLACE = f"{FLOPS}: get_flops"
EARLY, LATE = "        return  0.0  # alike, and meant\n", "    except Exception:\n        return 0.0\n"
CHANGES = (
    (EARLY, "        return  addmodules.no_flops()  # alike, and meant\n"),
    (LATE, "    except Exception:\n        return addmodules.no_flops()\n"),
)
BEFORE = s09.AFTER
AFTER = edited(BEFORE, *CHANGES)


@NEWLINES
def test_says_why_wherever_the_function_gives_up(newline):
    outcome = check(STEP, tree_of({FLOPS: BEFORE}, newline), tree_of({FLOPS: AFTER}, newline))
    assert outcome.where == (PLACE,) * 2


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({FLOPS: AFTER}, newline))


def test_a_docstring_is_not_needed():
    bare = edited(BEFORE, ('    """Count."""\n', ""))
    check(STEP, tree_of({FLOPS: bare}), tree_of({FLOPS: edited(bare, *CHANGES)}))


@pytest.mark.parametrize("change", CHANGES, ids=["early alone", "late alone"])
def test_refuses_half_of_it(change):
    text = edited(BEFORE, change)
    whole = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({FLOPS: text}), PLACE, whole, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("changes", "sought", "found"),
    [
        ([("def get_flops(", "def get_macs(")], "one definition of that name", "0 of them"),
        ([(EARLY, "        pass\n"), (LATE, "    finally:\n        pass\n")], "a line `return 0.0`", "no such place"),
        ([(s09.HOOK, "")], "the import of the hooks (step s09) before the first `return 0.0`", "none"),
        (
            [(s09.HOOK, ""), (LATE, LATE + s09.HOOK)],
            "the import of the hooks (step s09) before the first `return 0.0`",
            "none",
        ),
    ],
    ids=["no function", "no line", "no import", "a late import"],
)
def test_refuses_what_it_cannot_edit(changes, sought, found):
    refuses(STEP, tree_of({FLOPS: edited(BEFORE, *changes)}), PLACE, sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{FLOPS}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    s09_count_flops.STEP.apply(tree)
    assert STEP.apply(tree).applied == 2
    unchanged(STEP, tree)


def test_a_release_that_gives_up_in_one_place_is_edited_there():
    before = edited(BEFORE, (EARLY, "        pass\n"))
    check(STEP, tree_of({FLOPS: before}), tree_of({FLOPS: edited(before, CHANGES[1])}))
