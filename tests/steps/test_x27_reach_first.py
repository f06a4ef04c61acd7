import pytest

from fork.steps.policy import x27_reach_first

from .fakes import (
    BLOCK,
    BLOCK_TEXT,
    DOWNLOADS,
    DOWNLOADS_TEXT,
    NEWLINES,
    UTILS,
    UTILS_TEXT,
    check,
    edited,
    refuses,
    tree_of,
    unchanged,
)
from .fakes_old import ASKS_HEAD, OPENS, URL_TEXT

STEP = x27_reach_first.STEP
MODULE = f"{UTILS}: module"
IMPORT = "from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
ONLINE = "\nONLINE = is_online()   # asks"
ASK = "        return requests.head(url, timeout=9,  note=note).ok   # asks\n"
DRIVE = '        # elsewhere\n        gdrive  = url.startswith( "gdrive" )   # a special case\n'
LIST = "        tag, assets = get_github_assets(repo, release)   # the one\n"
BUILD = "            self.m = torchvision.models.get_model(model,  weights=weights)   # built\n"
CHANGES = ((ONLINE, "\nONLINE = AUTOINSTALL and is_online()   # asks"),)
DOWNLOADS_CHANGES = (
    (ASK, f"        {IMPORT}        addmodules.reach(url)\n{ASK}"),
    (
        DRIVE,
        f"        # elsewhere\n        {IMPORT}"
        '        addmodules.reach(url, Path(dir or ".") / (file or url2file(url)))\n'
        + DRIVE.replace("        # elsewhere\n", ""),
    ),
    (LIST, f'        {IMPORT}        addmodules.reach("https://api.github.com", file)\n{LIST}'),
)
BLOCK_CHANGES = ((BUILD, f"            {IMPORT}            addmodules.reach_torchvision(model, weights)\n{BUILD}"),)
BEFORE = {UTILS: UTILS_TEXT, DOWNLOADS: DOWNLOADS_TEXT, BLOCK: BLOCK_TEXT}
AFTER = {
    UTILS: edited(UTILS_TEXT, *CHANGES),
    DOWNLOADS: edited(DOWNLOADS_TEXT, *DOWNLOADS_CHANGES),
    BLOCK: edited(BLOCK_TEXT, *BLOCK_CHANGES),
}
NAMES = ("is_url", "safe_download", "attempt_download_asset", "TorchVision.__init__")
WHERE = (MODULE, *(f"{DOWNLOADS}: {name}" for name in NAMES[:3]), f"{BLOCK}: {NAMES[3]}")
SOUGHT = (
    "the line `ONLINE = is_online()`",
    "`return requests.head(url, ...)`",
    "the line `gdrive = ...`",
    "`tag, assets = get_github_assets(repo, release)`",
    "`self.m = torchvision.models.get_model(model, ...)`",
)
PLACES = ((UTILS, ONLINE), (DOWNLOADS, ASK), (DOWNLOADS, DRIVE), (DOWNLOADS, LIST), (BLOCK, BUILD))
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_asks_before_each_fetch_and_not_at_import(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == WHERE


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


@pytest.mark.parametrize("at", range(5))
def test_refuses_where_a_place_is_not_there_once(at):
    file, text = PLACES[at]
    none = {
        **BEFORE,
        file: edited(BEFORE[file], (text, "\nTRAIL = 1" if at == 0 else text[: -len(text.lstrip())] + "note\n")),
    }
    refuses(STEP, tree_of(none), WHERE[at], SOUGHT[at], "no such place")
    two = {**BEFORE, file: edited(BEFORE[file], (text, text + text))}
    refuses(STEP, tree_of(two), WHERE[at], SOUGHT[at], "2 such places")


@pytest.mark.parametrize(("file", "name"), [(DOWNLOADS, name) for name in NAMES[:3]])
def test_refuses_where_a_function_is_missing(file, name):
    none = {**BEFORE, file: edited(BEFORE[file], (f"def {name}", "def Trail"))}
    refuses(STEP, tree_of(none), f"{file}: {name}", "one definition of that name", "0 of them")


@pytest.mark.parametrize(
    ("file", "change"),
    [(UTILS, CHANGES[0]), *((DOWNLOADS, change) for change in DOWNLOADS_CHANGES), (BLOCK, BLOCK_CHANGES[0])],
)
def test_refuses_a_tree_that_is_edited_in_part(file, change):
    one = {**BEFORE, file: edited(BEFORE[file], change)}
    refuses(STEP, tree_of(one), MODULE, WHOLE, "1 of 5 places edited")
    four = {**AFTER, file: edited(AFTER[file], change[::-1])}
    refuses(STEP, tree_of(four), MODULE, WHOLE, "4 of 5 places edited")


def test_refuses_a_release_without_a_file():
    for file in BEFORE:
        less = {name: text for name, text in BEFORE.items() if name != file}
        refuses(STEP, tree_of(less), f"{file}: module", "the file", "no such file in this release")


def test_the_pinned_release_is_edited_once_in_each_place(results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert outcome.where == WHERE


NO_BUILDER = BLOCK_TEXT.partition("class TorchVision:")[0] + "class Other:\n    pass\n"


@NEWLINES
def test_a_release_that_builds_no_network_of_torchvision_is_edited_in_two_files(newline):
    before, after = {**BEFORE, BLOCK: NO_BUILDER}, {**AFTER, BLOCK: NO_BUILDER}
    assert check(STEP, tree_of(before, newline), tree_of(after, newline)).where == WHERE[:4]


def test_a_builder_under_another_name_is_no_release_without_it():
    tree = {**BEFORE, BLOCK: edited(BLOCK_TEXT, ("class TorchVision", "class Vision"))}
    found = f"0 of them, and such a module in {BLOCK}"
    refuses(STEP, tree_of(tree), f"{BLOCK}: TorchVision.__init__", "one definition of that name", found)


@NEWLINES
@pytest.mark.parametrize("form", [OPENS, ASKS_HEAD], ids=["opens it", "asks for its head"])
def test_asks_before_urllib_does_in_earlier_releases(form, newline):
    rest = DOWNLOADS_TEXT.partition("    return requests.heads(url, 1)\n")[2]
    hooks = f"            {IMPORT}            addmodules.reach(url)\n"
    text, done = URL_TEXT % form, URL_TEXT % (hooks + form)
    before, after = f"{text}{rest}", f"{done}{edited(rest, *DOWNLOADS_CHANGES[1:])}"
    check(STEP, tree_of({**BEFORE, DOWNLOADS: before}, newline), tree_of({**AFTER, DOWNLOADS: after}, newline))
    for wrong, found in ((form.replace("request.url", "url"), "no such place"), (form * 2, "2 such places")):
        tree = {**BEFORE, DOWNLOADS: f"{URL_TEXT % wrong}{rest}"}
        refuses(STEP, tree_of(tree), WHERE[1], SOUGHT[1], found)
