"""The pin and the fetch: what is not the pinned file is never read, and says so."""

import hashlib
import io
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import OWN, USERS_CACHE, left_behind, names_in, run_python

from fork import fetch
from fork.errors import FetchError, IntegrityError, PinError
from fork.pin import ROOT, Package, load_pin
from fork.tree import read_wheel


def package(data=b"good", file="demo-1.0-py3-none-any.whl"):
    return Package("demo", "1.0", file, hashlib.sha256(data).hexdigest(), len(data))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "RETRIES", (0.0, 0.0))
    return tmp_path / "cache"


def deliver(monkeypatch, *contents):
    """Stand in for pip: each call delivers the next content, or fails where it is None."""
    calls = []

    def run(command, **_):
        data = contents[min(len(calls), len(contents) - 1)]
        calls.append(command)
        if data is not None:
            folder = command[command.index("--dest") + 1]
            with open(f"{folder}/demo-1.0-py3-none-any.whl", "wb") as f:
                f.write(data)
        result = type("Run", (), {})()
        result.returncode, result.stdout = int(data is None), ""
        result.stderr = (
            "ERROR: Could not find a version that satisfies the requirement demo==1.0 (from versions: 0.1, 0.2)\n"
            if data is None
            else ""
        )
        return result

    monkeypatch.setattr(fetch.subprocess, "run", run)
    return calls


def test_pin_names_the_release_of_the_issue():
    pin = load_pin(ROOT)
    assert pin.version == "8.4.190+addmodules.1"
    assert pin.upstream.size == 1433396
    assert pin.upstream.sha256.startswith("bd309728efa1")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[upstream]", "[downstream]", "the table [upstream] is missing"),
        ("size = 1433396", 'size = "big"', "size is 'big'"),
        ("size = 1433396", "size = true", "size is True"),
        ("bd309728", "XX309728", "sha256 is 'XX309728"),
        ('version = "8.4.190"', 'version = "latest"', "version is 'latest'"),
        ("ultralytics-8.4.190-py3", "../ultralytics-8.4.190-py3", "file is '../"),
        ("revision = 1", "revision = 0", "revision is 0"),
        ("revision = 1", "revision =", "not valid TOML"),
    ],
)
def test_a_malformed_pin_says_which_key(tmp_path, old, new, said):
    text = (ROOT / "pin.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "pin.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PinError, match=re.escape(said)):
        load_pin(tmp_path)


def test_a_missing_pin_says_how_to_restore_it(tmp_path):
    with pytest.raises(PinError, match="git checkout"):
        load_pin(tmp_path)


def test_a_good_file_is_cached_and_not_fetched_again(cache, monkeypatch):
    calls = deliver(monkeypatch, b"good")
    path = fetch.obtain(package())
    assert path.read_bytes() == b"good"
    assert fetch.obtain(package()) == path
    assert len(calls) == 1
    assert [p.name for p in cache.iterdir()] == [path.name]  # no partial download is left


