"""Layers and backbones of one's own before the check of a YAML: what wants content, breaks a contract or fails."""

import pytest
import torch
import yaml
from conftest import ROOT

from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import registry
from ultralytics.nn.Addmodules._check import report as preflight

TEXT = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8").replace("nc: 80", "nc: 3")
TEXT = TEXT.replace("MobileNetV3,", "MobileNetV3Small,")


def _plain(build=None, run=None):
    """Return a class of a plain layer that somebody has added; one of the two looks at the content of a tensor."""

    class Added(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if build:
                build()

        def forward(self, x):
            if run:
                run(x)
            return x

    return Added


def _raise(x):
    if x.device.type not in ("cpu", "cuda"):
        raise ValueError("another device")


CONTENT = {
    "item when built": _plain(lambda: [x.item() for x in torch.linspace(0, 0.1, 4)]),
    "numpy when built": _plain(lambda: torch.linspace(0, 0.1, 4).numpy()),
    "a condition when built": _plain(lambda: bool(torch.ones(3).sum() > 1)),
    "item when run": _plain(run=lambda x: x.mean().item()),
    "the device when run": _plain(run=_raise),
    "another type when run": _plain(run=lambda x: torch.softmax(x.long(), 1, dtype=torch.float32) * 0.5),
}


@pytest.mark.parametrize("case", list(CONTENT))
def test_a_layer_that_looks_at_content_is_not_refused(case, monkeypatch):
    monkeypatch.setattr(tasks, "Added", CONTENT[case], raising=False)
    model = yaml.safe_load(TEXT)
    model["head"][2] = [-1, 1, "Added", []]
    report = preflight.check(model)
    assert report.ok, report.faults()
    assert report.rows[7].channels in (256, None)


def test_a_layer_that_fails_on_the_cpu_too_is_refused(monkeypatch):
    def fail(x):
        raise ValueError("not this map")

    monkeypatch.setattr(tasks, "Added", _plain(run=fail), raising=False)
    model = yaml.safe_load(TEXT)
    model["head"][2] = [-1, 1, "Added", []]
    assert "not this map" in preflight.check(model).faults()[0]


def test_only_heads_have_levels():
    model = tasks.yaml_model_load("yolo11n.yaml")
    model["head"][-1] = [[-1, 10], 1, "Concat", [1]]
    report = preflight.check(model)
    assert report.ok, report.faults()
    assert "is not a head" in report.problems[0].message


def test_a_model_of_one_size_under_rtdetr_is_not_refused(monkeypatch):
    def only_small(x):
        if x.shape[-1] != 10:
            raise ValueError("320 pixels only")

    monkeypatch.setattr(tasks, "Added", _plain(run=only_small), raising=False)
    model = yaml.safe_load(TEXT)
    model["head"][2] = [-1, 1, "Added", []]
    report = preflight.check(model)
    assert (report.ok, report.size) == (True, (320, 320))
    assert not preflight.check(model, size=640).ok


def test_a_constructor_that_wants_content_is_built_and_sized(monkeypatch):
    """Article files draw their drop rates from torch.linspace, and measure their channels by a pass."""

    class Measured(torch.nn.Module):
        def __init__(self):
            super().__init__()
            rates = [x.item() for x in torch.linspace(0, 0.1, 3)]
            self.stages = torch.nn.ModuleList(torch.nn.Conv2d(c, 8, 2, 2) for c in (3, 8, 8, 8, 8))
            self.rate = rates[-1]
            self.width_list = [m.shape[1] for m in self.forward(torch.randn(1, 3, 64, 64))]

        def forward(self, x):
            maps = []
            for stage in self.stages:
                x = stage(x) * (1 + self.rate)
                maps.append(x)
            return maps[2:]

    monkeypatch.setattr(registry, "_claims", dict(registry._claims))
    registry.add("Measured", Measured)
    model = yaml.safe_load(TEXT)
    model["backbone"][0][2] = "Measured"
    report = preflight.check(model)
    assert report.ok, report.faults()
    assert [(row.channels, row.stride) for row in report.rows[:5]] == [(0, None), (0, None), (8, 8), (8, 16), (8, 32)]


@pytest.mark.parametrize(
    ("forward", "strides", "message"),
    [
        (lambda maps: maps[0], None, "returns a Tensor, not a list of maps"),
        (lambda maps: maps[:2], None, "states maps of [8, 8, 8] channels and returns 8 channels, 8 channels"),
        (lambda maps: maps[::-1], None, "expected the largest first"),
        (lambda maps: maps, [4, 8, 16], "states a map of stride 4 and returns 80x80"),
    ],
    ids=["one map", "too few", "smallest first", "other strides"],
)
def test_a_backbone_that_breaks_the_contract(forward, strides, message, monkeypatch):
    class Wrong(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.width_list = [8, 8, 8]
            if strides:
                self.strides = strides
            self.stem, self.down = torch.nn.Conv2d(3, 8, 8, 8), torch.nn.AvgPool2d(2)

        def forward(self, x):
            p3 = self.stem(x)
            return forward([p3, self.down(p3), self.down(self.down(p3))])

    monkeypatch.setattr(registry, "_claims", dict(registry._claims))
    registry.add("Wrong", Wrong)
    model = yaml.safe_load(TEXT)
    model["backbone"][0][2] = "Wrong"
    (fault,) = preflight.check(model).faults()
    assert message in fault


def test_no_weights_are_read(monkeypatch, tmp_path):
    from ultralytics.nn.Addmodules import weights

    monkeypatch.setattr(weights, "fetch", lambda *_: pytest.fail("fetched"))
    monkeypatch.setattr(weights, "read", lambda *_: pytest.fail("read"))
    model = yaml.safe_load(TEXT)
    for pretrained in (True, str(tmp_path / "there.pth")):
        (tmp_path / "there.pth").write_bytes(b"")
        model["backbone"][0] = [-1, 1, "MobileNetV4ConvSmall", [{"pretrained": pretrained}]]
        assert preflight.check(model).ok
    model["backbone"][0] = [-1, 1, "MobileNetV4ConvSmall", [{"pretrained": str(tmp_path / "missing.pth")}]]
    assert "do not exist" in preflight.check(model).faults()[0]


@pytest.mark.parametrize("where", ["built", "run"])
def test_what_runs_on_a_gpu_only_is_no_fault(where, monkeypatch):
    def fail(*_):
        raise RuntimeError("this kernel runs on CUDA tensors only")

    monkeypatch.setattr(tasks, "Added", _plain(**{"build" if where == "built" else "run": fail}), raising=False)
    model = yaml.safe_load(TEXT)
    model["head"][2] = [-1, 1, "Added", []]
    report = preflight.check(model)
    assert report.ok, report.faults()
    assert [problem.row for problem in report.problems] == [7]
    assert "not checked, it runs on a GPU only" in report.problems[0].message
