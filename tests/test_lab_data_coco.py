"""`python -m lab data convert` on COCO and LabelMe: ids, crowds, outlines, masks, and upstream's own converter."""

import base64
import json
import os
import random

import numpy as np
import pytest
import yaml
from annotation_sets import coco, image, labelme, labels, problems, runner, shape, tree

from lab.data import geometry
from lab.data.check import check_data
from lab.data.coco import is_coco


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture
def src(tmp_path):
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def convert(run, src, out):
    def convert(*words):
        ran = run("convert", src, "--to", out, *words)
        assert ran.code == 0, ran.out + ran.err
        return ran.out

    return convert


def names(out):
    return yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))["names"]


def test_category_ids_with_gaps_become_numbers_in_their_order(src, out, convert):
    image(src / "val2017" / "a.jpg")
    image(src / "train2017" / "a.jpg", seed=1)  # the same name, told apart by the part
    categories = ((90, "c"), (3, "a"), (17, "b"))
    rows = [(7, 90, [0, 0, 50, 40], {}), (7, 3, [50, 40, 50, 40], {})]
    coco(src / "annotations" / "instances_val2017.json", [(7, "a.jpg")], rows, categories)
    coco(src / "annotations" / "instances_train2017.json", [(7, "a.jpg")], rows[:1], categories)
    convert("--strict")
    assert names(out) == {0: "a", 1: "b", 2: "c"}
    assert labels(out) == {
        "val/a": [[2, 0.25, 0.25, 0.5, 0.5], [0, 0.75, 0.75, 0.5, 0.5]],
        "train/a": [[2, 0.25, 0.25, 0.5, 0.5]],
    }
    assert [one[0] for one in problems(out)["class-unused"]] == ["b"]
    assert (out / "images/val/a.jpg").read_bytes() == (src / "val2017/a.jpg").read_bytes()
    report = check_data(str(out))
    assert report.ok, report.lines()


def test_what_is_wrong_in_a_file_is_named_and_the_rest_is_kept(src, out, convert):
    for n, name in enumerate(("a", "b", "c", "unlisted")):
        image(src / f"{name}.jpg", seed=n)
    path = coco(
        src / "all.json",
        [(1, "a.jpg"), (1, "b.jpg"), (2, "gone.jpg"), (3, "c.jpg"), (4, "a.jpg")],
        [
            (1, 1, [0, 0, 50, 40], {}),
            (1, 1, [0, 0, 50, 40], {"id": 1}),
            (1, 1, [0, 0, 100, 80], {"iscrowd": 1}),
            (9, 1, [0, 0, 50, 40], {}),
            (1, 5, [0, 0, 50, 40], {}),
            (1, 1, [0, 0, -5, 40], {}),
            (1, 1, [0, 0, 0, 40], {}),
            (1, 1, [-10, 0, 20, 80], {}),
            (4, 2, [50, 0, 50, 80], {}),
            (3, 1, ["x", 0, 1, 1], {}),
        ],
        ((1, "cat"), (2, "dog"), (1, "cow")),
    )
    data = json.loads(path.read_text(encoding="utf-8"))
    data["annotations"] += [{"id": 77}, "no mapping"]
    path.write_text(json.dumps(data), encoding="utf-8")
    convert()
    assert labels(out) == {
        "a": [[0, 0.25, 0.25, 0.5, 0.5], [0, 0.05, 0.5, 0.1, 1], [1, 0.75, 0.5, 0.5, 1]],
    }
    assert {kind: len(found) for kind, found in problems(out).items()} == {
        "annotation-id": 1,
        "annotation-image": 1,
        "annotation-category": 1,
        "annotation-malformed": 2,
        "box-clipped": 1,
        "box-duplicate": 1,
        "box-empty": 1,
        "box-negative": 1,
        "box-number": 1,
        "category-id": 1,
        "crowd": 1,
        "image-id": 1,
        "image-missing": 1,
        "image-twice": 1,
        "image-unlisted": 2,
        "objects-lost": 1,
    }


def test_paths_of_other_machines_and_doubled_names(src, out, convert):
    image(src / "images" / "p" / "a.jpg")
    image(src / "images" / "q" / "a.jpg", seed=1)
    image(src / "images" / "b.jpg", seed=2)
    names_ = [(1, "p/a.jpg"), (2, "D:\\data\\q\\a.jpg"), (3, "/data/upload/b.jpg"), (4, "r/a.jpg")]
    coco(src / "all.json", names_, [(n, 1, [0, 0, 10 * n, 8], {}) for n in (1, 2, 3, 4)])
    convert()
    assert {name: rows[0][3] for name, rows in labels(out).items()} == {"p/a": 0.1, "q/a": 0.2, "b": 0.3}
    assert [one[1] for one in problems(out)["image-missing"]] == ["r/a.jpg"]


