"""fold.py: what it folds, what it leaves alone, and that is_fused() tells the truth."""

import copy

import pytest
import torch
from conftest import shake
from torch import nn
from torch.nn import functional as F

from ultralytics.nn.Addmodules import Timm
from ultralytics.nn.Addmodules._rows import fold
from ultralytics.nn.Addmodules.contract import FLAG
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel


class Model(nn.Module):
    """As much of a detector as fold() looks at."""

    def __init__(self, *layers):
        super().__init__()
        self.model = nn.Sequential(*layers)
        setattr(layers[0], FLAG, True)


class Net(nn.Module):
    """A backbone whose pairs are attributes, called as ``run`` says."""

    def __init__(self, run, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run = run

    def forward(self, x):
        return [self.run(self, x)]


def conv(kernel=3, **options):
    return nn.Conv2d(3, 3, kernel, padding=kernel // 2, bias=False, **options)


class Standardised(nn.Conv2d):
    def forward(self, x):
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, w, None, self.stride, self.padding)


class Named(nn.BatchNorm2d):
    """Like timm's norm layers: the activation is in it."""

    def __init__(self, width):
        super().__init__(width)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(super().forward(x))


CASES = {
    "behind a convolution": (lambda s, x: F.relu(s.norm(s.conv(x))), {"conv": conv()}, 0),
    "with an activation in it": (lambda s, x: s.act(s.conv(x)), {"conv": conv(), "act": Named(3)}, 0),
    "before a 1x1 convolution": (lambda s, x: s.conv(s.norm(x)), {"conv": conv(1)}, 0),
    "before a padded convolution": (lambda s, x: s.conv(s.norm(x)), {"conv": conv(3)}, 1),
    "before two convolutions": (lambda s, x: s.conv(s.norm(x)) + s.norm(x), {"conv": conv(1)}, 1),
    "the output is read twice": (lambda s, x: s.norm(c := s.conv(x)) + c, {"conv": conv()}, 1),
    "changed in between": (lambda s, x: s.norm(F.relu(s.conv(x))), {"conv": conv()}, 1),
    "changed in place in between": (lambda s, x: s.norm(s.conv(x).relu_()), {"conv": conv()}, 1),
    "the convolution is used twice": (lambda s, x: s.norm(s.conv(s.conv(x))), {"conv": conv()}, 1),
    "the norm is used twice": (lambda s, x: s.norm(s.conv(s.norm(x))), {"conv": conv()}, 1),
    "weight standardisation": (lambda s, x: s.norm(s.conv(x)), {"conv": Standardised(3, 3, 3, padding=1)}, 1),
    "grouped, dilated, with bias": (
        lambda s, x: s.norm(s.conv(x)),
        {"conv": nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3)},
        0,
    ),
    "a shape is asked for in between": (lambda s, x: s.norm(c := s.conv(x)) * c.shape[0], {"conv": conv()}, 0),
    "an alias": (
        lambda s, x: s.pair(x),
        {"conv": (c := conv()), "norm": (n := nn.BatchNorm2d(3)), "pair": nn.Sequential(c, n)},
        0,
    ),
    "no statistics": (
        lambda s, x: s.norm(s.conv(x)),
        {"conv": conv(), "norm": nn.BatchNorm2d(3, track_running_stats=False)},
        1,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_folded_and_what_is_not(case):
    run, parts, left = CASES[case]
    torch.manual_seed(0)
    parts = copy.deepcopy(parts)
    if "act" not in parts:
        parts.setdefault("norm", nn.BatchNorm2d(3))
    model = Model(Net(run, **parts))
    if case != "no statistics":
        shake(model)
    model.eval()
    x = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        before = model.model[0](x)[0]
        assert not fold.is_folded(model)
        fold.fold(model)
        after = model.model[0](x)[0]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == left
    assert (before - after).abs().max() <= 1e-5 * before.abs().max()
    assert fold.is_folded(model)


def test_what_changes_the_maps_is_taken_back(monkeypatch, caplog):
    model = shake(Model(Net(lambda s, x: s.norm(s.conv(x)), conv=conv(), norm=nn.BatchNorm2d(3)))).eval()
    state = copy.deepcopy(model.state_dict())
    monkeypatch.setattr(fold, "_rest_of", lambda norm: nn.ReLU())
    with caplog.at_level("WARNING", "ultralytics"):
        fold.fold(model)
    assert "changed its maps" in caplog.text
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert fold.is_folded(model)  # what is left is known and named
    assert model.addmodules_unfoldable == ["model.0.norm"]


def test_a_backbone_that_takes_no_size_tried_is_said(caplog):
    def picky(s, x):
        return {300: s.norm(s.conv(x))}[x.shape[-1]]

    model = Model(Net(picky, conv=conv(), norm=nn.BatchNorm2d(3))).eval()
    with caplog.at_level("WARNING", "ultralytics"):
        fold.fold(model)
    assert "could not run it, its BatchNorms stay as they are (KeyError: 256)" in caplog.text


def test_double_precision_is_asked_of_the_cpu_only(monkeypatch):
    """Apple's GPUs have none."""
    asked = []
    original = torch.Tensor.double
    monkeypatch.setattr(torch.Tensor, "double", lambda t: asked.append(t.device.type) or original(t))
    moved = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t, *a, **k: moved.append(1) or t)
    model = shake(Model(Net(lambda s, x: s.norm(s.conv(x)), conv=conv(), norm=nn.BatchNorm2d(3)))).eval()
    fold._fold_pairs(model.model[0], [fold.Pair("norm", "conv", before=False)])
    assert len(moved) == len(asked) == 5


def test_new_parts_are_in_the_mode_of_the_model():
    model = shake(DetectionModel("yolo11-efficientvit_m0.yaml", nc=2, verbose=False)).eval().fuse(verbose=False)
    assert not any(m.training for m in model.modules())


def test_modes_types_and_layouts_stay():
    model = shake(Model(Net(lambda s, x: s.norm(s.conv(x)), conv=conv(), norm=nn.BatchNorm2d(3)), conv()))
    model = model.half().to(memory_format=torch.channels_last).train()
    fold.fold(model)
    assert {p.dtype for p in model.parameters()} == {torch.float16}
    assert model.model[0].conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert model.training
    assert model.model[0].training
    assert not model.model[0].conv.weight.requires_grad


def test_a_norm_that_comes_back_is_seen():
    model = shake(Model(Net(lambda s, x: s.norm(s.conv(x)), conv=conv(), norm=nn.BatchNorm2d(3)))).eval()
    fold.fold(model)
    model.model[0].norm = nn.BatchNorm2d(3)
    assert not fold.is_folded(model)


@pytest.mark.parametrize("name", ["repvgg_a0", "mobileone_s0", "densenet121"])
def test_networks_of_timm_with_forms_of_their_own(name):
    model = shake(Model(Timm(name))).eval()
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        before = model.model[0](x)
        fold.fold(model)
        after = model.model[0](x)
    for a, b in zip(before, after):
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()
    left = fold.is_folded(model) and len(model.addmodules_unfoldable)
    assert left == (62 if name == "densenet121" else 0)  # DenseNet normalises, activates, and only then convolves


def test_rtdetrs_projections_are_folded():
    model = shake(RTDETRDetectionModel("rtdetr-mobilenetv3small.yaml", nc=2, verbose=False)).eval()
    decoder = model.model[-1]
    x = torch.rand(1, 3, 64, 64)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in decoder.modules()) == 3
    with torch.no_grad():
        feats = [torch.rand(1, 256, s, s) for s in (8, 4, 2)]
        before = [p(f) for p, f in zip(decoder.input_proj, feats)]
        assert not model.is_fused()
        model.fuse(verbose=False)
        after = [p(f) for p, f in zip(decoder.input_proj, feats)]
        model(x)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert model.is_fused()
    for a, b in zip(before, after):
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()


def test_stock_models_are_fused_as_upstream_does():
    """Without a backbone row the norms of RT-DETR's projections stay, and is_fused() says what it always said."""
    config = {
        "nc": 2,
        "backbone": [[-1, 1, "Conv", [16, 3, 4]], [-1, 1, "nn.Conv2d", [16, 16, 1]], [-1, 1, "nn.BatchNorm2d", []]],
        "head": [[[2], 1, "Detect", ["nc"]]],
    }
    model = DetectionModel(config, verbose=False).eval().fuse(verbose=False)
    assert model.is_fused()
    assert isinstance(model.model[2], nn.BatchNorm2d)
    assert not hasattr(model, fold.LEFT)


def test_the_summary_says_fused_only_where_it_is(caplog):
    model = DetectionModel("yolo11-mobilenetv3small.yaml", nc=2, verbose=False)
    with caplog.at_level("INFO", "ultralytics"):
        model.info()
        model.fuse()
    first, second = [r.getMessage() for r in caplog.records if "summary" in r.getMessage()]
    assert "(fused)" not in first
    assert "(fused)" in second
