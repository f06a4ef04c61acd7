"""The gate of upstream's tests, on a release of a few lines that is made here, so that it can be seen to fail."""

import gzip
import hashlib
import io
import re
import shutil
import tarfile
import zipfile

import pytest
from conftest import ROOT, make_checkout

from fork import fetch
from fork.errors import IntegrityError
from fork.state import Stamp
from fork.tree import STAMP, digest, manifest, write_files
from tools.upstream_tests import judge, run, suite
from tools.upstream_tests.__main__ import main

PACKAGE = {
    "ultralytics/__init__.py": "def double(x):\n    return 2 * x\n",
    "ultralytics/utils/__init__.py": "ONLINE = False\n",
}
SUITE = {
    "tests/__init__.py": "",
    "tests/test_numbers.py": """\
import pytest
import ultralytics
from ultralytics.utils import ONLINE

@pytest.mark.parametrize("x", [0, 1, 2])
def test_double(x):
    assert ultralytics.double(x) == x + x

@pytest.mark.skipif(not ONLINE, reason="offline")
def test_with_what_would_be_fetched():
    from ultralytics import utils
    assert not utils.ONLINE  # the package itself knows that there is no network

@pytest.mark.skip(reason="no such device")
def test_device():
    pass

@pytest.mark.parametrize("name", sorted(n for n in vars(ultralytics) if n.startswith("double")))
def test_names(name):
    assert callable(getattr(ultralytics, name))

def test_costly():
    raise SystemError("the list leaves this one out")
""",
}
LIST = """\
timeout = 60
[quick]
tests = ["test_numbers.py::test_double"]
[[group]]
name = "costly"
reason = "takes a supercomputer"
runs_in = "none"
tests = ["test_numbers.py::test_costly"]
"""


class Release:
    """A checkout whose pin names a wheel and a source distribution beside it."""

    def __init__(self, folder):
        self.root, self.list = folder / "checkout", folder / "gate.toml"
        self.wheel, self.sdist = folder / "ultralytics-0.0.1-py3-none-any.whl", folder / "ultralytics-0.0.1.tar.gz"
        (self.root / "cfg").mkdir(parents=True)
        with zipfile.ZipFile(self.wheel, "w") as archive:
            for name, text in PACKAGE.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        self.pack(SUITE)
        self.build(PACKAGE)
        self.list.write_text(LIST, encoding="utf-8")

    def pack(self, files, *more):
        with gzip.GzipFile(self.sdist, "wb", mtime=0) as f, tarfile.open(fileobj=f, mode="w") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"ultralytics-0.0.1/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
            for member in more:
                archive.addfile(member)
        self.pin()

    def pin(self):
        def table(path):
            data = path.read_bytes()
            return f'file = "{path.name}"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\nsize = {len(data)}\n'

        text = f'[upstream]\nname = "ultralytics"\nversion = "0.0.1"\n{table(self.wheel)}'
        text += f"[tests]\n{table(self.sdist)}[fork]\nrevision = 1\n"
        (self.root / "pin.toml").write_text(text, encoding="utf-8")

    def build(self, files):
        """Be what `python -m fork build` leaves."""
        tree = {name: text.encode() for name, text in files.items()}
        stamp = Stamp("0.0.1", 1, digest(tree), digest(tree), {}, [], manifest(tree), False)
        write_files(self.root, {**tree, STAMP: stamp.to_bytes()})

    def fork(self, text):
        """Let the fork say another thing than the release in its first file."""
        self.build({**PACKAGE, "ultralytics/__init__.py": text})

    def judge(self, *arguments):
        given = ["--wheel", str(self.wheel), "--sdist", str(self.sdist), "--list", str(self.list), "--no-stand-ins"]
        return main([*given, *arguments], self.root)


@pytest.fixture
def release(tmp_path, monkeypatch):
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(tmp_path / "cache"))
    return Release(tmp_path)


def test_the_same_outcomes_pass_and_every_skip_has_its_reason(release, capsys, tmp_path):
    assert release.judge() == 0
    said = capsys.readouterr().out
    assert "the set `gate`." in said
    assert "The same on both trees: 5 passed, 1 skipped." in said
    assert "- test_numbers.py::test_device: no such device" in said
    assert "- 1 costly: takes a supercomputer" in said
    assert said.rstrip().endswith("OK: 0 errors")
    kept = [path.name for path in (tmp_path / "cache" / "upstream-tests").iterdir()]
    assert not [name for name in kept if name.startswith(("run-", "make-"))]  # no folder of a run is left


def test_what_passes_on_the_release_alone_is_an_error_that_names_it(release, capsys):
    release.fork("def double(x):\n    return x * x\n")
    assert release.judge() == 1
    out = capsys.readouterr().out
    assert "- test_numbers.py::test_double[1]: passed on the pristine release, failed (assert 1 == (1 + 1)" in out
    assert "test_double[0]:" not in out
    assert out.rstrip().endswith("FAILED: 1 errors")


