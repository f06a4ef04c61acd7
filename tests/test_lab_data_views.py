"""`python -m lab data stats` and `sample`: counts, leaks, pictures, fonts."""

import json
from pathlib import Path

import numpy as np
import pytest
from annotation_sets import image, runner
from PIL import Image

from lab import plotting
from lab.data.stats import size_of


@pytest.fixture
def run(capsys):
    return runner(capsys)


def smooth(path, seed, size=(96, 64)):
    """Write an image with large shapes, as photographs have."""
    grid = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def data(tmp_path):
    """Four images for training, two for validation, one of which is a training image to the byte."""
    folder = tmp_path / "set"
    for n in range(4):
        smooth(folder / "images/train" / f"训练{n}.png", n)
    (folder / "images/val").mkdir()
    (folder / "images/val/same.png").write_bytes((folder / "images/train/训练0.png").read_bytes())
    smooth(folder / "images/val/like.jpg", 98, (48, 32))
    smooth(folder / "images/val/other.png", 99)
    rows = {
        "train/训练0": "0 0.5 0.5 0.25 0.25\n1 0.5 0.5 1 1\n",
        "train/训练1": "0 0.5 0.5 0.5 0.125\n",
        "train/训练2": "",
        "val/same": "0 0.5 0.5 0.25 0.25\n",
        "val/like": "1 0.1 0.1 0.4 0.1 0.4 0.6\n",
        "val/other": "7 0.5 0.5 0.1 0.1\n",
    }
    for name, text in rows.items():
        path = folder / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    text = "train: images/train\nval: images/val\nnames: [cat, 大熊猫, unused $x]\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return folder


def test_counts_sizes_and_leaks(data, tmp_path, run):
    ran = run("stats", data, "--out", tmp_path / "out", "--strict")
    assert ran.code == 1
    stats = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert stats["parts"] == {
        "train": {"images": 4, "left_out": 0, "objects": 3, "background": 2},
        "val": {"images": 3, "left_out": 1, "objects": 2, "background": 0},
    }
    assert stats["classes"]["0"] == {"name": "cat", "images": {"train": 2, "val": 1}, "objects": {"train": 2, "val": 1}}
    assert stats["classes"]["1"]["objects"] == {"train": 1, "val": 1}
    assert stats["classes"]["2"]["objects"] == {"train": 0, "val": 0}
    # areas: 24x16, 96x64, 48x8, 24x16, 14.4x16 of 48x32; at 640 times (20/3)^2, and (40/3)^2
    assert stats["sizes"] == {"small": 4, "medium": 1, "large": 0}
    assert stats["sizes_at_imgsz"] == {"small": 0, "medium": 0, "large": 5}
    assert stats["image_sizes"] == {"96x64": 5, "48x32": 1}
    assert stats["leaks"] == [{"image": "images/val/same.png", "detail": "is images/train/训练0.png"}]
    assert "images of val or test that are in train too, to the byte: 1" in ran.out
    assert "1 left out" in ran.out


def test_without_leaks(data, run):
    (data / "images/val/same.png").unlink()
    ran = run("stats", data, "--strict", "--imgsz", "320")
    assert ran.code == 0
    assert "no image of val or test is in train" in ran.out
    assert "at imgsz 320" in ran.out


