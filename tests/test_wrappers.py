"""Timm and TorchVision: their networks as backbones, with the maps, weights and statistics that they have there."""

import copy
import importlib.util
import pickle
import sys
import time

import pytest
import torch
import torchvision
import yaml
from conftest import ROOT
from torch import nn

from ultralytics.nn.Addmodules import BackboneError
from ultralytics.nn.Addmodules.base import KEEPS_SETTINGS, NORMS
from ultralytics.nn.Addmodules.timm_wrapper import Timm, is_timm_model, timm_row
from ultralytics.nn.Addmodules.torchvision_wrapper import TorchVisionFeatures
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel

HAS_TIMM = importlib.util.find_spec("timm") is not None
needs_timm = pytest.mark.skipif(not HAS_TIMM, reason="timm is not installed")
SIZES = [(256, 256), (320, 192), (96, 160)]
SWIN = {"embed_dim": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 3, 4]}

TIMM = {
    "resnet18": ({}, [64, 64, 128, 256, 512], [2, 4, 8, 16, 32]),
    "mobilenetv3_small_050": ({}, [16, 8, 16, 24, 288], [2, 4, 8, 16, 32]),
    "convnext_atto": ({}, [40, 80, 160, 320], [4, 8, 16, 32]),
    "swin_tiny_patch4_window7_224": (SWIN, [12, 24, 48, 96], [4, 8, 16, 32]),
    "vit_tiny_patch16_224": ({"depth": 3}, [192, 192, 192], [16, 16, 16]),
}
VISION = {
    "resnet18": ([64, 64, 128, 256, 512], [2, 4, 8, 16, 32]),
    "mobilenet_v3_small": ([16, 16, 24, 48, 576], [2, 4, 8, 16, 32]),
    "shufflenet_v2_x0_5": ([24, 24, 48, 96, 1024], [2, 4, 8, 16, 32]),
    "swin_t": ([96, 192, 384, 768], [4, 8, 16, 32]),
}
MORE_VISION = {
    "densenet121": ([64, 256, 512, 1024, 1024], [2, 4, 8, 16, 32]),
    "regnet_y_400mf": ([32, 48, 104, 208, 440], [2, 4, 8, 16, 32]),
    "vgg11_bn": ([128, 256, 512, 512, 512], [2, 4, 8, 16, 32]),
    "resnet50": ([64, 256, 512, 1024, 2048], [2, 4, 8, 16, 32]),
    "mobilenet_v3_large": ([16, 24, 40, 112, 960], [2, 4, 8, 16, 32]),
    "efficientnet_b0": ([16, 24, 40, 112, 1280], [2, 4, 8, 16, 32]),
    "convnext_tiny": ([96, 192, 384, 768], [4, 8, 16, 32]),
    "swin_v2_t": ([96, 192, 384, 768], [4, 8, 16, 32]),
    "mnasnet0_5": ([8, 16, 24, 48, 1280], [2, 4, 8, 16, 32]),
    "googlenet": ([64, 192, 480, 832, 1024], [2, 4, 8, 16, 32]),
}
every = pytest.mark.parametrize("kind", [pytest.param("timm", marks=needs_timm), "torchvision"])


def make(kind, *args, **kwargs):
    return (Timm if kind == "timm" else TorchVisionFeatures)("resnet18", *args, **kwargs)


def reference(kind, name="resnet18", **kwargs):
    """The library's own classifier, with statistics and weights that show a wrong order or eps."""
    if kind == "timm":
        import timm

        model = timm.create_model(name, **kwargs)
    else:
        model = torchvision.models.get_model(name, weights=None, **kwargs)
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, NORMS):
            for tensor, low, high in ((module.running_mean, -0.2, 0.2), (module.running_var, 0.5, 1.5)):
                tensor.copy_(torch.empty(tensor.shape).uniform_(low, high, generator=generator))
    return model.eval()


def stages(model, x):
    """The maps of a ResNet, read off its own layers."""
    x = model.relu(model.bn1(model.conv1(x))) if hasattr(model, "relu") else model.act1(model.bn1(model.conv1(x)))
    maps, x = [x], model.maxpool(x)
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = layer(x)
        maps.append(x)
    return maps


