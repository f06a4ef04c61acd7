"""PResNet: timm's ResNet-vd and the official RT-DETR's, by one set of layers and two sets of names."""

import functools
from pathlib import Path

import pytest
import timm
import torch
import yaml
from conftest import shake
from support.networks import (
    adapts_to_other_channels,
    equal,
    fitted,
    is_published,
    normalised,
    parameters,
    refuses_the_file_of_another_network,
    saved,
)

from ultralytics.nn.Addmodules import BackboneError, presnet, registry
from ultralytics.nn.modules.conv import Conv

ROOT = Path(__file__).resolve().parent.parent
BASIC, BOTTLENECK = [64, 128, 256, 512], [256, 512, 1024, 2048]
NETWORKS = {  # parameters with and without the official network's projection in the first skip, channels
    18: (11_199_968, 11_195_744, BASIC),
    34: (21_308_128, 21_303_904, BASIC),
    50: (23_527_264, 23_527_264, BOTTLENECK),
    101: (42_519_392, 42_519_392, BOTTLENECK),
}
DEEP_ARE_SLOW = [18, 50, pytest.param(34, marks=pytest.mark.slow), pytest.param(101, marks=pytest.mark.slow)]
SIZES = [(640, 640), (320, 320), (96, 160), (32, 32), (352, 672)]


def build(depth, **arguments):
    return getattr(presnet, f"PResNet{depth}")(**arguments)


def reference(depth):
    return shake(timm.create_model(f"resnet{depth}d", features_only=True, out_indices=(1, 2, 3, 4))).eval()


def official(depth):
    """Return random tensors with the names and shapes of the official repository's PResNet, written out anew."""
    tensors = {}

    def layer(name, width, wider, kernel):
        tensors[f"{name}.conv.weight"] = torch.randn(wider, width, kernel, kernel) * (2 / (wider * kernel**2)) ** 0.5
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2)):
            tensors[f"{name}.norm.{part}"] = torch.empty(wider).uniform_(low, high)
        tensors[f"{name}.norm.running_var"] = torch.empty(wider).uniform_(0.5, 1.5)
        tensors[f"{name}.norm.num_batches_tracked"] = torch.tensor(7)

    layer("conv1.conv1_1", 3, 32, 3)
    layer("conv1.conv1_2", 32, 32, 3)
    layer("conv1.conv1_3", 32, 64, 3)
    width = 64
    for stage, count in enumerate({18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]):
        inner = 64 * 2**stage
        out = inner * 4 if depth >= 50 else inner
        for block in range(count):
            name = f"res_layers.{stage}.blocks.{block}"
            if block == 0:  # a pool in front, and so one name more, wherever the stride is 2
                layer(f"{name}.short.conv" if stage else f"{name}.short", width, out, 1)
            kernels = (1, 3, 1) if depth >= 50 else (3, 3)
            widths = (width, inner, inner, out) if depth >= 50 else (width, inner, out)
            for index, kernel in enumerate(kernels):
                layer(f"{name}.branch2{'abc'[index]}", widths[index], widths[index + 1], kernel)
            width = out
    return tensors


@pytest.mark.parametrize("depth", NETWORKS)
def test_parameters_and_channels_are_the_published_ones(depth):
    with torch.device("meta"):
        model, bare = build(depth), build(depth, projection=False)
    assert (parameters(model), parameters(bare), model.width_list) == NETWORKS[depth]
    assert model.strides == [4, 8, 16, 32]
    assert registry.is_registered(f"PResNet{depth}")
    assert registry.is_registered("PResNet")


def test_depth_is_an_argument_too():
    assert presnet.PResNet().width_list == BOTTLENECK
    assert presnet.PResNet(18).state_dict().keys() == build(18).state_dict().keys()


@pytest.mark.parametrize("depth", DEEP_ARE_SLOW)
def test_maps_equal_timms_with_its_weights(depth):
    theirs, ours = reference(depth), build(depth, projection=False).eval()
    ours.load_state_dict(presnet.rename(theirs.state_dict()))  # strict: each tensor has exactly one counterpart
    x = torch.rand(2, 3, 96, 160)
    with torch.no_grad():
        found = ours(x)
        assert equal(found, theirs(x))
    assert all(m.std() > 1e-3 for m in found)


def test_odd_sizes_are_rounded_up_as_in_timm():
    theirs, ours = reference(18), build(18, projection=False).eval()
    ours.load_state_dict(presnet.rename(theirs.state_dict()))
    x = torch.rand(1, 3, 101, 75)
    with torch.no_grad():
        assert equal(ours(x), theirs(x))


@pytest.fixture(scope="module")
def theirs():
    return {depth: reference(depth) for depth in (18, 50)}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(("depth", "projection"), [(18, False), (18, None), (50, None)])
