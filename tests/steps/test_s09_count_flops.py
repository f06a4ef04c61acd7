import pytest

from fork.steps.articles import s09_count_flops

from .fakes import FLOPS, FLOPS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_eras import SCALED_FLOPS, TWICE_FLOPS

STEP = s09_count_flops.STEP
FIRST = '    note = ["flops"]\n'
HOOK = "    from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
SHAPE = "(1, p.shape[1], *imgsz)"
EARLY, LATE = (
    "        return  0.0  # alike, and meant\n",
    "    except Exception:\n        return 0.0\n\n\ndef get_flops_slowly",
)
NONE = "addmodules.no_flops()"
IMAGE = "        im = torch.empty((1, p.shape[1], *imgsz), device=p.device)  # an image\n"
CHANNELS = "addmodules.input_channels(model, p)"
CHANGES = (
    (FIRST, HOOK + FIRST),
    (IMAGE, IMAGE.replace("p.shape[1]", CHANNELS).replace("  # an image", "")),
    (EARLY, EARLY.replace("0.0", NONE)),
)
AFTER = edited(FLOPS_TEXT, *CHANGES)
SHAPE_SOUGHT = "the expression `p.shape[1]`"


@NEWLINES
def test_asks_the_hook_for_the_channels_and_imports_it_in_the_function(newline):
    outcome = check(STEP, tree_of({FLOPS: FLOPS_TEXT}, newline), tree_of({FLOPS: AFTER}, newline))
    assert outcome.where == (f"{FLOPS}: get_flops",) * 3


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({FLOPS: AFTER}, newline))


