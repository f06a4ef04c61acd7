from fork.edit import Outcome
from fork.steps.articles import s01_create_folder
from fork.tree import OVERLAY

from .fakes import OURS, UPSTREAM, refuses, tree_of, unchanged

STEP = s01_create_folder.STEP
NO_HOOKS = (f"{OVERLAY}: folder", "the tracked files of Addmodules", "no hooks.py: git checkout it")


def test_finds_the_folder_and_edits_nothing():
    unchanged(STEP, tree_of({**UPSTREAM, **OURS}), "git brings the folder")


def test_needs_nothing_of_the_release():
    tree = {f"{OVERLAY}hooks.py": b""}
    assert STEP.apply(tree) == Outcome(0, "git brings the folder")
    assert tree == {f"{OVERLAY}hooks.py": b""}


def test_declares_no_file_and_no_place():
    assert STEP.files == ()
    assert STEP.places == (0, 0)


def test_refuses_a_tree_without_the_folder():
    error = refuses(STEP, tree_of(UPSTREAM), *NO_HOOKS)
    assert error.file == OVERLAY


def test_refuses_a_folder_without_hooks():
    refuses(STEP, tree_of({**UPSTREAM, f"{OVERLAY}__init__.py": "", f"{OVERLAY}mine.py": ""}), *NO_HOOKS)


def test_hooks_elsewhere_do_not_count():
    files = {"ultralytics/nn/hooks.py": "", "ultralytics/nn/addmodules/hooks.py": "", f"{OVERLAY}sub/hooks.py": ""}
    refuses(STEP, tree_of(files), *NO_HOOKS)
