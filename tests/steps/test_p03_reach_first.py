import pytest

from fork.steps.policy import p03_reach_first

from .fakes import DOWNLOADS, DOWNLOADS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = p03_reach_first.STEP
IMPORT = "        from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
DRIVE = '        gdrive  = url.startswith( "gdrive" )   # a special case\n'
LIST = "        tag, assets = get_github_assets(repo, release)   # the one\n"
CHANGES = (
    (DRIVE, f'{IMPORT}        addmodules.reach(url, Path(dir or ".") / (file or url2file(url)))\n{DRIVE}'),
    (LIST, f'{IMPORT}        addmodules.reach("https://api.github.com", file)\n{LIST}'),
)
BEFORE, AFTER = DOWNLOADS_TEXT, edited(DOWNLOADS_TEXT, *CHANGES)
NAMES = ("safe_download", "attempt_download_asset")
WHERE = tuple(f"{DOWNLOADS}: {name}" for name in NAMES)
SOUGHT = ("the line `gdrive = ...`", "the line `tag, assets = get_github_assets(repo, release)`")


@NEWLINES
def test_tries_the_server_before_each_fetch(newline):
    outcome = check(STEP, tree_of({DOWNLOADS: BEFORE}, newline), tree_of({DOWNLOADS: AFTER}, newline))
    assert outcome.where == WHERE
    unchanged(STEP, tree_of({DOWNLOADS: AFTER}, newline))


@pytest.mark.parametrize("at", range(2))
def test_refuses_where_a_place_is_not_there_once(at):
    text = (DRIVE, LIST)[at]
    for new, found in (("        note(1)\n", "no such place"), (text * 2, "2 such places")):
        refuses(STEP, tree_of({DOWNLOADS: edited(BEFORE, (text, new))}), WHERE[at], SOUGHT[at], found)
    none = edited(BEFORE, (f"def {NAMES[at]}", "def Trail"))
    refuses(STEP, tree_of({DOWNLOADS: none}), WHERE[at], "one definition of that name", "0 of them")


@pytest.mark.parametrize("change", CHANGES)
def test_refuses_a_tree_that_is_edited_in_part(change):
    whole = "the whole of this step's edit, or nothing of it"
    one = tree_of({DOWNLOADS: edited(BEFORE, change)})
    refuses(STEP, one, f"{DOWNLOADS}: module", whole, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{DOWNLOADS}: module", "the file", "no such file in this release")
