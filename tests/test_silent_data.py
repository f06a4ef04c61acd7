"""Data sets that would be read as something else without a word: names in another encoding, links in circles."""

import os
import random

import pytest
from conftest import make_squares
from test_scripts import said, script  # noqa: F401

import train as train_script
from lab.data.check import check_data
from run import find
from run.links import find_loops, walk
from ultralytics.data.utils import check_det_dataset
from ultralytics.nn.Addmodules import BackboneError

NAMES = {"gbk": "树冠", "gb18030": "猫𠮷", "big5": "貓", "utf-16": "树", "utf-16-le": "tree 树冠", "utf-16-be": "树"}
NAMES.update({"cp1252": "Käfer", "shift_jis": "ネコ", "euc_kr": "고양이", "utf-32": "树"})


def write(tmp_path, encoding, name, comment=""):
    data = make_squares(tmp_path / "squares")
    text = f"# {comment}\npath: {data.parent.as_posix()}\ntrain: images/train\nval: images/val\nnames: [{name}]\n"
    file = data.parent / "mine.yaml"
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", NAMES)
def test_names_in_another_encoding_are_refused(encoding, tmp_path):
    file = write(tmp_path, encoding, NAMES[encoding])
    with pytest.raises(BackboneError, match=r"mine\.yaml:.* the file is saved as .*, not as UTF-8") as caught:
        check_det_dataset(str(file))
    assert "save it as UTF-8" in str(caught.value)
    assert any(problem.severe for problem in check_data(str(file)).problems)  # lab check agrees


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "树冠 Käfer 🌳"), ("utf-8-sig", "树冠 Käfer 🌳"), ("utf-16", "tree"), ("utf-32", "tree")],
)
def test_names_that_upstream_reads_rightly_are_what_they_were(encoding, name, tmp_path):
    assert check_det_dataset(str(write(tmp_path, encoding, name)))["names"] == {0: name}


def test_a_comment_in_another_encoding_does_no_harm(tmp_path):
    assert check_det_dataset(str(write(tmp_path, "gbk", "crown", comment="树冠")))["names"] == {0: "crown"}


def test_damaged_characters_are_refused(tmp_path):
    file = write(tmp_path, "utf-8", "树冠草木花鸟")
    data = file.read_bytes()
    file.write_bytes(data.replace("草".encode(), "草".encode()[:2]))
    with pytest.raises(BackboneError, match="UTF-8 with damaged characters"):
        check_det_dataset(str(file))


def test_train_and_the_yolo_command_say_so(tmp_path, script, monkeypatch, capsys):  # noqa: F811
    file = write(tmp_path, "gbk", "树冠")
    said(script(train_script, "--data", file), 2, "error: ", "saved as GB18030 (GBK)", "save it as UTF-8")
    assert not (tmp_path / "runs").exists()
    from ultralytics.nn.Addmodules._policy.command import yolo

    words = ["yolo", "train", "model=yolo11n.yaml", f"data={file}", "epochs=1", f"project={tmp_path}"]
    monkeypatch.setattr("ultralytics.cfg.ARGV", words)
    assert yolo() == 2
    assert "error: " in (err := capsys.readouterr().err)
    assert "saved as GB18030 (GBK)" in err


def link(target, path):
    try:
        os.symlink(target, path, target_is_directory=True)
    except OSError:
        pytest.skip("no links here")


LOOPS = {
    "to its folder": [("images/train/loop", "images/train")],
    "to the parent": [("images/train/up", "images")],
    "to the data set": [("images/train/top", "")],
    "relative": [("images/train/rel", None)],
    "two to one another": [("images/train/a/x", "images/train/b"), ("images/train/b/y", "images/train/a")],
    "two to one folder": [("images/train/one", "images/train"), ("images/train/two", "images/train")],
    "outside and back": [("images/train/out", "other"), ("other/back", "images/train")],
    "deep": [("images/train/a/b/c", "images/train/a")],
}


@pytest.mark.parametrize("case", LOOPS)
def test_links_that_lead_back_are_refused(case, tmp_path, script):  # noqa: F811
    data = make_squares(tmp_path / "squares")
    for folder in ("images/train/a/b", "images/train/b", "other"):
        (data.parent / folder).mkdir(parents=True)
    for path, target in LOOPS[case]:
        link(".." if target is None else data.parent / target, data.parent / path)
    report = check_data(str(data))
    assert not report.ok
    assert any(
        "leads back to" in problem.message and problem.advice == "remove the link" for problem in report.problems
    )
    assert report.splits["train"].images in (4, 6)  # each once; 6 with those of val, where a link leads above train
    said(script(train_script, "--data", data), 2, "the link ", "leads back to", "to do: remove the link")
    assert not (tmp_path / "runs").exists()


def test_links_that_lead_elsewhere_are_followed(tmp_path):
    data = make_squares(tmp_path / "squares")
    (data.parent / "images/train").rename(tmp_path / "elsewhere")
    link(tmp_path / "elsewhere", data.parent / "images/train")
    link("itself", data.parent / "images/val/itself")
    link("nowhere", data.parent / "images/val/broken")
    assert check_data(str(data)).splits["train"].images == 4
    assert find.find_data(str(data)) == str(data)
    assert find_loops(str(data.parent)) == find_loops(None) == []


def test_a_folder_that_is_reached_twice_is_mentioned(tmp_path):
    data = make_squares(tmp_path / "squares")
    (data.parent / "images/train/a").mkdir()
    link(data.parent / "images/train/a", data.parent / "images/train/b")
    report = check_data(str(data))
    assert report.ok
    assert any("are one folder: upstream takes its images from both" in one.message for one in report.problems)
    assert find.find_data(str(data)) == str(data)


def test_any_folders_with_links_end_and_each_folder_comes_once(tmp_path):
    rng = random.Random(5)
    for number in range(20):
        root = tmp_path / str(number)
        folders = [root]
        for n in range(8):
            folders.append(rng.choice(folders) / f"d{n}")
            folders[-1].mkdir(parents=True)
        for n in range(rng.randrange(1, 7)):
            link(rng.choice(folders), rng.choice(folders) / f"l{n}")
        again = []
        found = [os.path.realpath(path) for path in walk(str(root), again)]
        assert sorted(found) == sorted(map(os.path.realpath, folders))
        assert len(again) == n + 1
