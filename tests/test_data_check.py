"""The check of a data set: findings counted and named, clean sets left alone, nothing written, as upstream judges."""

import io
import shutil

import pytest
from conftest import make_squares
from data_sets import CAT, DOG, IMAGES, NAMES, ROWS, TREE, Set, found, only, picture
from PIL import Image

from lab.data.check import check_data
from lab.data.kinds import KINDS
from run import crowns as tree_crowns


@pytest.fixture
def data(tmp_path):
    return Set(tmp_path / "set")


def test_a_clean_set_has_no_findings(data):
    report = data.check(nc=2, imgsz=64)
    assert report.ok
    assert (report.problems, report.findings) == ([], [])
    assert report.splits["train"] == (4, 4, 0, 0, 0, 8)
    assert report.splits["val"] == (2, 2, 0, 0, 0, 4)
    assert report.classes == {0: ("cat", {"train": 4, "val": 2}), 1: ("dog", {"train": 4, "val": 2})}
    assert report.lines()[-1].startswith("data: no errors, 0 notes (")


@pytest.mark.parametrize("full", [True, False])
def test_the_squares_are_clean_under_a_chinese_path(tmp_path, full):
    report = check_data(str(make_squares(tmp_path / "数据 集")), full=full)
    assert (report.problems, report.findings) == ([], [])
    assert [count.boxes for count in report.splits.values()] == [4, 2]


def test_the_tree_crowns(tmp_path_factory):
    path = tree_crowns.prepare(tmp_path_factory.mktemp("data") / "tree-crowns", say=lambda _: None)
    report = check_data(str(path), nc=1, imgsz=640)
    assert report.problems == []
    finding = only(report, "label-empty", 8, *report.findings[0].examples)  # tiles of bare ground
    assert finding.examples[0] == "labels/train/train_0000_0000.txt"
    assert {split: (n.images, n.boxes) for split, n in report.splits.items()} == {"train": (90, 981), "val": (20, 451)}


# ---- labels


@pytest.mark.parametrize(("kind", "rows", "places", "corrupt"), ROWS)
def test_rows_of_labels(data, kind, rows, places, corrupt):
    data.label("train/b.txt", *rows)
    report = data.check()
    finding = only(report, kind, len(places), *(f"labels/train/b.txt{place}" for place in places))
    assert report.splits["train"].corrupt == corrupt
    assert report.splits["train"].found == 4
    assert report.splits["train"].empty == (not rows)
    assert finding.message.startswith(f"{KINDS[kind].title}: {len(places)}")


def test_only_the_first_five_are_named_and_all_are_counted(data):
    for name in "abc":
        data.label(f"train/{name}.txt", *["7 0.5 0.5 0.1 0.1"] * 3)
    report = data.check()
    finding = only(
        report,
        "label-class",
        9,
        *(f"labels/train/{name}.txt:{line}: class 7" for name, line in zip("aaabb", (1, 2, 3, 1, 2))),
    )
    assert "9 in 3 files; upstream leaves" in finding.message
    assert "    and 4 more" in report.lines()
    assert report.splits["train"] == (4, 4, 0, 0, 3, 2)


@pytest.mark.parametrize(
    ("raw", "detail"), [("0 0.5 0.5 0.1 0.1".encode("utf-16"), ": UTF-16"), (CAT.encode() + "狗".encode("gbk"), "")]
)
def test_labels_in_another_encoding(data, raw, detail):
    data.write(data.folder / "labels/val/y.txt", raw)
    only(data.check(), "label-encoding", 1, f"labels/val/y.txt{detail}")


def test_a_byte_order_mark_is_no_mistake(data):
    data.write(data.folder / "labels/val/y.txt", b"\xef\xbb\xbf" + CAT.encode())
    assert data.check().findings == []


def test_images_without_label_and_labels_without_image(data):
    (data.folder / "labels/train/c.txt").rename(data.folder / "labels/train/c2.txt")
    data.label("train/classes.txt", "cat")  # annotation tools leave it there
    report = data.check()
    assert found(report).keys() == {"label-none", "label-orphan"}
    assert found(report)["label-none"].examples == ("images/train/c.png",)
    assert found(report)["label-orphan"].examples == ("labels/train/c2.txt",)
    assert report.ok
    assert report.splits["train"] == (4, 3, 1, 0, 0, 6)


@pytest.mark.parametrize("split", ["train", "val"])
def test_no_label_folder_at_all_is_severe(data, split):
    shutil.rmtree(data.folder / "labels" / split)
    count = len(list((data.folder / "images" / split).iterdir()))
    report = data.check()
    label = data.folder / "labels" / split / ("a.txt" if split == "train" else "y.txt")
    only(report, "no-labels", 1, f"{split}: looked for {label} (there is no such folder)")
    assert report.splits[split] == (count, 0, count, 0, 0, 0)


def test_a_test_split_may_have_no_labels(data):
    data.image("test/t.png", picture(60))
    data.yaml(TREE + NAMES + "test: images/test\n")
    only(data.check(), "label-none", 1, "images/test/t.png")


