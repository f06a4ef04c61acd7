import pytest

from fork.steps.policy import x23_explain_checkpoint

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_old import IN_PLACE

STEP = x23_explain_checkpoint.STEP
PLACE = f"{TASKS}: torch_safe_load"
LINE = "        blob  =  _load()   # first\n"
FILE = "    file = download(weight)  # here at last\n"
CHANGES = ((LINE, LINE.replace("_load()", "addmodules.explained_load(file, _load)")),)
SOUGHT = "the line `NAME = _load()` in a try"
AFTER = edited(TASKS_TEXT, *CHANGES)


@NEWLINES
def test_the_first_attempt_goes_through_the_hook(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def torch_safe_load(", "def torch_load("), "one definition of that name", "0 of them"),
        (("def torch_other_load(", "def torch_safe_load("), "one definition of that name", "2 of them"),
        ((LINE, LINE.replace("_load", "_open")), SOUGHT, "no such place"),
        ((LINE, LINE + LINE), SOUGHT, "2 such places"),
        ((FILE, "    path = download(weight)\n"), "the path of the file under the name `file`", "no such assignment"),
    ],
    ids=["no function", "two functions", "other call", "two lines", "other name"],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_a_call_elsewhere_does_not_count():
    line = "blob = addmodules.explained_load(file, _load)"
    other = f"\n\ndef fill(file, _load):\n    try:\n        {line}\n    finally:\n        pass\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


HALF, ALL = "torch.load( f, safe )", 'torch.load(file,  map="cpu")'
HOOK = "addmodules.explained_load(file, lambda: "
IN_PLACE_CHANGES = ((HALF, f"{HOOK}{HALF})"), (ALL, f"{HOOK}{ALL})"))
TRY = "the try that knows ModuleNotFoundError"


@NEWLINES
def test_calls_are_wrapped_where_they_stand_in_a_release_without_a_function_for_them(newline):
    after = edited(IN_PLACE, *IN_PLACE_CHANGES)
    outcome = check(STEP, tree_of({TASKS: IN_PLACE}, newline), tree_of({TASKS: after}, newline))
    assert outcome.where == (PLACE,) * 2


def test_a_single_call_that_is_returned_is_wrapped():
    call = 'torch.load(file, map="cpu")'
    old = f"    try:\n        return {call}, file\n    except ModuleNotFoundError:\n        return 0\n"
    text = f"def torch_safe_load(weight):\n    file = download(weight)\n{old}"
    check(STEP, tree_of({TASKS: text}), tree_of({TASKS: edited(text, (call, f"{HOOK}{call})"))}))


@pytest.mark.parametrize("change", IN_PLACE_CHANGES)
def test_refuses_one_call_without_the_other(change):
    whole = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({TASKS: edited(IN_PLACE, change)}), PLACE, whole, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("changes", "sought", "found"),
    [
        ([(HALF, "read(f)"), (ALL, "read(file)")], f"torch.load(...) in {TRY}", "no such place"),
        ([("    except ModuleNotFoundError as e:", "    except ImportError as e:")], TRY, "no such place"),
        ([("    file = download(weight)\n", "    file = weight\n")], "the path of the file under the name `file`",
         "no such assignment"),
    ],
    ids=["no call", "no handler", "other path"],
)  # fmt: skip
def test_refuses_other_shapes_of_earlier_releases(changes, sought, found):
    refuses(STEP, tree_of({TASKS: edited(IN_PLACE, *changes)}), PLACE, sought, found)
