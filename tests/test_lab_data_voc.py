"""`python -m lab data convert` on Pascal VOC: where images are, what boxes mean, what is wrong and is named."""

import os
import random

import pytest
import yaml
from annotation_sets import image, labels, problems, runner, thing, tree, xml

from lab.data.check import check_data


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture
def convert(run, tmp_path):
    """Convert `src` to `out` beside it, and return what was printed."""

    def convert(*words, code=0):
        ran = run("convert", tmp_path / "src", "--to", tmp_path / "out", *words)
        assert ran.code == code, ran.out + ran.err
        return ran.out if code == 0 else ran.err + ran.out

    return convert


@pytest.fixture
def src(tmp_path):
    return tmp_path / "src"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_devkit_becomes_a_set_that_the_check_passes(src, out, convert):
    for n in range(4):
        image(src / "JPEGImages" / f"{n:06}.jpg", seed=n)
        xml(src / "Annotations" / f"{n:06}.xml", thing("猫", 1, 1, 50, 40), thing("dog", 51, 41, 100, 80))
    image(src / "SegmentationClass" / "000000.png")  # a mask is neither an image of the set nor background
    lists = src / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("000000\n000001\n000003\n", encoding="utf-8")
    (lists / "val.txt").write_text("000002\n", encoding="utf-8")
    before = tree(src)
    said = convert("--strict")
    assert tree(src) == before
    assert yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8")) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "dog", 1: "猫"},
    }
    rows = [[1, 0.25, 0.25, 0.5, 0.5], [0, 0.75, 0.75, 0.5, 0.5]]
    assert labels(out) == {f"{p}/{n:06}": rows for p, n in (("train", 0), ("train", 1), ("train", 3), ("val", 2))}
    assert "corners count from 1" in said
    report = check_data(str(out))
    assert report.ok, report.lines()
    assert not report.findings
    assert {split: (n.images, n.boxes) for split, n in report.splits.items()} == {"train": (3, 6), "val": (1, 2)}


def test_boxes_come_back_to_a_millionth(src, out, convert):
    """YOLO rows are written as VOC by its own rule, left and top counted from 1, and converted."""
    chance = random.Random(5)
    expected = {}
    for n in range(40):
        size = (chance.randint(100, 400), chance.randint(100, 400))
        image(src / f"{n}.png", size)
        rows, things = {}, []
        for _ in range(chance.randint(1, 6)):
            w, h = chance.uniform(0.02, 1), chance.uniform(0.02, 1)
            x, y = chance.uniform(w / 2, 1 - w / 2), chance.uniform(h / 2, 1 - h / 2)
            number = chance.randrange(3)
            rows[number, x, y, w, h] = None
            sides = ((x - w / 2) * size[0] + 1, (y - h / 2) * size[1] + 1, (x + w / 2) * size[0], (y + h / 2) * size[1])
            things.append(thing("abc"[number], *map(repr, sides)))
        xml(src / f"{n}.xml", *things, size=size)
        expected[str(n)] = list(rows)
    convert("--strict", "--origin", "1")
    got = labels(out)
    assert got.keys() == expected.keys()
    for name, rows in expected.items():
        assert [row[0] for row in got[name]] == [row[0] for row in rows]
        for row, wanted in zip(got[name], rows):
            assert row[1:] == pytest.approx(wanted[1:], abs=1e-6)


