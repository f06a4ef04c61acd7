"""The record of the fork in checkpoints and exports, and what is said where a checkpoint does not open."""

import copy
import json
import os
import re
import shutil
import sys
import zipfile

import pytest
import torch
from conftest import ROOT, make_squares, run_python

from fork.state import read_stamp
from fork.tree import OVERLAY
from ultralytics import YOLO
from ultralytics.nn.Addmodules._policy import checkpoint as _checkpoint
from ultralytics.nn.Addmodules._policy import record as _record
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils.torch_utils import strip_optimizer

COMMON = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "verbose": False, "val": False}
SMALL = "yolo11-mobilenetv3small.yaml"


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


def check(record, name="MobileNetV3Small", arguments=()):
    stamp = read_stamp(ROOT)
    assert record["fork"] == "ultralytics-addmodules"
    assert record["version"] == stamp.version == f"{stamp.release}+addmodules.{stamp.revision}"
    assert (record["release"], record["revision"]) == (stamp.release, stamp.revision)
    assert (record["digest"], record["steps"], record["local"]) == (stamp.digest, stamp.steps, stamp.local)
    if name is None:
        assert record["backbone"] is None
    else:
        assert (record["backbone"]["name"], record["backbone"]["arguments"]) == (name, list(arguments))


def test_a_saved_model_has_a_record_first(saved):
    content = opened(saved / "small.pt")
    assert next(iter(content)) == "addmodules"
    check(content["addmodules"])
    backbone = content["addmodules"]["backbone"]
    assert backbone["class"] == "ultralytics.nn.Addmodules.mobilenetv3.MobileNetV3Small"
    assert backbone["file"] == "ultralytics/nn/Addmodules/mobilenetv3.py"
    assert backbone["sha256"] == _record._sha256(ROOT / backbone["file"])


def test_a_stock_model_has_a_plain_one_and_opens_in_a_stock_package(saved, pristine_root):
    record = opened(saved / "stock.pt")["addmodules"]
    assert type(record) is dict
    check(record, None)
    code = "import sys, ultralytics; from ultralytics import YOLO; print(ultralytics.__file__, YOLO(sys.argv[1]).task)"
    run = run_python("-c", code, saved / "stock.pt", cwd=saved, env={"PYTHONPATH": str(pristine_root)})
    assert run.stdout.splitlines()[-1] == f"{pristine_root / 'ultralytics' / '__init__.py'} detect", run.stderr


def test_training_stripping_resuming_and_saving_keep_it(data, tmp_path):
    model = YOLO(SMALL)
    seen = []
    model.add_callback("on_model_save", lambda trainer: seen.append(opened(trainer.last)))
    model.train(data=str(data), epochs=2, project=str(tmp_path), name="run", **COMMON)
    assert [next(iter(content)) for content in seen] == ["addmodules"] * 2
    check(seen[0]["addmodules"])
    last = tmp_path / "run" / "weights" / "last.pt"
    check(opened(last)["addmodules"])  # stripped at the end of the run
    torch.save(seen[0], last)
    check(strip_optimizer(last)["addmodules"])
    check(opened(last)["addmodules"])
    YOLO(last).save(tmp_path / "again.pt")
    check(opened(tmp_path / "again.pt")["addmodules"])
    assert "loaded_from" not in opened(tmp_path / "again.pt")["addmodules"]
    torch.save(seen[0], last)
    resumed = YOLO(last)
    resumed.add_callback("on_model_save", lambda trainer: seen.append(opened(trainer.last)))
    resumed.train(resume=True, device="cpu")
    assert [content["epoch"] for content in seen] == [0, 1, 1]
    check(seen[2]["addmodules"])


def test_a_file_of_another_fork_is_said_to_have_been_loaded(saved, tmp_path):
    content = opened(saved / "small.pt")
    content["addmodules"].update(version="8.4.200+addmodules.7", digest="f" * 64)
    torch.save(content, tmp_path / "other.pt")
    YOLO(tmp_path / "other.pt").save(tmp_path / "again.pt")
    record = opened(tmp_path / "again.pt")["addmodules"]
    check(record)
    assert record["loaded_from"] == {"version": "8.4.200+addmodules.7", "digest": "f" * 64}


def test_the_record_is_that_of_the_model_inside(saved, tmp_path):
    model = YOLO("yolo11-timm-resnet18.yaml").load(saved / "small.pt")
    model.save(tmp_path / "timm.pt")
    record = opened(tmp_path / "timm.pt")["addmodules"]
    check(record, "Timm", ["resnet18", False])
    assert record["backbone"]["library"].startswith("timm ")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"release": 8, "revision": 1}', "{"])
