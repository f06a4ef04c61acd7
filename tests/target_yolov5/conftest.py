"""Fixtures: the pinned release of YOLOv5, its series, and a throw-away checkout with both packages' own files."""

import shutil

import pytest
from conftest import ROOT, pinned

from fork import series
from fork.pin import load_pin
from fork.targets.yolov5 import SERIES
from fork.tree import YOLOV5, read_overlay, read_wheel, write_files

HOME = YOLOV5.home


@pytest.fixture(scope="session")
def yolov5_pin():
    return load_pin(ROOT, YOLOV5.table)


@pytest.fixture(scope="session")
def yolov5_wheel(yolov5_pin):
    """The verified wheel: from the cache, or fetched as a build would."""
    return pinned(yolov5_pin.upstream)


@pytest.fixture(scope="session")
def yolov5_pristine(yolov5_wheel):
    return read_wheel(yolov5_wheel, YOLOV5)


@pytest.fixture(scope="session")
def yolov5_results(yolov5_pristine):
    return series.run(yolov5_pristine, read_overlay(ROOT / HOME, YOLOV5), SERIES)


@pytest.fixture
def yolov5_quick(monkeypatch, yolov5_results):
    """Let builds in this process take the series' outcome from the session instead of working it out again."""
    from fork import build

    monkeypatch.setattr(build, "run", lambda pristine, overlay, steps=None: yolov5_results)


def make_yolov5_checkout(folder):
    """Copy what a build of YOLOv5 reads into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "pin.toml", folder / "pin.toml")
    shutil.copytree(ROOT / "cfg", folder / "cfg")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / HOME / YOLOV5.overlay, folder / HOME / YOLOV5.overlay, ignore=skip)
    shutil.copyfile(ROOT / HOME / "tree.lock", folder / HOME / "tree.lock")
    return folder


@pytest.fixture
def yolov5_checkout(tmp_path):
    return make_yolov5_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def patched(yolov5_results, tmp_path_factory):
    """The folder of the patched package, in a checkout of its own; it takes the installed ultralytics."""
    root = make_yolov5_checkout(tmp_path_factory.mktemp("yolov5") / "checkout")
    write_files(root / HOME, yolov5_results[-1].tree)
    return root / HOME


@pytest.fixture(scope="session")
def unpatched(yolov5_pristine, tmp_path_factory):
    """A folder with the release as it is."""
    root = tmp_path_factory.mktemp("yolov5-pristine")
    write_files(root, yolov5_pristine)
    return root
