"""A user's own edits across a bump: made again where they fit, shown with both sides where not, never lost."""

import re

import pytest
from fake_releases import LINES, NEW, OLD, PLAIN, checkout, line, pin_to, release

from fork import cli, patch
from fork.state import blobs_path
from fork.tree import STAMP, scan

CACHE = "../cache"
TASKS = "ultralytics/nn/tasks.py"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A built checkout, pinned to the old one of two small releases."""
    root = checkout(tmp_path, monkeypatch)
    assert cli.main(["build"], root=root) == 0
    return root


@pytest.fixture
def fork(root, capsys):
    """Run a command there: (exit code, stdout, stderr)."""
    capsys.readouterr()

    def run(*arguments):
        code = cli.main([*map(str, arguments)], root=root)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def bump(root, changes=None):
    """Pull a change that moves the pin to the new release."""
    pin_to(root, release(root / CACHE, NEW, changes))


def write(root, path, text):
    (root / path).write_bytes(text.encode())


def everything(root):
    """Path -> content of all that a failed command has to leave alone."""
    files = [p for p in root.rglob("*") if p.is_file() and ".fork" not in p.parts]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}


def test_an_edit_that_fits_the_new_release_is_made_again(root, fork):
    write(root, PLAIN, line(30, "mine = 30  # 我的\n"))
    write(root, "ultralytics/mine.py", "x = 1\n")
    assert fork("save", "head")[0] == 0
    bump(root, {PLAIN: "above = 0\n" * 50 + "".join(LINES)})
    assert fork("build")[0] == 0
    assert (root / PLAIN).read_bytes().decode() == "above = 0\n" * 50 + line(30, "mine = 30  # 我的\n")
    assert (root / "ultralytics/mine.py").read_text(encoding="utf-8") == "x = 1\n"
    assert fork("verify")[0] == 0


def test_an_edit_of_a_file_that_the_series_edits_too_is_made_again(root, fork):
    text = (root / TASKS).read_bytes().decode()
    assert "addmodules.keep(" in text
    write(root, TASKS, text + "\n\ndef mine():\n    return 1\n")
    assert fork("save", "mine")[0] == 0
    bump(root)
    assert fork("build")[0] == 0
    assert (root / TASKS).read_bytes().decode() == text + "\n\ndef mine():\n    return 1\n"


def test_a_conflict_shows_both_sides_and_leaves_everything_as_it_was(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    bump(root, {PLAIN: "above = 0\n" * 50 + line(31, "theirs = 31\n")})
    before = everything(root)
    code, out, err = fork("build")
    assert (code, out) == (9, "")
    assert everything(root) == before
    place = f"{PLAIN}, about line 77: its context is nowhere"
    for words in ("local/head.patch", place, "drop head", "save head"):
        assert words in err
    expects, makes, has = re.split("the edit expects:|and makes of it:|the release has:", err)[1:]
    assert "| line_30 = 30  # é" in expects
    assert "| line_31 = 31  # é" in expects
    assert "| mine = 30" in makes
    assert "| theirs = 31" in has
    assert "theirs" not in expects + makes
    code, out, _ = fork("status")
    assert code == 1
    assert f"saved     head                       does not apply: {place}" in out
    assert everything(root) == before


def test_every_conflict_of_a_patch_is_shown(root, fork):
    text = line(5, "mine = 5\n").replace(LINES[19], "mine = 20\n").replace(LINES[34], "mine = 35\n")
    write(root, PLAIN, text)
    fork("save", "head")
    bump(root, {PLAIN: line(4, "theirs = 4\n").replace(LINES[35], "theirs = 36\n")})
    _, _, err = fork("build")
    assert err.count("the release has:") == 2
    assert "| theirs = 4" in err
    assert "| theirs = 36" in err
    assert "mine = 20" not in err


def test_bump_takes_saved_edits_with_it_or_stops_before_it_writes(root, fork, tmp_path):
    def bump_to(version, changes):
        wheel = release(tmp_path / "new", version, changes)
        return fork("bump", version, "--upstream", wheel.parent, "--yes", "--transform-only")

    write(root, PLAIN, line(30, "mine = 30\n"))
    before = everything(root)
    code, _, err = bump_to(NEW, {})
    assert (code, PLAIN in err) == (7, True)
    assert everything(root) == before
    fork("save", "head")
    before = everything(root)
    code, _, err = bump_to("8.4.3", {PLAIN: line(31, "theirs = 31\n")})
    assert code == 9
    assert "| theirs = 31" in err
    assert everything(root) == before
    assert bump_to("8.4.4", {PLAIN: line(3, "theirs = 3\n")})[0] == 0
    assert (root / PLAIN).read_bytes().decode() == line(3, "theirs = 3\n").replace(LINES[29], "mine = 30\n")
    assert fork("status")[0] == 0


def test_an_adapted_patch_goes_on(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    bump(root, {PLAIN: line(31, "theirs = 31\n")})
    path = root / "local" / "head.patch"
    path.write_bytes(path.read_bytes().replace(LINES[30].encode(), b"theirs = 31\n"))
    code, out, _ = fork("status")
    assert code == 1
    assert "saved     head                       applies to 8.4.2, not in the tree yet" in out
    assert fork("build")[0] == 0
    assert (root / PLAIN).read_bytes().decode() == line(31, "theirs = 31\n").replace(LINES[29], "mine = 30\n")
    code, out, _ = fork("status")
    assert code == 0
    assert "saved     head                       applies to 8.4.2, is in the tree" in out
    assert f"{PLAIN} (+1 -1)" in out


def test_a_dropped_edit_is_kept_and_can_be_made_anew(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    kept = (root / "local" / "head.patch").read_bytes()
    bump(root, {PLAIN: line(31, "theirs = 31\n")})
    assert fork("build")[0] == 9
    code, out, _ = fork("drop", "head")
    assert code == 0
    assert "head.patch.dropped" in out
    assert (root / "local" / "head.patch.dropped").read_bytes() == kept
    assert fork("build")[0] == 0
    theirs = line(31, "theirs = 31\n")
    assert (root / PLAIN).read_bytes().decode() == theirs
    write(root, PLAIN, theirs.replace(LINES[29], "mine = 30\n"))
    assert fork("save", "head")[0] == 0
    assert fork("verify")[0] == 0
    assert fork("drop", "local/head.patch")[0] == 0
    assert sorted(p.name for p in (root / "local").iterdir()) == ["head.patch.dropped", "head.patch.dropped-2"]


def test_dropping_what_is_not_there_names_what_is(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    code, _, err = fork("drop", "tail")
    assert code == 1
    assert "no saved edit 'tail'" in err
    assert err.strip().endswith("there: head")


def test_dropping_waits_for_edits_that_are_not_saved(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    write(root, TASKS, "# more of mine\n")
    code, _, err = fork("drop", "head")
    assert code == 7
    assert TASKS in err
    assert (root / "local" / "head.patch").is_file()


def test_an_unsaved_edit_stops_the_build_after_a_bump_and_can_still_be_saved(root, fork):
    """The usual order: edit, pull, build."""
    write(root, PLAIN, line(30, "mine = 30\n"))
    write(root, "ultralytics/mine.py", "x = 1\n")
    bump(root, {PLAIN: "above = 0\n" + "".join(LINES)})
    before = everything(root)
    code, _, err = fork("build")
    assert code == 7
    assert f"    ultralytics/mine.py\n    {PLAIN}\n" in err
    assert everything(root) == before
    code, _, err = fork("save", "head")
    assert code == 0, err
    assert "edits are told from that release" in err
    text = (root / "local" / "head.patch").read_text(encoding="utf-8")
    assert "above" not in text  # the difference between the releases is no edit
    assert fork("build")[0] == 0
    assert (root / PLAIN).read_bytes().decode() == "above = 0\n" + line(30, "mine = 30\n")
    assert fork("verify")[0] == 0


def test_an_edit_saved_after_the_bump_may_conflict_and_is_kept(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    bump(root, {PLAIN: line(29, "theirs = 29\n")})
    assert fork("save", "head")[0] == 0
    before = everything(root)
    assert fork("build")[0] == 9
    assert everything(root) == before
    assert (root / PLAIN).read_bytes().decode() == line(30, "mine = 30\n")


def test_what_cannot_be_told_from_the_old_release_is_not_saved(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    bump(root, {PLAIN: line(3, "theirs = 3\n")})
    before, archive = everything(root), blobs_path(root).read_bytes()
    for damaged in (None, b"", archive[: len(archive) // 2], archive[:500] + b"damage" + archive[506:]):
        blobs_path(root).unlink(missing_ok=True) if damaged is None else blobs_path(root).write_bytes(damaged)
        code, _, err = fork("save", "head")
        assert code == 1
        assert "your edits cannot be told from that" in err
        assert everything(root) == before


def test_nothing_is_saved_where_nothing_was_built(root, fork):
    for path in scan(root):
        (root / path).unlink()
    (root / STAMP).unlink()
    code, _, err = fork("save", "head")
    assert code == 1
    assert "not built" in err
    assert not (root / "local").exists()


def test_a_missing_file_is_no_edit(root, fork):
    (root / "ultralytics/__init__.py").unlink()
    write(root, PLAIN, line(30, "mine = 30\n"))
    assert fork("save", "head")[0] == 0
    assert "__init__" not in (root / "local" / "head.patch").read_text(encoding="utf-8")
    assert fork("build")[0] == 0
    assert (root / "ultralytics/__init__.py").is_file()


def test_status_does_not_fetch(root, fork, monkeypatch):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "head")
    monkeypatch.setattr("fork.fetch._pip_download", lambda *_: pytest.fail("it went to the index"))
    (root / CACHE / f"ultralytics-{OLD}-py3-none-any.whl").unlink()
    code, out, _ = fork("status")
    assert "saved     head                       not tried: " in out
    assert code == 0


def test_status_tries_each_edit_without_those_that_do_not_apply(root, fork):
    write(root, PLAIN, line(30, "mine = 30\n"))
    fork("save", "a-head")
    write(root, PLAIN, line(30, "mine = 30\n").replace(LINES[4], "mine = 5\n"))
    fork("save", "b-tail")
    bump(root, {PLAIN: line(31, "theirs = 31\n")})
    _, out, _ = fork("status")
    assert re.search(r"saved +a-head +does not apply: ", out)
    assert re.search(r"saved +b-tail +applies to 8\.4\.2", out)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({PLAIN: None}, "the file is not there"),
        ({PLAIN: line(30, "mine = 30\n")}, "the release has this edit already"),
        ({PLAIN: "".join(LINES[26:33]) * 2}, "its context is in 2 places"),
        ({"ultralytics/mine.py": "y = 2\n"}, "the edit adds this file, and the release has one"),
    ],
)
def test_each_kind_of_conflict_is_told(root, fork, change, said):
    write(root, PLAIN, line(30, "mine = 30\n"))
    write(root, "ultralytics/mine.py", "x = 1\n")
    fork("save", "head")
    bump(root, change)
    code, _, err = fork("build")
    assert code == 9
    assert said in err


def test_a_deletion_does_not_take_lines_with_it_that_it_does_not_know():
    text = patch.diff({"ultralytics/a.py": b"a\nb\n"}, {})
    with pytest.raises(patch.ConflictError, match="more lines than the edit knows") as e:
        patch.apply({"ultralytics/a.py": b"a\nb\nc\n"}, text, "local/gone.patch")
    assert "| c" in str(e.value)


def test_a_patch_adapted_by_hand_with_a_wrong_count_is_refused():
    text = patch.diff({"ultralytics/a.py": b"a\nb\n"}, {"ultralytics/a.py": b"a\nc\n"})
    longer = text.replace("+c\n", "+c\n+d\n")
    with pytest.raises(patch.ConflictError, match=r"line 7 of the patch is one more than .* @@ -1,2 \+1,2"):
        patch.parse(longer)
    two = text + text.replace("a.py", "b.py")
    assert len(patch.parse(two)) == 2


def test_an_empty_line_may_have_lost_its_space():
    text = patch.diff({"ultralytics/a.py": b"a\n\nb\n"}, {"ultralytics/a.py": b"a\n\nc\n"})
    assert patch.apply({"ultralytics/a.py": b"a\n\nb\n"}, text.replace("\n \n", "\n\n"), "x") == {
        "ultralytics/a.py": b"a\n\nc\n"
    }
