"""train.py and val.py as a user runs them: real runs on a few small images, and every mistake as a message."""

import csv
import shutil
import subprocess
import sys
import time
import zipfile

import pytest
from conftest import ROOT, make_squares, run_python

import train as train_script
import val as val_script
from fork import build as builder
from fork import cli as fork_cli
from lab import __main__ as lab_main
from run import find

SMALL = ["--cfg", "yolo11-mobilenetv3.yaml", "--imgsz", "64", "--batch", "2", "plots=False"]


def train(*arguments, cwd=None, env=None, root=ROOT):
    return run_python(root / "train.py", *arguments, cwd=cwd, env=env)


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Run a script's main in this process, from an empty folder: the mistakes below are found before any training."""
    monkeypatch.chdir(tmp_path)
    from ultralytics.utils import LOGGER

    monkeypatch.setattr(LOGGER, "disabled", True)  # its handler holds a stream of an earlier test
    monkeypatch.setattr(find, "RUNS_IN", tmp_path)  # whatever has been trained in this checkout

    def run(module, *arguments):
        with pytest.raises(SystemExit) as e:
            module.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, e.value.code, out, err)

    return run


def said(run, code, *words):
    assert run.returncode == code, run.stdout[-2000:] + run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    for word in words:
        assert word in run.stderr, run.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six small images, in a folder with a space and Chinese in its name."""
    return make_squares(tmp_path_factory.mktemp("data") / "数据 集")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A finished run of RT-DETR, two epochs: (process, folder of the run)."""
    folder = tmp_path_factory.mktemp("runs")
    arguments = ["--imgsz", "96", "--batch", "2", "--data", data, "--epochs", "2", "--project", folder]
    run = train(*arguments, "--cfg", "rtdetr-mobilenetv3-small.yaml", "plots=False", "name=tiny", cwd=folder)
    assert run.returncode == 0, run.stderr
    return run, folder / "tiny"


def epochs(folder):
    with (folder / "results.csv").open(encoding="utf-8") as f:
        return [int(float(row["epoch"])) for row in csv.DictReader(f, skipinitialspace=True)]


def test_a_run_ends_with_table_picture_and_weights(trained):
    run, folder = trained
    assert epochs(folder) == [1, 2]
    tail = run.stdout.splitlines()[-12:]
    assert any(line.split()[:2] == ["epoch", "giou_loss"] for line in tail)
    assert tail[-1].split() == ["best.pt", str(folder / "weights" / "best.pt")]
    assert (folder / "weights" / "best.pt").is_file()
    assert (folder / "predictions.jpg").stat().st_size > 1000


