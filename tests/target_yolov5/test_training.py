"""The package's own scripts: an epoch, the checkpoint that it leaves, and what a user is told on the way."""

import json
import shutil

import pytest
from conftest import ROOT, make_squares, run_python

MODEL = "yolov5_MobileNetv4.yaml"
QUIET = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "true"}


def script(patched, name, *arguments, cwd, **options):
    """Run a script of the package from another folder, as the installed Python would."""
    environment = {**QUIET, "YOLOV5_CONFIG_DIR": str(cwd / "config"), "PYTHONPATH": ""}
    return run_python(patched / "yolov5" / f"{name}.py", *arguments, cwd=cwd, env=environment, **options)


pytestmark = pytest.mark.slow  # each run imports the package and its requirements in a process of its own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    make_squares(folder / "squares")
    return folder


SMALL = ["--data", "squares/data.yaml", "--imgsz", "64", "--workers", "0", "--project", "runs"]


@pytest.fixture(scope="module")
def trained(patched, folder):
    """One epoch from scratch on six images, without pandas and seaborn unless they are installed."""
    arguments = ["--cfg", MODEL, "--weights", "", "--epochs", "1", "--batch-size", "4", "--name", "train", *SMALL]
    run = script(patched, "train", *arguments, cwd=folder)
    assert run.returncode == 0, run.stderr
    return run


def best(folder):
    return folder / "runs" / "train" / "weights" / "best.pt"


def test_an_epoch_leaves_a_checkpoint_and_figures(trained, folder):
    assert {"best.pt", "last.pt"} == {path.name for path in best(folder).parent.iterdir()}
    assert len((folder / "runs" / "train" / "results.csv").read_text().splitlines()) == 2
    assert (folder / "runs" / "train" / "results.html").read_text().count("<tr") >= 2
    assert (folder / "runs" / "train" / "val_batch0_pred.jpg").stat().st_size > 1000  # drawn in a thread
    assert "MobileNetV4ConvSmall" in trained.stderr
    assert "5640278 parameters" in trained.stderr


def test_a_run_is_quiet_about_what_it_does_not_need(trained):
    said = trained.stdout + trained.stderr
    assert "Traceback" not in said
    assert "Warning: `torch" not in said
    assert "requirements" not in said
    assert said.count("pictures get Matplotlib's own font") == 1  # the only word about the network


def test_the_checkpoint_validates_and_detects(trained, patched, folder):
    run = script(patched, "val", "--weights", best(folder), *SMALL, "--name", "val", cwd=folder)
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stderr.splitlines() if line.split()[:1] == ["all"])
    assert line.split()[1:3] == ["2", "2"]  # images and squares
    source = folder / "squares" / "images" / "val"
    arguments = ["--weights", best(folder), "--source", source, "--img", "64", "--conf", "0.0001", "--save-txt"]
    run = script(patched, "detect", *arguments, "--project", "runs", "--name", "detect", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert len(list((folder / "runs" / "detect" / "labels").glob("*.txt"))) == 2


CASES = """
import json, sys, torch
import yolov5
from yolov5 import addmodules
from yolov5.models.yolo import Model
from ultralytics.nn.Addmodules.contract import first_backbone

model = yolov5.load(sys.argv[1], autoshape=False).model
other = Model(sys.argv[2], nc=1)
stock = Model(str(addmodules.CHECKOUT / "yolov5-addmodules" / "yolov5" / "models" / "yolov5n.yaml"))
result = {"backbone": type(first_backbone(model.model)).__name__}
result["finite"] = bool(model(torch.rand(1, 3, 96, 64))[0].isfinite().all())
state = other.state_dict()
result["same"] = addmodules.match_rows(other, other, dict(state)).keys() == state.keys()
result["stock"] = addmodules.match_rows(stock, stock, stock.state_dict()).keys() == stock.state_dict().keys()
result["frozen"] = [str(name) for name in addmodules.frozen_layers(other, [6])]
result["one"] = [str(name) for name in addmodules.frozen_layers(other, [13, 20])]
result["upstreams"] = addmodules.frozen_layers(stock, [2])
for name, call in {
    "tensorflow": lambda: addmodules.refuse_tensorflow(other),
    "classifier": lambda: addmodules.refuse_classifier(other),
    "freeze": lambda: addmodules.frozen_layers(other, [99]),
}.items():
    try:
        call()
    except ValueError as e:
        result[name] = str(e)
addmodules.refuse_tensorflow(stock), addmodules.refuse_classifier(stock)
print(json.dumps(result))
"""


def test_the_checkpoint_loads_and_its_rows_are_told_apart(trained, patched, folder):
    env = {**QUIET, "PYTHONPATH": str(patched), "YOLOV5_CONFIG_DIR": str(folder / "config")}
    model = patched.parent / "cfg" / "yolov5" / MODEL
    run = run_python("-c", CASES, best(folder), model, cwd=folder, env=env)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["backbone"] == "MobileNetV4ConvSmall"
    assert found["finite"] is found["same"] is found["stock"] is True
    assert found["frozen"] == ["model.0.", "model.1."]
    assert found["one"] == ["model.9.", "model.16."]
    assert found["upstreams"] == ["model.0.", "model.1."]
    assert "use --include torchscript or onnx" in found["tensorflow"]
    assert "no classifier can be cut out" in found["classifier"]
    assert "the model has the indices 0-20" in found["freeze"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cfg", MODEL], "error: yolov5s.pt is not here, and github.com cannot be reached (YOLO_OFFLINE is set)"),
        (["--cfg", "wrong.yaml", "--weights", ""], "error: unknown module 'MobileNetV5'"),
    ],
    ids=["weights", "unknown backbone"],
)
def test_a_mistake_is_a_message_and_not_a_traceback(patched, folder, arguments, message):
    text = (patched.parent / "cfg" / "yolov5" / MODEL).read_text(encoding="utf-8")
    (folder / "wrong.yaml").write_text(text.replace("MobileNetV4ConvSmall", "MobileNetV5"), encoding="utf-8")
    run = script(patched, "train", *arguments, "--epochs", "1", *SMALL, "--name", "wrong", cwd=folder)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.timeout(1800)
def test_the_articles_model_trains_an_epoch_on_the_tree_crowns(patched, tmp_path):
    """The data set is fetched and cut by the run itself, as a user's first one would."""
    root = patched.parent
    for name in ("lab", "fork"):
        if not (root / name).exists():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    arguments = ["--cfg", MODEL, "--data", "tree-crowns.yaml", "--weights", "", "--epochs", "1", "--imgsz", "320"]
    run = script(patched, "train", *arguments, "--workers", "0", "--project", tmp_path, cwd=tmp_path, timeout=1500)
    assert run.returncode == 0, run.stderr
    assert (root / "datasets" / "tree-crowns" / "images" / "val").is_dir()
    weights = tmp_path / "exp" / "weights" / "best.pt"
    given = ["--weights", weights, "--data", "tree-crowns.yaml", "--img", "320", "--workers", "0"]
    run = script(patched, "val", *given, "--project", tmp_path / "val", cwd=tmp_path, timeout=600)
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stderr.splitlines() if line.split()[:1] == ["all"])
    assert line.split()[1:3] == ["20", "451"]
    print("mAP50 after one epoch:", line.split()[5])