def test_a_list_beside_images_and_labels_is_no_label_file(data):
    for path in [*data.folder.glob("*/train/*"), *data.folder.glob("*/val/*")]:
        path.rename(data.folder / path.name)
    for name, stems in (("fit", "abcd"), ("hold", "yz")):
        (data.folder / f"{name}.txt").write_text("".join(f"./{stem}.png\n" for stem in stems), encoding="utf-8")
    data.yaml("train: fit.txt\nval: hold.txt\n" + NAMES)
    report = data.check()
    assert report.findings == []
    assert report.splits["train"] == (4, 4, 0, 0, 0, 8)


def test_labels_of_another_format_are_pointed_out(data):
    shutil.rmtree(data.folder / "labels/train")
    data.write(data.folder / "Annotations/a.xml", b"<annotation/>")
    [place] = data.check().findings[0].examples
    how = "convert them from Pascal VOC with `python -m lab data convert`"
    assert place.endswith(f"{data.folder / 'Annotations'} has .xml files: {how}")


def test_a_misnamed_label_folder_is_pointed_out(data):
    (data.folder / "labels").rename(data.folder / "Label")
    places = data.check().findings[0].examples
    assert places[0].endswith(f"there is {data.folder / 'Label/train/a.txt'}: rename or move its folder")
    assert places[1].endswith(f"there is {data.folder / 'Label/val/y.txt'}: rename or move its folder")


def test_images_outside_a_folder_named_images(data):
    (data.folder / "images").rename(data.folder / "pictures")
    data.yaml("train: pictures/train\nval: pictures/val\nnames: [cat, dog]\n")
    report = data.check()
    assert [f.kind for f in report.findings] == ["no-labels"]
    assert report.findings[0].count == 2
    assert f"looked for {data.folder / 'pictures/train/a.txt'}; only below a folder named images" in "".join(
        report.findings[0].examples
    )


def test_only_empty_label_files_are_nothing_to_learn_from(data):
    for name in "abcd":
        data.label(f"train/{name}.txt")
    report = data.check()
    assert found(report)["no-boxes"].examples == ("train",)
    assert found(report)["label-empty"].count == 4
    assert not report.ok


def test_two_images_with_one_label_file(data):
    data.image("train/a.jpg", picture(9, form="JPEG"))
    only(data.check(), "label-shared", 1, "images/train/a.png: a.jpg")


def test_small_objects_at_the_training_size(data):
    data.label("train/a.txt", CAT, "0 0.5 0.5 0.03 0.5")  # of 48 pixels: 1.4, of 480: 14
    only(data.check(imgsz=48), "label-tiny", 1, "labels/train/a.txt:2: 1.4 x 16.0 pixels")
    assert data.check(imgsz=480).findings == []
    assert data.check().findings == []


def test_sides_of_a_turned_photograph(data):
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).save(buffer, "JPEG", exif=exif)
    (data.folder / "images/train/a.png").unlink()
    data.image("train/a.jpg", buffer.getvalue())
    data.label("train/a.txt", "0 0.5 0.5 0.05 0.5")
    only(data.check(imgsz=48), "label-tiny", 1, "labels/train/a.txt:1: 1.6 x 24.0 pixels")  # 32 x 48 as shown


def test_classes_without_an_object(data):
    data.yaml("train: images/train\nval: images/val\nnames: [cat, dog, cow]\n")
    data.label("val/y.txt", CAT)
    data.label("val/z.txt", CAT)
    report = data.check()
    assert found(report)["class-none"].examples == ("2 cow: none in train", "1 dog: none in val", "2 cow: none in val")
    assert report.ok
    assert report.classes[2].boxes == {"train": 0, "val": 0}


# ---- images


@pytest.mark.parametrize(("kind", "name", "raw", "detail", "refused"), IMAGES)
def test_images(data, monkeypatch, kind, name, raw, detail, refused):
    from ultralytics.utils import checks

    # upstream's way to open an image asks pip for a package where the file is none
    monkeypatch.setattr(checks, "check_requirements", lambda *_: pytest.fail("a package was asked for"))
    data.image(f"train/{name}", raw)
    data.label("train/x.txt", CAT)
    report = data.check()
    [finding] = report.findings
    assert (finding.kind, finding.count) == (kind, 1)
    assert finding.examples[0].startswith(f"images/train/{name}{detail}")
    assert report.splits["train"].corrupt == refused
    assert report.splits["train"].boxes == 8 + (not refused)
    assert (data.folder / "images/train" / name).read_bytes() == raw


def test_a_folder_named_like_an_image(data):
    (data.folder / "images/train/e.jpg").mkdir()
    report = data.check()
    assert found(report)["image-unreadable"].examples == ("images/train/e.jpg: no file",)
    assert report.splits["train"].corrupt == 1