def test_the_checkpoint_reloads_for_val_and_predict(trained, data, tmp_path):
    best = trained[1] / "weights" / "best.pt"
    run = run_python(ROOT / "val.py", "--weights", best, "--project", tmp_path, "plots=False", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "mAP50" in run.stdout.splitlines()[-1]
    code = (
        "import sys; from ultralytics import RTDETR; m = RTDETR(sys.argv[1]); "
        "r = m.predict(sys.argv[2], imgsz=96, conf=1e-6); "
        "print(type(m.model.model[0]).__name__, r[0].orig_shape, len(r[0].boxes) > 0)"
    )
    image = next((data.parent / "images" / "val").iterdir())
    run = run_python("-c", code, best, image, cwd=tmp_path)
    assert run.stdout.splitlines()[-1] == "MobileNetV3Small (64, 64) True", run.stderr


@pytest.mark.slow
def test_another_run_starts_from_its_weights(trained, data, tmp_path):
    best = trained[1] / "weights" / "best.pt"
    arguments = ["--cfg", "rtdetr-mobilenetv3-small", "--imgsz", "96", "--batch", "2", "--weights", best, "plots=False"]
    run = train(*arguments, f"data={data}", "--epochs", "1", "--project", tmp_path, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    moved = [line for line in run.stdout.splitlines() if "Transferred" in line]
    assert moved
    done, total = moved[0].split("Transferred ")[1].split(" ")[0].split("/")
    assert done == total


def test_a_run_killed_in_mid_epoch_resumes(data, tmp_path):
    command = [
        sys.executable,
        ROOT / "train.py",
        *SMALL,
        "--data",
        data,
        "--epochs",
        "4",
        "--project",
        tmp_path / "runs",
    ]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([str(c) for c in command], cwd=tmp_path, stdout=log, stderr=log)
        results, deadline = tmp_path / "runs" / "exp" / "results.csv", time.time() + 120
        last = tmp_path / "runs" / "exp" / "weights" / "last.pt"
        while (
            not (results.is_file() and zipfile.is_zipfile(last) and epochs(results.parent)) and time.time() < deadline
        ):
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.02)
        process.kill()
        assert process.wait() != 0
    before = epochs(results.parent)
    assert before[0] == 1
    assert before[-1] < 4
    run = train("--resume", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"resuming {last}" in run.stdout
    assert epochs(results.parent) == [1, 2, 3, 4]
    said(train("--resume", last, cwd=tmp_path), 2, "nothing to resume")


def test_yolo_trains_a_bare_name(data, tmp_path):
    """The yolo command itself, through the module that it starts."""
    code = "import sys; from ultralytics.cfg import entrypoint; sys.argv[0] = 'yolo'; entrypoint()"
    arguments = ["train", "model=yolo11-mobilenetv3.yaml", f"data={data}", "epochs=1", "imgsz=64", "batch=2"]
    run = run_python(
        "-c", code, *arguments, "workers=0", "plots=False", f"project={tmp_path}", "device=cpu", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "train" / "weights" / "best.pt").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cfg", "rtdetr-mobilenetv4.yaml"], ("no backbone 'mobilenetv4'", "did you mean MobileNetV4ConvLarge")),
        (["--cfg", "zzz"], ("no model YAML 'zzz'", "yolo11-mobilenetv3.yaml")),
        (["--data", "no-such-data.yaml"], ("the data set 'no-such-data.yaml' cannot be used", "cfg/datasets")),
        (["--weights", "none.pt"], ("none.pt does not exist",)),
        (["--resume", "none.pt"], ("nothing to resume: none.pt does not exist",)),
        (["--resume"], ("nothing to resume: no last.pt",)),
        (["moasic=1"], ("unknown argument moasic=1", "did you mean mosaic")),
        (["lr0=fast"], ("lr0",)),
        (["data=none.yaml"], ("the data set 'none.yaml' cannot be used",)),
        (["--data", "a.yaml", "data=b.yaml"], ("--data and data=b.yaml mean the same",)),
        (["model=zzz.yaml"], ("no model YAML 'zzz.yaml'",)),
        (["task=segment"], ("the script sets it itself",)),
        (["--resume", "--epochs", "5", "--cfg", "x"], ("a resumed run keeps its own cfg, epochs",)),
        (["--imgsz", "0"], ("imgsz=0: the least is 32",)),
        (["--batch", "0"], ("batch=0",)),
        (["--device", "gpu"], ("device",)),
        (["mosaic"], ("'mosaic' is neither an option nor key=value",)),
        (["--epoch5", "3"], ("unknown option --epoch5",)),
        (["--epochs", "many"], ("invalid int value: 'many'",)),
    ],
)
def test_a_wrong_command_line_is_a_message(arguments, words, data, tmp_path, script):
    if not {"--data", "--resume"} & set(arguments) and not arguments[0].startswith("data="):
        arguments = ["--data", str(data), *arguments]
    said(script(train_script, *arguments), 2, *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "nc: 1\nbackbone:\n  - [-1, 1, MobileNetV5, []]\nhead:\n  - [-1, 1, Detect, [nc]]\n",
            ("did you mean MobileNetV3",),
        ),
        (
            "nc: 1\nbackbone:\n  - [-1, 1, MobileNetV3, []]\nhead:\n  - [[99], 1, Detect, [nc]]\n",
            ("mine.yaml:5:7: index 5", "reads from 99"),
        ),
        ("nc: 1\nbackbone: [\n", ("this bracket is not closed",)),
        ("nc: 1\n", ("the key `backbone` is missing", "the key `head` is missing")),
        ("", ("the file is empty",)),
        (
            "backbone:\n  - [-1, 1, MobileNetV3, [tiny]]\nhead:\n  - [[4], 1, Detect, [nc]]\nnc: 1\n",
            ("variant is 'tiny'",),
        ),
    ],
)
def test_a_wrong_model_yaml_is_a_message(text, words, data, tmp_path, script):
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    said(script(train_script, "--cfg", "mine.yaml", "--data", data), 2, "mine.yaml", *words)


def test_a_file_that_is_no_checkpoint_is_a_message(data, tmp_path, script):
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    for arguments in (["--data", data, "--weights", "bad.pt"], ["--resume", "bad.pt"]):
        said(
            script(train_script, *arguments),
            2,
            "bad.pt is damaged (not a file of torch: it begins with 'no checkpoint')",
        )


@pytest.mark.parametrize("empty", ["", " \t\u3000"])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        *((train_script, f"--{name}") for name in ("cfg", "data", "device", "weights", "resume", "project", "name")),
        *((train_script, f"{name}=") for name in ("model", "resume", "pretrained", "data", "optimizer", "classes")),
        *((val_script, word) for word in ("--weights", "--data", "--project=", "name=", "model=")),
        *(("check", word) for word in ("", "--data", "--graph=")),
        *(
            ("compare", word)
            for word in ("--data", "--cfg x.yaml", "--out", "--plan=", "--again", "--baseline", "name=")
        ),
        *(("speed", word) for word in ("", "--device", "yolo11n.yaml")),
        *(("heatmap", word) for word in ("", "--out")),
        *(("curves", word) for word in ("run", "--out=")),
        *(("data", word) for word in ("split --out", "stats", "convert --out=")),
        ("zoo", "--out"),
        *((fork_cli, word) for word in ("build --upstream", "save", "export --out=")),
    ],
)
def test_an_empty_value_is_a_message_not_another_command(command, words, empty, tmp_path, script):
    given = words.split()
    given = [*given[:-1], given[-1] + empty] if words.endswith("=") else [*given, empty]
    module, given = (lab_main, [command, *given]) if isinstance(command, str) else (command, given)
    run = script(module, *given)
    options = [word for word in words.split() if word.startswith("-") or word.endswith("=")]
    said(run, 2, f"error: {options[-1].rstrip('=')} is empty" if options else "of the command is empty")
    assert not list(tmp_path.iterdir())