def check_shapes(model, sizes=SIZES):
    for height, width in sizes:
        with torch.no_grad():
            maps = model.eval()(torch.rand(1, model.in_chans, height, width))
        stated = [(1, w, height // s, width // s) for w, s in zip(model.width_list, model.strides)]
        assert isinstance(maps, list)
        assert [tuple(m.shape) for m in maps] == stated


def check_gradients(model):
    model.train()
    maps = model(torch.rand(2, model.in_chans, 64, 96))
    sum((m * torch.randn_like(m)).sum() for m in maps).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def check_untouched(model):
    """Construction has run nothing through the network in training mode."""
    assert all(m.training for m in model.modules())
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == 0
        elif name.endswith("running_mean"):
            assert not tensor.any()
        elif name.endswith("running_var"):
            assert (tensor == 1).all()


def check_copies(model):
    model.eval()
    x = torch.rand(1, model.in_chans, 64, 96)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    with torch.no_grad():
        expected = [m.clone() for m in model(x)]
        for twin in twins:
            assert not any(m.training for m in twin.modules())
            assert all(torch.equal(a, b) for a, b in zip(expected, twin(x)))
            assert twin.state_dict().keys() == model.state_dict().keys()
        traced = torch.jit.trace(model, x, strict=False, check_trace=False)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(expected, traced(x)))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert all(m.isfinite().all() for m in model(x))
    twins[0].train()
    assert all(m.training for m in twins[0].modules())
    assert all(m.shape[0] == 2 for m in twins[0](torch.rand(2, model.in_chans, 64, 64)))


@needs_timm
@pytest.mark.parametrize("name", TIMM)
def test_timm_networks(name):
    options, channels, strides = TIMM[name]
    model = Timm(name, **options)
    assert (model.width_list, model.strides) == (channels, strides)
    check_untouched(model)
    check_shapes(model, SIZES[1:])
    check_gradients(model)
    check_copies(model)


@needs_timm
def test_timm_of_more_than_five_maps_gives_the_last_five():
    with torch.device("meta"):
        assert Timm("vgg11").strides == [2, 4, 8, 16, 32]  # of 1, 2, 4, 8, 16, 32
        assert Timm("vgg11", out_indices=[0, 1, 2, 3, 4, 5]).width_list == [128, 256, 512, 512, 512]
    assert Timm("resnet18", out_indices=[2, 3, 4]).width_list == [128, 256, 512]


@pytest.mark.parametrize("name", [*VISION, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_VISION)])
def test_torchvision_networks(name):
    model = TorchVisionFeatures(name)
    assert (model.width_list, model.strides) == {**VISION, **MORE_VISION}[name]
    check_untouched(model)
    check_shapes(model, SIZES if name in MORE_VISION else SIZES[1:])
    check_gradients(model)
    check_copies(model)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("squeezenet1_1", "no maps of an exact part of the image"),
        ("alexnet", "no maps of an exact part of the image"),
        ("inception_v3", "no maps of an exact part of the image"),
        ("vit_b_16", "does not run at 256x256"),
        ("resnet19", "did you mean resnet1"),
        (18, "model is 18, expected the name"),
    ],
)
def test_torchvision_networks_that_cannot(name, said):
    with pytest.raises(BackboneError, match=said):
        TorchVisionFeatures(name)


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", pytest.param("densenet121", marks=pytest.mark.slow), "googlenet"]
)
def test_torchvision_maps_are_the_networks_own(name):
    """With the same weights each map is what the whole classifier computes on its way, nothing later changes it."""
    full = reference("torchvision", name, **({"aux_logits": False} if name == "googlenet" else {}))
    model = TorchVisionFeatures(name).eval()
    model.body.load_state_dict({k: v for k, v in full.state_dict().items() if k in model.body.state_dict()})
    seen = []
    for module in full.modules():
        module.register_forward_hook(lambda m, args, out: seen.append(out.clone()))
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        full(x)
        maps = model(x)
    for found in maps:
        assert any(found.shape == other.shape and torch.allclose(found, other, atol=1e-6) for other in seen)


@every
@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_input_channels(kind, channels):
    model = make(kind, in_chans=channels)
    assert model(torch.rand(2, channels, 64, 64))[-1].shape == (2, 512, 2, 2)


@needs_timm
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet19"], "has no network 'resnet19': did you mean resnet"),
        (["resnet18.nothing"], "resnet18 has no weights tagged 'nothing': it has .*a1_in1k"),
        (["crossvit_tiny_240"], "do not divide images of 96x160"),
        (["mixer_s16_224"], "img_size: 640"),
        (["resnet18", False, [9]], "cannot be a backbone"),
        (["resnet18", False, "all"], "out_indices is 'all'"),
        (["resnet10t.c3_in1k", False, None, 0], "in_chans is 0"),
        ([18], "model is 18"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=said):
        Timm(*arguments)


