"""`python -m lab data convert`: classes, options, and a user's mistakes, each with its message and nothing written."""

import json
import os
import sys

import pytest
import yaml
from annotation_sets import coco, image, labelme, labels, problems, runner, shape, thing, tree, xml
from conftest import run_python


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture
def src(tmp_path):
    for n, words in enumerate((("cat", "Cat "), ("traffic-light", "traffic light"), ())):
        image(tmp_path / "src" / f"{n}.png", seed=n)
        if words:
            xml(tmp_path / "src" / f"{n}.xml", *(thing(word, 1, 1, 50, 40 + m) for m, word in enumerate(words)))
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def names(out):
    return list(yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))["names"].values())


def test_names_that_differ_little_are_named_and_can_be_merged(src, out, run, tmp_path):
    ran = run("convert", src, "--to", out)
    assert ran.code == 0
    assert names(out) == ["Cat", "cat", "traffic light", "traffic-light"]
    assert {one[0] for one in problems(out)["class-similar"]} == {
        "'Cat' (1 objects) and 'cat' (1 objects)",
        "'traffic light' (1 objects) and 'traffic-light' (1 objects)",
    }
    assert problems(out)["class-space"] == [("'Cat '", "", "1 objects")]
    other = tmp_path / "merged"
    words = ("--rename", "Cat=cat", "--rename", "traffic-light=traffic light", "--strict")
    assert run("convert", src, "--to", other, *words).code == 0
    assert names(other) == ["cat", "traffic light"]
    assert "class-similar" not in problems(other)


@pytest.mark.parametrize("way", ["list", "text", "yaml"])
def test_given_names_decide_the_order_and_leave_others_out(src, out, run, tmp_path, way):
    given = {"list": "traffic light,cat,zebra"}
    given["text"] = tmp_path / "names.txt"
    given["text"].write_text("traffic light\ncat\n\nzebra\n", encoding="utf-8")
    given["yaml"] = tmp_path / "names.yaml"
    given["yaml"].write_text("names: {0: traffic light, 1: cat, 2: zebra}\n", encoding="utf-8")
    ran = run("convert", src, "--to", out, "--names", given[way])
    assert names(out) == ["traffic light", "cat", "zebra"]
    assert {name: [row[0] for row in rows] for name, rows in labels(out).items()} == {"0": [1], "1": [0]}
    unknown = {one[2] for one in problems(out)["class-unknown"]}
    assert unknown == {"Cat; is it 'cat'?", "traffic-light; is it 'traffic light'?"}
    assert [one[0] for one in problems(out)["class-unused"]] == ["zebra"]
    assert ran.code == 0


def test_background_is_kept_or_dropped(src, out, run, tmp_path):
    assert run("convert", src, "--to", out).code == 0
    assert sorted(path.name for path in (out / "images").iterdir()) == ["0.png", "1.png", "2.png"]
    assert run("convert", src, "--to", tmp_path / "b", "--drop-empty").code == 0
    assert sorted(path.name for path in (tmp_path / "b/images").iterdir()) == ["0.png", "1.png"]
    assert set(problems(tmp_path / "b")) >= {"empty-dropped", "no-annotation"}


def test_strict_exits_with_one_but_writes(src, out, run, tmp_path):
    assert run("convert", src, "--to", out, "--strict").code == 1
    assert (out / "data.yaml").is_file()
    (src / "1.xml").unlink()
    assert (
        run("convert", src, "--to", tmp_path / "b", "--strict", "--rename", "Cat=cat").code == 0
    )  # notes do not count


def test_links_share_the_file_unless_upstream_would_write_into_it(src, out, run):
    jpeg = image(src / "3.jpg")
    jpeg.write_bytes(jpeg.read_bytes() + b"tail")  # upstream replaces such a file when it first reads it
    before = tree(src)
    assert run("convert", src, "--to", out, "--link").code == 0
    assert os.path.samefile(out / "images/0.png", src / "0.png")
    assert not os.path.samefile(out / "images/3.jpg", jpeg)
    assert "not-linked" in problems(out)
    assert tree(src) == before