def test_of_cocos_own_files_only_instances_are_read(src, out, convert):
    image(src / "val2017" / "a.jpg")
    coco(src / "annotations" / "instances_val2017.json", [(1, "a.jpg")], [(1, 1, [0, 0, 50, 40], {})])
    coco(src / "annotations" / "captions_val2017.json", [(1, "a.jpg")], [(1, 1, [0, 0, 9, 9], {"caption": "a cat"})])
    assert "only instances_*.json is read; not captions_val2017.json" in convert("--strict")
    assert labels(out) == {"val/a": [[0, 0.25, 0.25, 0.5, 0.5]]}


def test_outlines_make_it_a_task_of_segments_and_boxes_can_be_had(src, out, run, tmp_path):
    image(src / "a.jpg")
    outline = [10, 8, 60, 8, 60, 48, 10, 48]
    rows = [
        (1, 1, [10, 8, 50, 40], {"segmentation": [outline]}),
        (1, 1, [0, 0, 100, 80], {"segmentation": [[0, 0, 10, 0, 10, 8], [90, 72, 100, 72, 100, 80]]}),
        (1, 1, [80, 40, 20, 40], {"segmentation": [[80, 40, 140, 40, 140, 80, 80, 80], [1, 1, 2, 2]]}),
    ]
    coco(src / "all.json", [(1, "a.jpg")], rows)
    assert "task      segment" in run("convert", src, "--to", out).out
    first, second, third = labels(out)["a"]
    assert first == [0, 0.1, 0.1, 0.6, 0.1, 0.6, 0.6, 0.1, 0.6]
    points = list(zip(second[1::2], second[2::2]))
    assert geometry.area(points) == pytest.approx(0.01)  # two triangles of 1/200 each: the line between has no width
    assert sorted(zip(third[1::2], third[2::2])) == [(0.8, 0.5), (0.8, 1), (1, 0.5), (1, 1)]
    assert set(problems(out)) == {"parts-joined", "polygon-bad", "box-clipped"}
    assert check_data(str(out), task="segment").ok
    boxes = tmp_path / "boxes"
    run("convert", src, "--to", boxes, "--task", "detect")
    assert labels(boxes)["a"] == [[0, 0.35, 0.35, 0.5, 0.5], [0, 0.5, 0.5, 1, 1], [0, 0.9, 0.75, 0.2, 0.5]]


def test_a_box_among_outlines_becomes_four_corners_when_segments_are_asked_for(src, out, convert):
    image(src / "a.jpg")
    rows = [(1, 1, [10, 8, 50, 40], {}), (1, 1, [10, 8, 50, 40], {"segmentation": [[10, 8, 60, 8, 60, 48]]})]
    coco(src / "all.json", [(1, "a.jpg")], rows)
    assert "task      segment" in convert("--task", "segment")
    assert labels(out)["a"][0] == [0, 0.1, 0.1, 0.6, 0.1, 0.6, 0.6, 0.1, 0.6]
    assert set(problems(out)) == {"box-polygon"}


def encode(runs):
    """Compress run lengths as COCO does."""
    text = ""
    for n, run in enumerate(runs):
        value = run - runs[n - 2] if n > 2 else run
        while True:
            code, value = value & 31, value >> 5
            more = value != (-1 if code & 16 else 0)
            text += chr(48 + code + (32 if more else 0))
            if not more:
                break
    return text


@pytest.mark.parametrize("packed", [False, True])
def test_masks_in_run_lengths(src, out, convert, packed):
    chance = random.Random(2)
    image(src / "a.jpg")
    rows, wanted = [], []
    for _ in range(6):
        left, top = chance.randrange(90), chance.randrange(70)
        w, h = chance.randint(2, 100 - left), chance.randint(2, 80 - top)
        mask = np.zeros((80, 100), np.uint8)
        mask[top : top + h, left : left + w] = 1
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff([0, *edges, flat.size]).tolist()
        runs = [0, *runs] if flat[0] else runs
        counts = encode(runs) if packed else runs
        rows.append((1, 1, [left, top, w, h], {"segmentation": {"size": [80, 100], "counts": counts}}))
        wanted.append((left / 100, top / 80, (left + w) / 100, (top + h) / 80))
    coco(src / "all.json", [(1, "a.jpg")], rows)
    convert("--task", "segment")
    assert not problems(out)
    for row, box in zip(labels(out)["a"], wanted):
        got = min(row[1::2]), min(row[2::2]), max(row[1::2]), max(row[2::2])
        assert got == pytest.approx(box, abs=0.3 / 80)  # the outline lies a quarter of a pixel inside


