import pytest

from fork.steps.policy import p01_trust_files

from .fakes import DATA, DATA_TEXT, NEWLINES, PATCHES, PATCHES_TEXT, check, edited, refuses, tree_of, unchanged

DATASET = p01_trust_files.DATASET
STEP = p01_trust_files.STEP
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules"
FIRST = "from ultralytics.fakes.cfg import get\n"
IMPORT = (FIRST, f"{HOOKS}\n{FIRST}")
LINE = "    data  =  YAML.load(file, append_filename=True)   # read\n"
TIME = "    # from here on\n    t  =  time.time()   # begun\n"
READ = "        return  np.load( str(path), allow_pickle = True ).item()   # all of it\n"
OPEN = "    return torch.load(*args, **kwargs)   # the one\n"
CHANGES = (
    (LINE, f"    addmodules.check_legible(file)\n{LINE}"),
    (TIME, "    # from here on\n    addmodules.allow_download(file, s)\n    t  =  time.time()   # begun\n"),
    (READ, "        return  addmodules.read_cache(path)   # all of it\n"),
    IMPORT,
)
LATE = f"{HOOKS}  # here, since nn imports this module\n"
LOAD = ("\n" + OPEN, f"\n    {LATE}    return addmodules.open_weights(torch.load, *args, **kwargs)   # the one\n")
BEFORE = {DATA: DATA_TEXT, PATCHES: PATCHES_TEXT}
AFTER = {DATA: edited(DATA_TEXT, *CHANGES), PATCHES: edited(PATCHES_TEXT, LOAD)}
CHECK, CACHE = f"{DATA}: check_det_dataset", f"{DATA}: load_dataset_cache_file"
LOADER, READER = f"{PATCHES}: torch_load", f"the line `{p01_trust_files.READERS[0]}`"
NO_LOAD = {DATA: DATA_TEXT, PATCHES: PATCHES_TEXT.replace("def torch_load", "def other")}


@NEWLINES
def test_asks_before_it_runs_and_reads_without_running(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert sorted(outcome.where) == sorted([CHECK, CHECK, CACHE, f"{DATA}: module", LOADER])


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_weights_are_left_alone_where_the_release_has_no_function_that_opens_them():
    after = {**NO_LOAD, DATA: AFTER[DATA]}
    assert check(STEP, tree_of(NO_LOAD), tree_of(after)).applied == 4
    unchanged(STEP, tree_of(after))


@pytest.mark.parametrize("reader", p01_trust_files.READERS)
def test_a_data_yaml_is_looked_at_whatever_reads_it(reader):
    line = f"    {reader}   # read\n"
    changed = [(old.replace(LINE, line), new.replace(LINE, line)) for old, new in CHANGES]
    text = edited(DATA_TEXT, (LINE, line))
    check(STEP, tree_of({**BEFORE, DATA: text}), tree_of({**AFTER, DATA: edited(text, *changed)}))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (DATA, (LINE, LINE.replace("data", "more")), CHECK, READER, "no such place"),
        (DATA, (LINE, LINE * 2), CHECK, READER, "2 such places"),
        (DATA, (TIME, ""), CHECK, "the line `t = time.time()`", "no such place"),
        (DATA, (TIME, TIME * 2), CHECK, "the line `t = time.time()`", "2 such places"),
        (DATA, (READ, READ.replace("np.load", "load")), CACHE, "`np.load(...).item()`", "no such place"),
        (
            PATCHES,
            (OPEN, OPEN.replace("*args", "args")),
            LOADER,
            "`LOAD(*args, **kwargs)`",
            "no such place",
        ),
        (PATCHES, (OPEN, OPEN * 2), LOADER, "`LOAD(*args, **kwargs)`", "2 such places"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


def test_caches_were_once_read_beside_the_data_sets():
    named = DATA_TEXT.replace("def load_dataset_cache_file", "def load_cache_file")
    text = f"{FIRST}\n\ndef load_dataset_cache_file(path):\n    blob = np.load(path).item()  # all\n    return blob\n"
    new = edited(text, ("blob = np.load(path).item()", "blob = addmodules.read_cache(path)"), IMPORT)
    before = {**NO_LOAD, DATA: named, DATASET: text}  # by torch's own load
    after = {**NO_LOAD, DATA: edited(named, *CHANGES[:2], IMPORT), DATASET: new}
    assert check(STEP, tree_of(before), tree_of(after)).applied == 5
    where = f"{DATASET}: {CACHE.split()[1]}"
    refuses(STEP, tree_of({**before, DATASET: ""}), where, "one definition of that name", "0 of them")


@pytest.mark.parametrize("part", range(4))
def test_refuses_a_tree_that_is_edited_in_part(part):
    file, change = [*((DATA, change) for change in CHANGES[:3]), (PATCHES, LOAD)][part]
    half = tree_of({**BEFORE, file: edited(BEFORE[file], change)})
    refuses(STEP, half, CHECK, "the whole of this step's edit, or nothing of it", "1 of 4 places edited")