def test_weights_from_a_file_of_timms(depth, projection, suffix, theirs, tmp_path, caplog):
    """With the official projection, too: it is made to let its input through, exactly so in eval mode."""
    tensors = {**theirs[depth].state_dict(), "fc.weight": torch.rand(10, 512), "fc.bias": torch.rand(10)}
    path = saved(tensors, tmp_path / f"weights{suffix}")
    with caplog.at_level("WARNING", logger="ultralytics"):
        model = build(depth, pretrained=path, projection=projection).eval()
    assert fitted(model)
    filled = depth == 18 and projection is None
    assert ("projection in the first skip" in caplog.text) == filled
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        assert equal(model(x), theirs[depth](normalised(x)))
    assert isinstance(model.stages[0][0].shortcut, Conv) == (filled or depth == 50)


@pytest.mark.parametrize("depth", [18, pytest.param(50, marks=pytest.mark.slow)])
def test_weights_from_the_official_backbone_file(depth, tmp_path):
    """Their layers are rebuilt by our names; what is tested is that each tensor ends up where it belongs."""
    path = str(tmp_path / "ResNet_vd_from_paddle.pth")
    tensors = official(depth)
    torch.save(tensors, path)
    model = build(depth, pretrained=path).eval()
    assert fitted(model)
    assert (
        len(model.pretrained_report.loaded)
        == len(tensors)
        == len([n for n in model.state_dict() if "normalize" not in n])
    )
    assert torch.equal(model.stages[1][0].shortcut.bn.weight, tensors["res_layers.1.blocks.0.short.conv.norm.weight"])
    assert torch.equal(model.stages[0][0].shortcut.conv.weight, tensors["res_layers.0.blocks.0.short.conv.weight"])
    assert torch.equal(model.stem[1].conv.weight, tensors["conv1.conv1_2.conv.weight"])
    other = build(depth).eval()
    other.load_state_dict(presnet.rename(tensors))
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert equal(model(x), other(normalised(x)))  # an ImageNet classifier's


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: {"ema": {"module": t, "updates": 5}, "model": {}, "last_epoch": 71},
        pytest.param(lambda t: {"model": t}, marks=pytest.mark.slow),
    ],
)
def test_weights_from_an_official_detector(wrap, tmp_path):
    path = str(tmp_path / "rtdetr_r18vd.pth")
    tensors = official(18)
    whole = {
        **{f"backbone.{name}": t for name, t in tensors.items()},
        "encoder.input_proj.0.0.weight": torch.rand(4, 4),
    }
    torch.save(wrap(whole), path)
    model = build(18, pretrained=path).eval()
    assert fitted(model)
    other = build(18).eval()
    other.load_state_dict(presnet.rename(tensors))
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert equal(model(x), other(x))  # RT-DETR is trained on images that are not normalised
    assert {"normalize.mean", "normalize.std"} <= model.state_dict().keys()  # as with any other file


def test_weights_adapt_to_other_numbers_of_channels(theirs, tmp_path):
    bare = functools.partial(build, 18, projection=False)
    adapts_to_other_channels(bare, theirs[18].state_dict(), "stem.0.conv.weight", tmp_path)


def test_the_file_of_another_network_is_an_error(tmp_path):
    refuses_the_file_of_another_network(presnet.PResNet18, "PResNet18", tmp_path)


def test_with_timms_own_weights_the_first_skip_has_no_projection(monkeypatch, theirs):
    asked = []
    monkeypatch.setattr(presnet.Backbone, "load_pretrained", lambda self, given, source: asked.append(source.hub))
    assert parameters(build(18, pretrained=True)) == NETWORKS[18][1]
    assert parameters(build(18, pretrained=True, projection=True)) == NETWORKS[18][0]
    assert asked == ["timm:resnet18d.ra2_in1k"] * 2


@pytest.mark.parametrize("depth", NETWORKS)
def test_published_weights_exist_and_are_normalised_as_assumed(depth):
    is_published(f"resnet{depth}d.ra2_in1k")


def test_rtdetr_r18_has_the_ports_parameters_but_for_one_embedding():
    """The official RT-DETR-R18 has 20,184,464: its denoising embeds one class more (padding), 256 numbers."""
    from ultralytics.nn.tasks import RTDETRDetectionModel

    text = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8")
    description = yaml.safe_load(text)
    description["backbone"] = [[-1, 1, "PResNet18", []]]
    model = RTDETRDetectionModel(description, nc=80, verbose=False)
    assert parameters(model) + 256 == 20_184_464
    assert model.model[-1].denoising_class_embed.weight.shape == (80, 256)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"depth": 19}, "depth is 19, expected one of 18, 34, 50, 101"),
        ({"depth": "50"}, "depth is '50'"),
        ({"in_chans": 0}, "in_chans is 0"),
        ({"pretrained": 3}, "pretrained is 3"),
        ({"projection": "no"}, "projection is 'no'"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=f"PResNet: {said}"):
        presnet.PResNet(**arguments)
