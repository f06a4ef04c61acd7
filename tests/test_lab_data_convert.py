"""`python -m lab data convert`: the three formats, parts, and what is wrong with a set: named, and nothing written."""

import importlib.util
import json
import os
import random

import pytest
import yaml
from annotation_sets import coco, image, labelme, labels, runner, shape, thing, tree, xml
from conftest import run_python

from lab.data.check import check_data

BOX = (26, 21, 75, 60)  # of a pixel 25.5 to 75.5 ...: x 25..75, y 20..60 counted from 0
ROW = [0, 0.5, 0.5, 0.5, 0.5]


def package():
    """Return the package, where one new enough is installed; Python 3.9 has none."""
    return pytest.importorskip("supervision", minversion="0.31.2")


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture
def src(tmp_path):
    return tmp_path / "源 src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def convert(run, src, out):
    package()

    def convert(*words, code=0):
        ran = run("convert", src, "--to", out, *words)
        assert ran.code == code, ran.out + ran.err
        assert "Traceback" not in ran.err
        return ran.out

    return convert


def names(out):
    return yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))["names"]


def voc_set(src):
    image(src / "JPEGImages" / "a.jpg")
    image(src / "JPEGImages" / "b.JPG", seed=1)
    xml(src / "Annotations" / "a.xml", thing("树冠", *BOX), thing("cat", 1, 1, 100, 80), filename="wrong.jpg")
    return {"a": [[1, 0.5, 0.5, 0.5, 0.5], [0, 0.5, 0.5, 1, 1]], "b": []}, ["cat", "树冠"]


def coco_set(src):
    image(src / "photos" / "a.jpg")
    rows = [(7, 3, [25, 20, 50, 40], {}), (7, 90, [0, 0, 100, 80], {}), (7, 3, [0, 0, 9, 9], {"iscrowd": 1})]
    coco(src / "annotations.json", [(7, "photos\\a.jpg")], rows, ((90, "cat"), (3, "树冠"), (17, "none")))
    return {"a": [[0, 0.5, 0.5, 0.5, 0.5], [2, 0.5, 0.5, 1, 1]]}, ["树冠", "none", "cat"]


def labelme_set(src):
    image(src / "a.jpg")
    shapes = [shape("树冠", "rectangle", (75, 60), (25, 20)), shape("cat", "polygon", (0, 0), (100, 40), (50, 80))]
    labelme(src / "a.json", *shapes, shape("cat", "point", (3, 3)), image_path="..\\other\\gone.jpg", data="AAAA")
    return {"a": [[1, 0.5, 0.5, 0.5, 0.5], [0, 0.5, 0.5, 1, 1]]}, ["cat", "树冠"]


SETS = {"voc": voc_set, "coco": coco_set, "labelme": labelme_set}


@pytest.mark.parametrize("kind", SETS)
def test_a_set_becomes_one_that_the_check_passes(src, out, convert, kind):
    rows, classes = SETS[kind](src)
    before = tree(src)
    said = convert()
    assert f"format {kind}" in said
    assert names(out) == dict(enumerate(classes))
    assert labels(out) == rows
    assert tree(src) == before
    assert check_data(str(out / "data.yaml")).ok
    assert sorted(path.name for path in out.iterdir()) == ["data.yaml", "images", "labels"]
    copied = {path.name: path.read_bytes() for path in (out / "images").iterdir()}
    assert all(content in before.values() for content in copied.values())
    assert len(copied) == len(rows)
    if kind == "labelme":
        assert "note: Skipped unsupported LabelMe shape" in said


@pytest.mark.parametrize("kind", SETS)
def test_outlines_are_kept_when_asked_for(src, out, convert, run, tmp_path, kind):
    image(src / "a.png")
    points = [(25, 20), (75, 20), (75, 60), (25, 60)]
    if kind == "voc":
        corners = "".join(f"<x{n}>{x + 1}</x{n}><y{n}>{y + 1}</y{n}>" for n, (x, y) in enumerate(points, 1))
        xml(src / "a.xml", thing("cat", *BOX, extra=f"<polygon>{corners}</polygon>"))
    elif kind == "coco":
        coco(src / "a.json", [(1, "a.png")], [(1, 1, [25, 20, 50, 40], {"segmentation": [sum(points, ())]})])
    else:
        labelme(src / "a.json", shape("cat", "polygon", *points))
    convert("--task", "segment")
    ((row,),) = labels(out).values()
    assert len(row) >= 9
    assert min(row[1::2]) == pytest.approx(0.25, abs=0.011)  # outlines of masks, a pixel or so off
    assert max(row[2::2]) == pytest.approx(0.75, abs=0.013)
    assert run("convert", src, "--to", tmp_path / "boxes").code == 0
    assert labels(tmp_path / "boxes") == {"a": [pytest.approx(ROW, abs=0.011)]}


def test_a_box_among_outlines_is_named(src, run, out):
    package()
    voc_set(src)
    ran = run("convert", src, "--to", out, "--task", "segment")
    assert ran.code == 2
    assert "a.jpg has objects without an outline" in ran.err
    assert not out.exists()