@pytest.mark.parametrize(
    ("corners", "row", "kinds"),
    [
        ((11, 11, 60, 50), [0.35, 0.375, 0.5, 0.5], {}),
        ((60, 50, 11, 11), [0.35, 0.375, 0.5, 0.5], {"box-swapped"}),
        ((60, 11, 11, 50), [0.35, 0.375, 0.5, 0.5], {"box-swapped"}),
        ((1, 1, 101, 81), [0.5, 0.5, 1, 1], {}),  # one pixel over: tools differ by that
        ((51, 41, 150, 81), [0.75, 0.75, 0.5, 0.5], {"box-clipped"}),
        ((51, 41, 1e9, 1e9), [0.75, 0.75, 0.5, 0.5], {"box-clipped"}),
        ((101, 1, 150, 80), None, {"box-outside"}),
        ((11, 11, 10, 50), None, {"box-empty"}),
        (("nan", 1, 10, 10), None, {"box-number"}),
        (("inf", 1, 10, 10), None, {"box-number"}),
        (("", 1, 10, 10), None, {"box-number"}),
        (("ten", 1, 10, 10), None, {"box-number"}),
        ((1, 1, 10), None, {"box-number"}),
        (("2.5", 1, "12.5", 8), [0.07, 0.05, 0.11, 0.1], {}),
    ],
)
def test_a_box_is_kept_mended_or_named(src, out, convert, corners, row, kinds):
    image(src / "a.png")
    xml(src / "a.xml", thing("cat", *corners), thing("dog", 2, 2, 12, 12))
    convert("--origin", "1")
    found = [one[1:] for one in labels(out)["a"] if one[0] == 0]
    assert found == ([pytest.approx(row, abs=1e-6)] if row else [])
    noted = problems(out)
    assert set(noted) == set(kinds)
    for kind in kinds:
        assert [one[1] for one in noted[kind]] == ["object 1"]
        assert noted[kind][0][0].endswith("a.xml")


def test_an_object_without_a_box_and_one_that_repeats(src, out, convert):
    image(src / "a.png")
    bare = "<object><name>cat</name></object>"
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></part>"
    xml(src / "a.xml", bare, thing("cat", 1, 1, 50, 40, extra=part), thing("cat", 1, 1, 50, 40))
    convert()
    assert labels(out)["a"] == [[0, 0.25, 0.25, 0.5, 0.5]]  # the part's box is not the object's
    assert {kind: one[0][1] for kind, one in problems(out).items()} == {
        "box-missing": "object 1",
        "box-duplicate": "object 3",
    }


@pytest.mark.parametrize(("words", "left"), [((), 0), (("--origin", "0"), 0), (("--origin", "1"), -1)])
def test_a_zero_shows_that_corners_count_from_zero(src, out, convert, words, left):
    image(src / "a.png")
    xml(src / "a.xml", thing("cat", 0, 0, 50, 40), thing("cat", 10, 10, 60, 50))
    said = convert(*words)
    assert f"corners count from {left + 1 if left else 0}" in said or left
    second = labels(out)["a"][1]
    assert second[1] - second[3] / 2 == pytest.approx((10 + left) / 100)


def test_turned_boxes_polygons_and_difficult_objects(src, out, convert):
    image(src / "a.png")
    turned = "<cx>50</cx><cy>40</cy><w>20</w><h>10</h><angle>1.5707963267948966</angle>"
    polygon = "<polygon><x1>11</x1><y1>11</y1><x2>31</x2><y2>11</y2><x3>31</x3><y3>51</y3></polygon>"
    xml(
        src / "a.xml",
        f"<object><name>a</name><robndbox>{turned}</robndbox></object>",
        f"<object><name>b</name>{polygon}</object>",
        thing("c", 1, 1, 10, 8, extra="<difficult>1</difficult>"),
    )
    convert("--skip-difficult", "--origin", "1")
    rows = labels(out)["a"]
    assert rows[0] == pytest.approx([0, 0.5, 0.5, 0.1, 0.25], abs=1e-6)
    assert rows[1] == pytest.approx([1, 0.2, 0.375, 0.2, 0.5], abs=1e-6)
    assert len(rows) == 2
    assert set(problems(out)) == {"difficult"}


def test_broken_annotations_are_named_and_their_images_are_no_background(src, out, convert):
    for name in "abcde":
        image(src / f"{name}.png", seed=ord(name))
    good = xml(src / "a.xml", thing("cat", 1, 1, 50, 40)).read_bytes()
    (src / "b.xml").write_bytes(good[:-30])
    (src / "c.xml").write_bytes(b"")
    (src / "d.xml").write_bytes(b"<html></html>")
    said = convert()
    assert labels(out) == {"a": [[0, 0.25, 0.25, 0.5, 0.5]]}
    assert sorted(path.name for path in (out / "images").iterdir()) == ["a.png", "e.png"]
    noted = problems(out)
    assert [os.path.basename(one[0]) for one in noted["annotation-unreadable"]] == ["b.xml", "c.xml", "d.xml"]
    assert noted["no-annotation"] == [("e.png", "", "")]
    assert "warning: annotation files that cannot be read: 3" in said