@needs_timm
def test_activations_stay_as_timm_built_them():
    """Upstream switches activations to work in place; EfficientViT reads their input again and would not train."""
    from ultralytics.utils.torch_utils import initialize_weights

    model = Timm("efficientvit_b0")
    initialize_weights(model)
    check_gradients(model)
    check_copies(model)
    assert {type(m) for m in Timm("resnet18").modules()} >= {nn.ReLU}  # built to work in place


@needs_timm
def test_a_detector_on_a_network_of_one_size():
    config = yaml.safe_load((ROOT / "cfg/models/yolo11-mobilenetv3.yaml").read_text(encoding="utf-8"))
    config["backbone"] = [[-1, 1, "Timm", ["efficientformerv2_s0", {"img_size": 320}]]]
    model = DetectionModel(config, nc=2, verbose=False).eval()
    assert model.stride.tolist() == [8, 16, 32]
    x = torch.rand(1, 3, 320, 320)
    with torch.no_grad():
        before = model(x)[0]
        after = model.fuse(verbose=False)(x)[0]
        assert torch.allclose(before, after, rtol=1e-3, atol=1e-3)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
        with pytest.raises(BackboneError, match=r"takes images of 320x320 only.*rect=False"):
            model(torch.rand(1, 3, 320, 256))


@needs_timm
def test_a_network_of_one_size_states_no_strides():
    """Without strides upstream's validation uses square images (hooks.takes_any_shape)."""
    model = Timm("mixer_s32_224", img_size=160)
    assert not hasattr(model, "strides")
    assert model(torch.rand(2, 3, 160, 160))[-1].shape == (2, 512, 5, 5)


def test_timm_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BackboneError, match="timm is not installed: run `python -m pip install timm`"):
        Timm("resnet18")
    assert not is_timm_model("resnet18")


@needs_timm
def test_bare_names():
    assert is_timm_model("resnet18")
    assert is_timm_model("resnet18.a1_in1k")
    assert not any(map(is_timm_model, ("Conv", "nn.Upsample", "resnet19", "", None)))
    target = timm_row("resnet18")
    assert target is timm_row("resnet18")
    assert target.__name__ == "resnet18"
    model = target(False, in_chans=1)
    assert isinstance(model, Timm)
    assert pickle.loads(pickle.dumps(model)).width_list[-1] == 512


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(["Timm", ["resnet18", False, {"out_indices": [2, 3, 4]}]], marks=needs_timm),
        ["TorchVisionFeatures", ["mobilenet_v3_small"]],
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["yolo11", "rtdetr"])
def test_whole_detectors(name, row):
    content = yaml.safe_load((ROOT / "cfg" / "models" / f"{name}-mobilenetv3.yaml").read_text(encoding="utf-8"))
    content["backbone"][0] = [-1, 1, *row]
    torch.manual_seed(0)
    model = (RTDETRDetectionModel if name == "rtdetr" else DetectionModel)(content, ch=3, nc=2, verbose=False)
    for height, width in ((64, 64), (96, 160)):
        with torch.no_grad():
            model.eval()(torch.rand(1, 3, height, width))
    from ultralytics.cfg import get_cfg

    model.nc, model.args = 2, get_cfg()  # as upstream's trainer does
    batch = {
        "img": torch.rand(2, 3, 96, 160),
        "cls": torch.tensor([[0.0], [1.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.4, 0.5, 0.3, 0.6]]),
        "batch_idx": torch.tensor([0.0, 1.0]),
    }
    loss = model.train().loss(batch)[0].sum()
    loss.backward()
    assert loss.isfinite()
    used = [p for n, p in model.model[0].named_parameters() if p.grad is not None]
    assert len(used) >= len(list(model.model[0].parameters())) - 3  # the largest maps may be read by no row
    assert copy.deepcopy(model).half() is not None


@needs_timm
def test_batchnorm_settings_of_weights_survive_a_detector(tmp_path):
    """Upstream sets eps 1e-3 in every BatchNorm of a detector, where nothing marks it."""
    full, file = reference("timm"), str(tmp_path / "weights.pth")
    torch.save(full.state_dict(), file)
    model = Timm("resnet18", file)
    norms = [m for m in model.modules() if isinstance(m, NORMS)]
    assert norms
    assert {(m.eps, m.momentum) for m in norms} == {(1e-5, 0.1)}
    assert all(hasattr(m, KEEPS_SETTINGS) for m in norms)
    assert not any(hasattr(m, KEEPS_SETTINGS) for m in Timm("resnet18").modules() if isinstance(m, nn.BatchNorm2d))


@every
def test_construction_is_quick(kind):
    make(kind)
    start = time.process_time()
    make(kind)
    assert time.process_time() - start < 3
