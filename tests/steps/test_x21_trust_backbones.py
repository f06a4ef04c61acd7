import pytest

from fork.steps import x21_trust_backbones

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x21_trust_backbones.STEP
PLACE = f"{TASKS}: _SafeLoad.loading"
LOOP = "        for name  in  needed:   # each of them\n"
FILL = "                cls._registry[name] = find(name)\n"
CHANGES = ((LOOP, LOOP.replace("needed:", "addmodules.allow(needed, cls._registry):")),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SOUGHT = "the loop over `needed` that fills `cls._registry`"


@NEWLINES
def test_the_names_go_through_the_hook(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (PLACE,)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_not_needed_without_a_restricted_mode():
    text = TASKS_TEXT.replace("class _SafeLoad:", "class SafeLoad:")
    unchanged(STEP, tree_of({TASKS: text}), "this release has no restricted mode")


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def loading(cls, weight)", "def load(cls, weight)"), "one definition of that name", "0 of them"),
        (("def leaving(cls, needed)", "def loading(cls, needed)"), "one definition of that name", "2 of them"),
        ((LOOP, LOOP.replace("needed", "names")), SOUGHT, "no such place"),
        ((FILL, FILL.replace("cls._registry", "cls.other")), SOUGHT, "no such place"),
        ((LOOP, LOOP + "            cls._registry[1] = 2\n" + LOOP), SOUGHT, "2 such places"),
    ],
    ids=["no function", "two functions", "other names", "other list", "two loops"],
)
def test_refuses_where_the_loop_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), PLACE, sought, found)


def test_a_call_elsewhere_does_not_count():
    other = "\n\ndef loading(needed, cls):\n    for name in addmodules.allow(needed, cls._registry):\n        pass\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