def test_without_a_stamp_all_is_unknown(content, tmp_path):
    if content is not None:
        (tmp_path / "fork.json").write_text(content, encoding="utf-8")
    found = _record.stamp(tmp_path)
    assert (found["version"], found["revision"], found["digest"]) == ("unknown",) * 3
    assert (found["steps"], found["local"], found["files"]) == ({}, [], {})


def test_what_was_edited_since_the_build_is_named(tmp_path, monkeypatch):
    (tmp_path / "ultralytics" / "nn").mkdir(parents=True)
    files = {"ultralytics/a.py": "1", "ultralytics/nn/b.py": "2", "ultralytics/gone.py": "3"}
    stamp = {"release": "1.2", "revision": 3, "digest": "d", "steps": {}, "local": ["mine"]}
    for name in list(files)[:2]:
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
        files[name] = _record._sha256(tmp_path / name)
    (tmp_path / "ultralytics" / "nn" / "b.py").write_text("x = 2\n", encoding="utf-8")
    (tmp_path / "ultralytics" / "fork.json").write_text(json.dumps({**stamp, "files": files}), encoding="utf-8")
    monkeypatch.setattr(_record, "PACKAGE", tmp_path / "ultralytics")
    monkeypatch.setattr(_record, "stamp", lambda stamp=_record.stamp: stamp(_record.PACKAGE))
    found = _record._own_stamp.__wrapped__()
    assert (found["version"], found["local"]) == ("1.2+addmodules.3", ["mine"])
    assert found["edited"] == ["ultralytics/nn/b.py", "ultralytics/gone.py"]


def test_a_record_is_a_dict_that_survives_copies_and_both_ways_of_loading(saved):
    record = opened(saved / "small.pt")["addmodules"]
    assert isinstance(record, dict)
    assert json.loads(json.dumps(record)) == record
    again = copy.deepcopy(record)
    assert (again, type(again)) == (record, type(record))
    found = torch_safe_load(saved / "small.pt", safe_only=True)[0]["addmodules"]
    assert (found, type(found)) == (record, type(record))
    assert len(type(record).__module__.rpartition(".")[2]) < 200  # a file system's limit is 255, endings included


def test_it_opens_by_hand_where_nothing_is_imported_yet(saved):
    code = "import sys, torch; print(torch.load(sys.argv[1], weights_only=False)['addmodules']['fork'])"
    run = run_python("-c", code, saved / "small.pt", cwd=saved, env={"PYTHONPATH": str(ROOT)})
    assert run.stdout.strip().splitlines()[-1] == "ultralytics-addmodules", run.stderr


def test_a_sentence_of_any_revision_is_known():
    import importlib

    name = f"{_record.SENTENCE}a fork of the future, in other words"
    assert _record.find(f"{name}.Record") is importlib.import_module(name).Record
    assert _record.find(f"{name}.Other") is None
    assert _record.find("ultralytics.nn.Addmodules.Record") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("ultralytics.nn.Addmodules.of")


@pytest.mark.parametrize("name", ["x; rm -rf ~ \n\"'`$(y)", "Größe", "a.b/c\\d", "N" * 300])
def test_a_sentence_holds_no_more_than_words(name):
    content = {"version": "8.4.190+addmodules.1", "backbone": {"name": name}}
    module = type(_record.as_record(content)).__module__
    assert module.startswith("ultralytics.nn.Addmodules of the fork ultralytics-addmodules 8_4_190+addmodules_1 with ")
    assert re.fullmatch(r"[A-Za-z0-9_+, -]+", module[len(_record.SENTENCE) :])
    assert len(module) < 220


STOCK = r"""
import sys, ultralytics
from ultralytics.nn.tasks import torch_safe_load
print(ultralytics.__file__)
for path in sys.argv[1:]:
    try:
        torch_safe_load(path)
    except Exception as e:
        print(type(e).__name__, e)
"""


def test_a_stock_package_names_the_fork(saved, pristine_root):
    run = run_python("-c", STOCK, saved / "small.pt", cwd=saved, env={"PYTHONPATH": str(pristine_root)})
    assert str(pristine_root) in run.stdout
    assert "ModuleNotFoundError ERROR" in run.stdout
    version = read_stamp(ROOT).version.replace(".", "_")
    assert f"of the fork ultralytics-addmodules {version} with backbone" in run.stdout
    assert "MobileNetV3Small - get that fork, run make train in it" in run.stdout


