"""The check of a data set judges as upstream's scan does, and only reads."""

import random
import threading
from pathlib import Path

import numpy as np
import pytest
from data_sets import CAT, IMAGES, NAMES, ROWS, TREE, Set, found, picture

from lab.data.files import Rule, read_labels


@pytest.fixture
def data(tmp_path):
    return Set(tmp_path / "set")


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def spoil(data):
    """Make many things wrong at once, in both splits."""
    for n, (_, name, raw, _, _) in enumerate(image for image in IMAGES if image[0] != "image-heif"):
        data.image(f"train/i{n}{Path(name).suffix}", raw)
        data.label(f"train/i{n}.txt", CAT)
    for n, (_, rows, _, _) in enumerate(ROWS):
        for split in ("train", "val"):
            data.image(f"{split}/r{n}.png", picture(100 + n + (split == "val") * 50))
            data.label(f"{split}/r{n}.txt", *rows)
    data.label("train/i0.txt")
    (data.folder / "labels/val/y.txt").unlink()
    (data.folder / "labels/train/i1.txt").unlink()


def test_nothing_is_written(data, tmp_path, monkeypatch):
    spoil(data)
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    for full in (True, False):
        data.check(full=full, imgsz=64)
    assert snapshot(tmp_path) == before


def upstreams_scan(data, task):
    """Return (found, missing, empty, corrupt, images) of each split by upstream's own data set."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset, load_dataset_cache_file

    parsed = check_det_dataset(str(data.folder / "data.yaml"), autodownload=False)
    results = {}
    for split in ("train", "val"):
        dataset = YOLODataset(img_path=parsed[split], data=parsed, task=task, imgsz=64)
        cache = load_dataset_cache_file(data.folder / "labels" / f"{split}.cache")
        results[split] = (*cache["results"], sum(len(label["cls"]) for label in dataset.labels))
    return results


@pytest.mark.parametrize(("task", "extra"), [("detect", ""), ("detect", "kpt_shape: [2, 3]\n"), ("segment", "")])
def test_upstreams_scan_counts_the_same(data, task, extra):
    spoil(data)
    data.yaml(TREE + NAMES + extra)
    report = data.check(task=task)
    if task != "detect":  # there upstream stops on any file of boxes
        polygon = "0 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4"
        assert "label-task" in found(report)
        for issue in (data.folder / "labels").rglob("*.txt"):
            labels = read_labels(str(issue), Rule(task, 2))
            if not labels.polygons and not labels.empty and not labels.refused:
                issue.write_text(polygon, encoding="utf-8")
        report = data.check(task=task)
        assert "label-task" not in found(report)
    ours = {s: (n.found, n.missing, n.empty, n.corrupt, n.images, n.boxes) for s, n in report.splits.items()}
    assert ours["train"][3] > 8
    assert ours == upstreams_scan(data, task)


def random_row(rng, columns):
    def number():
        odd = ["1.005", "1.01", "1.02", "-0.005", "-0.02", "320", "nan", "inf", "-inf", "x", "1e39", "1_0", "0", "1"]
        return rng.choice(odd) if rng.random() < 0.06 else f"{rng.random():.2f}"

    first = "0" if rng.random() < 0.8 else rng.choice(["1", "1.0", "2", "-1", "0.5", "cat", "-0.005", "-0"])
    return " ".join([first, *(number() for _ in range(columns if rng.random() < 0.95 else rng.randint(0, 11)))])


@pytest.mark.parametrize(
    ("columns", "rule"), [(4, Rule("detect", 2)), (8, Rule("detect", 2)), (10, Rule("detect", 2, 6))]
)
def test_upstream_takes_and_refuses_the_same_random_rows(tmp_path, columns, rule):
    from ultralytics.data.utils import verify_image_label

    (tmp_path / "a.png").write_bytes(picture())
    label = tmp_path / "a.txt"
    rng = random.Random(columns)
    verdicts = set()
    for _ in range(600):
        rows = [random_row(rng, columns) for _ in range(rng.randint(0, 3))]
        rows += rng.choices(rows, k=rng.randint(0, 1)) if rows else []
        label.write_text("\n".join(rows), encoding="utf-8")
        arguments = (str(tmp_path / "a.png"), str(label), "", False, 2, *((2, 3) if rule.points else (0, 0)), False)
        with np.errstate(all="ignore"):
            _, boxes, _, _, _, _, _, empty, corrupt, _ = verify_image_label(arguments)
        ours = read_labels(str(label), rule)
        theirs = (bool(empty), bool(corrupt), 0 if boxes is None else len(boxes))
        assert (ours.empty, ours.refused, len(ours.boxes)) == theirs, rows
        assert bool(ours.issues) >= ours.refused, rows
        verdicts.add(theirs[:2])
    assert len(verdicts) == 3


def test_an_interrupted_check_leaves_no_thread(data, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.terminal.Progress.step", stop)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        data.check()
    assert threading.active_count() == threads