def test_the_quick_set_is_said_to_be_the_quick_set(release, capsys):
    assert release.judge("--quick") == 0
    out = capsys.readouterr().out
    assert "the set `quick`." in out
    assert "The same on both trees: 3 passed." in out
    assert "- 3 not in the quick set" in out


def test_a_test_that_is_gone_on_the_fork_is_an_error(release, capsys):
    release.fork("_double = lambda x: 2 * x\ndef __getattr__(n): return _double\n")
    assert release.judge() == 1
    assert "- test_numbers.py::test_names[double]: passed on the pristine release, missing (" in capsys.readouterr().out


def test_a_file_that_cannot_be_imported_on_the_fork_is_an_error(release, capsys):
    release.build({**PACKAGE, "ultralytics/utils/__init__.py": "ONLIME = False\n"})
    assert release.judge() == 1
    out = capsys.readouterr().out
    assert "- test_numbers.py: missing (there is no such test) on the pristine release, not imported (E   " in out
    assert "ONLINE" in out


def test_a_process_that_dies_is_an_error_that_names_the_test_it_died_in(release, capsys):
    release.fork("import os\ndef double(x):\n    return os._exit(3) if x else 0\n")
    assert release.judge() == 1
    assert "exit code 3 in test_numbers.py::test_double[1] on the fork tree" in capsys.readouterr().err


def test_what_fails_on_both_trees_is_an_error_unless_it_is_reviewed(release, capsys):
    release.list.write_text(LIST.replace("test_costly", "test_device"), encoding="utf-8")
    assert release.judge() == 1
    out = capsys.readouterr().out
    assert "test_costly: failed (SystemError: the list leaves this one out) on both trees, so it" in out
    reviewed = '[fails]\n"test_numbers.py::test_costly" = "its authors are at it"\n'
    release.list.write_text(LIST.replace("test_costly", "test_device") + reviewed, encoding="utf-8")
    assert release.judge() == 0
    assert "on both trees; reviewed: its authors are at it" in capsys.readouterr().out


def test_a_reviewed_difference_is_reported_and_one_that_is_gone_is_an_error(release, capsys):
    reviewed = '[differs]\n"test_numbers.py::test_double[1]" = "squares are meant"\n'
    release.list.write_text(LIST + reviewed, encoding="utf-8")
    assert release.judge() == 1
    assert "the list says it [differs]: remove it" in capsys.readouterr().out
    release.fork("def double(x):\n    return x * x\n")
    assert release.judge() == 0
    assert "reviewed: squares are meant" in capsys.readouterr().out


def test_a_name_in_the_list_that_means_no_test_is_an_error(release, capsys):
    release.list.write_text(LIST.replace("test_costly", "test_coastly"), encoding="utf-8")
    assert release.judge() == 1
    assert "the list names 'test_numbers.py::test_coastly', but the release has no such test" in capsys.readouterr().out


def test_one_test_can_be_asked_for(release, capsys):
    assert release.judge("--only", "test_numbers.py::test_double[2]") == 0
    out = capsys.readouterr().out
    assert "of it test_numbers.py::test_double[2]." in out
    assert "The same on both trees: 1 passed." in out
    assert release.judge("--only", "test_numbers.py::test_nothing") == 1
    assert "no test has run on both trees" in capsys.readouterr().out


@pytest.mark.parametrize("change", [b"", b"more"])
def test_another_source_distribution_than_the_pinned_one_is_refused(release, capsys, change):
    data = release.sdist.read_bytes()
    release.sdist.write_bytes(data + change if change else bytes([data[0], data[1], data[2] ^ 1, *data[3:]]))
    assert release.judge() == 5
    said = capsys.readouterr().err
    assert "is not the pinned ultralytics-0.0.1.tar.gz" in said
    assert re.search("sha256: expected|size: expected", said)


def _link():
    member = tarfile.TarInfo("ultralytics-0.0.1/tests/conftest.py")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


@pytest.mark.parametrize("member", [tarfile.TarInfo("../tests/x.py"), tarfile.TarInfo("/tests/x.py"), _link()])
def test_an_archive_with_an_unsafe_member_is_refused(release, capsys, member):
    release.pack(SUITE, member)
    assert release.judge() == 5
    assert "refused the unsafe member" in capsys.readouterr().err


def test_an_archive_without_tests_is_refused(release):
    release.pack({"README.md": "none"})
    with pytest.raises(IntegrityError, match=r"holds no tests/__init__\.py"):
        suite.read_sdist(release.sdist)


def test_a_tree_that_is_not_built_says_what_to_do(release, capsys):
    (release.root / STAMP).unlink()
    assert release.judge() == 1
    assert "run `python -m fork build`" in capsys.readouterr().err