def test_files_and_folders_named_after_parts_become_parts(src, out, convert):
    for part, seed in (("train2017", 0), ("val2017", 1)):
        image(src / part / "a.jpg", seed=seed)  # the same name in both
        classes = ((1, "cat"), (2, "dog")) if seed else ((2, "dog"),)
        coco(src / "annotations" / f"instances_{part}.json", [(1, "a.jpg")], [(1, 2, [25, 20, 50, 40], {})], classes)
        (src / "annotations" / f"captions_{part}.json").write_text('{"images": [], "annotations": [{}]}')
    convert()
    assert names(out) == {0: "dog", 1: "cat"}
    assert labels(out) == {"train/a": [ROW], "val/a": [ROW]}
    for part in ("train", "val"):
        assert (out / f"images/{part}/a.jpg").read_bytes() == (src / f"{part}2017/a.jpg").read_bytes()
    data = yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))
    assert (data["train"], data["val"], "test" in data) == ("images/train", "images/val", False)


def test_folders_of_no_part_are_all_trained_on(src, out, convert):
    for folder in ("2007", "2012"):
        image(src / folder / "images" / "a.png", seed=int(folder))
        xml(src / folder / "Annotations" / "a.xml", thing("cat", *BOX))
    convert()
    data = yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))
    assert data["train"] == data["val"] == ["images/2007", "images/2012"]
    assert sorted(labels(out)) == ["2007/a", "2012/a"]


@pytest.mark.parametrize("head", ["", '<?xml version="1.0" encoding="gbk"?>', '<?xml version="1.0" encoding="utf-8"?>'])
def test_chinese_in_gbk_is_read(src, out, convert, head):
    image(src / "a.png")
    xml(src / "a.xml", thing("病害树木", *BOX), encoding="gbk", head=head)
    convert()
    assert names(out) == {0: "病害树木"}


@pytest.mark.parametrize(
    ("box", "code", "said"),
    [([50, 40, 60, 50], 0, "reach over the image's edge: 2"), ([90, 70, 99, 99], 1, "a coordinate below 0 or above 1")],
)
def test_the_check_names_what_the_package_does_not_mind(src, out, convert, box, code, said):
    image(src / "a.png")
    coco(src / "a.json", [(1, "a.png")], [(1, 1, box, {})])
    assert said in convert(code=code)
    assert (out / "data.yaml").is_file()


@pytest.mark.parametrize("seed", range(6))
def test_boxes_come_back(src, out, convert, seed):
    chance = random.Random(seed)
    size = chance.randint(40, 900), chance.randint(40, 900)
    image(src / "images" / "a.png", size)
    boxes = []
    for _ in range(chance.randint(1, 8)):
        (left, right), (top, bottom) = (sorted(chance.sample(range(side + 1), 2)) for side in size)
        boxes.append((left, top, right, bottom))
    coco(src / "a.json", [(1, "a.png", size)], [(1, 1, [a, b, c - a, d - b], {}) for a, b, c, d in boxes])
    convert()
    for (_, x, y, w, h), box in zip(labels(out)["a"], boxes):
        corners = ((x - w / 2) * size[0], (y - h / 2) * size[1], (x + w / 2) * size[0], (y + h / 2) * size[1])
        assert corners == pytest.approx(box, abs=0.02)


def voc(things="", **options):
    return lambda src: (image(src / "a.png"), xml(src / "a.xml", things, **options))


def one_coco(*rows, images=((1, "a.png"),)):
    return lambda src: (image(src / "a.png"), coco(src / "a.json", images, rows))


def text(name, content):
    def write(src):
        src.mkdir(exist_ok=True)
        (src / name).write_bytes(content)

    return write


