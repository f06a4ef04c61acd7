"""MobileNetV3: the paper's network, equal to torchvision's, without the defects of the articles' file."""

import copy
import pickle
import time

import pytest
import torch
import torchvision
from torch import nn

from ultralytics.nn.Addmodules import BackboneError, MobileNetV3

SIZES = [(640, 640), (224, 224), (96, 160), (32, 32), (352, 672)]
VARIANTS = {"large": (2_970_118, [24, 40, 112, 960]), "small": (921_390, [16, 24, 48, 576])}


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def shake(model, seed=0):
    """Give BatchNorm random statistics and weights, so that a wrong order or eps shows."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.2, 0.2),
            ):
                tensor.copy_(torch.empty(tensor.shape).uniform_(low, high, generator=generator))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_and_channels_are_the_published_ones(variant):
    model = MobileNetV3(variant)
    assert (parameters(model), model.width_list) == VARIANTS[variant]
    assert model.strides == [4, 8, 16, 32]


def test_large_is_the_default():
    assert MobileNetV3().width_list == VARIANTS["large"][1]


@pytest.mark.parametrize(("variant", "expected"), [("large", 2_971_952), ("small", 927_008)])
def test_with_divisor_8_it_has_torchvisions_parameters(variant, expected):
    reference = getattr(torchvision.models, f"mobilenet_v3_{variant}")(weights=None).features
    assert parameters(MobileNetV3(variant, squeeze_divisor=8)) == parameters(reference) == expected


@pytest.mark.parametrize("size", [(640, 640), (224, 224), (96, 160)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_maps_equal_torchvisions_with_its_weights(variant, size):
    torch.manual_seed(1)
    reference = shake(getattr(torchvision.models, f"mobilenet_v3_{variant}")(weights=None).features).eval()
    ours = MobileNetV3(variant, squeeze_divisor=8)
    theirs = reference.state_dict()
    assert [v.shape for v in ours.state_dict().values()] == [v.shape for v in theirs.values()]
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.values())))
    x = torch.rand(2, 3, *size)
    with torch.no_grad():
        maps, expected = ours.eval()(x), {}
        for layer in reference:
            x = layer(x)
            expected[tuple(x.shape)] = x  # the last output of each shape is the map
    for found in maps:
        assert found.std() > 0
        assert (found - expected[tuple(found.shape)]).abs().max() <= 1e-5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_size_divisible_by_32_gives_the_stated_strides(variant, size):
    model = MobileNetV3(variant).eval()
    with torch.no_grad():
        maps = model(torch.rand(1, 3, *size))
    stated = [(1, w, size[0] // s, size[1] // s) for w, s in zip(model.width_list, model.strides)]
    assert [tuple(m.shape) for m in maps] == stated


@pytest.mark.parametrize("channels", [1, 3, 4, 10])
def test_other_numbers_of_input_channels(channels):
    assert MobileNetV3("small", in_chans=channels).eval()(torch.rand(1, channels, 64, 64))[0].shape[1] == 16


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_gets_a_gradient(variant):
    model = MobileNetV3(variant)
    sum(m.square().mean() for m in model(torch.rand(2, 3, 64, 64))).backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


def test_construction_is_quick_and_leaves_statistics_untouched():
    """The articles' file runs a 640-pixel image of noise through itself in train mode."""
    torch.manual_seed(0)
    start = time.process_time()
    model = MobileNetV3()
    assert time.process_time() - start < 1.0
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == 0
        elif name.endswith("running_mean"):
            assert not tensor.any()
        elif name.endswith("running_var"):
            assert (tensor == 1).all()


def test_maps_do_not_mix_up_channels_that_occur_twice():
    """The articles' file finds its maps by their width, and takes 24 or 40 wherever they occur."""
    model = MobileNetV3("small").eval()
    with torch.no_grad():
        maps = model(torch.rand(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]


def test_no_module_is_registered_twice():
    """A module under two names is updated twice by the EMA and refused by safetensors."""
    model = MobileNetV3()
    names = [name for name, _ in model.named_modules(remove_duplicate=False)]
    assert len(names) == len({id(m) for m in model.modules()})


def test_fusing_upstreams_way_changes_nothing_but_speed():
    from ultralytics.nn.modules.conv import Conv
    from ultralytics.utils.torch_utils import fuse_conv_and_bn

    model = shake(MobileNetV3()).eval()
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        before = model(x)
        for module in model.modules():
            if isinstance(module, Conv):
                module.conv = fuse_conv_and_bn(module.conv, module.bn)
                del module.bn
                module.forward = module.forward_fuse
        after = model(x)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    for a, b in zip(before, after):
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()


def test_copies_and_half_precision():
    model = shake(MobileNetV3("small")).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        other = MobileNetV3("small").eval()
        other.load_state_dict(model.state_dict())
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), other):
            assert all(torch.equal(a, b) for a, b in zip(expected, twin(x)))
        low = copy.deepcopy(model).bfloat16()(x.bfloat16())
    assert all(m.dtype == torch.bfloat16 and m.isfinite().all() for m in low)


def test_tracing_is_exact_at_other_sizes_too():
    model = shake(MobileNetV3("small")).eval()
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.rand(1, 3, 64, 64), strict=False)
        x = torch.rand(2, 3, 96, 160)
        assert all(torch.equal(a, b) for a, b in zip(model(x), traced(x)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"variant": "huge"}, "no variant 'huge': there are large, small"),
        ({"squeeze_divisor": 0}, "squeeze_divisor is 0"),
        ({"in_chans": 1.5}, r"in_chans is 1\.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=said):
        MobileNetV3(**arguments)
