import pytest

from fork.steps.articles import s10_square_validation

from .fakes import NEWLINES, TRAIN, TRAIN_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s10_square_validation.STEP
DEFINITION = "DetectionTrainer.build_dataset"
IMPORT = "from ultralytics.fakes.data import build\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
RECT = 'rect=mode == "val", stride'
LINE = '        rect = mode == "val" and addmodules.takes_any_shape(self.model)\n'
RETURN = "        return build(self.args,"
CHANGES = ((RECT, "rect=rect, stride"), (RETURN, LINE + RETURN), (IMPORT, HOOKS + IMPORT))
AFTER = edited(TRAIN_TEXT, *CHANGES)
SOUGHT = 'the argument rect=mode == "val"'


@NEWLINES
def test_asks_the_backbone_in_the_yolo_trainer_only(newline):
    outcome = check(STEP, tree_of({TRAIN: TRAIN_TEXT}, newline), tree_of({TRAIN: AFTER}, newline))
    assert outcome.where == (f"{TRAIN}: {DEFINITION}", f"{TRAIN}: module")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TRAIN: AFTER}, newline))


@pytest.mark.parametrize(("name", "test"), [("rect=", "mode == 'val'"), ("rect = ", 'mode ==  "val"')])
def test_keeps_the_spelling_of_the_argument(name, test):
    before = edited(TRAIN_TEXT, (RECT, f"{name}{test}, stride"))
    after = edited(AFTER, ('rect = mode == "val" and', f"rect = {test} and"), ("rect=rect", f"{name}rect"))
    check(STEP, tree_of({TRAIN: before}), tree_of({TRAIN: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("class DetectionTrainer:", "class Trainer:"), "one definition of that name", "0 of them"),
        (("def build_other(", "def build_dataset("), "one definition of that name", "2 of them"),
        ((RECT, "stride"), SOUGHT, "no such place"),
        ((RECT, 'rect=mode != "val", stride'), SOUGHT, "no such place"),
        ((RECT, 'rect=mode == "val" or batch, stride'), SOUGHT, "no such place"),
        (("stride=note)", 'stride=dict(rect=mode == "val"))'), SOUGHT, "2 such places"),
    ],
    ids=["no class", "two methods", "no argument", "other test", "longer test", "two arguments"],
)
def test_refuses_where_the_argument_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TRAIN: edited(TRAIN_TEXT, change)}), f"{TRAIN}: {DEFINITION}", sought, found)


def test_refuses_a_module_that_imports_nothing_of_upstreams():
    text = TRAIN_TEXT.replace("from ultralytics", "from somewhere")
    refuses(STEP, tree_of({TRAIN: text}), f"{TRAIN}: module", "an import from ultralytics", "none at module level")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TRAIN}: module", "the file", "no such file in this release")
