import pytest

from fork.errors import StepError
from fork.steps.articles import s03_import_backbones
from fork.tree import OVERLAY

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s03_import_backbones.STEP
STAR = "from ultralytics.nn.Addmodules import *  # before upstream's own, whose names win\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
FIRST = "from   ultralytics.fakes.parts import Concat, Conv   # odd  spacing\n"
CHANGES = ((FIRST, STAR + HOOKS + FIRST),)
AFTER = edited(TASKS_TEXT, *CHANGES)


def tree_with(mine, text=TASKS_TEXT):
    """Return a tree whose overlay holds one file of a user's."""
    return tree_of({TASKS: text, f"{OVERLAY}mine.py": mine})


@NEWLINES
def test_imports_before_the_first_import_of_upstreams_and_nowhere_else(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: module",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_comment_above_the_first_import_moves_above_the_new_ones():
    before = "import os\n\n\n# ours\n\nfrom ultralytics import a  # a\n# end\n"
    after = f"import os\n\n\n# ours\n\n{STAR}{HOOKS}from ultralytics import a  # a\n# end\n"
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    "text",
    [
        "import torch\n",
        "import ultralytics.fakes\n",
        "from ultralytics_thop import profile\n",
        "from other.ultralytics import a\n",
        "def late():\n    from ultralytics import a\n",
        "# from ultralytics import a\n",
    ],
)
def test_refuses_a_module_that_imports_nothing_of_upstreams(text):
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: module", "an import from ultralytics", "none at module level")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_refuses_a_file_that_is_not_python():
    tree = {TASKS: b"from ultralytics import a\nthis is no Python\n"}
    with pytest.raises(StepError, match=rf"where:  {TASKS}: module\n  sought: valid Python\n  found:  .*\bline 2\b"):
        STEP.apply(tree)


CLASH = (f"{OVERLAY}: Mine", "a name that upstream does not use", f"upstream has it in {TASKS}")


@pytest.mark.parametrize(
    "line",
    [
        "from ultralytics.fakes import Mine",
        "from ultralytics.fakes import Other as Mine",
        "import Mine.parts",
        "import fakes as Mine",
        "Mine = 1",
        "Other = Mine = 1",
        "class Mine: ...",
        "def Mine(): ...",
    ],
)
def test_refuses_a_registered_backbone_with_a_name_of_upstreams(line):
    tree = tree_with("@register_backbone\nclass Mine: ...\n", f"from ultralytics import fakes\n{line}\n")
    refuses(STEP, tree, *CLASH)


@pytest.mark.parametrize("kind", ["class Mine:", "def Mine():"])
@pytest.mark.parametrize(
    "mark", ["register_backbone", "register_backbone()", "registry.register_backbone", "a.register_backbone(size=1)"]
)
def test_knows_every_form_of_the_mark(mark, kind):
    tree = tree_with(f"@other\n@{mark}\n{kind}\n    pass\n", "from ultralytics import Mine\n")
    refuses(STEP, tree, *CLASH)


def test_names_every_clash_in_order():
    mark = "@register_backbone\n"
    tree = tree_with(f"{mark}class LOGGER: ...\n{mark}def Conv(): ...\n{mark}class New: ...\n")
    refuses(STEP, tree, f"{OVERLAY}: Conv, LOGGER", "a name that upstream does not use", f"upstream has it in {TASKS}")


def test_refuses_a_clash_in_a_file_added_after_the_edit():
    tree = tree_with("@register_backbone\nclass Conv: ...\n", AFTER)
    refuses(STEP, tree, f"{OVERLAY}: Conv", "a name that upstream does not use", f"upstream has it in {TASKS}")


@pytest.mark.parametrize(
    "mine",
    [
        "class Conv: ...\n",
        "@other\nclass Conv: ...\n",
        "@register_backbone\nclass Mine:\n    class Conv: ...\n",
        "@register_backbone\nclass polish: ...\n",  # upstream has that name inside a method only
        "@register_backbone\nclass Conv(: this does not parse\n",
        "x = '\0'\n",
    ],
    ids=["no mark", "other mark", "inner class", "local name", "broken", "null byte"],
)
def test_other_files_of_a_user_do_not_stop_it(mine):
    check(STEP, tree_with(mine), tree_with(mine, AFTER))


def test_only_python_files_of_the_folder_are_read():
    mine = "@register_backbone\nclass Conv: ...\n"
    other = {f"{OVERLAY}notes.txt": mine, "ultralytics/nn/own.py": mine}
    check(STEP, tree_of({TASKS: TASKS_TEXT, **other}), tree_of({TASKS: AFTER, **other}))
