"""``lab heatmap``: images found and read, brought to the network's size and back."""

import cv2
import numpy as np
import pytest

from lab.heatmap import images
from lab.heatmap.draw import overlay
from run.arguments import UsageError


def noise(*shape):
    return np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(80, 120), (120, 80), (33, 200), (64, 64), (5, 300), (97, 101)])
@pytest.mark.parametrize("kind", ["fit", "square", "stretch"])
def test_placing_is_upstreams(shape, kind):
    from ultralytics.data.augment import LetterBox

    photo = noise(*shape, 3)
    theirs = LetterBox((96, 96), auto=kind == "fit", scale_fill=kind == "stretch", stride=32)(image=photo)
    ours, placed = images.place(photo, 96, kind == "stretch", kind == "square")
    assert np.array_equal(ours, theirs)
    corners = [placed.left, placed.top, placed.left + placed.width, placed.top + placed.height]
    assert placed.boxes_back([corners]) == pytest.approx(np.array([[0, 0, shape[1], shape[0]]]))


@pytest.mark.parametrize("tall", [False, True])
def test_heat_comes_back_without_the_padding(tall):
    shape = (120, 50) if tall else (50, 120)
    _, placed = images.place(noise(*shape, 3), 96, False, True)
    assert max(placed.top, placed.left) == 28
    heat = np.full((96, 96), 9, np.float32)  # most of all in the padding
    heat[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width] = 0
    heat[placed.top : placed.top + 8, placed.left : placed.left + 8] = 0.5
    back = placed.map_back(heat)
    assert back.shape == shape
    assert back[:8, :8].min() == 1
    assert back[12:].max() == back[:, 12:].max() == 0


def test_images_are_found_in_order_and_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "图 [a]"
    folder.mkdir()
    for name in ("b.png", "a.JPG"):
        cv2.imencode(".png", noise(4, 4, 3))[1].tofile(str(folder / name))
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    found = images.find([str(folder), str(folder / "b.png"), "*/*.png"])
    assert [path.name for path in found[:2]] == ["a.JPG", "b.png"]
    with pytest.raises(UsageError) as e:
        images.find(["gone.png", "x/*.png"])
    assert "gone.png does not exist" in str(e.value)
    assert "x/*.png matches no image" in str(e.value)


def test_names_do_not_collide():
    taken = set()
    assert [images.unique(stem, taken) for stem in ("a", "A", "a")] == ["a", "A-2", "a-3"]


def test_grey_images(tmp_path):
    cv2.imencode(".png", noise(20, 30))[1].tofile(str(tmp_path / "grey.png"))
    photo = images.read(tmp_path / "grey.png", 1)
    assert photo.shape == (20, 30, 1)
    assert images.read(tmp_path / "grey.png").shape == (20, 30, 3)
    placed, _ = images.place(photo, 64, False, False)
    assert placed.shape == (64, 64, 1)
    assert overlay(photo, np.ones((20, 30), np.float32)).shape == (20, 30, 3)