@pytest.mark.parametrize(
    "before",
    ['    note = ["flops"]\n', "    (note) = ['flops']\n", "    if imgsz:\n        note = []\n"],
    ids=["a docstring", "another statement", "a branch"],
)
@pytest.mark.parametrize("text", [True, False], ids=["with", "without"])
def test_the_import_comes_before_the_first_statement(before, text):
    changes = [(FIRST, before), *([] if text else [('    """Count."""\n', "")])]
    fake = edited(FLOPS_TEXT, *changes)
    check(STEP, tree_of({FLOPS: fake}), tree_of({FLOPS: edited(fake, (before, HOOK + before), *CHANGES[1:])}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def get_flops(", "def get_macs("), "one definition of that name", "0 of them"),
        (("def get_flops_slowly(", "def get_flops("), "one definition of that name", "2 of them"),
        ((SHAPE, "(1, 3, *imgsz)"), SHAPE_SOUGHT, "no such place"),
        ((SHAPE, "(1, p.shape[-1], *imgsz)"), SHAPE_SOUGHT, "no such place"),
        ((SHAPE, "(p.shape[1], p.shape[1], *imgsz)"), SHAPE_SOUGHT, "2 such places"),
        ((IMAGE, f"        return count(model, {SHAPE})\n"), "one line with it", "no such place"),
    ],
    ids=["no function", "two functions", "no shape", "other axis", "two shapes", "no line of its own"],
)
def test_refuses_where_an_anchor_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({FLOPS: edited(FLOPS_TEXT, change)}), f"{FLOPS}: get_flops", sought, found)


def test_a_release_that_gives_up_in_one_place_is_edited_there():
    change = (EARLY, "        pass\n")
    before, after = (
        edited(FLOPS_TEXT, change),
        edited(FLOPS_TEXT, change, CHANGES[0], CHANGES[1], (LATE, LATE.replace("0.0", NONE))),
    )
    check(STEP, tree_of({FLOPS: before}), tree_of({FLOPS: after}))


def test_refuses_a_function_that_never_gives_up():
    text = edited(FLOPS_TEXT, (EARLY, "        pass\n"), (LATE, LATE.replace("return 0.0", "raise")))
    refuses(STEP, tree_of({FLOPS: text}), f"{FLOPS}: get_flops", "a line `return 0.0`", "no such place")


@pytest.mark.parametrize("left_out", range(3))
def test_refuses_half_of_the_edit(left_out):
    kinds = (CHANGES[:1], CHANGES[1:2], CHANGES[2:])
    changes = [change for number, kind in enumerate(kinds) if number != left_out for change in kind]
    sought = "the whole of this step's edit, or nothing of it"
    tree = tree_of({FLOPS: edited(FLOPS_TEXT, *changes)})
    refuses(STEP, tree, f"{FLOPS}: get_flops", sought, "2 of 3 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{FLOPS}: module", "the file", "no such file in this release")


IM = "            im = torch.empty("
TWICE_AFTER = edited(
    TWICE_FLOPS,
    CHANGES[0],
    *CHANGES[2:],
    *((f"{IM}{one} p.shape[1],", f"{IM}{one} {CHANNELS},") for one in ("(1,", "( 1 ,")),
    ("  # a small one\n", "\n"),
    ("  # a whole one\n", "\n"),
    (
        "stride = max( stride_of(model), 32) if note else 32   #",
        "stride = addmodules.flops_side(model, max( stride_of(model), 32) if note else 32, max(imgsz))   #",
    ),
)
SCALED_CHANGES = (
    *CHANGES,
    (
        "stride = None if note else  32   #",
        "stride = addmodules.flops_side(model, None if note else  32, None)   #",
    ),
)
SCALED_AFTER = edited(SCALED_FLOPS, *SCALED_CHANGES)
SIDE_SOUGHT = "the line `stride = ...`, or the name RTDETRDecoder"


class TestOlderReleaseThatCountsOnASmallImageFirst:
    @NEWLINES
    def test_asks_the_hook_for_both_images(self, newline):
        outcome = check(STEP, tree_of({FLOPS: TWICE_FLOPS}, newline), tree_of({FLOPS: TWICE_AFTER}, newline))
        assert outcome.where == (f"{FLOPS}: get_flops",) * 5

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (("(1, p.shape[1], 32,  32)", "(2, p.shape[1], 32,  32)"), "2 such places"),
            (("(1, p.shape[1], 32,  32)", "(1, p.shape[1])"), "2 such places"),
            (("note.append((p.shape[0],", "note.append((p.shape[1],"), "3 such places"),
            (("note.append((p.shape[0],", "note.append((1, p.shape[1],"), "3 such places"),
        ],
        ids=["no image", "no sides", "a third place", "a third tuple"],
    )
    def test_refuses_where_an_anchor_is_not_there_twice(self, change, found):
        tree = tree_of({FLOPS: edited(TWICE_FLOPS, change)})
        refuses(STEP, tree, f"{FLOPS}: get_flops", SHAPE_SOUGHT, found)


class TestOlderReleaseWhoseCounterScales:
    @NEWLINES
    def test_asks_for_a_whole_image_behind_a_backbone(self, newline):
        outcome = check(STEP, tree_of({FLOPS: SCALED_FLOPS}, newline), tree_of({FLOPS: SCALED_AFTER}, newline))
        assert outcome.where == (f"{FLOPS}: get_flops",) * 4

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (("        stride = None if note else  32   # the side\n", ""), "no such place"),
            (("        stride = None", "        stride = 1\n        stride = None"), "2 such places"),
            (("        stride = None", "        side = None"), "no such place"),
        ],
        ids=["no side", "two sides", "other name"],
    )
    def test_refuses_where_the_side_is_not_there_once(self, change, found):
        tree = tree_of({FLOPS: edited(SCALED_FLOPS, change)})
        refuses(STEP, tree, f"{FLOPS}: get_flops", SIDE_SOUGHT, found)

    @pytest.mark.parametrize("change", SCALED_CHANGES, ids=["import", "channels", "zero", "side"])
    def test_refuses_half_an_edit(self, change):
        tree = tree_of({FLOPS: edited(SCALED_FLOPS, change)})
        sought = "the whole of this step's edit, or nothing of it"
        refuses(STEP, tree, f"{FLOPS}: get_flops", sought, "1 of 4 places edited")
