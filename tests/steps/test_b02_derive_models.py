import pytest

from fork.steps.backbone import b02_derive_models

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import UNIFIED, UNIFIED_TASKS

STEP = b02_derive_models.STEP
WHERE = f"{TASKS}: yaml_model_load"
FIND = "    yaml_file = check(path, hard=False) or  check(note)   # found\n"
READ = "    d = YAML.load(yaml_file)   # read\n"
CHANGES = (
    (FIND, FIND.replace("or  ", "or addmodules.derive(path) or  ")),
    (READ, READ.replace("YAML.load", "addmodules.read_model")),
)
AFTER = edited(TASKS_TEXT, *CHANGES)
FIND_SOUGHT = "the line `yaml_file = A or B`"
READ_SOUGHT = "the line `d = YAML.load(yaml_file)` or `d = yaml_load(yaml_file)`"
ORDER_SOUGHT = "`yaml_file = A(path) or B(unified_path)`, or the other way round"
BARE = "def yaml_model_load(path):\n\tyaml_file = {}  # found\n\td = {}; d['x'] = 1  # both\n"


@NEWLINES
def test_derives_between_the_two_searches_and_reads_through_the_hook(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (WHERE, WHERE)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    ("search", "after"),
    [
        ("a(path) or b( path )", "a(path) or addmodules.derive(path) or b( path )"),
        ("a(path) or b or c", "a(path) or b or addmodules.derive(path) or c"),
        ("(a(path) or b)", "(a(path) or addmodules.derive(path) or b)"),
        ("(a(path)) or (c)", "(a(path)) or addmodules.derive(path) or (c)"),
        (
            "(  # one\n\t\ta(path)\n\t\tor b  # two\n\t)",
            "(  # one\n\t\ta(path) or addmodules.derive(path)\n\t\tor b  # two\n\t)",
        ),
        (
            "(\n\t\ta(path)  # one\n\t\tor b  # two\n\t)",
            "(\n\t\ta(path) or addmodules.derive(path)  # one\n\t\tor b  # two\n\t)",
        ),
        ("a(unified_path) or b( path )", "addmodules.find_model(path) or a(unified_path) or b( path )"),
        ("(a(unified_path) or b(path))", "(addmodules.find_model(path) or a(unified_path) or b(path))"),
        (
            "(  # one\n\t\ta(unified_path)\n\t\tor b(path)  # two\n\t)",
            "(  # one\n\t\taddmodules.find_model(path) or a(unified_path)\n\t\tor b(path)  # two\n\t)",
        ),
    ],
)
def test_keeps_the_search_as_it_is_written(search, after):
    before = BARE.format(search, "YAML.load(yaml_file)")
    after = BARE.format(after, "addmodules.read_model(yaml_file)")
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def yaml_model_load(", "def yaml_load("), "one definition of that name", "0 of them"),
        (("def yaml_list_load(", "def yaml_model_load("), "one definition of that name", "2 of them"),
        ((FIND, ""), FIND_SOUGHT, "no such place"),
        ((FIND, FIND.replace("or ", "and ")), FIND_SOUGHT, "no such place"),
        ((FIND, FIND.replace(" or  check(note)", "")), FIND_SOUGHT, "no such place"),
        ((FIND, FIND.replace("yaml_file", "found")), FIND_SOUGHT, "no such place"),
        ((FIND, FIND.replace("yaml_file", "found = yaml_file")), FIND_SOUGHT, "no such place"),
        ((FIND, FIND * 2), FIND_SOUGHT, "2 such places"),
        (
            (FIND, FIND.replace("check(path", "check(note")),
            ORDER_SOUGHT,
            "`yaml_file = check(note, hard=False) or  check(note)`",
        ),
        ((READ, ""), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("YAML.load", "yaml_list_load")), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("yaml_file", "path")), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("    d", "    model")), READ_SOUGHT, "no such place"),
        ((READ, READ * 2), READ_SOUGHT, "2 such places"),
    ],
    ids=[
        *("no function", "two functions", "no search", "an and", "one search", "other name", "two names"),
        *("two searches", "other order", "no read", "other reader", "other file", "other target", "two reads"),
    ],
)
def test_refuses_where_a_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), WHERE, sought, found)


def test_takes_calls_in_another_function_for_none_of_its_own():
    other = ("check(path) or note(path)", "addmodules.derive(path) or addmodules.read_model(path)")
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, other)}), tree_of({TASKS: edited(AFTER, other)}))


def test_leaves_the_lines_of_a_nested_function_alone():
    head = "def yaml_model_load(path):\n"
    inner = "    def late(yaml_file):\n        yaml_file = path or yaml_file\n        d = YAML.load(yaml_file)\n\n"
    before, after = (edited(text, (head, head + inner)) for text in (TASKS_TEXT, AFTER))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize("change", CHANGES, ids=["derived only", "read only"])
def test_refuses_half_an_edit(change):
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), WHERE, sought, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


OLD_CHANGES = (
    (UNIFIED, UNIFIED.replace("= check", "= addmodules.find_model(path) or check")),
    ("    d = yaml_load(yaml_file)   # read\n", READ.replace("YAML.load", "addmodules.read_model")),
)
OLD_AFTER = edited(UNIFIED_TASKS, *OLD_CHANGES)


class TestOlderReleaseThatDropsTheScaleFirst:
    @NEWLINES
    def test_looks_for_the_exact_name_and_derives_before_that(self, newline):
        outcome = check(STEP, tree_of({TASKS: UNIFIED_TASKS}, newline), tree_of({TASKS: OLD_AFTER}, newline))
        assert outcome.where == (WHERE, WHERE)

    @pytest.mark.parametrize("change", OLD_CHANGES, ids=["found only", "read only"])
    def test_refuses_half_an_edit(self, change):
        sought = "the whole of this step's edit, or nothing of it"
        tree = tree_of({TASKS: edited(UNIFIED_TASKS, change)})
        refuses(STEP, tree, WHERE, sought, "1 of 2 places edited")

    @pytest.mark.parametrize(
        "search",
        ["check(other, hard=False) or  check(path)", "check(unified_path) or  check(other)", "unified_path or  path"],
        ids=["other first name", "other second name", "no calls"],
    )
    def test_refuses_another_order(self, search):
        text = edited(UNIFIED_TASKS, ("check(unified_path, hard=False) or  check(path)", search))
        refuses(STEP, tree_of({TASKS: text}), WHERE, ORDER_SOUGHT, f"`yaml_file = {search}`")
