"""``--target yolov5``: built, verified, saved and exported beside Ultralytics, and apart from it."""

import shutil
import subprocess

import pytest
from conftest import ROOT

from fork import lock, patch
from fork.cli import main
from fork.fetch import problem
from fork.pin import load_pin
from fork.steps import SERIES as OTHER
from fork.targets.yolov5 import SERIES
from fork.tree import YOLOV5, digest, manifest, read_wheel, scan

from .conftest import HOME

YOLO = "yolov5/models/yolo.py"
TARGET = ("--target", "yolov5")


@pytest.fixture
def built(yolov5_checkout, yolov5_wheel, yolov5_quick, capsys):
    assert main(["build", *TARGET, "--upstream", str(yolov5_wheel)], yolov5_checkout) == 0
    capsys.readouterr()
    return yolov5_checkout


def test_the_pin_is_the_release_that_was_chosen(yolov5_pin, yolov5_wheel):
    assert (yolov5_pin.upstream.name, yolov5_pin.version) == ("yolov5", "7.0.14+addmodules.1")
    assert yolov5_pin.upstream.size == 953_480
    assert problem(yolov5_wheel, yolov5_pin.upstream) is None


def test_the_lock_is_what_the_series_gives(yolov5_pin, yolov5_pristine, yolov5_results):
    expected = lock.digests(yolov5_pin, yolov5_pristine, yolov5_results)
    assert lock.first_difference(lock.read(ROOT / HOME), expected) is None


def test_every_step_edits_the_release_as_often_as_it_declares(yolov5_results):
    assert [result.step for result in yolov5_results] == list(SERIES)
    for result in yolov5_results:
        assert result.outcome.applied == result.step.places[0]
        assert {place.split(": ")[0] for place in result.outcome.where} == set(result.step.files)


def test_the_series_run_twice_changes_nothing(yolov5_results):
    tree = dict(yolov5_results[-1].tree)
    assert {str(step.apply(tree)) for step in SERIES} == {"not needed: already applied"}
    assert digest(tree) == yolov5_results[-1].digest


def test_the_diff_to_the_release_stays_small(yolov5_pristine, yolov5_results):
    work = {path: yolov5_results[-1].tree[path] for path in manifest(yolov5_results[-1].tree)}
    rows = patch.stat(patch.diff(yolov5_pristine, work))
    assert {path for path, _, _ in rows} == {file for step in SERIES for file in step.files}
    assert 100 < sum(added + removed for _, added, removed in rows) < 250


def test_the_licence_of_the_wheel_is_part_of_the_tree(yolov5_wheel, yolov5_pristine):
    text = yolov5_pristine["yolov5/LICENSE"].decode()
    assert text.splitlines()[0].split() == ["GNU", "GENERAL", "PUBLIC", "LICENSE"]
    assert all(path.startswith("yolov5/") for path in yolov5_pristine)
    assert "yolov5/LICENSE" in read_wheel(yolov5_wheel, YOLOV5)