def test_reading_a_record_runs_nothing(tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.system, (f"{sys.executable} -c \"open(r'{marker}', 'w')\"",)

    model = [Evil(), torch.ones(3), {1, 2}, torch.nn.Conv2d(1, 1, 1)]
    torch.save({"addmodules": {"fork": "x"}, "model": model}, tmp_path / "e.pt")
    content = _checkpoint.read(tmp_path / "e.pt")
    assert content.record == {"fork": "x"}
    assert (os.system.__module__, "system") in content.names
    assert ("torch.nn.modules.conv", "Conv2d") in content.names
    assert not marker.exists()


def test_what_is_no_checkpoint_has_no_record(tmp_path):
    (tmp_path / "text.pt").write_text("no", encoding="utf-8")
    torch.save([1], tmp_path / "list.pt")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q\x00.garbage"[:4])
    assert _checkpoint.read(tmp_path / "text.pt") is None
    assert _checkpoint.read(tmp_path / "zip.pt") is None
    assert _checkpoint.read(tmp_path / "missing.pt") is None
    assert _checkpoint.read(tmp_path / "list.pt").record is None


def test_other_errors_are_given_on(saved, tmp_path):
    class Own(Exception):
        pass

    def fail():
        raise Own

    with pytest.raises(Own):
        _checkpoint.explained_load(saved / "small.pt", fail)
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
    update = "update this fork to that revision"
    expected = {
        "missing": ["there is no such file here", update, str(elsewhere / OVERLAY.rstrip("/"))],
        "broken": ["could not be imported", "no_such_package", "mend that file"],
        "other": ["does not define it", update],
    }
    stamp = read_stamp(ROOT)
    for text in said[:2]:
        assert "<BackboneError>" in text
        assert "it needs MobileNetV3Small of ultralytics/nn/Addmodules/mobilenetv3.py" in text
        assert f"made by: ultralytics-addmodules {stamp.version} (tree {stamp.digest[:12]})" in text
        assert "backbone: MobileNetV3Small with the arguments []" in text
        assert "+addmodules.77" in text
        assert [part for part in expected[case] if part not in text] == []


def test_the_same_revision_asks_for_the_file_alone(monkeypatch):
    record = _record.record(None)
    said = _checkpoint._lacking("ultralytics.nn.Addmodules.mine", "Net", record)
    assert "to do: copy that file from where the model was trained" in said
    said = _checkpoint._lacking("ultralytics.nn.Addmodules.mobilenetv3", "Net", record)
    assert "to do: put the file in its place with which the model was trained" in said
    assert _checkpoint._lacking("ultralytics.nn.Addmodules.mobilenetv3", "MobileNetV3", record) is None
    assert _checkpoint._lacking("ultralytics.nn.Addmodules.deep.mine", "Net", None) is not None


def test_a_layer_that_the_library_lacks_is_named():
    timm = pytest.importorskip("timm")
    for module in ("timm.models.no_such_file", "timm.models.resnet"):
        said = _checkpoint._lacking(module, "NoSuchLayer", None)
        assert f"layers {module}.NoSuchLayer, which timm {timm.__version__} does not have" in said
    assert _checkpoint._lacking("timm.models.resnet", "ResNet", None) is None
    assert _checkpoint._lacking("no_such_library.models", "Layer", None) is None


def test_exports_carry_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = YOLO(SMALL)
    model.save("small.pt")
    path = YOLO("small.pt").export(format="torchscript", imgsz=64, device="cpu")
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("extra/config.txt"))
        metadata = json.loads(archive.read(name))
    check(json.loads(metadata["addmodules"]))
    assert metadata["stride"] == 32
    assert YOLO(path, task="detect").predict(torch.zeros(1, 3, 64, 64), imgsz=64, verbose=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_other_formats_carry_it(kind, tmp_path, monkeypatch):
    pytest.importorskip(kind)
    from ultralytics.nn.backends.base import BaseBackend

    monkeypatch.chdir(tmp_path)
    YOLO(SMALL).save("small.pt")
    options = {"simplify": False} if kind == "onnx" else {}
    path = YOLO("small.pt").export(format=kind, imgsz=64, device="cpu", **options)
    check(json.loads(BaseBackend.read_metadata(path)["addmodules"]))


@pytest.mark.slow
def test_the_articles_steps_alone_record_and_explain_nothing(saved, articles_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(articles_root, root)
    (root / OVERLAY / "mobilenetv3.py").unlink()
    code = (
        LACKS
        + r"""
from ultralytics import YOLO
import torch
YOLO("yolo11n.yaml").save("stock.pt")
print("recorded", "addmodules" in torch.load("stock.pt", weights_only=False))
"""
    )
    run = run_python("-c", code, saved / "small.pt", cwd=tmp_path, env={"PYTHONPATH": str(root)})
    assert "Train a new model using the latest" in run.stdout, run.stderr
    assert "made by" not in run.stdout
    assert "recorded False" in run.stdout
