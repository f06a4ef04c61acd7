"""The tree crowns: boxes at tile edges, and a folder that is whole or is made anew."""

import json
import random
import re

import pytest

from fork.errors import FetchError, ForkError, IntegrityError
from run import crowns
from run.crowns import Box, clip, label, origins, read_boxes


@pytest.mark.parametrize(
    ("length", "expected"),
    [(320, [0]), (100, [0]), (321, [0, 1]), (576, [0, 256]), (577, [0, 256, 257]), (1035, [0, 256, 512, 715])],
)
def test_tiles_cover_the_side_and_end_with_it(length, expected):
    assert origins(length, 320, 256) == expected


def test_every_pixel_is_in_a_tile():
    for length in range(320, 1500, 7):
        starts = origins(length, 320, 256)
        assert starts[-1] + 320 == length
        assert all(b - a <= 256 for a, b in zip(starts, starts[1:]))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(110, 120, 150, 160), Box(10, 20, 50, 60)),  # inside
        (Box(80, 120, 140, 160), Box(0, 20, 40, 60)),  # two thirds inside: kept, clipped
        (Box(40, 120, 130, 160), None),  # one third inside: left out
        (Box(0, 0, 100, 100), None),  # touches the corner
        (Box(300, 120, 340, 160), None),  # outside
        (Box(110, 120, 113, 124), Box(10, 20, 13, 24)),  # small but whole
        (Box(96, 120, 104, 128), None),  # cut to four pixels
        (Box(50, 50, 350, 350), Box(0, 0, 200, 200)),  # larger than the tile, 0.44 visible
    ],
)
def test_boxes_at_the_edges_of_a_tile(box, expected):
    assert clip(box, 100, 100, 200, 200) == expected


def test_labels_stay_in_the_unit_square():
    rng = random.Random(0)
    kept = 0
    for _ in range(2000):
        left, top = rng.uniform(-100, 400), rng.uniform(-100, 400)
        found = clip(Box(left, top, left + rng.uniform(1, 90), top + rng.uniform(1, 90)), 50, 50, 320, 320)
        if found:
            kept += 1
            _, x, y, w, h = map(float, label(found, 320, 320).split())
            assert 0 < w <= 1
            assert 0 < h <= 1
            assert min(x - w / 2, y - h / 2) >= -1e-6
            assert max(x + w / 2, y + h / 2) <= 1 + 1e-6
    assert kept > 500


def test_corners_count_from_one_and_are_inclusive():
    xml = b"<a><object><bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>4</ymax></bndbox></object></a>"
    assert read_boxes(xml) == [Box(0, 2, 10, 4)]
    with pytest.raises(IntegrityError, match="without area"):
        read_boxes(xml.replace(b"<xmax>10", b"<xmax>0"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return crowns.prepare(tmp_path_factory.mktemp("data") / "tree-crowns", say=lambda _: None)


def test_the_real_photographs(prepared):
    import cv2
    import yaml

    data = yaml.safe_load(prepared.read_text(encoding="utf-8"))
    assert data["names"] == {0: "tree"}
    folder = prepared.parent
    counts = {}
    for split in ("train", "val"):
        images = sorted((folder / "images" / split).glob("*.png"))
        labels = sorted((folder / "labels" / split).glob("*.txt"))
        assert [p.stem for p in images] == [p.stem for p in labels]
        assert {cv2.imread(str(p)).shape for p in images} == {(320, 320, 3)}
        counts[split] = (len(images), sum(len(p.read_text().splitlines()) for p in labels))
    assert counts == {"train": (90, 981), "val": (20, 451)}
    assert {p.name.split("_")[0] for p in (folder / "images").rglob("*.png")} == {"train", "val"}


def test_each_crown_is_whole_in_some_tile_or_at_least_kept_somewhere():
    """No crown of the annotation gets lost in the cut."""
    rng = random.Random(1)
    for _ in range(500):
        left, top = rng.uniform(0, 1180), rng.uniform(0, 980)
        box = Box(left, top, min(left + rng.uniform(9, 64), 1249), min(top + rng.uniform(9, 54), 1035))
        tiles = [(x, y) for y in origins(1035, 320, 256) for x in origins(1249, 320, 256)]
        assert any(clip(box, x, y, 320, 320) for x, y in tiles)


def test_upstream_accepts_the_data_set(prepared):
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(prepared))
    assert data["nc"] == 1


def test_a_second_call_does_nothing_and_damage_is_mended(prepared):
    folder = prepared.parent
    before = (folder / "prepared.json").stat().st_mtime_ns
    assert crowns.prepare(folder) == prepared
    assert (folder / "prepared.json").stat().st_mtime_ns == before
    victim = next((folder / "labels" / "val").glob("*.txt"))
    good = victim.read_bytes()
    for spoil in (lambda: victim.write_bytes(b"0 0.5 0.5 1 1\n"), victim.unlink):
        spoil()
        said = []
        crowns.prepare(folder, say=said.append)
        assert victim.read_bytes() == good
        assert any(victim.name in line for line in said)
    aside = sorted(p.name for p in folder.parent.glob("tree-crowns.old*"))
    assert aside == ["tree-crowns.old1", "tree-crowns.old2"]  # somebody's mended labels may be in there
    assert (folder.parent / "tree-crowns.old1" / "labels" / "val" / victim.name).read_bytes() == b"0 0.5 0.5 1 1\n"


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ForkError, match="holds no tree crowns"):
        crowns.prepare(tmp_path / "file")


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"x")
    with pytest.raises(ForkError, match="holds no tree crowns"):
        crowns.prepare(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.png"]


def test_a_failed_fetch_leaves_what_was_there(prepared, tmp_path):
    folder = prepared.parent
    record = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
    (folder / "prepared.json").write_text(json.dumps({**record, "recipe": 0}), encoding="utf-8")
    with pytest.raises(FetchError, match=re.escape(crowns.PACKAGE.file)):
        crowns.prepare(folder, source=tmp_path)
    assert (folder / "data.yaml").is_file()
    assert len(list((folder / "images" / "train").iterdir())) == 90
    (folder / "prepared.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    assert crowns.main(["--dir", str(tmp_path / "new"), "--source", str(tmp_path / "none.whl")]) == 4
    assert "does not exist" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
