import pytest

from fork.steps.policy import x25_report_nothing

from .fakes import EVENTS, EVENTS_TEXT, NEWLINES, UTILS, UTILS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_old import HUB_TEXT, QUESTION_TEXT

STEP = x25_report_nothing.STEP
HUB = "ultralytics/hub/utils.py"
MODULE, ADVICE = f"{UTILS}: module", f"{UTILS}: IterableSimpleNamespace.__getattr__"
ENABLED = f"{EVENTS}: Events.__init__"
FLAG = "\nIS_PIP_PACKAGE = is_pip_package()\n"
TEXT = "Or say 'pip install -U ultralytics' and wait"
CHOICE = '(IS_PIP_PACKAGE  or GIT.origin == "somewhere")'
CHANGES = (
    (FLAG, "\nIS_PIP_PACKAGE = False  # a fork is not: nothing is reported, and no update of PyPI's advised\n"),
    (TEXT, "Or say 'git pull', then 'python -m fork build', and wait"),
)
EVENTS_CHANGES = ((CHOICE, "IS_PIP_PACKAGE"),)
BEFORE = {UTILS: UTILS_TEXT, EVENTS: EVENTS_TEXT}
AFTER = {UTILS: edited(UTILS_TEXT, *CHANGES), EVENTS: edited(EVENTS_TEXT, *EVENTS_CHANGES)}
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_is_no_package_of_pypi_and_lets_that_alone_decide(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == (MODULE, ADVICE, ENABLED)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (UTILS, (FLAG, "\n"), MODULE, "the line `IS_PIP_PACKAGE = ...`", "no such place"),
        (UTILS, (FLAG, FLAG + FLAG), MODULE, "the line `IS_PIP_PACKAGE = ...`", "2 such places"),
        (UTILS, (TEXT, "Or wait"), ADVICE, "the advice how to update", "no such place"),
        (UTILS, (TEXT, TEXT + "{attr}" + TEXT), ADVICE, "the advice how to update", "2 such places"),
        (UTILS, ("__getattr__", "__getitem__"), ADVICE, "one definition of that name", "0 of them"),
        (EVENTS, ("self.enabled =", "self.on ="), ENABLED, "the line `self.enabled = ...`", "no such place"),
        (EVENTS, (CHOICE, "GIT"), ENABLED, "`IS_PIP_PACKAGE or ...`", "no such place"),
        (EVENTS, (CHOICE, f"{CHOICE} and {CHOICE}"), ENABLED, "`IS_PIP_PACKAGE or ...`", "2 such places"),
        (EVENTS, ("class Events", "class Others"), ENABLED, "one definition of that name", "0 of them"),
    ],
    ids=["no flag", "two flags", "no advice", "two", "no method", "no line", "no choice", "two choices", "no class"],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("part", [(UTILS, CHANGES[0]), (UTILS, CHANGES[1]), (EVENTS, EVENTS_CHANGES[0])])
def test_refuses_a_tree_that_is_edited_in_part(part):
    file, change = part
    one = {**BEFORE, file: edited(BEFORE[file], change)}
    refuses(STEP, tree_of(one), MODULE, WHOLE, "1 of 3 places edited")


def test_refuses_a_release_without_the_files():
    refuses(STEP, {}, f"{UTILS}: module", "the file", "no such file in this release")
    refuses(STEP, tree_of({UTILS: UTILS_TEXT}), f"{EVENTS}: module", "the file", "no such file in this release")


def test_the_pinned_release_is_edited_once_in_each_place(pristine, results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert outcome.where == (MODULE, ADVICE, ENABLED)
    assert results[-1].tree[EVENTS].count(b"\n") == pristine[EVENTS].count(b"\n")


HUB_FLAG = HUB_TEXT.replace("ASK", "IS_PIP_PACKAGE")
HUB_CALL = HUB_TEXT.replace("ASK", "is_pip_package()")
ASK = '( IS_PIP_PACKAGE  or origin() == "somewhere" )'
RETURN = "    return  spec is not None   # there is\n"
OFF = "    return False  # a fork is not: nothing is reported, and no update of PyPI's advised\n"
QUESTION_AFTER = edited(QUESTION_TEXT, (RETURN, OFF), (TEXT.replace("Or ", ""), CHANGES[1][1].replace("Or ", "")))
ADVISED = ("is_pip_package", "IterableSimpleNamespace.__getattr__")


@NEWLINES
def test_events_are_the_hubs_in_earlier_releases(newline):
    before = {UTILS: UTILS_TEXT, HUB: HUB_FLAG}
    after = {UTILS: AFTER[UTILS], HUB: edited(HUB_FLAG, (ASK, "IS_PIP_PACKAGE"))}
    outcome = check(STEP, tree_of(before, newline), tree_of(after, newline))
    assert outcome.where == (MODULE, ADVICE, f"{HUB}: Events.__init__")


@NEWLINES
def test_the_question_is_answered_where_no_flag_keeps_the_answer(newline):
    before = {UTILS: QUESTION_TEXT, HUB: HUB_CALL}
    call = ASK.replace("IS_PIP_PACKAGE", "is_pip_package()")
    after = {UTILS: QUESTION_AFTER, HUB: edited(HUB_CALL, (call, "is_pip_package()"))}
    outcome = check(STEP, tree_of(before, newline), tree_of(after, newline))
    assert outcome.where == (*(f"{UTILS}: {name}" for name in ADVISED), f"{HUB}: Events.__init__")


@pytest.mark.parametrize(
    ("files", "where", "sought", "found"),
    [
        ({UTILS: QUESTION_TEXT, HUB: HUB_FLAG}, MODULE, "the line `IS_PIP_PACKAGE = ...`", "no such place"),
        ({UTILS: QUESTION_TEXT.replace("def is_pip_package", "def is_package"), HUB: HUB_CALL},
         f"{UTILS}: is_pip_package", "one definition of that name", "0 of them"),
        ({UTILS: QUESTION_TEXT.replace("    spec =", "    if name:\n        return 1\n    spec ="), HUB: HUB_CALL},
         f"{UTILS}: is_pip_package", "one `return ...`", "2 such places"),
        ({UTILS: QUESTION_TEXT, HUB: HUB_CALL.replace("is_pip_package()  or", "True or")},
         f"{HUB}: Events.__init__", "`is_pip_package() or ...`", "no such place"),
        ({UTILS: QUESTION_TEXT, HUB: HUB_CALL.replace("Events", "Reports")}, f"{EVENTS}: module", "the file",
         "no such file in this release"),
        ({UTILS: QUESTION_AFTER, HUB: HUB_CALL}, MODULE, WHOLE, "2 of 3 places edited"),
    ],
    ids=["flag elsewhere", "no question", "two answers", "no choice", "no events", "in part"],
)  # fmt: skip
def test_refuses_other_shapes_of_earlier_releases(files, where, sought, found):
    refuses(STEP, tree_of(files), where, sought, found)
