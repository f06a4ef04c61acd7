from fork.steps.articles import s02_export_backbones
from fork.tree import OVERLAY

from .fakes import OURS, UPSTREAM, refuses, tree_of, unchanged

STEP = s02_export_backbones.STEP
INIT = f"{OVERLAY}__init__.py"
REASON = "git brings the file; it finds the folder's backbones by itself"


def test_finds_the_package_file_and_edits_nothing():
    unchanged(STEP, tree_of({**UPSTREAM, **OURS}), REASON)


def test_leaves_what_a_user_wrote_into_the_package_file():
    unchanged(STEP, {INIT: b"from .mine import *   # odd\r\n"}, REASON)


def test_declares_no_file_and_no_place():
    assert STEP.files == ()
    assert STEP.places == (0, 0)


def test_refuses_a_tree_without_the_package_file():
    tree = tree_of({**UPSTREAM, f"{OVERLAY}hooks.py": "", f"{OVERLAY}sub/__init__.py": ""})
    refuses(STEP, tree, f"{INIT}: module", "the tracked file", "no such file: git checkout it")