def test_a_set_without_objects_can_be_counted(tmp_path, run):
    for part in ("train", "val"):
        image(tmp_path / "set/images" / part / "a.png", seed=len(part))
    text = "train: images/train\nval: images/val\nnames: [a]\n"
    (tmp_path / "set/data.yaml").write_text(text, encoding="utf-8")
    ran = run("stats", tmp_path / "set", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert (tmp_path / "out/stats.json").is_file()
    assert run("sample", tmp_path / "set", "--out", tmp_path / "a.png").code == 0


def test_a_set_that_is_not_divided_counts_once(data, tmp_path, run):
    text = "train: images/train\nval: images/train\nnames: [cat, 大熊猫, unused]\n"
    (data / "data.yaml").write_text(text, encoding="utf-8")
    run("stats", data, "--out", tmp_path / "out")
    stats = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert list(stats["parts"]) == ["train"]
    assert stats["classes"]["0"]["objects"] == {"train": 2}


def test_sizes_are_cocos():
    assert [size_of(area) for area in (1023.9, 1024, 9215.9, 9216)] == ["small", "medium", "medium", "large"]


def test_a_sheet_shows_the_boxes_where_they_are(tmp_path, data, run):
    out = tmp_path / "表.png"
    ran = run("sample", data, "--split", "train", "--class", "cat", "--count", "1", "--out", out, "--size", "192")
    assert ran.code == 0, ran.err
    assert "1 images of train" in ran.out
    with Image.open(out) as opened:
        sheet = np.array(opened.convert("RGB")).astype(int)
    blue = np.argwhere(np.abs(sheet - [0x00, 0x72, 0xB2]).sum(2) == 0)
    assert len(blue) > 50
    again = tmp_path / "b.png"
    run("sample", data, "--class", "0", "--count", "1", "--out", again, "--size", "192")
    assert again.read_bytes() == out.read_bytes()


def test_polygons_turned_images_and_other_modes_are_drawn(tmp_path, data, run):
    exif = Image.Exif()
    exif[274] = 6
    folder = data / "images/val"
    with Image.open(folder / "other.png") as opened:
        opened.save(folder / "turned.jpg", exif=exif)
        opened.convert("L").save(folder / "grey.png")
        opened.convert("RGBA").save(folder / "clear.png")
        opened.convert("P").save(folder / "palette.png")
    Image.fromarray(np.full((64, 96), 30000, np.uint16)).save(folder / "deep.png")
    ran = run("sample", data, "--split", "val", "--out", tmp_path / "a.jpg")
    assert ran.code == 0, ran.err
    assert "8 images of val with 2 objects" in ran.out


@pytest.fixture
def fonts(monkeypatch):
    """Return a function that says which fonts with Chinese are installed."""
    plotting.chinese_fonts.cache_clear()
    yield lambda *names: (monkeypatch.setattr(plotting, "CHINESE_FONTS", names), plotting.chinese_fonts.cache_clear())
    plotting.chinese_fonts.cache_clear()


def test_letters_that_no_font_has_are_shown_by_number(tmp_path, data, run, fonts):
    fonts("No such font")
    ran = run("sample", data, "--out", tmp_path / "a.png")
    assert ran.code == 0
    assert "no font with the letters of all class names is installed" in ran.out
    assert plotting.font_file("大熊猫") is None
    assert run("stats", data, "--out", tmp_path / "out").code == 0


def test_a_font_is_taken_for_the_letters_that_it_has(tmp_path, fonts):
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    letters = {ord(letter): f"g{ord(letter)}" for letter in "大熊猫 abc"}
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(point)
    pen.closePath()
    order = [".notdef", *letters.values()]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(letters)
    builder.setupGlyf({name: pen.glyph() for name in order})
    builder.setupHorizontalMetrics(dict.fromkeys(order, (900, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "squares.ttf"
    builder.save(path)
    font_manager.fontManager.addfont(path)
    fonts("Squares")
    assert plotting.font_file("大熊猫") == str(path)
    assert plotting.font_file("龙") is None
    assert Path(plotting.font_file("Bär")).name == "DejaVuSans.ttf"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sample", "SET", "--class", "Cats"), "there are cat, 大熊猫"),
        (("sample", "SET", "--class", "unused $x"), "train has no image with unused $x"),
        (("sample", "SET", "--split", "test"), "the data set has no such part; there are train, val"),
        (("sample", "SET", "--out", "a.gif"), "give a file that ends in .jpg or .png"),
        (("sample", "SET", "--out", "no/a.png"), "there is no folder"),
        (("sample", "SET", "--count", "0"), "give 1 to 400"),
        (("stats", "SET", "--imgsz", "3"), "the least is 32"),
        (("stats", "SET", "--out", "SET"), "--out"),
        (("stats", "nowhere.yaml"), "nowhere.yaml does not exist"),
    ],
)
def test_mistakes_are_messages(data, run, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run(*(str(data) if word == "SET" else word for word in words))
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
