import pytest

from fork.steps import x36_run_nothing_foreign

from .fakes import DATA, DATA_TEXT, NEWLINES, PATCHES, PATCHES_TEXT, TASKS, check, edited, refuses, tree_of, unchanged
from .fakes_more import SAFE_TEXT

STEP = x36_run_nothing_foreign.STEP
IMPORT = "from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
TIME = "    # from here on\n    t  =  time.time()   # begun\n"
READ = "        return  np.load( str(path), allow_pickle = True ).item()   # all of it\n"
OPEN = "    return torch.load(*args, **kwargs)   # the one\n"
CHANGES = (
    (
        TIME,
        f"    # from here on\n    {IMPORT}    addmodules.allow_download(file, s)\n    t  =  time.time()   # begun\n",
    ),
    (READ, f"        {IMPORT}        return  addmodules.read_cache(path)   # all of it\n"),
)
LOAD = ("\n" + OPEN, f"\n    {IMPORT}    return addmodules.open_weights(torch.load, *args, **kwargs)   # the one\n")
BEFORE = {TASKS: SAFE_TEXT, DATA: DATA_TEXT, PATCHES: PATCHES_TEXT}
AFTER = {**BEFORE, DATA: edited(DATA_TEXT, *CHANGES), PATCHES: edited(PATCHES_TEXT, LOAD)}
NO_LIST = SAFE_TEXT.replace("def loading(cls, weight)", "def loading(cls)")
CHECK, CACHE = f"{DATA}: check_det_dataset", f"{DATA}: load_dataset_cache_file"


@NEWLINES
def test_asks_before_it_runs_and_reads_without_running(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert sorted(outcome.where) == sorted([CHECK, CACHE, f"{PATCHES}: torch_load"])


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_weights_are_left_alone_where_the_release_cannot_restrict_them():
    before = {**BEFORE, TASKS: NO_LIST, PATCHES: ""}
    assert check(STEP, tree_of(before), tree_of({**before, DATA: AFTER[DATA]})).applied == 2
    unchanged(STEP, tree_of({**before, DATA: AFTER[DATA]}))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (DATA, (TIME, ""), CHECK, "the line `t = time.time()`", "no such place"),
        (DATA, (TIME, TIME * 2), CHECK, "the line `t = time.time()`", "2 such places"),
        (DATA, (READ, READ.replace("np.load", "load")), CACHE, "`return np.load(...).item()`", "no such place"),
        (DATA, ("def load_dataset_cache_file", "def load_cache"), CACHE, "one definition of that name", "0 of them"),
        (
            PATCHES,
            (OPEN, OPEN.replace("*args", "args")),
            f"{PATCHES}: torch_load",
            "`return LOAD(*args, **kwargs)`",
            "no such place",
        ),
        (PATCHES, (OPEN, OPEN * 2), f"{PATCHES}: torch_load", "`return LOAD(*args, **kwargs)`", "2 such places"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("part", range(3))
def test_refuses_a_tree_that_is_edited_in_part(part):
    file, change = ((DATA, CHANGES[0]), (DATA, CHANGES[1]), (PATCHES, LOAD))[part]
    half = tree_of({**BEFORE, file: edited(BEFORE[file], change)})
    refuses(STEP, half, CACHE, "the whole of this step's edit, or nothing of it", "1 of 3 places edited")