def test_weights_of_which_nothing_fits_are_a_message(data, tmp_path, script):
    from ultralytics import YOLO

    YOLO("yolo11n.yaml").save(tmp_path / "other.pt")
    run = script(train_script, "--data", data, "--cfg", "yolov8x.yaml", "--weights", "other.pt")
    said(run, 2, "none of the 499 tensors of other.pt fits ", "yolov8x.yaml: they are another network's", "scratch")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_an_empty_slot_and_an_unknown_optimizer_are_messages(data, tmp_path):
    text = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("- [2, 1, Conv", "- [0, 1, Conv"), encoding="utf-8")
    common = ["--data", data, "--imgsz", "64", "--epochs", "1", "plots=False"]
    said(train(*common, "--cfg", "mine.yaml", cwd=tmp_path), 2, "the row reads index 0 (P1)", "1 (P2), 2 (P3)")
    said(train(*common, "optimizer=foo", cwd=tmp_path), 2, "Optimizer 'foo' not found", "AdamW")


def test_missing_images_are_a_message(tmp_path):
    (tmp_path / "d.yaml").write_text("path: nowhere\ntrain: a\nval: b\nnames: [x]\n", encoding="utf-8")
    said(train("--data", "d.yaml", cwd=tmp_path), 2, "d.yaml", "images not found")


def test_val_without_weights_is_a_message(script):
    said(script(val_script, "--weights", "none.pt"), 2, "none.pt: no such file")


@pytest.mark.parametrize("module", [train_script, val_script])
def test_help(module, script):
    run = script(module, "--help")
    assert run.returncode == 0
    assert "--data" in run.stdout


def test_another_ultralytics_is_refused_by_name_and_place(tmp_path):
    other = tmp_path / "site" / "ultralytics"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text('__version__ = "8.3.0"\n', encoding="utf-8")
    code = "import sys, runpy, ultralytics; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    run = run_python("-c", code, ROOT / "train.py", cwd=tmp_path, env={"PYTHONPATH": str(other.parent)})
    said(run, 1, "another ultralytics is imported", f"8.3.0 in {other}", "8.4.190+addmodules.1", "pip install -e .")


def test_a_script_that_was_copied_elsewhere_says_so(tmp_path):
    shutil.copyfile(ROOT / "train.py", tmp_path / "train.py")
    run = run_python("-S", tmp_path / "train.py", cwd=tmp_path)  # -S: what is installed may have them
    said(run, 1, "needs the folders fork/ and run/ beside it")


@pytest.mark.slow
def test_an_unbuilt_tree_is_built_first(checkout, wheel, tmp_path):
    env = {"PYTHONPATH": "", "ADDMODULES_CACHE": str(wheel.parent)}
    run = run_python(checkout / "val.py", "--weights", "none.pt", cwd=tmp_path, env=env)
    said(run, 2, "none.pt")
    assert "building the fork (absent)" in run.stdout
    assert (checkout / "ultralytics" / "__init__.py").is_file()


@pytest.mark.slow
def test_an_interrupted_build_is_repaired_first(checkout, wheel, quick, tmp_path):
    builder.build(checkout, wheel)
    from fork.state import write_journal

    (checkout / "ultralytics" / "nn" / "tasks.py").unlink()
    write_journal(checkout, [builder.plan(checkout, wheel).stamp().files])
    run = run_python(
        checkout / "val.py", "--weights", "none.pt", cwd=tmp_path, env={"ADDMODULES_CACHE": str(wheel.parent)}
    )
    said(run, 2, "none.pt")
    assert "building the fork (interrupted)" in run.stdout
    assert (checkout / "ultralytics" / "nn" / "tasks.py").is_file()


def test_a_hand_edited_tree_runs_with_a_note(checkout, wheel, quick, tmp_path):
    builder.build(checkout, wheel)
    with (checkout / "ultralytics" / "nn" / "tasks.py").open("a", encoding="utf-8") as f:
        f.write("# mine\n")
    run = run_python(checkout / "val.py", "--weights", "none.pt", cwd=tmp_path)
    said(run, 2, "none.pt")
    assert "1 generated file(s) are edited by hand" in run.stdout


def test_an_environment_where_nothing_was_installed_is_a_message(tmp_path):
    """-S: no site-packages, as with a fresh Python."""
    for name in ("train.py", "val.py"):
        run = run_python("-S", ROOT / name, "--epochs=1" if name == "train.py" else "--batch=1", cwd=tmp_path)
        said(run, 1, "is missing: run `python -m pip install -e .`")
