"""The evaluation of a run: what is kept, and that it gives upstream's own figures."""

import json
import os

import cv2
import numpy as np
import pytest
import torch
from conftest import make_squares

from lab.compare import evaluate, stats
from run import find
from run.arguments import UsageError
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionValidator


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny training, as upstream leaves it, in a folder with a Chinese name."""
    folder = tmp_path_factory.mktemp("evaluate") / "数据"
    data = make_squares(folder / "set")
    save = folder / "runs" / "tiny-s0"
    name, _ = find.find_model("yolo11-mobilenetv4convsmall.yaml")
    arguments = {"epochs": 1, "imgsz": 64, "batch": 4, "device": "cpu", "workers": 0, "plots": False, "val": False}
    YOLO(name).train(data=str(data), save_dir=str(save), exist_ok=True, verbose=False, max_det=50, **arguments)
    return save, data


@pytest.fixture
def guesses(monkeypatch):
    """Let the model find the annotated boxes, moved, with gaps and mistakes, so that the figures are no zeros."""
    rng = np.random.default_rng(0)
    original = DetectionValidator.update_metrics

    def update_metrics(self, preds, batch):
        made = []
        for n in range(len(preds)):
            prepared = self._prepare_batch(n, batch)
            boxes, kinds = prepared["bboxes"], prepared["cls"]
            moved = boxes + torch.tensor(rng.normal(0, 2.0, (len(boxes), 4)), dtype=torch.float32)
            extra = torch.tensor(rng.uniform(0, 64, (3, 4)), dtype=torch.float32)
            wrong = torch.tensor(rng.integers(0, self.nc, 3), dtype=torch.float32)
            conf = torch.tensor(rng.uniform(0.01, 1, len(boxes) + 3), dtype=torch.float32).sort(descending=True).values
            made.append({"bboxes": torch.cat([moved, extra]), "cls": torch.cat([kinds, wrong]), "conf": conf})
        original(self, made, batch)

    monkeypatch.setattr(DetectionValidator, "update_metrics", update_metrics)


def write_set(folder, names, images, objects):
    """Write a set whose images have 0 to ``objects`` squares, each third image without a label file."""
    rng = np.random.default_rng(1)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for n in range(images):
        size = (48, 64) if n % 2 else (64, 40)  # upstream takes them in another order where it pads least
        cv2.imencode(".png", rng.integers(0, 255, (*size, 3), dtype=np.uint8))[1].tofile(
            str(folder / f"images/{n}.png")
        )
        if n % 3 and objects:
            kinds = rng.integers(0, len(names), rng.integers(1, objects + 1))
            lines = "".join(
                f"{k} {x:.3f} {y:.3f} 0.3 0.3\n" for k, x, y in zip(kinds, *rng.uniform(0.2, 0.8, (2, len(kinds))))
            )
            (folder / f"labels/{n}.txt").write_text(lines, encoding="utf-8")
    path = folder / "data.yaml"
    text = {"path": folder.as_posix(), "train": "images", "val": "images", "names": dict(enumerate(names))}
    path.write_text(json.dumps(text), encoding="utf-8")  # JSON is YAML
    return path


def check(folder, result):
    """The kept arrays give the figures that upstream worked out."""
    found = stats.load(folder / "eval.npz")
    classes, values = stats.ap(found)
    assert values[:, 0].mean() == pytest.approx(result["map50"], abs=1e-6)
    assert values.mean() == pytest.approx(result["map50_95"], abs=1e-6)
    per_class = {c["number"]: c for c in result["per_class"].values()}
    for number, one in zip(classes.tolist(), values):
        assert per_class[number]["ap50"] == pytest.approx(one[0], abs=1e-6)
        assert per_class[number]["ap50_95"] == pytest.approx(one.mean(), abs=1e-6)
        assert per_class[number]["targets"] == (found.target_class == number).sum()
    return found


def test_a_real_run(run):
    save, data = run
    result = evaluate.evaluate(save, str(data), 64, 2, "cpu")
    assert result == json.loads((save / "eval.json").read_text(encoding="utf-8")) | {"names": {0: "square"}}
    found = check(save, result)
    assert found.images.tolist() == ["images/val/0.png", "images/val/1.png"]
    assert found.tp.shape == (len(found.conf), 10)
    assert np.bincount(found.pred_image).max() <= 50  # the training's max_det holds for its validation, too
    assert result["size_mb"] == os.path.getsize(save / "weights" / "best.pt") / 1e6
    model = YOLO(save / "weights" / "best.pt").model
    assert result["parameters"] == sum(p.numel() for p in model.parameters())
    assert result["gflops"] > 0
    assert (result["images"], result["targets"], result["imgsz"], result["why"]) == (2, 2, 64, None)
    assert {path.name for path in save.iterdir() if "part" in path.name} == set()


@pytest.mark.parametrize(("names", "objects"), [(["square"], 3), ([f"class {n}" for n in range(79)] + ["树冠"], 6)])
def test_mistakes_gaps_and_images_without_labels(run, guesses, tmp_path, names, objects, monkeypatch):
    save, _ = run
    data = write_set(tmp_path / "set", names, 30, objects)
    if len(names) > 1:  # a model of so many classes need not be trained for it
        monkeypatch.setattr(evaluate.find, "load_checkpoint", lambda path: (untrained(names), {}))
    result = evaluate.evaluate(save, str(data), 64, 4, "cpu")
    found = check(save, result)
    assert 0.1 < result["map50_95"] < result["map50"] < 0.99
    assert len(found.images) == 30
    assert found.images.tolist() == sorted(found.images.tolist())
    assert set(found.target_image.tolist()) == {n for n, i in enumerate(found.images) if int(i.split("/")[1][:-4]) % 3}
    assert list(result["per_class"]) == names


def untrained(names):
    name, _ = find.find_model("yolo11-mobilenetv4convsmall.yaml")
    model = YOLO(name)
    model.model.names = dict(enumerate(names))
    return model


def test_no_objects_is_no_zero(run, tmp_path):
    save, _ = run
    data = write_set(tmp_path / "set", ["thing"], 4, 0)
    result = evaluate.evaluate(save, str(data), 64, -1, "cpu")
    assert result["batch"] == 16
    assert [result[key] for key in ("map50", "map50_95", "precision", "recall")] == [None] * 4
    assert "no objects" in result["why"]
    assert result["per_class"]["square"] == {
        "ap50": None,
        "ap50_95": None,
        "precision": None,
        "recall": None,
        "number": 0,
        "targets": 0,
    }
    assert len(stats.load(save / "eval.npz").images) == 4


def test_a_run_without_a_checkpoint(tmp_path):
    with pytest.raises(UsageError, match=r"best\.pt does not exist"):
        evaluate.evaluate(tmp_path, "data.yaml", 64, 4, "cpu")
    assert list(tmp_path.iterdir()) == []


def test_the_threads_stay_the_callers(run, monkeypatch):
    save, data = run
    used, before = [], torch.get_num_threads()
    original = DetectionValidator.init_metrics
    spy = lambda self, model: (used.append(torch.get_num_threads()), original(self, model))[1]  # noqa: E731
    monkeypatch.setattr(DetectionValidator, "init_metrics", spy)
    try:
        torch.set_num_threads(3)
        evaluate.evaluate(save, str(data), 64, 2, "cpu")
    finally:
        torch.set_num_threads(before)
    assert used == [3]