def test_no_file_of_upstreams_and_none_of_the_other_tree_is_tracked():
    run = subprocess.run(["git", "ls-files", HOME], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    names = {name[len(HOME) + 1 :] for name in run.stdout.split()}
    assert {name for name in names if not name.startswith(YOLOV5.overlay)} <= {"README.md", "tree.lock"}
    assert all((ROOT / HOME / name).name.endswith((".py", ".md", ".lock")) for name in names)


def test_a_build_writes_pin_plus_series_into_its_own_folder(built, yolov5_results):
    assert scan(built / HOME, YOLOV5) == manifest(yolov5_results[-1].tree)
    assert not (built / "ultralytics").exists()
    assert (built / HOME / "yolov5" / "LICENSE").is_file()


def test_verify_and_status_agree_with_the_lock(built, yolov5_wheel, yolov5_results, capsys):
    assert main(["verify", *TARGET, "--upstream", str(yolov5_wheel)], built) == 0
    assert yolov5_results[-1].digest in capsys.readouterr().out
    assert main(["status", *TARGET], built) == 0
    said = capsys.readouterr().out
    assert "pin       yolov5 7.0.14, revision 1" in said
    assert "y07_shift_indices" in said
    assert "`python -m fork build --target yolov5`" in said


def test_messages_name_the_command_with_its_target(yolov5_checkout, yolov5_wheel, yolov5_quick, capsys):
    arguments = [*TARGET, "--upstream", str(yolov5_wheel)]
    assert main(["verify", *arguments], yolov5_checkout) == 1
    assert "run `python -m fork build --target yolov5`" in capsys.readouterr().err
    (yolov5_checkout / HOME / "tree.lock").unlink()
    assert main(["lock", *arguments], yolov5_checkout) == 0
    assert (yolov5_checkout / HOME / "tree.lock").read_bytes() == (ROOT / HOME / "tree.lock").read_bytes()


def test_hand_edits_stop_a_build_and_can_be_saved(built, yolov5_wheel, capsys):
    arguments = [*TARGET, "--upstream", str(yolov5_wheel)]
    with open(built / HOME / YOLO, "ab") as f:
        f.write(b"\n# mine\n")
    assert main(["build", *arguments], built) == 7
    assert "python -m fork save NAME --target yolov5" in capsys.readouterr().err
    assert main(["save", "mine", *arguments], built) == 0
    assert (built / HOME / "local" / "mine.patch").is_file()
    assert main(["build", *arguments], built) == 0
    assert (built / HOME / YOLO).read_bytes().endswith(b"# mine\n")


def test_runs_inside_the_package_are_the_users(built, yolov5_wheel):
    """Article 002 trains inside the package's folder."""
    left = built / HOME / "yolov5" / "runs" / "train" / "exp" / "results.csv"
    left.parent.mkdir(parents=True)
    left.write_text("mine")
    assert main(["build", *TARGET, "--upstream", str(yolov5_wheel)], built) == 0
    assert left.read_text() == "mine"


def test_without_the_hooks_there_is_a_message(yolov5_checkout, yolov5_wheel, capsys):
    shutil.rmtree(yolov5_checkout / HOME / YOLOV5.overlay)
    assert main(["build", *TARGET, "--upstream", str(yolov5_wheel)], yolov5_checkout) == 6
    assert "the tracked files of the hooks" in capsys.readouterr().err
    assert not (yolov5_checkout / HOME / YOLO).exists()


def test_a_pin_without_the_table_is_an_error(yolov5_checkout, capsys):
    pin = yolov5_checkout / "pin.toml"
    pin.write_text(pin.read_text(encoding="utf-8").partition("[yolov5]")[0], encoding="utf-8")
    assert main(["build", *TARGET], yolov5_checkout) == 3
    assert "the table [yolov5] is missing" in capsys.readouterr().err
    assert load_pin(yolov5_checkout).upstream.name == "ultralytics"  # which does not need it


def test_the_other_target_is_none_of_its_wheels(yolov5_checkout, yolov5_wheel, capsys):
    assert main(["build", "--upstream", str(yolov5_wheel)], yolov5_checkout) == 5
    assert "is not the pinned ultralytics" in capsys.readouterr().err


def test_one_step_can_be_shown(yolov5_checkout, yolov5_wheel, yolov5_quick, capsys):
    arguments = ["diff", *TARGET, "--step", "2.4", "--upstream", str(yolov5_wheel)]
    assert main(arguments, yolov5_checkout) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[1:].strip() for line in lines if line.startswith("+ ")] == [
        "x = addmodules.keep(y, m, x, self.save)  # save output"
    ]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_series_can_be_exported(yolov5_checkout, yolov5_wheel, yolov5_quick, tmp_path):
    out = tmp_path / "out"
    assert main(["export", *TARGET, "--upstream", str(yolov5_wheel), str(out)], yolov5_checkout) == 0
    log = subprocess.run(
        ["git", "log", "--reverse", "--format=%s"], cwd=out, capture_output=True, text=True, check=True
    )
    subjects = log.stdout.splitlines()
    assert subjects[0] == "yolov5 7.0.14, as released"
    assert [subject.split(":")[0] for subject in subjects[1:]] == [step.name.split("_")[0] for step in SERIES]
    assert (out / "yolov5" / "models" / "addmodules" / "yolov5_MobileNetv4.yaml").is_file()
    assert not (out / "cfg").exists()


def test_no_step_has_a_name_of_the_other_series():
    assert not {step.name for step in SERIES} & {step.name for step in OTHER}
