"""From every state of the tree a way without --discard leads to a built one that has the user's edit, or its patch."""

import contextlib
import os
import random
import re
import shutil

import pytest
from fake_releases import LINES, NEW, OLD, PLAIN, checkout, line, pin_to, release

from fork import cli, state
from fork.tree import STAMP, scan

CACHE = "../cache"
STILL, GONE, ADDED, MINE = (f"ultralytics/utils/{name}.py" for name in ("still", "gone", "added", "mine"))
OLDS = {STILL: "".join(LINES), GONE: "gone = 1\n" * 9, "ultralytics/empty.py": ""}
NEWS = {STILL: "".join(LINES), PLAIN: line(3, "theirs = 3\n"), ADDED: "added = 1\n", "ultralytics/empty.py": ""}
USERS = "mine = 1\n"


def interrupted(root, after):
    """Build, but stop as if killed once ``after`` files are written."""
    written, real = [], os.replace

    def replace(source, target):
        written.append(target)
        if len(written) > after:
            raise KeyboardInterrupt
        real(source, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "replace", replace)
        assert cli.main(["build"], root=root) in (130, 9)


def bumped(root, gone=False):
    pin_to(root, release(root / CACHE, NEW, NEWS))
    if gone:
        (root / CACHE / f"ultralytics-{OLD}-py3-none-any.whl").unlink()


def interrupted_by_bump(root, after):
    bumped(root, gone=True)
    interrupted(root, after)


def interrupted_before_bump(root, after):
    for path in (PLAIN, STILL, GONE, STAMP):
        (root / path).unlink()
    interrupted(root, after)
    bumped(root)


def foreign(root, *, missing=(), bump=False):
    for path in (STAMP, *missing):
        (root / path).unlink()
    if bump:
        bumped(root)


STATES = {
    "built": lambda root: None,
    "built, work folder gone": lambda root: state.blobs_path(root).unlink(),
    "stale": bumped,
    "stale, old wheel gone": lambda root: bumped(root, gone=True),
    "other": lambda root: cli.main(["build", "--upstream", str(release(root / "..", NEW, NEWS))], root=root),
    "foreign": foreign,
    "foreign and not whole": lambda root: foreign(root, missing=["ultralytics/__init__.py"]),
    "foreign of another release": lambda root: foreign(root, bump=True),
    **{f"interrupted by bump at {n}": lambda root, n=n: interrupted_by_bump(root, n) for n in (1, 3, 5)},
    **{f"interrupted before bump at {n}": lambda root, n=n: interrupted_before_bump(root, n) for n in (1, 2, 4)},
    "interrupted, journal damaged": lambda root: (interrupted_by_bump(root, 4), _empty(state.journal_path(root))),
}


def _empty(path):
    if path.exists():
        path.write_bytes(b"")


def change(path, old=None):
    """Return an edit that puts the user's line over an old one, or at the end."""

    def edit(root):
        text = (root / path).read_bytes().decode() if (root / path).is_file() else ""
        text = text.replace(old, USERS) if old and old in text else text + USERS
        (root / path).write_bytes(text.encode())

    return edit


def rename(root):
    text = (root / STILL).read_bytes() if (root / STILL).is_file() else OLDS[STILL].encode()
    (root / STILL).unlink(missing_ok=True)
    (root / MINE).write_bytes(text + USERS.encode())


EDITS = {
    "of a file that stays": change(STILL),
    "of a file that changes": change(PLAIN, LINES[29]),
    "beside a change": change(PLAIN, LINES[3]),
    "of a file that goes": change(GONE),
    "a new file": change(MINE),
    "a new file that the release brings, too": change(ADDED),
    "a renamed file": rename,
}
SAVED = {"none": None, "applies": LINES[19], "conflicts": LINES[2]}


def walk(root, capsys):
    """Do what the messages say until the tree is built; return the commands."""
    done, names = [], iter(f"z{n}" for n in range(9))
    words = ["build"]
    for _ in range(12):
        done.append(" ".join(words))
        code = cli.main(words, root=root)
        err = capsys.readouterr().err
        if words == ["build"] and code == 0:
            return done
        if code == 7:
            assert "python -m fork save NAME" in err
            words = ["save", next(names)]
        elif code == 9:
            words = ["drop", re.search(r"`python -m fork drop (\S+)`", err).group(1)]
        else:
            assert code == 0, (done, err)
            words = ["build"]
    raise AssertionError(done)