def test_the_report_says_what_was_done(src, out, run):
    run("convert", src, "--to", out, "--drop-empty")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (report["format"], report["task"], report["names"]) == ("voc", "detect", names(out))
    assert report["parts"] == {"": {"images": 2, "objects": 4, "empty": 0}}
    assert report["options"]["drop_empty"] is True


def mistakes(tmp_path):
    """Yield words, and what the message must say."""
    src = tmp_path / "src"
    full = tmp_path / "full"
    image(full / "a.png")
    nothing, mixed, gone, other = (tmp_path / name for name in ("nothing", "mixed", "gone", "other"))
    nothing.mkdir()
    xml(mixed / "a.xml")
    labelme(mixed / "a.json", shape("x", "rectangle", (0, 0), (1, 1)))
    xml(gone / "a.xml", thing("cat", 1, 1, 9, 9))
    other.mkdir()
    (other / "a.json").write_text("{}", encoding="utf-8")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.xml").write_text("<annotation>", encoding="utf-8")
    yield (src, "--to", full), "full is not empty"
    yield (src, "--to", full / "a.png"), "a.png is a file"
    yield (tmp_path / "no", "--to", "OUT"), "no does not exist"
    yield (src, "--to", "OUT", "--images", tmp_path / "no"), "no: there is no such folder"
    yield (nothing, "--to", "OUT"), "has no annotation of Pascal VOC (.xml), COCO or LabelMe (.json)"
    yield (other, "--to", "OUT"), "1 JSON files are of neither, such as"
    yield (mixed, "--to", "OUT"), "more than one format (1 voc, 1 labelme): name one with --from"
    yield (src, "--to", "OUT", "--from", "coco"), "has no annotation of the format coco"
    yield (gone, "--to", "OUT"), "not one image of the annotations was found"
    yield (broken, "--to", "OUT"), "none of the 1 annotation files can be read"
    yield (src, "--to", "OUT", "--names", "dog,dog"), "dog is there twice"
    yield (src, "--to", "OUT", "--names", ",,"), "there is no name in it"
    yield (src, "--to", "OUT", "--names", "lost.txt"), "there is no such file"
    yield (src, "--to", "OUT", "--names", "zebra"), "no object is of a class in --names (zebra); there are Cat, cat"
    yield (src, "--to", "OUT", "--rename", "cat"), "write OLD=NEW"
    yield (src, "--to", "OUT", "--rename", "kat=dog"), "there is no class 'kat'; is it 'cat'?"


def test_mistakes_are_messages_and_write_nothing(src, tmp_path, run):
    for words, message in list(mistakes(tmp_path)):
        words = [str(tmp_path / "out") if word == "OUT" else word for word in words]
        before = tree(tmp_path)
        ran = run("convert", *words)
        assert ran.code == 2, words
        assert ran.err.startswith("error: "), ran.err
        assert message in ran.err
        assert tree(tmp_path) == before


def test_one_coco_file_by_its_name(tmp_path, run):
    image(tmp_path / "set" / "photos" / "a.jpg")
    path = coco(tmp_path / "set" / "annotations" / "a.json", [(1, "a.jpg")], [(1, 1, [0, 0, 50, 40], {})])
    assert run("convert", path, "--to", tmp_path / "out", "--strict").code == 0
    assert list(labels(tmp_path / "out")) == ["photos/a"]
    image(tmp_path / "far" / "a.jpg")
    assert run("convert", path, "--to", tmp_path / "b", "--images", tmp_path / "far").code == 0
    assert list(labels(tmp_path / "b")) == ["a"]


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom lab.data.command import parse\n"
        "try:\n    parse(['convert', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'PIL', 'yaml', 'ultralytics', 'cv2') if m in sys.modules])"
    )
    ran = run_python("-c", code, cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("[]\n")
    assert sys.version_info >= (3, 9)
