import pytest

from fork.steps.policy import x21_trust_backbones

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_old import BLANK_TEXT, ENTRIES_TEXT, LIST_TEXT

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
    text = TASKS_TEXT.replace("class _SafeLoad:", "class Load:")
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


OPEN = "                with _SafeLoad.loading():   # restricted\n"
LIST_AFTER = edited(LIST_TEXT, (OPEN, OPEN.replace("loading()", "loading(), addmodules.allowing(file)")))
LOAD = f"{TASKS}: torch_safe_load"


@NEWLINES
def test_one_list_for_all_files_is_added_to_where_a_file_is_opened(newline):
    outcome = check(STEP, tree_of({TASKS: LIST_TEXT}, newline), tree_of({TASKS: LIST_AFTER}, newline))
    assert outcome.where == (LOAD,)


@NEWLINES
def test_the_names_go_through_the_hook_where_no_loop_looks_at_them(newline):
    after = edited(ENTRIES_TEXT, ("in  needed if", "in  addmodules.allow(needed, cls._registry) if"))
    check(STEP, tree_of({TASKS: ENTRIES_TEXT}, newline), tree_of({TASKS: after}, newline))


@pytest.mark.parametrize(
    ("text", "change", "where", "sought", "found"),
    [
        (LIST_TEXT, (OPEN, OPEN.replace("_SafeLoad", "_Load")), LOAD, "`with _SafeLoad.loading(...)`", "no such place"),
        (LIST_TEXT, ("torch_load( file, only=True )", "torch.load(file)"), LOAD,
         "one call torch_load(FILE, ...) in it", "no such place"),
        (ENTRIES_TEXT, ("cls._registry[name]", "name"), PLACE, SOUGHT, "no such place"),
    ],
    ids=["no with", "no file", "no entries"],
)  # fmt: skip
def test_refuses_other_shapes_of_earlier_lists(text, change, where, sought, found):
    refuses(STEP, tree_of({TASKS: edited(text, change)}), where, sought, found)


def test_not_needed_where_the_mode_builds_no_model():
    reason = "the restricted mode of this release builds no model at all, upstream's neither"
    unchanged(STEP, tree_of({TASKS: BLANK_TEXT}), reason)


@pytest.mark.parametrize(
    ("text", "where", "sought", "found"),
    [
        (LIST_TEXT.replace("_SafeLoad", "_Load"), "_SafeLoad", "one definition of that name",
         f"0 of them, and a restricted mode in {TASKS}"),
        (BLANK_TEXT.replace("SafeUnpickler", "Reader"), "SafeUnpickler.find_class", "one definition of that name",
         "0 of them, and an argument safe_only"),
        (BLANK_TEXT.replace("            return SafeClass", "            return find(module, name)"),
         "SafeUnpickler.find_class", "`return SafeClass` for every class of a model",
         "return find(module, name); return super().find_class(module, name)"),
    ],
    ids=["renamed list", "renamed reader", "reader of something"],
)  # fmt: skip
def test_a_mode_under_another_name_is_no_release_without_it(text, where, sought, found):
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: {where}", sought, found)