def test_chinese_in_gbk_is_read_declared_or_not(src, out, convert):
    """The one word 猫 in GBK is the letter è in UTF-8: only the other files tell which it is."""
    for n, word in enumerate(("猫", "大熊猫", "猫")):
        image(src / f"图{n}.jpg", seed=n)
        head = '<?xml version="1.0" encoding="GBK"?>' if n == 0 else '<?xml version="1.0" encoding="utf-8"?>'
        xml(src / f"图{n}.xml", thing(word, 1, 1, 50, 40), encoding="gbk", head=head)
    convert()
    assert yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))["names"] == {0: "大熊猫", 1: "猫"}
    assert len(problems(out)["annotation-encoding"]) == 3
    assert {name: rows[0][0] for name, rows in labels(out).items()} == {"图0": 1, "图1": 0, "图2": 1}


def test_latin_letters_stay_latin(src, out, convert):
    image(src / "a.jpg")
    xml(src / "a.xml", thing("Bär", 1, 1, 50, 40))
    convert("--strict")
    assert "Bär" in (out / "data.yaml").read_text(encoding="utf-8")


def test_an_image_is_found_by_the_annotations_name_and_folder(src, out, convert):
    for folder in ("s1", "s2"):
        image(src / "JPEGImages" / folder / "a.jpg", seed=len(folder))
        xml(src / "Annotations" / folder / "a.xml", thing(folder, 1, 1, 50, 40), filename="a.jpg")
    image(src / "JPEGImages" / "s1" / "b.jpg")
    xml(src / "Annotations" / "s1" / "b.xml", thing("s1", 1, 1, 50, 40), filename="old/a.jpg")  # a copied filename
    xml(src / "Annotations" / "s2" / "c.xml", thing("s1", 1, 1, 50, 40), filename="a.jpg")  # c.jpg is lost
    image(src / "JPEGImages" / "s1" / "D 1.PNG")
    xml(src / "Annotations" / "s1" / "renamed.xml", thing("s1", 1, 1, 50, 40), filename="D 1.PNG")
    convert()
    assert {name: rows[0][0] for name, rows in labels(out).items()} == {"s1/a": 0, "s2/a": 1, "s1/b": 0, "s1/D 1": 0}
    noted = problems(out)
    assert [os.path.basename(one[0]) for one in noted["name-differs"]] == ["b.xml"]
    assert [os.path.basename(one[0]) for one in noted["image-missing"]] == ["c.xml"]
    assert set(noted) == {"name-differs", "image-missing"}


def test_names_that_would_share_a_label_file(src, out, convert):
    image(src / "a.jpg")
    image(src / "a.png")
    image(src / "images" / "A.jpg")
    xml(src / "a.xml", thing("cat", 1, 1, 50, 40), filename="a.png")
    convert()
    assert sorted(path.name for path in (out / "images").iterdir()) == ["A-3.jpg", "a-2.png", "a.jpg"]
    assert list(labels(out)) == ["a-2"]
    assert len(problems(out)["renamed"]) == 2
    assert check_data(str(out)).ok


def test_two_images_that_fit_alike_are_not_guessed_between(src, out, convert):
    image(src / "ok.jpg")
    xml(src / "ok.xml", thing("cat", 1, 1, 50, 40))
    image(src / "a.jpg")
    image(src / "a.png")
    xml(src / "a.xml", thing("cat", 1, 1, 50, 40))
    convert("--drop-empty")
    assert list(labels(out)) == ["ok"]
    assert "a.jpg and a.png" in problems(out)["image-ambiguous"][0][2]


