import pytest

from fork.steps import x24_same_fork

from .fakes import DIST, DIST_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = x24_same_fork.STEP
PLACE = f"{DIST}: generate_ddp_file"
DICT = '{ "trainer": type(trainer),'
IMPORT = "    import cloudpickle   # late\n"
CHANGES = (
    (DICT, DICT.replace("{ ", '{ "addmodules": addmodules.this_tree(), ')),
    (IMPORT, IMPORT + "    from ultralytics.nn.Addmodules import hooks as addmodules\n"),
)
AFTER = edited(DIST_TEXT, *CHANGES)
SOUGHT = "the dict with the keys `trainer` and `args`"


@NEWLINES
def test_puts_the_tree_first(newline):
    outcome = check(STEP, tree_of({DIST: DIST_TEXT}, newline), tree_of({DIST: AFTER}, newline))
    assert outcome.where == (PLACE,) * 2


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({DIST: AFTER}, newline))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def generate_ddp_file(", "def generate_file("), "one definition of that name", "0 of them"),
        (("def generate_ddp_command(", "def generate_ddp_file("), "one definition of that name", "2 of them"),
        (('"args": note}', '"arguments": note}'), SOUGHT, "no such place"),
        (('note = {"trainer": trainer}', 'note = {"trainer": trainer, "args": 1}'), SOUGHT, "2 such places"),
        ((IMPORT, ""), "the line `import cloudpickle`", "no such place"),
        ((IMPORT, IMPORT + IMPORT), "the line `import cloudpickle`", "2 such places"),
    ],
    ids=["no function", "two functions", "no dict", "two dicts", "no import", "two imports"],
)
def test_refuses_where_a_place_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({DIST: edited(DIST_TEXT, change)}), PLACE, sought, found)


@pytest.mark.parametrize("change", CHANGES, ids=["dict", "import"])
def test_refuses_half_an_edit(change):
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({DIST: edited(DIST_TEXT, change)}), PLACE, sought, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{DIST}: module", "the file", "no such file in this release")
