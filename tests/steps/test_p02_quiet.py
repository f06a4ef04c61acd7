import pytest

from fork.steps.policy import p02_quiet

from .fakes import NEWLINES, UTILS, UTILS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_old import QUESTION_TEXT

STEP = p02_quiet.STEP
MODULE, QUESTION = f"{UTILS}: module", f"{UTILS}: is_pip_package"
DEFAULT = 'env_flag( "YOLO_AUTOINSTALL",  True )'
ONLINE = "\nONLINE = is_online()   # asks"
FLAG = "\nIS_PIP_PACKAGE = is_pip_package()\n"
OFF = "False  # a fork is not: nothing is reported, and no update of PyPI's advised\n"
CHANGES = (
    (DEFAULT, 'env_flag( "YOLO_AUTOINSTALL",  False )'),
    (ONLINE, "\nONLINE = AUTOINSTALL and is_online()   # asks"),
    (FLAG, f"\nIS_PIP_PACKAGE = {OFF}"),
)
AFTER = edited(UTILS_TEXT, *CHANGES)
RETURN = "    return  spec is not None   # there is\n"
OLD = f"{QUESTION_TEXT}\nAUTOINSTALL = {DEFAULT}\nONLINE = is_online()   # asks\n"
OLD_AFTER = edited(OLD, *CHANGES[:2], (RETURN, f"    return {OFF}"))
SOUGHT = (
    'the default of "YOLO_AUTOINSTALL", True',
    "the line `ONLINE = is_online()`",
    "the line `IS_PIP_PACKAGE = ...`",
)
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
@pytest.mark.parametrize("pair", [(UTILS_TEXT, AFTER), (OLD, OLD_AFTER)], ids=["a flag", "a question"])
def test_installs_looks_up_and_reports_nothing(pair, newline):
    before, after = (tree_of({UTILS: text}, newline) for text in pair)
    assert set(check(STEP, before, after).where) <= {MODULE, QUESTION}
    unchanged(STEP, after)


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("twice", [False, True])
def test_refuses_where_a_place_is_not_there_once(at, twice):
    old = CHANGES[at][0]
    new = f"{old}, {old}" if at == 0 else old * 2
    if not twice:
        new = "env_flag()" if at == 0 else "\nIS_PIP_PACKAGE and note()\n" if at == 2 else "\nnote = 1"
    tree = tree_of({UTILS: edited(UTILS_TEXT, (old, new))})
    refuses(STEP, tree, MODULE, SOUGHT[at], "2 such places" if twice else "no such place")


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def is_pip_package", "def is_package"), "one definition of that name", "0 of them"),
        (("    spec =", "    if name:\n        return 1\n    spec ="), "one `return ...`", "2 such places"),
    ],
)
def test_refuses_another_question(change, sought, found):
    refuses(STEP, tree_of({UTILS: edited(OLD, change)}), QUESTION, sought, found)


@pytest.mark.parametrize("change", CHANGES)
def test_refuses_a_tree_that_is_edited_in_part(change):
    refuses(STEP, tree_of({UTILS: edited(UTILS_TEXT, change)}), MODULE, WHOLE, "1 of 3 places edited")
    refuses(STEP, tree_of({UTILS: edited(AFTER, change[::-1])}), MODULE, WHOLE, "2 of 3 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, MODULE, "the file", "no such file in this release")