def test_without_full_most_images_are_not_decoded(data, monkeypatch):
    data.image("train/b.bmp", picture(5, form="BMP")[:-900])
    data.label("train/b.txt", CAT)
    (data.folder / "images/train/b.png").unlink()
    assert list(found(data.check(full=False))) == ["image-damaged"]  # few images: all are in the sample
    monkeypatch.setattr("lab.data.check.SAMPLE", 1)  # the first of four
    assert data.check(full=False).findings == []
    assert list(found(data.check())) == ["image-damaged"]


def test_other_channels(data):
    data.yaml("train: images/train\nval: images/val\nnames: [cat, dog]\nchannels: 4\n")
    for path in data.folder.glob("images/*/*.png"):
        path.write_bytes(picture(ord(path.stem), mode="RGBA"))
    assert data.check().findings == []
    data.image("val/z.png", picture(3))
    only(data.check(full=False), "image-channels", 1, "images/val/z.png: 3")


def test_suffixes_that_upstream_passes_over(data):
    data.image("train/more/e.gif", picture(5, form="GIF"))
    data.image("train/f.JPG", picture(6, form="JPEG"))
    data.label("train/f.txt", CAT)
    report = data.check()
    only(report, "image-skipped", 1, "images/train/more/e.gif")
    assert report.splits["train"].images == 5


def test_images_in_two_splits(data):
    data.image("val/y.png", picture(2))  # train/c.png
    data.image("val/b.png", picture(8))  # named as one in train, with other content
    data.label("val/b.txt", CAT, DOG)
    report = data.check()
    assert found(report).keys() == {"leak", "same-name"}
    assert found(report)["leak"].examples == ("images/val/y.png: is images/train/c.png",)
    assert found(report)["same-name"].examples == ("images/val/b.png: images/train/b.png",)
    assert report.ok


def test_files_of_one_size_that_differ_in_a_byte_are_two(data):
    raw = bytearray(picture(1, (200, 200), form="BMP"))
    data.image("train/e.bmp", bytes(raw))
    raw[10000] ^= 1
    data.image("val/f.bmp", bytes(raw))
    data.label("train/e.txt", CAT)
    data.label("val/f.txt", CAT)
    assert data.check().findings == []


def test_lists_of_images(data):
    lines = ["./images/train/a.png", str(data.folder / "images/train/b.png"), "./images/train/gone.png", "notes", ""]
    data.write(data.folder / "train.txt", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    data.label("train/gone.txt", CAT)  # listed, if not there: no label file without an image
    data.yaml("train: train.txt\nval: [images/val, images/val]\nnames: [cat, dog]\n")
    report = data.check()
    assert {k: (f.count, f.examples[0]) for k, f in found(report).items()} == {
        "image-missing": (1, "images/train/gone.png: No such file or directory"),
        "list-line": (1, "train.txt:4: notes"),
        "twice": (2, "images/val/y.png"),
    }
    assert report.splits["train"] == (3, 2, 0, 0, 1, 4)
    assert report.splits["val"].images == 4


# ---- other tasks


def test_segments_and_boxes(data):
    for path in data.folder.glob("labels/*/*.txt"):
        path.write_text("0 0.1 0.1 0.3 0.1 0.3 0.4\n1 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4\n", encoding="utf-8")
    assert data.check(task="segment").findings == []
    data.label("train/b.txt", CAT, DOG)
    assert found(data.check(task="segment"))["label-task"].examples == ("labels/train/b.txt",)
    assert found(data.check())["label-polygons"].count == 5


def test_of_poses_the_boxes_are_taken(data):
    for path in data.folder.glob("labels/*/*.txt"):
        path.write_text("".join(f"{n} 0.5 0.5 0.25 0.25 0.4 0.4 2 0.6 0.6 1\n" for n in (0, 1)), encoding="utf-8")
    data.yaml(TREE + NAMES + "kpt_shape: [2, 3]\nflip_idx: [1, 0]\n")
    assert (data.check().problems, data.check().findings) == ([], [])


def test_the_lines_name_files_lines_and_what_to_do(data):
    data.label("train/b.txt", CAT, "5 0.5 0.5 0.1 0.1")
    lines = data.check(nc=80).lines()
    assert lines[2] == "train     4 images, 6 objects, 0 of background, 1 left out"
    assert lines[4] == "class 0   cat: train 3, val 2"
    assert any(
        line.startswith(f"note: {data.folder / 'data.yaml'}:4:8: the number of classes is 2 here") for line in lines
    )
    place = lines.index("    labels/train/b.txt:2: class 5")
    assert lines[place - 1].startswith("error: rows whose class is not in `names`: 1; upstream leaves")
    assert lines[place + 1].startswith("    to do: classes count from 0")
    assert lines[-1].startswith("data: 1 error, 1 note (")


def test_the_lines_hold_no_escape_sequences(data):
    data.label("train/b.txt", "\x1b[2J\x07 0.5 0.5 0.1 0.1")
    lines = data.check().lines()
    assert "    labels/train/b.txt:1: ?[2J?" in lines
    assert all(line.isprintable() for line in lines)