def test_a_pin_without_tests_says_what_to_add(release, capsys):
    text = (release.root / "pin.toml").read_text(encoding="utf-8")
    (release.root / "pin.toml").write_text(re.sub(r"\[tests\].*?(?=\[fork\])", "", text, flags=re.S), encoding="utf-8")
    assert release.judge() == 3
    assert "pin.toml has no table [tests]" in capsys.readouterr().err
    digest = hashlib.sha256(release.sdist.read_bytes()).hexdigest()
    assert release.judge("--pin", digest) == 0
    assert release.judge("--only", "test_numbers.py::test_double[0]") == 0


def test_a_pin_of_another_releases_tests_says_how_to_move_it(release, capsys):
    kept = (release.root / "pin.toml").read_text(encoding="utf-8")
    stale = kept.replace(release.sdist.name, "ultralytics-0.0.0.tar.gz").replace("[tests]", "# theirs\n[tests]")
    (release.root / "pin.toml").write_text(stale, encoding="utf-8")
    assert release.judge() == 3
    assert "expected ultralytics-0.0.1.tar.gz: take its sha256 from https://" in capsys.readouterr().err
    for wrong, code in (("c" * 63, 3), ("c" * 64, 5)):
        assert release.judge("--pin", wrong) == code
        assert (release.root / "pin.toml").read_text(encoding="utf-8") == stale
    assert release.judge("--pin", hashlib.sha256(release.sdist.read_bytes()).hexdigest()) == 0
    assert (release.root / "pin.toml").read_text(encoding="utf-8") == kept.replace("[tests]", "# theirs\n[tests]")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("timeout = 60", "timeout =", "not valid TOML"),
        ("timeout = 60", 'timeout = "long"', "timeout is 'long'"),
        ('reason = "takes a supercomputer"', 'reason = " "', "a reason must stand there"),
        ('runs_in = "none"', 'runs_in = "quick"', "runs_in is full or none"),
        ('tests = ["test_numbers.py::test_costly"]', "", "tests is None"),
    ],
)
def test_a_malformed_list_says_what_is_wrong(release, capsys, old, new, said):
    assert old in LIST
    release.list.write_text(LIST.replace(old, new), encoding="utf-8")
    assert release.judge() == 3
    assert said in capsys.readouterr().err


def test_pip_is_asked_for_a_source_distribution_by_its_hash(tmp_path, pin):
    command = fetch.pip_command(pin.tests, tmp_path)
    assert {"--require-hashes", "--no-deps", "--no-build-isolation", "--no-binary=ultralytics"} <= set(command)
    assert "--only-binary=:all:" not in command


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("a.py", True),
        ("a.py::t", True),
        ("a.py::t[x-1]", True),
        ("a.py::t[x-2]", False),
        ("a.py::", False),
    ],
)
def test_a_name_means_an_id_a_test_with_all_its_cases_or_a_file(name, meant):
    assert judge.named([name], "a.py::t[x-1]") is meant


def test_the_list_holds_to_its_sets():
    rules = judge.load()
    named = {name: group for group in rules.groups for name in group["tests"]}
    assert not [name for name in rules.quick if name in named]  # quick tests are gate tests
    assert len(named) == sum(len(group["tests"]) for group in rules.groups)  # each with one reason


def test_a_tests_environment_has_no_network_and_nothing_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_AUTOINSTALL", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    env = run.environment(tmp_path, tmp_path / "assets")
    assert env["YOLO_AUTOINSTALL"] == "false"
    assert env["HTTPS_PROXY"] == env["https_proxy"] == run.NOWHERE
    assert "GITHUB_ACTIONS" not in env
    assert env["YOLO_CONFIG_DIR"].startswith(str(tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_fork_without_the_block_for_older_spatial_pyramids_is_caught(tmp_path, capsys):
    """What the articles' edits lose in this release: older models are built, but without an activation."""
    root = make_checkout(tmp_path / "checkout")
    shutil.copytree(ROOT / "ultralytics", root / "ultralytics", dirs_exist_ok=True)
    tasks = root / "ultralytics" / "nn" / "tasks.py"
    text = tasks.read_text(encoding="utf-8")
    assert text.count("if m is SPPF and ") == 1
    tasks.write_text(text.replace("if m is SPPF and ", "if m is None and "), encoding="utf-8")
    assert main(["--quick", "--only", "test_python.py::test_model_forward"], root) == 1
    said = capsys.readouterr()
    assert "judged with its hand edit: ultralytics/nn/tasks.py" in said.err
    errors = [line for line in said.out.splitlines() if "passed on the pristine release, failed" in line]
    names = [re.search(r"\[(.*?)\]", line)[1] for line in errors]
    assert names == ["yolo11n.yaml", "yolov10n.yaml", "yolov8n.yaml"]