def kept(root, text=USERS):
    """Return whether the edit is in the tree or in a patch, whole or put aside."""
    patches = [path.read_bytes() for path in root.glob("local/*")]
    return any(text.encode() in data for data in [*patches, *((root / path).read_bytes() for path in scan(root))])


@pytest.mark.parametrize("found", STATES)
def test_there_is_a_way_out_of_every_state(found, tmp_path, monkeypatch, capsys):
    start = list(STATES).index(found)  # over the states every edit meets every kind of saved edit
    for number, (name, edit) in enumerate(EDITS.items()):
        saved = list(SAVED)[(start + number) % len(SAVED)]
        (tmp_path / str(number)).mkdir()
        root = checkout(tmp_path / str(number), monkeypatch, OLDS)
        cli.main(["build"], root=root)
        if SAVED[saved]:
            (root / PLAIN).write_bytes((root / PLAIN).read_bytes().replace(SAVED[saved].encode(), b"saved = 1\n"))
            assert cli.main(["save", "a"], root=root) == 0
        STATES[found](root)
        edit(root)
        capsys.readouterr()
        done = walk(root, capsys)
        assert kept(root), (name, saved)
        assert not SAVED[saved] or kept(root, "saved = 1\n"), (name, saved)
        assert cli.main(["verify"], root=root) == 0
        if name in ("of a file that stays", "a new file") and saved != "conflicts" and "damaged" not in found:
            assert not any(command.startswith("drop") for command in done), (name, saved, done)


@pytest.mark.parametrize("after", [1, 3, 4, 5])
def test_an_edit_after_an_interrupted_bump_is_no_word_on_the_release(after, tmp_path, monkeypatch, capsys):
    """Whether the file is the old release's still or the new one's, the patch has the user's line alone."""
    root = checkout(tmp_path, monkeypatch, OLDS)
    cli.main(["build"], root=root)
    interrupted_by_bump(root, after)
    change(PLAIN, LINES[29])(root)
    assert walk(root, capsys) == ["build", "save z0", "build"]
    assert (root / PLAIN).read_bytes().decode() == line(3, "theirs = 3\n").replace(LINES[29], USERS)


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = checkout(tmp_path, monkeypatch, OLDS)
    assert cli.main(["build"], root=root) == 0
    return root


@pytest.mark.parametrize("data", [b"", b"\0", bytes(4096)], ids=["empty", "a zero", "zeros"])
@pytest.mark.parametrize("found", ["built", "stale", "foreign", "interrupted by bump at 3", "other"])
def test_what_a_power_cut_leaves_is_damage_and_no_edit(found, data, root, fork):
    STATES[found](root)
    (root / STILL).write_bytes(data)
    (root / "ultralytics/__init__.py").write_bytes(data)
    if found != "foreign":
        code, said = fork("status")
        assert (code, f"damaged   {STILL}\n" in said, "edited    u" in said) == (1, True, False)
    code, said = fork("save")
    assert code == 1
    assert "nothing to save" in said
    assert "a line with a comment" in said or found == "foreign"
    (root / MINE).write_bytes(b"mine = 1\n")
    assert fork("save")[0] == 0
    assert "still" not in (root / "local/edits.patch").read_text(encoding="utf-8")
    assert fork("build")[0] == 0
    assert (root / STILL).read_bytes() == OLDS[STILL].encode()
    assert fork("verify")[0] == 0


def test_what_is_meant_to_be_empty_is_no_damage_and_a_part_of_a_file_is_an_edit(root, fork):
    empty = root / "ultralytics/empty.py"
    assert "damaged" not in fork("status")[1]
    empty.write_bytes(b"x = 1\n")
    assert fork("build")[0] == 7
    empty.write_bytes(b"")
    assert fork("build")[0] == 0
    (root / STILL).write_bytes(OLDS[STILL].encode()[:64])
    (root / PLAIN).write_bytes(b"# empty on purpose\n")
    code, said = fork("build")
    assert (code, STILL in said, PLAIN in said) == (7, True, True)
    assert fork("save")[0] == 0
    assert fork("build")[0] == 0
    assert (root / PLAIN).read_bytes() == b"# empty on purpose\n"