def test_a_broken_mask_is_named_and_its_box_taken(src, out, convert):
    image(src / "a.jpg")
    coco(src / "all.json", [(1, "a.jpg")], [(1, 1, [0, 0, 50, 40], {"segmentation": {"size": [8, 8], "counts": [1]}})])
    convert("--task", "segment")
    assert labels(out)["a"] == [[0, 0, 0, 0.5, 0, 0.5, 0.5, 0, 0.5]]
    assert "the runs cover 1 pixels" in problems(out)["polygon-bad"][0][2]


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_it_agrees_with_upstreams_converter_where_that_serves(src, out, convert, tmp_path, task):
    """On clean files whose categories count from 1: the same rows, upstream's with six significant digits."""
    from ultralytics.data.converter import convert_coco

    chance = random.Random(3)
    images, rows = [], []
    for n in range(12):
        size = (chance.randint(20, 300), chance.randint(20, 300))
        image(src / f"{n}.png", size, seed=n)
        images.append((n, f"{n}.png", *size))
        for _ in range(chance.randint(1, 5)):
            x, y = chance.uniform(0, size[0] - 12), chance.uniform(0, size[1] - 12)
            w, h = chance.uniform(1, size[0] - x), chance.uniform(1, size[1] - y)
            points = [x, y, x + w, y, x + w / 2, y + h]
            rows.append((n, chance.randint(1, 3), [x, y, w, h], {"segmentation": [points]}))
    path = coco(src / "all.json", images, rows, ((1, "a"), (2, "b"), (3, "c")))
    convert("--task", task, "--strict")
    (tmp_path / "theirs_in").mkdir()
    (tmp_path / "theirs_in" / "all.json").write_bytes(path.read_bytes())
    convert_coco(str(tmp_path / "theirs_in"), str(tmp_path / "theirs"), use_segments=task == "segment", cls91to80=False)
    theirs = labels(tmp_path / "theirs")
    ours = labels(out)
    assert {f"all/{name}" for name in ours} == set(theirs)
    for name, rows in ours.items():
        assert len(rows) == len(theirs[f"all/{name}"])
        for row, other in zip(rows, theirs[f"all/{name}"]):
            assert row == pytest.approx(other, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("held", [False, True])
def test_labelme_shapes(src, out, convert, held):
    file = image(src / "pictures" / "a.png")
    data = base64.b64encode(file.read_bytes()).decode()
    if held:
        file.unlink()
    labelme(
        src / "a.json",
        shape("猫", "rectangle", (60, 48), (10, 8)),
        shape("猫", "rectangle", (0, 0), (20, 0), (20, 8), (0, 8)),
        shape("圆", "circle", (50, 40), (50, 20)),
        shape("狗", "polygon", (80, 60), (90, 60), (90, 70)),
        shape("狗", "point", (1, 1)),
        shape("狗", "linestrip", (1, 1), (9, 9)),
        shape("狗", "blob", (1, 1), (9, 9), (9, 1)),
        shape("狗", "polygon", (1, 1), (9, 9)),
        shape("狗", "circle", (1, 1)),
        image_path="..\\elsewhere\\a.png",
        data=data if held else None,
    )
    convert()
    assert names(out) == {0: "圆", 1: "狗", 2: "猫"}
    assert list(labels(out)) == (["a"] if held else ["pictures/a"])
    rows = next(iter(labels(out).values()))
    assert rows == [
        [2, 0.35, 0.35, 0.5, 0.5],
        [2, 0.1, 0.05, 0.2, 0.1],
        pytest.approx([0, 0.5, 0.5, 0.4, 0.5], abs=1e-6),
        pytest.approx([1, 0.85, 0.8125, 0.1, 0.125], abs=1e-6),
    ]
    assert {kind: len(found) for kind, found in problems(out).items()} == {
        "shape-skipped": 2,
        "shape-unknown": 1,
        "polygon-bad": 1,
        "annotation-malformed": 1,
    }
    assert check_data(str(out)).ok


def test_labelme_outlines_masks_and_broken_files(src, out, convert):
    import io

    from PIL import Image

    for n, name in enumerate("abc"):
        image(src / f"{name}.png", seed=n)
    buffer = io.BytesIO()
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 10:30] = 255
    Image.fromarray(mask).save(buffer, "PNG")
    packed = base64.b64encode(buffer.getvalue()).decode()
    labelme(src / "a.json", shape("x", "circle", (50, 40), (60, 40)), image_path="a.png", encoding="gbk")
    labelme(src / "b.json", shape("x", "mask", (40, 20), (69, 39), mask=packed), image_path="b.png")
    (src / "c.json").write_text('{"version": "5", "shapes": 5, "imagePath": "c.png"}', encoding="utf-8")
    (src / "d.json").write_text('{"version": "5", "shapes": [', encoding="utf-8")
    (src / "settings.json").write_text('{"theme": "dark"}', encoding="utf-8")
    assert "task      segment" in convert()
    circle = labels(out)["a"][0]
    points = list(zip((x * 100 for x in circle[1::2]), (y * 80 for y in circle[2::2])))
    assert geometry.area(points) == pytest.approx(np.pi * 100, rel=0.007)
    held = labels(out)["b"][0]
    box = [min(held[1::2]) * 100, min(held[2::2]) * 80, max(held[1::2]) * 100, max(held[2::2]) * 80]
    assert box == pytest.approx([50, 25, 70, 35], abs=0.3)
    assert [os.path.basename(one[0]) for one in problems(out)["annotation-unreadable"]] == [
        "settings.json",
        "c.json",
        "d.json",
    ]
    assert sorted(path.name for path in (out / "images").iterdir()) == ["a.png", "b.png"]


