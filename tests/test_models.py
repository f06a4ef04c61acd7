"""The model YAMLs of the project: the published figures, and upstream's features on a model with a backbone row."""

import contextlib
import copy
import logging

import pytest
import torch
import yaml
from conftest import ROOT
from torch import nn

from ultralytics import RTDETR, YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.Addmodules import registry
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel
from ultralytics.utils import LOGGER
from ultralytics.utils.torch_utils import get_flops

YAMLS = sorted((ROOT / "cfg" / "models").glob("*.yaml"))
ARTICLE = "rtdetr-mobilenetv3.yaml"


def build(path, nc=1, ch=3):
    cls = RTDETRDetectionModel if path.name.startswith("rtdetr-") else DetectionModel
    model = cls(str(path), ch=ch, nc=nc, verbose=False)
    model.nc, model.args = nc, get_cfg()  # as upstream's trainer does
    return model


@contextlib.contextmanager
def log():
    """Collect the lines that upstream logs."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    LOGGER.addHandler(handler)
    try:
        yield lines
    finally:
        LOGGER.removeHandler(handler)


def batch(model, size=64):
    return {
        "img": torch.rand(2, 3, size, size),
        "cls": torch.zeros(3, 1),
        "bboxes": torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.6, 0.5, 0.3, 0.2], [0.5, 0.5, 0.4, 0.4]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
    }


@pytest.fixture(scope="module")
def article():
    torch.manual_seed(0)
    return build(ROOT / "cfg" / "models" / ARTICLE)


@pytest.fixture(scope="module")
def yolo():
    torch.manual_seed(0)
    return build(ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml")


def test_the_articles_screenshot_is_reproduced(article):
    assert sum(p.numel() for p in article.parameters()) == 11_908_218
    backbone = article.model[0]
    assert sum(p.numel() for p in backbone.parameters()) == 2_970_118
    projections = [article.model[1].conv, *(layer.conv for layer in article.model if layer.f in (2, 3))]
    assert [conv.in_channels for conv in projections] == [960, 112, 40]


def test_the_table_of_the_article(article):
    """Parameters of each row, as the screenshot shows them where it is legible."""
    rows = {layer.i: layer.np for layer in article.model}
    assert (rows[4], rows[5], rows[9], rows[14]) == (2_970_118, 246_272, 29_184, 10_752)
    assert [rows[i] for i in (11, 16, 19, 22)] == [657_920] * 4
    assert (rows[17], rows[20], rows[23]) == (590_336, 590_336, 3_917_684)


def test_gflops_print(article):
    assert get_flops(article, 640) == pytest.approx(28.9, abs=0.05)


def test_gflops_print_where_the_first_parameter_is_no_kernel(article):
    model = copy.deepcopy(article)
    backbone = model.model[0]
    parameters = dict(backbone._parameters)
    backbone._parameters.clear()
    backbone.register_parameter("scale", nn.Parameter(torch.ones(1)))
    backbone._parameters.update(parameters)
    assert next(model.parameters()).ndim == 1
    assert get_flops(model, 640) == pytest.approx(28.9, abs=0.05)


def test_gflops_of_a_model_for_other_images():
    model = build(ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml", ch=1)
    assert 7.5 < get_flops(model, 640) < 8.1


@pytest.mark.parametrize("path", YAMLS, ids=lambda p: p.stem)
def test_every_yaml_builds_infers_and_trains_a_step(path):
    torch.manual_seed(0)
    model = build(path, nc=2)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["backbone"][0][2] in registry.names()
    assert [layer.i for layer in model.model] == list(range(4, 4 + len(model.model)))
    loss = model.train().loss(batch(model, 96))[0].sum()
    loss.backward()
    assert loss.isfinite()
    missing = [name for name, p in model.model[0].named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []
    with torch.no_grad():
        for size in ((64, 64), (96, 160)):
            out = model.eval()(torch.rand(1, 3, *size))
            assert (out[0] if isinstance(out, (list, tuple)) else out).isfinite().all()


@pytest.mark.parametrize("path", YAMLS, ids=lambda p: p.stem)
def test_yolo_finds_it_by_bare_name(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = (RTDETR if path.name.startswith("rtdetr-") else YOLO)(path.name)
    assert len(model.model.model) > 10
    assert model.task == "detect"


def test_indices_in_the_yaml_are_the_slots(yolo):
    """P4 is index 3 and P3 is index 2, as in the articles; P5 is what -1 reads behind the backbone."""
    seen = {}
    hooks = [
        layer.register_forward_pre_hook(lambda m, x: seen.setdefault(m.i, x[0]), with_kwargs=False)
        for layer in yolo.model
    ]
    with torch.no_grad():
        yolo.eval()(torch.rand(1, 3, 64, 64))
        maps = yolo.model[0](seen[4])
    for hook in hooks:
        hook.remove()
    assert torch.equal(seen[5], maps[3])
    assert torch.equal(seen[8][1], maps[2])
    assert torch.equal(seen[11][1], maps[1])


def test_embed_still_works(article, yolo):
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert [v.shape for v in article.eval().predict(x, embed=[7])] == [(256,), (256,)]
        pooled = yolo.eval().predict(x, embed=[4])
        expected = yolo.model[0](x)[-1].mean((2, 3))
    assert torch.allclose(torch.stack(pooled), expected, atol=1e-6)


def test_profile_still_works(yolo):
    with torch.no_grad(), log() as lines:
        yolo.eval().predict(torch.rand(1, 3, 64, 64), profile=True)
    assert sum("MobileNetV3" in line for line in lines) == 1
    assert sum("Total" in line for line in lines) == 1


def test_fuse_folds_the_backbone_and_keeps_the_outputs(yolo):
    model = copy.deepcopy(yolo).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        before = model(x)[0]
        after = model.fuse(verbose=False)(x)[0]
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.model[0].modules())
    assert (before - after).abs().max() <= 1e-4 * before.abs().max()


def test_the_layer_table_prints_the_yamls_indices():
    with log() as lines:
        RTDETRDetectionModel(str(ROOT / "cfg" / "models" / ARTICLE), nc=1, verbose=True)
    rows = [line.split() for line in lines if line[:3].strip().isdigit()]
    assert [int(row[0]) for row in rows] == list(range(4, 24))
    assert rows[0][4] == "MobileNetV3"


def test_strides_are_probed_large_behind_a_backbone_only(yolo, article):
    from ultralytics.nn.Addmodules import hooks

    assert yolo.stride.tolist() == [8, 16, 32]
    assert hooks.probe_size(yolo.model, 256) == 640
    assert hooks.probe_size(nn.Sequential(nn.Conv2d(3, 8, 1)), 256) == 256


def test_rectangular_validation_depends_on_the_backbone(yolo):
    from ultralytics.nn.Addmodules import hooks

    assert hooks.takes_any_shape(yolo)
    assert hooks.takes_any_shape(nn.Module())
    pasted = copy.deepcopy(yolo)
    del pasted.model[0].strides
    assert not hooks.takes_any_shape(pasted)
    assert not hooks.takes_any_shape(nn.DataParallel(pasted))


def test_the_imx_loop_spreads_the_maps_too(yolo):
    from ultralytics.nn.Addmodules import hooks

    outputs = []
    maps = list(yolo.model[0](torch.rand(1, 3, 64, 64)))
    assert hooks.keep(outputs, yolo.model[0], maps) is maps[-1]
    assert [o is m for o, m in zip(outputs, [None, *maps])] == [True] * 5