LETTERS = [
    "x = 1\n",
    "y = 2\r\n",
    "\n",
    "# 树冠\n",
    "-- \n",
    "\\ no\n",
    "@@ -1 +1 @@\n",
    "\tz\n",
    "--- a/x\n",
    "+++ b/x\n",
]


def scribble(rng, root):
    """Edit, add, rename and delete files at random, as nobody does; nothing is emptied."""
    for _ in range(rng.randrange(1, 5)):
        path = root / rng.choice(sorted(scan(root)))
        kind, data = rng.choice(("edit", "edit", "add", "rename", "delete")), path.read_bytes()
        lines = data.decode().splitlines(keepends=True)
        if kind == "edit":
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(lines) + 1)
                lines[at : at + rng.randrange(3)] = rng.choices(LETTERS, k=rng.randrange(1, 4))
            data = "".join(lines).encode()
            path.write_bytes(data.rstrip(b"\n") if rng.random() < 0.3 and data.strip() else data)
        elif kind == "add":
            new = (
                root
                / "ultralytics"
                / rng.choice(("n", "n/m", "utils"))
                / f"{rng.choice('abc 树')}{rng.randrange(9)}.py"
            )
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes("".join(rng.choices(LETTERS, k=rng.randrange(4))).encode())
        elif kind == "rename":
            path.rename(path.with_name(f"r{rng.randrange(99)}.py"))
        else:
            path.unlink()


@pytest.mark.parametrize("seed", range(6))
def test_random_edits_are_the_same_bytes_in_a_fresh_checkout(seed, tmp_path, monkeypatch, capsys):
    rng = random.Random(seed)
    root = checkout(tmp_path, monkeypatch, OLDS)
    assert cli.main(["build"], root=root) == 0
    fresh = tmp_path / "fresh"
    shutil.copytree(root, fresh, ignore=shutil.ignore_patterns(".fork"))
    for name in ("a", "a", "b", "b", "c"):
        scribble(rng, root)
        before = scan(root)
        with contextlib.suppress(SystemExit):
            code = cli.main(["save", name, "--deleted"], root=root)
            said = capsys.readouterr().err
        assert code == 0 or "nothing to save" in said, said
        assert scan(root) == before
        shutil.rmtree(fresh / "local", ignore_errors=True)
        if (root / "local").exists():
            shutil.copytree(root / "local", fresh / "local")
        for again in (root, fresh):
            assert cli.main(["build"], root=again) == 0
            assert scan(again) == before
            assert cli.main(["verify"], root=again) == 0


def test_a_rename_is_kept_whole_and_a_file_that_is_only_missing_comes_back(root, fork):
    (root / STILL).rename(root / MINE)
    (root / GONE).unlink()
    code, said = fork("save")
    assert (code, f"are missing ({GONE})" in said, "--deleted" in said) == (0, True, True)
    assert fork("build")[0] == 0
    assert ((root / STILL).exists(), (root / MINE).exists(), (root / GONE).exists()) == (False, True, True)
    (root / GONE).unlink()
    assert fork("save")[0] == 1
    assert fork("save", "--deleted")[0] == 0
    assert fork("build")[0] == 0
    assert not (root / GONE).exists()
    assert (root / MINE).read_bytes() == OLDS[STILL].encode()


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        (STILL, "# 树\n".encode("gbk"), "not UTF-8"),
        ("ultralytics/pic.png", b"\x89PNG\xff", "not UTF-8"),
        ("ultralytics/a\tb.py", b"x = 1\n", "rename it"),
        (os.fsdecode(b"ultralytics/\xff.py"), b"x = 1\n", "rename it"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="such names cannot be")
def test_what_a_patch_cannot_hold_is_refused_by_name_and_left_alone(root, fork, path, data, said):
    (root / path).write_bytes(data)
    code, message = fork("save")
    assert code in (1, 9)
    assert said in message
    assert (root / path).read_bytes() == data
    assert not (root / "local").exists()
