"""``python -m lab speed``: forms, what they predict, files, what cannot be measured, wrong command lines."""

import copy
import csv
import importlib.util

import numpy as np
import pytest
import torch
import yaml
from conftest import shake
from support.small_models import stock_yaml

from lab.speed import command as speed
from lab.speed import formats, latency

FAST = ["--imgsz", "64", "--threads", "1", "--rounds", "8"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(yaml.safe_dump(stock_yaml()), encoding="utf-8")
    return str(path)


def setting(**given):
    return formats.Setting(**{"imgsz": 64, "batch": 1, "threads": 1, "device": "cpu", "half": False, **given})


def wrong(capsys, *words):
    """Return the message of a command line that is wrong."""
    with pytest.raises(SystemExit) as stopped:
        speed.main(list(words))
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert not said.out
    return said.err


def test_forms_and_batches_come_into_one_table_and_two_files(tiny, tmp_path, capsys):
    files = [tmp_path / f"t.{ending}" for ending in ("md", "csv")]
    words = [tiny, "--formats", "torch,torchscript", "--batch", "1,2", *FAST, "--out", *map(str, files)]
    assert speed.main(words) == 0
    said = capsys.readouterr().out
    rows = list(csv.DictReader(files[1].open(encoding="utf-8")))
    forms = ["eager", "fused", "channels_last", "torchscript"]
    assert [(row["form"], row["batch"]) for row in rows] == [(form, size) for size in "12" for form in forms]
    for row in rows:
        assert float(row["images_per_s"]) == pytest.approx(1000 * int(row["batch"]) / float(row["median_ms"]), rel=0.01)
        assert float(row["difference"]) < 1e-4
        assert row["verdict"] in ("reference, twice", latency.FASTER, latency.SLOWER, latency.ALIKE)
        assert row["reason"] == ""
    assert [row["verdict"] == "reference, twice" for row in rows] == [True, False, False, False] * 2
    assert files[0].read_text(encoding="utf-8").count("| tiny |") == 8
    for line in ("64x64 pixels", "without reading images", "random weights", "batch 2: ratios are to tiny eager"):
        assert line in said
    assert "\r" not in said


def test_the_exporter_does_not_change_the_number_of_threads(tiny, monkeypatch):
    """Upstream's select_device sets a number of its own; PyTorch's forms would then run on other terms."""
    seen, own, number = [], latency.take_turns, torch.get_num_threads()
    monkeypatch.setattr(latency, "take_turns", lambda *a, **k: seen.append(torch.get_num_threads()) or own(*a, **k))
    words = [tiny, "--formats", "torch,torchscript", "--modes", "eager", *FAST, "--threads", "3"]
    assert speed.main(words) == 0
    assert seen == [3]
    assert torch.get_num_threads() == number


def test_a_fast_but_wrong_form_is_not_called_faster(tiny, monkeypatch, capsys):
    own = formats.make

    def broken(form, module, folder, setting):
        return own(form, shake(copy.deepcopy(module), 3) if form == "fused" else module, folder, setting)

    monkeypatch.setattr(formats, "make", broken)
    fake_times(monkeypatch, [[2.0] * 8, [1.0] * 8, [1.0] * 8, [2.0] * 8])
    assert speed.main([tiny, "--formats", "torch", *FAST]) == 1
    rows = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if line.startswith("tiny")}
    assert rows["fused"].endswith("output differs")
    assert rows["channels_last"].endswith("faster")


def fake_times(monkeypatch, times):
    def turns(runs, rounds, **_):
        assert len(runs) == len(times)
        return times

    monkeypatch.setattr(latency, "take_turns", turns)


