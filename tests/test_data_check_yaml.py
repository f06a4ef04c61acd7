"""The check of a data YAML: what upstream refuses, what stops it later, where it looks; nothing is fetched or run."""

import os
import shutil
from pathlib import Path

import pytest
from data_sets import NAMES, TREE, Set

from lab.data.check import check_data


@pytest.fixture
def data(tmp_path):
    return Set(tmp_path / "set")


BAD_YAML = [
    ("val: images/val\n" + NAMES, 0, "`train` is missing"),
    ("train: images/train\n" + NAMES, 0, "`val` is missing"),
    (TREE, 0, "`names` is missing"),
    (TREE + "names:\n", 0, "`names` is missing"),
    (TREE + "nc: 3\n" + NAMES, 4, "`nc` is 3, and `names` has 2"),
    (TREE + "nc: two\n" + NAMES, 4, "`nc: two` is not a whole number"),
    (TREE + "nc: 1.5\n" + NAMES, 4, "`nc: 1.5` is not a whole number"),
    (TREE + "names: {0: cat, 2: dog}\n", 4, "no 1 (it has 2 instead)"),
    (TREE + "names: {1: cat, 2: dog}\n", 4, "no 0 (it has 2 instead)"),
    (TREE + "names: {cat: 0, dog: 1}\n", 4, "'cat' where a class number is needed"),
    (TREE + "names: []\n", 4, "`names` is empty"),
    (TREE + "names: cat\n", 4, "`names` must be a list or mapping, not str"),
    ("train: 5\nval: images/val\n" + NAMES, 2, "`train` must be a text or list, not int"),
    ("train: images/train\nval: images/vall\n" + NAMES, 3, "`val: images/vall` does not exist"),
    ("train: images/train\nval: 'images/va*'\n" + NAMES, 3, "`val: images/va*` does not exist"),
    ("train: images/train\nval: [images/val, [1]]\n" + NAMES, 3, "`val` has [1] where a path is needed"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD_YAML)
def test_what_upstream_refuses_in_a_yaml(data, text, line, message):
    from ultralytics.data.utils import check_det_dataset

    path = data.yaml(text)
    with pytest.raises(Exception, match=r".") as raised:
        check_det_dataset(str(path), autodownload=False)
    assert not isinstance(raised.value, AssertionError)
    report = data.check()
    [problem] = [problem for problem in report.problems if problem.severe]
    assert message in problem.message
    assert problem.line == line or (line == 0 and problem.line <= 1) or (message.startswith("`names` is") and line == 0)
    assert not report.ok


MORE_BAD = [
    ("train: images/trian\nval: images/val\n" + NAMES, "`train: images/trian` does not exist", "there is train"),
    ("train: 'images\\train'\nval: images/val\n" + NAMES, "does not exist", "write / in place of"),
    ('train: "images\\train"\nval: images/val\n' + NAMES, "holds a control character", "single quotes"),
    ("train: 'D:\\data\\train'\nval: images/val\n" + NAMES, "does not exist", "a path of Windows"),
    ("train: 'images/*/*.png'\nval: images/val\n" + NAMES, "does not exist", "does not expand * and ?"),
    ("train: images/train/a.png\nval: images/val\n" + NAMES, "is one image", "name its folder"),
    ("train: labels/train\nval: images/val\n" + NAMES, "no images in", "it holds 4 .txt"),
    ("train: []\nval: images/val\n" + NAMES, "`train` is empty", "the folder of its images"),
    (TREE + NAMES + "channels: three\n", "`channels: three`", "3 for colour"),
    (TREE + NAMES + "kpt_shape: [17]\n", "`kpt_shape: [17]`", "17, 3"),
    (TREE + "x: 0\nnc: 1000000000\n", "`nc: 1000000000` is not a whole number of classes", "number of names"),
]


@pytest.mark.parametrize(("text", "message", "advice"), MORE_BAD)
def test_what_would_stop_the_training_later(data, text, message, advice):
    if os.sep == "\\" and "\\" in text and '"' not in text:
        pytest.skip("a path there")
    data.yaml(text)
    report = data.check()
    [problem] = [problem for problem in report.problems if problem.severe]
    assert message in problem.message
    assert advice in problem.advice
    assert problem.line == (2 if "train" in text.split("\n")[0] and "images/train\n" not in text else 5)


NOTES = [
    (TREE + "nc: 2\n", "called class_0 to class_1"),
    (TREE + "names: [cat, no]\n", "read as the boolean False"),
    (TREE + "names: [cat, ~]\n", "class 1 is called None"),
    (TREE + "names: [cat, cat]\n", "classes 0 and 1 are both called cat"),
    ("train: images/train\nvalidation: images/val\n" + NAMES, "taken as `val:`"),
    ("train: images/train\nval: images/train\n" + NAMES, "val is train itself"),
    (TREE + NAMES + "test: images/none\n", "`test: images/none` does not exist"),
]


@pytest.mark.parametrize(("text", "message"), NOTES)
def test_what_upstream_accepts_and_should_be_known(data, text, message):
    from ultralytics.data.utils import check_det_dataset

    path = data.yaml(text)
    check_det_dataset(str(path), autodownload=False)
    report = data.check()
    [problem] = report.problems
    assert message in problem.message
    assert not problem.severe
    assert report.ok
    assert report.findings == []


@pytest.mark.parametrize(("nc", "notes"), [(80, 1), (2, 0), (None, 0)])
def test_the_number_of_classes_of_data_and_model(data, nc, notes):
    report = data.check(nc=nc)
    assert len(report.problems) == notes
    assert report.ok
    if notes:
        assert "is 2 here and 80 in the model's YAML" in report.problems[0].message
        assert report.problems[0].line == 4


def test_upstream_takes_the_data_s_number_of_classes():
    from ultralytics.nn.tasks import DetectionModel

    assert DetectionModel("yolo11n.yaml", nc=2, verbose=False).model[-1].nc == 2


def test_where_path_is_looked_for(data, tmp_path, monkeypatch):
    """Current folder, then upstream's folder of data sets, never the YAML's own."""
    from ultralytics.data import utils

    (tmp_path / "sets").mkdir()
    monkeypatch.setattr(utils, "DATASETS_DIR", tmp_path / "sets")
    monkeypatch.chdir(tmp_path / "sets")
    data.yaml("path: images\ntrain: train\nval: val\n" + NAMES, root=False)

    def upstreams():
        return utils.check_det_dataset(str(data.folder / "data.yaml"), autodownload=False)["path"].resolve()

    report = data.check()
    [problem] = report.problems
    assert problem.severe
    assert f"looked for {tmp_path / 'sets' / 'images'} and {tmp_path / 'sets' / 'images'}" in problem.message
    assert "but upstream does not look there: leave `path` out" in problem.advice
    with pytest.raises(FileNotFoundError):
        upstreams()
    shutil.copytree(data.folder, tmp_path / "sets" / "mine")
    data.yaml("path: mine\n" + TREE + NAMES, root=False)
    assert data.check().root == str(upstreams()) == str(tmp_path / "sets" / "mine")
    monkeypatch.chdir(tmp_path)
    data.yaml("path: set\n" + TREE + NAMES, root=False)
    assert data.check().root == str(upstreams()) == str(data.folder)
    data.yaml(TREE + NAMES, root=False)
    report = data.check()
    assert report.root == str(upstreams()) == str(data.folder)
    assert report.ok


def test_two_dots_that_lead_nowhere_are_left_out_as_upstream_does(data):
    """So that exports with ``../train/images`` beside the YAML can be used."""
    data.yaml("train: ../images/train\nval: ../images/val\n" + NAMES)
    report = data.check()
    assert report.problems == []
    assert report.splits["train"].images == 4
    data.yaml("train: [../images/train]\nval: images/val\n" + NAMES)  # not in a list
    assert "does not exist" in data.check().problems[0].message


def test_the_word_none_is_no_path(data):
    data.yaml("train: images/train\nval: None\n" + NAMES)
    assert "`val` is empty" in [p.message for p in data.check().problems]


def test_a_download_is_named_and_never_run(data, tmp_path):
    script = f"download: |\n  open(r'{tmp_path / 'ran'}', 'w')\n"
    data.yaml("train: images/train\nval: images/none\n" + NAMES + script)
    assert "upstream would run the script in `download` here" in data.check().problems[0].advice
    data.yaml("train: images/train\nval: images/none\n" + NAMES + "download: https://example.invalid/a.zip\n")
    assert "upstream would fetch https://example.invalid/a.zip here" in data.check().problems[0].advice
    data.yaml(TREE + NAMES + script)
    assert data.check().problems == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{}/dota.yaml", "does not exist"),
        ("https://example.invalid/data.yaml", "is an address"),
        ("ul://somebody/datasets/cats", "is an address"),
        ("{}/cats.zip", "is an archive"),
        ("{}/images", "No YAML file found"),
        ("{}/data.txt", "does not end with .yaml"),
        ("no-such-set", "does not exist"),
    ],
)
def test_files_that_are_no_data_yaml(data, given, message):
    data.write(data.folder / "data.txt", b"")
    report = check_data(given.format(data.folder))
    assert not report.ok
    assert message in report.problems[0].message
    assert report.splits == {}
    assert report.lines()[-1].startswith("data: 1 error, 0 notes")


def test_a_folder_and_a_bare_name_stand_for_their_yaml(data):
    assert check_data(str(data.folder)).path == str(data.folder / "data.yaml")
    assert Path(check_data("coco8").path).name == "coco8.yaml"


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "train: [\n"])
def test_a_yaml_that_is_no_mapping(data, text):
    data.yaml(text, root=False)
    report = data.check()
    assert [problem.severe for problem in report.problems] == [True]
    assert report.splits == {}