CAT = thing("cat", *BOX)
WRONG = {
    "nothing": (lambda src: src.mkdir(), "has no annotation of Pascal VOC"),
    "other JSON": (text("a.json", b"{}"), "has no annotation of Pascal VOC"),
    "a list": (text("a.json", b"[1]"), "has no annotation of Pascal VOC"),
    "two formats": (lambda src: (voc_set(src), labelme_set(src)), "more than one format"),
    "torn XML": (text("a.xml", b"<annotation>"), "a.xml cannot be read"),
    "torn JSON": (text("a.json", b'{"shapes": ['), "a.json cannot be read"),
    "no text": (text("a.json", b"\xff\xfe\x00\xd8"), "a.json cannot be read"),
    "deep JSON": (text("a.json", b"[" * 100_000), "a.json cannot be read"),
    "an entity": (text("a.xml", b'<!DOCTYPE a [<!ENTITY e "x">]><annotation>&f;</annotation>'), "a.xml cannot be read"),
    "no image": (lambda src: xml(src / "a.xml", CAT), "a.xml: its image a is not in"),
    "no image of LabelMe": (lambda src: labelme(src / "a.json"), "a.json: its image a is not in"),
    "another size": (voc(CAT, size=(90, 80)), "has 100x80 pixels, not 90x80 as in"),
    "no picture": (lambda src: (voc(CAT)(src), (src / "a.png").write_bytes(b"x")), "a.png is not an image"),
    "no box": (voc("<object><name>cat</name></object>"), "a.xml cannot be converted: ValueError: an object 'cat' has"),
    "no number": (voc(thing("cat", "nan", 1, 2, 3)), "a.xml cannot be converted: ValueError: an object 'cat' has"),
    "no name": (voc(CAT.replace("cat", "")), "cannot be converted"),
    "an unlisted image": (one_coco((1, 1, [1, 1, 5, 5], {}), images=((1, "a.png"), (2, "b.png"))), "its image b.png"),
    "a box of three": (one_coco((1, 1, [1, 2, 3], {})), "a.json cannot be converted: ValueError: annotation 1 has no"),
    "a negative side": (one_coco((1, 1, [9, 9, -5, 5], {})), "cannot be converted: ValueError: Invalid box extent"),
    "a lost category": (one_coco((1, 8, [1, 1, 5, 5], {})), "cannot be converted"),
    "no images": (text("a.json", b'{"images": 3, "annotations": []}'), "a.json cannot be converted: TypeError"),
    "a nameless image": (text("a.json", b'{"images": [{"id": 1}], "annotations": []}'), "KeyError: 'file_name'"),
    "no shapes": (lambda src: (image(src / "a.png"), text("a.json", b'{"shapes": null}')(src)), "cannot be converted"),
    "a shape without points": (
        lambda src: (image(src / "a.png"), text("a.json", b'{"shapes": [{"shape_type": "polygon"}]}')(src)),
        "a.json cannot be converted: KeyError: 'points'",
    ),
    "one label file for two": (lambda src: (voc(CAT)(src), image(src / "a.jpg")), "would share its label file"),
    "a way out": (one_coco(images=((1, "../a.png"),)), "its image ../a.png"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_and_nothing_written(src, out, run, what):
    package()
    make, message = WRONG[what]
    make(src)
    before = tree(src)
    ran = run("convert", src, "--to", out)
    assert ran.code == 2, ran.out + ran.err
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert tree(src) == before
    assert [path.name for path in src.parent.iterdir()] == [src.name]


def test_a_users_files_are_not_touched(src, out, run, tmp_path):
    package()
    voc_set(src)
    out.mkdir()
    (out / "mine.txt").write_text("x")
    for words, message in (
        (("--to", out), "out is not empty"),
        (("--to", out / "mine.txt"), "mine.txt is a file"),
        (("--to", tmp_path / "new", "--images", tmp_path / "no"), "no: there is no such folder"),
    ):
        ran = run("convert", src, *words)
        assert ran.code == 2
        assert message in ran.err
    assert "does not exist" in run("convert", tmp_path / "no", "--to", tmp_path / "new").err
    assert tree(out) == {"mine.txt": b"x"}
    assert not (tmp_path / "new").exists()


def test_nothing_is_left_when_writing_fails(src, out, run, monkeypatch, tmp_path):
    supervision = package()
    voc_set(src)

    def stop(*_, **__):
        raise OSError(28, "No space left on device", str(out))

    monkeypatch.setattr(supervision.DetectionDataset, "as_yolo", stop)
    ran = run("convert", src, "--to", out)
    assert ran.code == 2
    assert "No space left" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == [src.name]


def test_many_faults_are_counted(src, out, run):
    package()
    for n in range(9):
        xml(src / f"{n}.xml", CAT)
    err = run("convert", src, "--to", out).err
    assert err.count("its image") == 5
    assert "and 4 more" in err


def test_a_missing_package_is_said(src, out, run, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "supervision" else find(name, *a))
    voc_set(src)
    ran = run("convert", src, "--to", out)
    assert ran.code == 2
    assert "pip install supervision" in ran.err


def test_an_old_package_is_refused(src, out, run, monkeypatch):
    supervision = package()
    monkeypatch.setattr(supervision, "__version__", "0.30.9")
    voc_set(src)
    ran = run("convert", src, "--to", out)
    assert ran.code == 2
    assert "supervision 0.30.9 is too old: 0.31.2 is needed" in ran.err


def test_one_file_and_a_folder_of_images(src, out, run, tmp_path):
    package()
    image(tmp_path / "far" / "photos" / "a.jpg")
    path = coco(src / "a.json", [(1, "a.jpg")], [(1, 1, [25, 20, 50, 40], {})])
    assert run("convert", path, "--to", out, "--images", tmp_path / "far").code == 0
    assert labels(out) == {"a": [ROW]}
    assert json.loads(path.read_text(encoding="utf-8"))["annotations"]


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom lab.data.command import parse\n"
        "try:\n    parse(['convert', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'PIL', 'yaml', 'ultralytics', 'cv2') if m in sys.modules])"
    )
    ran = run_python("-c", code, cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("[]\n")