def test_a_form_that_cannot_be_made_has_its_reason_and_the_others_go_on(tiny, monkeypatch, capsys, tmp_path):
    own = formats.make

    def failing(form, *rest):
        if form == "eager":
            raise RuntimeError("no\nway")
        return own(form, *rest)

    monkeypatch.setattr(formats, "make", failing)
    out = tmp_path / "t.csv"
    assert speed.main([tiny, "--formats", "torch", "--modes", "eager,fused", *FAST, "--out", str(out)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split(maxsplit=3) == ["tiny", "eager", "1", "not measured: RuntimeError: no way"]
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [row["verdict"] for row in rows] == ["", "reference, twice"]  # the next one is the reference then


def test_a_size_that_a_model_does_not_take_is_a_reason(tiny, monkeypatch, capsys):
    monkeypatch.setattr(formats, "run_torch", lambda *_: (_ for _ in ()).throw(RuntimeError("224 only")))
    assert speed.main([tiny, "--formats", "torch", *FAST]) == 1
    assert capsys.readouterr().out.count("not measured: RuntimeError: 224 only") == 3


def test_a_package_that_is_missing_is_an_error_only_if_asked_for(tiny, monkeypatch, capsys):
    own = importlib.util.find_spec
    absent = ("onnx", "onnxruntime", "onnxslim", "openvino")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in absent else own(name, *a))
    said = wrong(capsys, tiny, "--formats", "torch,onnx,openvino", *FAST)
    assert "--formats onnx: not installed: onnx, onnxruntime, onnxslim; run `python -m pip install onnx" in said
    assert "--formats openvino: not installed: openvino" in said
    assert speed.main([tiny, "--modes", "fused", *FAST]) == 0
    said = capsys.readouterr().out
    assert "openvino: left out, not installed: openvino; run `python -m pip install openvino`" in said
    assert said.count("tiny") >= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rtdetr-mobilenetv9.yaml"], "did you mean MobileNetV"),
        (["no-such.pt", "nor-this.yaml"], "nor-this.yaml"),
        (["yolo11n.yaml", "--formats", "onxx"], "--formats 'onxx': did you mean onnx?"),
        (["yolo11n.yaml", "--modes", "fussed"], "did you mean fused?"),
        (["yolo11n.yaml", "--formats", ","], "--formats is empty"),
        (["yolo11n.yaml", "--batch", "1,x"], "--batch 'x': give whole numbers from 1 on"),
        (["yolo11n.yaml", "--batch", "0"], "--batch '0'"),
        (["yolo11n.yaml", "--rounds", "0"], "rounds 0: the least is 1"),
        (["yolo11n.yaml", "--imgsz", "100"], "imgsz 100: give a multiple of 32"),
        (["yolo11n.yaml", "--half"], "half: on the CPU"),
        (["yolo11n.yaml", "yolo11n.yaml"], "yolo11n.yaml is given twice"),
        (["yolo11n.yaml", "--out", "t.xlsx"], "--out t.xlsx: give a file that ends in .md, .csv"),
        (["yolo11n.yaml", "--out", "no-such-folder/t.md"], "there is no folder"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_before_anything_runs(words, message, capsys, monkeypatch):
    monkeypatch.setattr(latency, "take_turns", lambda *_, **__: pytest.fail("something was measured"))
    assert message in wrong(capsys, *words)


def test_models_of_one_name_are_told_apart_by_their_paths():
    assert speed.label(["a/best.pt", "b/best.pt", "c.yaml"]) == {
        "a/best.pt": "a/best.pt",
        "b/best.pt": "b/best.pt",
        "c": "c.yaml",
    }


def test_predictions_that_changed_places_are_the_same_only_where_they_are_ranked():
    rng = np.random.default_rng(0)
    rows = rng.random((1, 100, 6))
    turned = rows[:, ::-1]
    assert formats.difference(turned, rows, ranked=True) == 0
    assert formats.difference(turned, rows, ranked=False) > 0.1
    other = rows.copy()
    other[:, :10] += 0.5  # a tenth of them
    assert formats.difference(other, rows, ranked=True) > 0.05
    assert formats.difference(rows + 0.001, rows, ranked=True) == pytest.approx(0.001, rel=0.05)


def test_each_channel_has_its_own_range():
    """Boxes are hundreds of pixels, scores of an untrained model a hundred-thousandth: both must count."""
    expected = np.concatenate([np.full((1, 4, 50), 300.0), np.full((1, 1, 50), 1e-5)], 1)
    assert formats.difference(expected * 1.001, expected, ranked=False) == pytest.approx(0.001)
    found = expected.copy()
    found[:, 4] *= 2
    assert formats.difference(found, expected, ranked=False) == pytest.approx(1.0)
    assert formats.difference(found[:, :4], expected, ranked=False) == np.inf
    found[0, 0, 0] = np.nan
    assert formats.difference(found, expected, ranked=False) == np.inf


def test_making_a_form_leaves_the_model_as_it_is(tiny, tmp_path):
    module = latency.load(tiny)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    for form in ("fused", "torchscript"):
        (tmp_path / form).mkdir()
        formats.make(form, module, tmp_path / form, setting())
    assert list((tmp_path / "torchscript").iterdir())
    assert not module.is_fused()
    assert list(before) == list(module.state_dict())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_stopping_it_writes_nothing(tiny, monkeypatch, capsys, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(latency, "take_turns", stop)
    assert speed.main([tiny, "--formats", "torch", *FAST, "--out", str(tmp_path / "t.md")]) == 130
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolo11-mobilenetv4convsmall.yaml", "rtdetr-efficientvit_m0.yaml", "yolo26n.yaml"])
def test_every_format_predicts_the_same(name, tmp_path, capsys):
    for package in ("onnx", "onnxruntime", "onnxslim", "openvino"):
        pytest.importorskip(package)
    out = tmp_path / "t.csv"
    words = [name, "--formats", "torch,torchscript,onnx,openvino", "--batch", "2", *FAST, "--out", str(out)]
    assert speed.main(words) == 0, capsys.readouterr().out
    rows = {row["form"]: row for row in csv.DictReader(out.open(encoding="utf-8"))}
    assert list(rows) == ["eager", "fused", "channels_last", "torchscript", "onnx", "openvino"]
    assert all(float(row["difference"]) < formats.TOLERANCE["float32"] for row in rows.values())


@pytest.mark.slow
def test_a_model_of_end_to_end_predictions_is_exported_with_the_same_head(tmp_path):
    """Left alone, upstream exports the other head of YOLO26, which needs suppression."""
    module = latency.load("yolo26n.yaml")
    module.end2end = True
    expected = formats.run_torch(copy.deepcopy(module), setting()).output()
    found = formats.make("torchscript", module, tmp_path, setting()).output()
    assert expected.shape == found.shape == (1, 84, 6)
    assert formats.difference(found, expected, formats.by_rank(module)) < 1e-3