def test_pip_is_asked_for_the_exact_wheel_without_dependencies(cache, monkeypatch):
    calls = deliver(monkeypatch, b"good")
    fetch.obtain(package())
    assert calls[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert calls[0][-1] == "demo==1.0"
    assert {"--no-deps", "--only-binary=:all:"} <= set(calls[0])
    assert not any("index" in word or "://" in word for word in calls[0])  # the user's own pip settings decide


def test_another_file_from_the_index_is_refused_and_deleted(cache, monkeypatch):
    deliver(monkeypatch, b"evil")
    with pytest.raises(IntegrityError) as e:
        fetch.obtain(package())
    expected, actual = hashlib.sha256(b"good").hexdigest(), hashlib.sha256(b"evil").hexdigest()
    assert expected in str(e.value)
    assert actual in str(e.value)
    assert list(cache.iterdir()) == []


def test_a_truncated_file_is_reported_by_its_size(cache, monkeypatch):
    deliver(monkeypatch, b"goo")
    with pytest.raises(IntegrityError, match="expected 4 bytes, got 3"):
        fetch.obtain(package())


def test_a_corrupt_cache_is_deleted_reported_and_fetched_again(cache, monkeypatch):
    deliver(monkeypatch, b"good")
    cached = fetch.obtain(package())
    cached.write_bytes(b"gone")
    said = []
    assert fetch.obtain(package(), say=said.append).read_bytes() == b"good"
    assert any("deleted the cached" in line and "sha256" in line for line in said)


def test_a_failed_download_is_tried_three_times(cache, monkeypatch):
    calls = deliver(monkeypatch, None, None, b"good")
    assert fetch.obtain(package()).read_bytes() == b"good"
    assert len(calls) == 3


def test_no_network_is_a_message_with_a_way_out(cache, monkeypatch):
    calls = deliver(monkeypatch, None)
    with pytest.raises(FetchError) as e:
        fetch.obtain(package())
    assert len(calls) == 3
    for words in ("could not fetch demo 1.0", "Could not find a version", "without a network"):
        assert words in str(e.value)
    assert "from versions" not in str(e.value)


def test_no_pip_is_a_message(cache, monkeypatch):
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FetchError, match="ensurepip"):
        fetch.obtain(package())


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_local_file_or_folder_is_used_and_verified(tmp_path, as_folder):
    path = tmp_path / package().file
    path.write_bytes(b"good")
    assert fetch.obtain(package(), tmp_path if as_folder else path) == path
    path.write_bytes(b"evil")
    with pytest.raises(IntegrityError, match="was left as it is"):
        fetch.obtain(package(), tmp_path if as_folder else path)
    assert path.read_bytes() == b"evil"  # a user's file is never deleted


def test_a_missing_local_file_is_named(tmp_path):
    with pytest.raises(FetchError, match=r"demo-1\.0-py3-none-any\.whl"):
        fetch.obtain(package(), tmp_path)


@pytest.mark.parametrize(
    "name", ["../evil.py", "/evil.py", "ultralytics/../../evil.py", "C:/evil.py", "a\\..\\evil.py"]
)
def test_an_archive_member_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(IntegrityError, match="unsafe member"):
        read_wheel(archive(tmp_path, {"ultralytics/__init__.py": b"", name: b""}))


def test_a_link_in_an_archive_is_refused(tmp_path):
    member = zipfile.ZipInfo("ultralytics/link.py")
    member.external_attr = 0o120777 << 16
    with pytest.raises(IntegrityError, match=r"link\.py"):
        read_wheel(archive(tmp_path, {"ultralytics/__init__.py": b"", member: b"target"}))


def test_a_damaged_or_foreign_archive_is_refused(tmp_path):
    bad = tmp_path / "bad.whl"
    bad.write_bytes(b"no zip")
    with pytest.raises(IntegrityError, match="not a readable wheel"):
        read_wheel(bad)
    with pytest.raises(IntegrityError, match="not a wheel of Ultralytics"):
        read_wheel(archive(tmp_path, {"other/__init__.py": b""}))


def test_the_tests_have_folders_of_their_own_in_other_processes_too(tmp_path):
    for command in ("import fork.fetch as f; print(f.cache_dir())", "import matplotlib as m; print(m.get_cachedir())"):
        assert Path(run_python("-c", command, cwd=ROOT).stdout.strip()).parent == Path(OWN.name)
    assert USERS_CACHE not in Path(OWN.name).parents
    before = names_in(tmp_path)
    (tmp_path / "runs" / "train").mkdir(parents=True)
    (tmp_path / "demo-1.0-py3-none-any.whl").write_bytes(b"good")
    names = ["demo-1.0-py3-none-any.whl", "runs", os.path.join("runs", "train")]
    assert left_behind(before, [tmp_path]) == [str(tmp_path / name) for name in names]


def archive(folder, members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        for name, content in members.items():
            z.writestr(name, content)
    path = folder / "made.whl"
    path.write_bytes(data.getvalue())
    return path
