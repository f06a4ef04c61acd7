"""The probe: what runs in a tree, told in one way whatever the tree does."""

import pytest
from conftest import ROOT

from fork.releases.probe import environment, probe

NOISY = "print('noise on stdout')\n"

HEAD = "scales: {n: 1, s: 2}\nhead: [[-1, 1, Detect, [nc]]]\n"

UTILS = """
import logging
LOGGER = logging.getLogger("ultralytics")
"""

TASKS = """
import torch
from torch import nn
from ultralytics.nn import spread

class DetectionModel(nn.Module):
    def __init__(self, cfg, ch=3, verbose=True):
        super().__init__()
        print("building")
        self.conv = nn.Conv2d(ch, len(cfg["rows"]) * (2 if cfg["scale"] == "n" else 3), 3)
        self.model, self.save, self.stride = [], [1], torch.ones(1)

    def forward(self, x):
        return {"maps": [self.conv(x) * spread.BY]}

class ClassificationModel(DetectionModel):
    def __init__(self, cfg, nc, verbose):
        super().__init__({"rows": "x", "scale": "n"})

def torch_safe_load(path):
    return torch.load(path), path
"""

METRICS = """
import numpy
def compute_ap(recall, precision):
    return numpy.no_such_function(recall, precision), 0, 0
"""


def fake(root, **changes):
    """Write a small package with the names that a probe uses; no such release exists."""
    files = {
        "__init__.py": NOISY + "__version__ = '0.0.1'\n",
        "nn/__init__.py": "",
        "nn/spread.py": "BY = 1.0\n",
        "nn/tasks.py": TASKS,
        "utils/__init__.py": UTILS,
        "utils/metrics.py": METRICS,
        "cfg/models/v8/yolov8.yaml": "rows: [1, 2]\n" + HEAD,
        "cfg/models/11/yolo11.yaml": "norows: [1, 2]\n" + HEAD,
        **{name.replace("__", "/").replace("_py", ".py"): text for name, text in changes.items()},
    }
    for name, text in files.items():
        path = root / "ultralytics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fake(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def found(root):
    return probe(root)


def test_a_tree_that_runs(root, found):
    assert found["version"] == "0.0.1"
    assert found["tree"] == str(root / "ultralytics")
    assert found["patched"] is False
    assert "ours" not in found
    assert list(found["models"]) == ["yolo11", "yolov8"]
    assert found["models"]["yolo11"]["error"] == "KeyError: 'rows'"
    assert found["models"]["yolov8"]["parameters"] == 4 * (3 * 9 + 1)
    # torch.load of today refuses classes, and this fake release does not say weights_only=False
    assert "numpy" in found["checks"]["average_precision"]
    assert found["checks"]["reload"].startswith("UnpicklingError")
    assert not list(root.rglob("__pycache__"))  # the tree is left as it was


def test_outputs_tell_trees_apart_and_keys_do_not(tmp_path, found):
    one = found["models"]["yolov8"]
    same = probe(fake(tmp_path / "b"))["models"]["yolov8"]
    other = probe(fake(tmp_path / "c", nn__spread_py="BY = 1.0000001\n"))["models"]["yolov8"]
    assert {**one, "seconds": 0} == {**same, "seconds": 0}
    assert one["keys"] == other["keys"]
    assert one["outputs"] != other["outputs"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import no_such_package", {"import_error": "ModuleNotFoundError: No module named 'no_such_package'"}),
        ("raise SystemExit('too\\n old')", {"import_error": "SystemExit: too old"}),
        ("import os; os._exit(7)", {"crash": "exit code 7: noise on stdout"}),
        ("import time; time.sleep(60)", {"crash": "no end after 3 s"}),
        ("import urllib.request as r; r.urlopen('http://example.org')", {"import_error": None}),
    ],
)
def test_a_tree_that_does_not_run_says_one_thing(tmp_path, text, found):
    limit = 3 if "sleep" in text else 60
    told = probe(fake(tmp_path, nn__tasks_py=text), limit=limit)
    if found == {"import_error": None}:
        assert told["import_error"].endswith("a probe has no network>")
    else:
        assert told == found


def test_no_setting_of_the_user_reaches_a_probe(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", "/home/someone/settings")
    monkeypatch.setenv("PYTHONPATH", "/home/someone/another-tree")
    env = environment(tmp_path)
    assert env["YOLO_CONFIG_DIR"] == str(tmp_path / "config")
    assert "PYTHONPATH" not in env
    assert env["YOLO_OFFLINE"] == "true"


@pytest.mark.slow
def test_the_checkout_builds_and_trains_ours():
    found = probe(ROOT)
    assert list(found["models"]) == ["rtdetr-l", "yolo26", "yolo11", "yolov8"]
    assert found["checks"] == {"average_precision": "ok", "reload": "ok"}
    for name, channels in (("rtdetr", [1, 300, 6]), ("yolo", [1, 7, 8400])):
        ours = found["ours"][name]
        assert "error" not in ours
        assert ours["shape"] == channels
        assert ours["reached"][0] == ours["reached"][1] > 100
        assert ours["norms"][1] == 0
