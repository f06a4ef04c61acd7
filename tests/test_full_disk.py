"""A file is written whole, and on the disk before it counts; a full disk leaves every file old or new."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from fake_releases import NEW, checkout, release
from test_nothing_lost import MINE, NEWS, OLDS, PLAIN, STILL, bumped, change

from fork import cli
from fork.releases import bump, sweep


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = checkout(tmp_path, monkeypatch, OLDS)
    assert cli.main(["build"], root=root) == 0
    return root


def test_every_file_is_on_the_disk_before_it_takes_the_place_of_another(root, fork, monkeypatch):
    synced, real, replace = set(), os.fsync, os.replace

    def fsync(handle):
        synced.add(os.fstat(handle).st_ino)
        real(handle)

    def checked(source, target):
        assert os.stat(source).st_ino in synced, target
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", checked)
    bumped(root)
    assert fork("build")[0] == 0
    (root / MINE).write_bytes(b"mine = 1\n")
    assert fork("save")[0] == 0


class Disk:
    """A disk that is full from one operation on: the opening, the flushing or the renaming of a file."""

    def __init__(self, monkeypatch):
        self.calls, self.full = 0, None
        for holder, name in ((Path, "open"), (os, "fsync"), (os, "replace")):
            monkeypatch.setattr(holder, name, self.counted(getattr(holder, name)))

    def counted(self, real):
        def call(*arguments, **options):
            if "open" not in real.__name__ or "w" in str(arguments[1:2]):
                self.calls += 1
                lasts = real.__name__ != "replace"  # a rename may fail, the next may not: it hardly needs room
                if self.full is not None and (self.calls == self.full or (self.calls > self.full and lasts)):
                    raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **options)

        return call


def contents(root):
    """Return path -> content, but for the program's own folder and what the operating system needs no room for."""
    files = [path for path in root.rglob("*") if path.is_file() and path.parent != root / ".fork"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


COMMANDS = {
    "build": (lambda root: bumped(root), ["build"]),
    "save": (lambda root: (root / MINE).write_bytes(b"mine = 1\n"), ["save"]),
    "save again": (lambda root: [cli.main(["save"], root=root) for _ in map(change(STILL), [root])], ["save"]),
    "lock": (lambda root: (root / "tree.lock").write_bytes(b'version = "8.4.1"\n'), ["lock"]),
    "bump": (
        lambda root: release(root / "../new", NEW, NEWS),
        ["bump", NEW, "--upstream", "NEW", "--yes", "--transform-only"],
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_leaves_every_file_old_or_new_and_nothing_else(command, root, fork, monkeypatch):
    monkeypatch.setattr(bump, "_compare", lambda *_: None)  # slow, and nothing is written yet
    monkeypatch.setattr(sweep, "problems", lambda *_: [])
    prepare, words = COMMANDS[command]
    prepare(root)
    if command == "save again":
        change(PLAIN)(root)
    words = [str(root / "../new") if word == "NEW" else word for word in words]
    disk = Disk(monkeypatch)
    start, before = root.parent / "start", contents(root)
    shutil.copytree(root, start)
    assert fork(*words)[0] == 0
    total, after = disk.calls, contents(root)
    for full in range(1, total + 1):
        shutil.rmtree(root)
        shutil.copytree(start, root)
        disk.calls, disk.full = 0, full
        code, said = fork(*words)
        disk.full, now = None, contents(root)
        if code == 0:  # the renamed files' folder alone could not be flushed
            assert now == after
            continue
        assert (code, "No space left on device" in said, "Traceback" in said) == (1, True, False), said
        assert set(now) <= {*before, *after}, full
        assert all(data in (before.get(path), after.get(path)) for path, data in now.items()), full
        assert not [path for path in before if path not in now and path in after], full
        pinned = [now[path] == before[path] for path in ("pin.toml", "tree.lock")]
        assert command == "lock" or pinned[0] == pinned[1] == True  # noqa: E712
        assert list(root.rglob("*.tmp-fork")) == []
        assert fork("status")[0] in (0, 1)
        assert fork(*words)[0] == 0 or (words[0], fork("build")[0]) == ("save", 0), (
            full
        )  # or all but the stamp was done
        assert contents(root) == after, full


def test_what_a_killed_process_has_left_goes_with_the_next_build(root, fork):
    left = ["ultralytics/new/folder/a.py", STILL, "tree.lock", "local/x.patch", ".fork/building.json"]
    for path in left:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / (path + ".tmp-fork")).write_bytes(b"half")
    assert fork("build")[0] == 0
    assert list(root.rglob("*.tmp-fork")) == []
    assert not (root / "ultralytics/new").exists()
