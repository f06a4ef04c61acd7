from fork.steps.policy import p03_reach_first

from .fakes import DOWNLOADS, DOWNLOADS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = p03_reach_first.STEP
IMPORT = "        from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
DRIVE = '        gdrive  = url.startswith( "gdrive" )   # a special case\n'
CHANGES = ((DRIVE, f'{IMPORT}        addmodules.reach(url, Path(dir or ".") / (file or url2file(url)))\n{DRIVE}'),)
BEFORE, AFTER = DOWNLOADS_TEXT, edited(DOWNLOADS_TEXT, *CHANGES)
WHERE = f"{DOWNLOADS}: safe_download"


@NEWLINES
def test_tries_the_server_before_a_file_is_fetched(newline):
    outcome = check(STEP, tree_of({DOWNLOADS: BEFORE}, newline), tree_of({DOWNLOADS: AFTER}, newline))
    assert outcome.where == (WHERE,)
    unchanged(STEP, tree_of({DOWNLOADS: AFTER}, newline))


def test_refuses_where_the_place_is_not_there_once():
    for new, found in (("        note(1)\n", "no such place"), (DRIVE * 2, "2 such places")):
        refuses(STEP, tree_of({DOWNLOADS: edited(BEFORE, (DRIVE, new))}), WHERE, "the line `gdrive = ...`", found)
    none = edited(BEFORE, ("def safe_download", "def Trail"))
    refuses(STEP, tree_of({DOWNLOADS: none}), WHERE, "one definition of that name", "0 of them")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{DOWNLOADS}: module", "the file", "no such file in this release")