def test_the_size_is_the_images_and_a_difference_is_named(src, out, run, tmp_path):
    image(src / "a.png")
    xml(src / "a.xml", thing("cat", 1, 1, 100, 80), size=(200, 160))
    image(src / "b.png")
    xml(src / "b.xml", thing("cat", 1, 1, 100, 80), size=(0, 0))
    assert run("convert", src, "--to", out).code == 0
    assert labels(out) == {"a": [[0, 0.5, 0.5, 1, 1]], "b": [[0, 0.5, 0.5, 1, 1]]}
    assert problems(out)["size-differs"][0][2] == "200x160, the image has 100x80"
    other = tmp_path / "scaled"
    assert run("convert", src, "--to", other, "--rescale").code == 0
    assert labels(other) == {"a": [[0, 0.25, 0.25, 0.5, 0.5]], "b": [[0, 0.5, 0.5, 1, 1]]}
    assert set(problems(other)) == {"size-rescaled"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_drawn_on_the_unturned_image_turn_with_it(tmp_path, run, orientation):
    """A dark square is where its box is, in the image as Pillow and OpenCV show it."""
    import numpy as np
    from PIL import Image, ImageOps

    src, out = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    pixels = np.full((80, 100, 3), 255, np.uint8)
    pixels[16:32, 8:24] = 0
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(pixels).save(src / "a.png", exif=exif)
    xml(src / "a.xml", thing("cat", 9, 17, 24, 32), size=(100, 80))
    assert run("convert", src, "--to", out).code == 0
    if orientation in (2, 3, 4):  # the size does not tell: the boxes are taken to be of the image as shown
        assert not problems(out)
        return
    with Image.open(src / "a.png") as opened:
        dark = np.argwhere(np.array(ImageOps.exif_transpose(opened))[..., 0] == 0)
        size = np.array(ImageOps.exif_transpose(opened).size)
    low, high = dark.min(0)[::-1], dark.max(0)[::-1] + 1
    assert labels(out)["a"][0][1:3] == pytest.approx(list((low + high) / 2 / size))
    assert labels(out)["a"][0][3:] == pytest.approx(list((high - low) / size))
    assert set(problems(out)) == ({"exif-turned"} if orientation > 4 else set())


def test_an_annotation_of_the_turned_image_is_left_as_it_is(src, out, convert):
    image(src / "a.jpg", orientation=6)
    xml(src / "a.xml", thing("cat", 1, 1, 40, 50), size=(80, 100))
    convert("--strict")
    assert labels(out)["a"] == [[0, 0.25, 0.25, 0.5, 0.5]]


def test_bad_images_are_left_out(src, out, convert):
    image(src / "good.jpg")
    (src / "page.jpg").write_bytes(b"<html>not found</html>")
    (src / "empty.png").write_bytes(b"")
    image(src / "tiny.png", (4, 4))
    cut = image(src / "cut.jpg").read_bytes()
    (src / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    image(src / "phone.jfif", form="JPEG")
    for path in list(src.iterdir()):
        xml(src / f"{path.stem}.xml", thing("cat", 1, 1, 3, 3))
    convert()
    assert list(labels(out)) == ["good", "phone"]
    assert sorted(p.name for p in (out / "images").iterdir()) == ["good.jpg", "phone.jpg"]
    kinds = {kind: os.path.basename(one[0][0]) for kind, one in problems(out).items()}
    assert kinds == {
        "image-unreadable": "page.jpg",
        "image-empty": "empty.png",
        "image-small": "tiny.png",
        "image-damaged": "cut.jpg",
    }


def test_images_all_of_whose_objects_are_bad_are_no_background(src, out, convert):
    for name in "ab":
        image(src / f"{name}.png", seed=ord(name))
    xml(src / "a.xml", thing("cat", 200, 200, 300, 300))
    xml(src / "b.xml", thing("cat", 1, 1, 50, 40))
    convert()
    assert list(labels(out)) == ["b"]
    assert set(problems(out)) == {"box-outside", "objects-lost"}