def test_json_files_are_told_apart_by_their_ends(tmp_path):
    long = labelme(tmp_path / "a.json", *[shape("x", "rectangle", (0, 0), (n, n)) for n in range(9999)])
    assert is_coco(long) is False
    assert is_coco(coco(tmp_path / "b.json", [(1, "a.jpg")], [])) is True
    (tmp_path / "c.json").write_text("{}", encoding="utf-8")
    assert is_coco(tmp_path / "c.json") is None


def test_clipping_and_joining_by_chance():
    """A clipped polygon lies within the image and has the area that counting points in it gives; joining adds areas."""
    chance = random.Random(4)
    xs, ys = np.meshgrid(np.arange(0.5, 100), np.arange(0.5, 80))
    for _ in range(60):
        angles = sorted(chance.uniform(0, 2 * np.pi) for _ in range(chance.randint(3, 9)))
        centre, radius = (chance.uniform(-20, 120), chance.uniform(-20, 100)), chance.uniform(5, 60)
        polygon = [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angles]
        cut = geometry.clip(polygon, (100, 80))
        inside = np.zeros(xs.shape, bool)
        for (x, y), (u, v) in zip(polygon, [*polygon[1:], polygon[0]]):
            with np.errstate(divide="ignore", invalid="ignore"):
                inside ^= ((y > ys) != (v > ys)) & (xs < (u - x) * (ys - y) / (v - y) + x)
        assert geometry.area(cut) == pytest.approx(inside.sum(), abs=30 + 0.03 * inside.sum())
        assert all(-1e-9 <= x <= 100 + 1e-9 and -1e-9 <= y <= 80 + 1e-9 for x, y in cut)
    squares = [[(x, y), (x + 5, y), (x + 5, y + 5), (x, y + 5)] for x, y in ((0, 0), (40, 10), (10, 60), (70, 70))]
    joined = geometry.join(squares)
    assert geometry.area(joined) == pytest.approx(100)
    assert set(joined) == {point for square in squares for point in square}


def test_originals_stay_and_nothing_is_left_when_it_fails(src, out, run, monkeypatch, tmp_path):
    image(src / "a.jpg")
    coco(src / "all.json", [(1, "a.jpg")], [(1, 1, [0, 0, 50, 40], {})])
    before = tree(src)
    import lab.data.convert as module

    def full(*_):
        raise OSError(28, "No space left on device", "a.jpg")

    monkeypatch.setattr(module, "put", full)
    ran = run("convert", src, "--to", out)
    assert (ran.code, ran.err) == (2, "error: a.jpg: No space left on device\n")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "put", stop)
    ran = run("convert", src, "--to", out)
    assert (ran.code, ran.err) == (130, "\nstopped; nothing was written\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["src"]
    assert tree(src) == before
