"""What a checkpoint says of its backbone; those of the first revision; and what is said where one does not open."""

import collections
import json
import re
import shutil
import sys
import types

import pytest
import torch
from conftest import ROOT, make_squares, run_python

from fork.state import read_stamp
from fork.tree import OVERLAY
from ultralytics import RTDETR, YOLO
from ultralytics.nn.Addmodules import BackboneError, weights
from ultralytics.nn.Addmodules._policy import checkpoint as _checkpoint
from ultralytics.nn.Addmodules._policy import record as _record
from ultralytics.nn.Addmodules.base import Normalize
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils.torch_utils import strip_optimizer

COMMON = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "verbose": False, "val": False}
SMALL = "yolo11-mobilenetv3small.yaml"
PACKAGE = "ultralytics.nn.Addmodules"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint of a model with a backbone, and one of a stock model."""
    folder = tmp_path_factory.mktemp("saved")
    YOLO(SMALL).save(folder / "small.pt")
    YOLO("yolo11n.yaml").save(folder / "stock.pt")
    return folder


def opened(path):
    return torch.load(path, weights_only=False)


def check(content, name="MobileNetV3Small", arguments=()):
    model = content.get("ema") or content["model"]
    record, stamp = model.model[0].addmodules_record, read_stamp(ROOT)
    assert json.loads(json.dumps(record)) == record, "plain data"
    assert record["fork"] == "ultralytics-addmodules"
    assert (record["version"], record["digest"]) == (stamp.version, stamp.digest)
    assert (record["backbone"], record["arguments"]) == (name, list(arguments))
    return record


def test_a_backbone_says_what_it_is(saved):
    record = check(opened(saved / "small.pt"))
    assert record["class"] == f"{PACKAGE}.mobilenetv3.MobileNetV3Small"
    assert record["file"] == "ultralytics/nn/Addmodules/mobilenetv3.py"
    assert record["sha256"] == _record.digest_of(ROOT / record["file"])
    check(torch_safe_load(saved / "small.pt", safe_only=True)[0])


def test_a_stock_model_says_nothing_and_opens_in_a_stock_package(saved, pristine_root):
    code = "import sys, ultralytics; from ultralytics import YOLO; print(ultralytics.__file__, YOLO(sys.argv[1]).task)"
    run = run_python("-c", code, saved / "stock.pt", cwd=saved, env={"PYTHONPATH": str(pristine_root)})
    assert run.stdout.splitlines()[-1] == f"{pristine_root / 'ultralytics' / '__init__.py'} detect", run.stderr
    assert b"ddmodules" not in (saved / "stock.pt").read_bytes()


def test_training_stripping_resuming_and_saving_keep_it(data, tmp_path):
    model = YOLO(SMALL)
    seen = []
    model.add_callback("on_model_save", lambda trainer: seen.append(opened(trainer.last)))
    model.train(data=str(data), epochs=2, project=str(tmp_path), name="run", **COMMON)
    last = tmp_path / "run" / "weights" / "last.pt"
    check(seen[0])
    check(opened(last))  # stripped at the end of the run
    torch.save(seen[0], last)
    check(strip_optimizer(last))
    YOLO(last).save(tmp_path / "again.pt")
    check(opened(tmp_path / "again.pt"))
    torch.save(seen[0], last)
    resumed = YOLO(last)
    resumed.add_callback("on_model_save", lambda trainer: seen.append(opened(trainer.last)))
    resumed.train(resume=True, device="cpu")
    assert [content["epoch"] for content in seen] == [0, 1, 1]
    check(seen[2])


def test_a_wrapped_network_names_its_library(tmp_path):
    YOLO("yolo11-timm-resnet18.yaml").save(tmp_path / "timm.pt")
    assert check(opened(tmp_path / "timm.pt"), "Timm", ["resnet18", False])["library"].startswith("timm ")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"release": 8, "revision": 1}', "{", '{"files": 3}'])
def test_without_a_stamp_all_is_unknown(content, tmp_path):
    if content is not None:
        (tmp_path / "fork.json").write_text(content, encoding="utf-8")
    assert _record.stamp(tmp_path) == {"version": "unknown", "digest": "unknown", "files": {}}


# Checkpoints of the first revision ----------------------------------------------------------------------------------

SENTENCE = (
    f"{PACKAGE} of the fork ultralytics-addmodules 8_4_190+addmodules_1 with backbone MobileNetV3Small - get that "
    "fork, run make train in it to set it up and open the file there"
)


def old_class(module, name, base, **members):
    """Define a class as it stood where the first revision had it."""
    kind = type(name, (base,), {"__module__": module, **members})
    sys.modules[module] = types.ModuleType(module)
    setattr(sys.modules[module], name, kind)
    return kind


def write_first_revision(path, model, **more):
    """Write a checkpoint as the first revision did: its record first, whose class is gone, as is that of a tree."""
    kinds = (
        old_class(SENTENCE, "Record", dict, __reduce__=lambda self: (type(self), (dict(self),))),
        old_class(f"{PACKAGE}._record", "Tree", collections.namedtuple("_Tree", "path digest")),
    )
    record = {"fork": "ultralytics-addmodules", "version": "8.4.190+addmodules.1", "backbone": {"name": "x"}}
    try:
        torch.save({"addmodules": kinds[0](record), "tree": kinds[1]("a", "b"), "model": model, **more}, path)
    finally:
        for kind in kinds:
            del sys.modules[kind.__module__]
    with pytest.raises(ImportError):
        opened(path)
    return record


@pytest.fixture(params=["as Python", "as a command", "with upstream's variable"])
def way(request, monkeypatch):
    """How a checkpoint is opened: unrestricted, and in both restricted ways."""
    if request.param == "as a command":
        monkeypatch.setenv("ADDMODULES_RESTRICT", "1")
    return {"safe_only": request.param == "with upstream's variable"}


@pytest.mark.parametrize("name", [SMALL, "yolo11-torchvision-resnet18.yaml", "rtdetr-efficientvit_m0.yaml"])
def test_a_checkpoint_of_the_first_revision_opens(name, way, tmp_path):
    model = (YOLO if name.startswith("yolo") else RTDETR)(name).model
    model.model[0].normalize = Normalize((0.5,) * 3, (0.5,) * 3)
    model.model[0].pretrained_report = weights.Report("small.pth", ["a"], [], [], [])
    record = write_first_revision(tmp_path / "old.pt", model)
    found = torch_safe_load(tmp_path / "old.pt", **way)[0]
    assert (found["addmodules"], type(found["addmodules"]), tuple(found["tree"])) == (record, dict, ("a", "b"))
    assert found["model"].model[0].pretrained_report == model.model[0].pretrained_report
    own = model.state_dict()
    assert all(torch.equal(value, own[key]) for key, value in found["model"].state_dict().items())
    assert found["model"].yaml["weights_follow"]


def test_a_run_of_the_first_revision_is_resumed(data, tmp_path):
    model = YOLO(SMALL)
    seen = []
    model.add_callback("on_model_save", lambda trainer: seen.append(opened(trainer.last)))
    model.train(data=str(data), epochs=2, project=str(tmp_path), name="run", **COMMON)
    last = tmp_path / "run" / "weights" / "last.pt"
    write_first_revision(last, None, **{key: value for key, value in seen[0].items() if key != "model"})
    resumed = YOLO(last)
    resumed.train(resume=True, device="cpu")
    assert resumed.trainer.start_epoch == 1
    assert "addmodules" not in opened(last)


# What does not open ---------------------------------------------------------------------------------------------------


def test_other_errors_are_given_on(saved, tmp_path):
    class Own(Exception):
        pass

    with pytest.raises(Own), _checkpoint.explaining(saved / "small.pt"):
        raise Own
    (tmp_path / "picture.pt").write_bytes(b"GIF89a, in fact")
    with pytest.raises(TypeError, match="not a loadable checkpoint"):
        torch_safe_load(tmp_path / "picture.pt")
    torch.save({"model": shutil.copyfile}, tmp_path / "function.pt")
    with pytest.raises(TypeError, match="references types outside"):
        torch_safe_load(tmp_path / "function.pt", safe_only=True)


LACKS = r"""
import sys
from ultralytics.nn.tasks import torch_safe_load
for safe in (False, True):
    try:
        torch_safe_load(sys.argv[1], safe_only=safe)
    except Exception as e:
        print(f"<{type(e).__name__}> {e} </>")
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Another fork, of which files are then taken away or broken."""
    checkout = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(ROOT / "ultralytics", checkout / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    stamp = json.loads((checkout / "ultralytics" / "fork.json").read_text(encoding="utf-8"))
    stamp["revision"] = 77
    (checkout / "ultralytics" / "fork.json").write_text(json.dumps(stamp), encoding="utf-8")
    return checkout


@pytest.mark.parametrize("case", ["missing", "broken", "other"])
def test_a_checkpoint_that_needs_a_backbone_says_so(case, saved, elsewhere):
    file = elsewhere / OVERLAY / "mobilenetv3.py"
    text = file.read_text(encoding="utf-8")
    try:
        if case == "missing":
            file.unlink()
        elif case == "broken":
            file.write_text(f"{text}\nimport no_such_package\n", encoding="utf-8")
        else:
            file.write_text(text.replace("MobileNetV3Small", "MobileNetV3Tiny"), encoding="utf-8")
        run = run_python("-c", LACKS, saved / "small.pt", cwd=elsewhere, env={"PYTHONPATH": str(elsewhere)})
    finally:
        file.write_text(text, encoding="utf-8")
    said = run.stdout.split("</>")
    assert len(said) == 3, run.stdout + run.stderr
    copy = f"to do: copy it into {elsewhere / OVERLAY.rstrip('/')} from where the model was trained"
    expected = {
        "missing": ["is not here", copy, "update this fork"],
        "broken": ["could not be imported", "no_such_package", "mend that file"],
        "other": ["does not define it here", copy, "update this fork"],
    }
    for text in said[:2]:
        assert "<BackboneError>" in text
        assert f"{saved / 'small.pt'} cannot be opened here: it needs MobileNetV3" in text
        assert "of ultralytics/nn/Addmodules/mobilenetv3.py, which" in text
        assert [part for part in expected[case] if part not in text] == []


def test_a_layer_that_the_library_lacks_is_named(way, tmp_path, monkeypatch):
    timm = pytest.importorskip("timm")
    kind = old_class("timm.models.no_such_file", "Layer", torch.nn.Module)
    torch.save({"model": kind()}, tmp_path / "model.pt")
    del sys.modules["timm.models.no_such_file"]
    said = f"layers timm.models.no_such_file.Layer, which timm {timm.__version__} does not have"
    with pytest.raises(BackboneError, match=re.escape(said)):
        torch_safe_load(tmp_path / "model.pt", **way)
    hidden = {name: None for name in sys.modules if name.partition(".")[0] == "timm"}
    for name in {"timm": None, **hidden}:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackboneError, match="and timm is not installed"):
        torch_safe_load(tmp_path / "model.pt", **way)


def test_a_package_that_a_checkpoint_names_is_not_installed(tmp_path, monkeypatch):
    kind = old_class("no_such_package", "Layer", torch.nn.Module)
    torch.save({"model": kind()}, tmp_path / "model.pt")
    del sys.modules["no_such_package"]
    with pytest.raises(BackboneError, match=r"the module 'no_such_package', .*\n.*pip install no_such_package"):
        torch_safe_load(tmp_path / "model.pt")
    monkeypatch.setattr("ultralytics.utils.AUTOINSTALL", True)
    installed = []
    monkeypatch.setattr("ultralytics.nn.tasks.check_requirements", installed.append)
    with pytest.raises(ModuleNotFoundError):
        torch_safe_load(tmp_path / "model.pt")
    assert installed == ["no_such_package"]
