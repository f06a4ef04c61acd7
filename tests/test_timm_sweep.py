"""The sweep over timm and torchvision: what it finds, what it keeps, and the document made of it."""

import json

import pytest

from tools import timm_sweep

ROW = {"channels": [8, 16], "strides": [16, 32], "parameters": 1234, "notes": []}


@pytest.fixture
def known():
    return {
        "versions": {"timm": "1", "torch": "2", "torchvision": "3"},
        "families": {"good": ["good_small", 10], "bad": ["bad_small", 20], "untried": ["untried_small", 5]},
        "rows": {"timm:good_small": ROW, "timm:bad_small": {"reason": "no maps"}, "torchvision:net": ROW},
    }


def test_a_network_that_serves_and_one_that_does_not():
    found = timm_sweep.try_network("timm", "resnet18")
    assert found["channels"] == [64, 64, 128, 256, 512]
    assert found["strides"] == [2, 4, 8, 16, 32]
    assert found["parameters"] == 11_176_512
    assert "strides [12, 17]" in timm_sweep.try_network("timm", "crossvit_tiny_240")["reason"]
    assert "maps" in timm_sweep.try_network("torchvision", "squeezenet1_1")["reason"]


def test_the_document_lists_both_and_leaves_out_what_was_not_tried(known):
    text = timm_sweep.document(known)
    assert "## timm: 1 of 2 families" in text
    assert "| good | `good_small` | 1,234 | 8/16 | 16/32 |  |" in text
    assert "| bad | `bad_small` | no maps |" in text
    assert "## torchvision: 1 of 1 classifiers" in text
    assert "untried" not in text


def test_the_projects_document_is_that_of_the_kept_results():
    known = json.loads(timm_sweep.RESULTS.read_text(encoding="utf-8"))
    assert timm_sweep.OUT.read_text(encoding="utf-8") == timm_sweep.document(known)
    assert len(known["rows"]) == len(known["families"]) + 80


def test_only_some_are_tried_again_and_kept(tmp_path, monkeypatch, capsys):
    class Worker:
        def run(self, kind, name):
            return {**ROW, "parameters": len(name)}

    monkeypatch.setattr(timm_sweep, "Worker", Worker)
    monkeypatch.setattr(timm_sweep, "choose", lambda: {"resnet": ["resnet10t", 1], "swin": ["swin_t", 2]})
    results, out = tmp_path / "r.json", tmp_path / "timm.md"
    assert timm_sweep.main(["--results", str(results), "--out", str(out), "--only", "swin"]) == 0
    assert set(json.loads(results.read_text())["rows"]) == {"timm:swin_t"}
    assert "resnet10t" not in out.read_text()
    assert timm_sweep.main(["--results", str(results), "--out", str(out), "--only", "resnet"]) == 0
    assert {"timm:swin_t", "timm:resnet10t"} <= set(json.loads(results.read_text())["rows"])
    with pytest.raises(SystemExit, match="no family"):
        timm_sweep.main(["--results", str(results), "--out", str(out), "--only", "nothing*"])
