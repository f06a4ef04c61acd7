import pytest

from fork.steps import x36_run_nothing_foreign

from .fakes import DATA, DATA_TEXT, NEWLINES, PATCHES, PATCHES_TEXT, TASKS, check, edited, refuses, tree_of, unchanged
from .fakes_more import SAFE_TEXT

DATASET = x36_run_nothing_foreign.DATASET
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
NO_LIST = SAFE_TEXT.replace("class _SafeLoad", "class Load")
CHECK, CACHE = f"{DATA}: check_det_dataset", f"{DATA}: load_dataset_cache_file"


@NEWLINES
def test_asks_before_it_runs_and_reads_without_running(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert sorted(outcome.where) == sorted([CHECK, CACHE, f"{PATCHES}: torch_load"])


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_weights_are_left_alone_where_the_release_cannot_restrict_them():
    before = {TASKS: NO_LIST, DATA: DATA_TEXT}
    assert check(STEP, tree_of(before), tree_of({**before, DATA: AFTER[DATA]})).applied == 2
    unchanged(STEP, tree_of({**before, DATA: AFTER[DATA]}))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (DATA, (TIME, ""), CHECK, "the line `t = time.time()`", "no such place"),
        (DATA, (TIME, TIME * 2), CHECK, "the line `t = time.time()`", "2 such places"),
        (DATA, (READ, READ.replace("np.load", "load")), CACHE, "`np.load(...).item()`", "no such place"),
        (
            PATCHES,
            (OPEN, OPEN.replace("*args", "args")),
            f"{PATCHES}: torch_load",
            "`LOAD(*args, **kwargs)`",
            "no such place",
        ),
        (PATCHES, (OPEN, OPEN * 2), f"{PATCHES}: torch_load", "`LOAD(*args, **kwargs)`", "2 such places"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


def test_caches_were_once_read_beside_the_data_sets():
    named = DATA_TEXT.replace("def load_dataset_cache_file", "def load_cache_file")
    text = "def load_dataset_cache_file(path):\n    blob = np.load(path).item()  # all\n    return blob\n"
    new = edited(text, ("    blob = np.load(path).item()", f"    {IMPORT}    blob = addmodules.read_cache(path)"))
    before = {TASKS: NO_LIST, DATA: named, DATASET: text}
    after = {**before, DATA: edited(named, CHANGES[0]), DATASET: new}
    assert check(STEP, tree_of(before), tree_of(after)).applied == 2
    refuses(
        STEP,
        tree_of({**before, DATASET: ""}),
        f"{DATASET}: {CACHE.split()[1]}",
        "one definition of that name",
        "0 of them",
    )


@pytest.mark.parametrize("part", range(3))
def test_refuses_a_tree_that_is_edited_in_part(part):
    file, change = ((DATA, CHANGES[0]), (DATA, CHANGES[1]), (PATCHES, LOAD))[part]
    half = tree_of({**BEFORE, file: edited(BEFORE[file], change)})
    refuses(STEP, half, CACHE, "the whole of this step's edit, or nothing of it", "1 of 3 places edited")
