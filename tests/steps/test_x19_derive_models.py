import pytest

from fork.steps import x19_derive_models

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x19_derive_models.STEP
WHERE = f"{TASKS}: yaml_model_load"
FIND = "    yaml_file = check(path, hard=False) or  check(note)   # found\n"
READ = "    d = YAML.load(yaml_file)   # read\n"
CHANGES = (
    (FIND, FIND.replace("or  ", "or addmodules.derive(path) or  ")),
    (READ, READ.replace("YAML.load", "addmodules.read_model")),
)
AFTER = edited(TASKS_TEXT, *CHANGES)
FIND_SOUGHT, READ_SOUGHT = "the line `yaml_file = A or B`", "the line `d = YAML.load(yaml_file)`"
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
        ("a or b or c", "a or b or addmodules.derive(path) or c"),
        ("(a or b)", "(a or addmodules.derive(path) or b)"),
        ("(a and b) or (c)", "(a and b) or addmodules.derive(path) or (c)"),
        ("(  # one\n\t\ta\n\t\tor b  # two\n\t)", "(  # one\n\t\ta or addmodules.derive(path)\n\t\tor b  # two\n\t)"),
        (
            "(\n\t\ta  # one\n\t\tor b  # two\n\t)",
            "(\n\t\ta or addmodules.derive(path)  # one\n\t\tor b  # two\n\t)",
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
        ((READ, ""), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("YAML.load", "yaml_load")), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("yaml_file", "path")), READ_SOUGHT, "no such place"),
        ((READ, READ.replace("    d", "    model")), READ_SOUGHT, "no such place"),
        ((READ, READ * 2), READ_SOUGHT, "2 such places"),
    ],
    ids=[
        *("no function", "two functions", "no search", "an and", "one search", "other name", "two names"),
        *("two searches", "no read", "other reader", "other file", "other target", "two reads"),
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
