"""MobileNetV4: the paper's five networks, equal to timm's, before and after everything foldable is folded."""

import copy

import pytest
import timm
import torch
from support.networks import (
    adapts_to_other_channels,
    deviation,
    fitted,
    fold,
    is_published,
    normalised,
    parameters,
    refuses_the_file_of_another_network,
    saved,
)
from torch import nn

from ultralytics.nn.Addmodules import BackboneError, mobilenetv4, registry
from ultralytics.nn.modules.conv import Conv

NETWORKS = {
    "ConvSmall": ("mobilenetv4_conv_small", 1_261_664, [32, 64, 96, 960]),
    "ConvMedium": ("mobilenetv4_conv_medium", 7_203_152, [48, 80, 160, 960]),
    "ConvLarge": ("mobilenetv4_conv_large", 30_078_504, [48, 96, 192, 960]),
    "HybridMedium": ("mobilenetv4_hybrid_medium", 8_562_288, [48, 80, 160, 960]),
    "HybridLarge": ("mobilenetv4_hybrid_large", 35_252_264, [48, 96, 192, 960]),
}
HYBRIDS = ["HybridMedium", pytest.param("HybridLarge", marks=pytest.mark.slow)]
LARGE_ARE_SLOW = ["ConvSmall", "ConvMedium", pytest.param("ConvLarge", marks=pytest.mark.slow), *HYBRIDS]
QUICK = ["ConvSmall", "HybridMedium"]


def build(variant, **arguments):
    return getattr(mobilenetv4, f"MobileNetV4{variant}")(**arguments)


def reference(variant):
    return timm.create_model(NETWORKS[variant][0], features_only=True, out_indices=(1, 2, 3, 4))


def settle(model, size=(96, 160), seed=0):
    """Give every BatchNorm the statistics of some images, and random weights; take scales from their 1e-5.

    At another size the maps drift from these statistics, and attention gets so sharp that rounding shows at 1e-4.
    """
    torch.manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in norms:
        module.momentum = None  # plain average
        nn.init.uniform_(module.weight, 0.5, 1.5)
        nn.init.uniform_(module.bias, -0.2, 0.2)
    for name, parameter in model.named_parameters():
        if name.endswith("gamma"):
            nn.init.uniform_(parameter, 0.2, 0.6)
    with torch.no_grad():
        model.train()(torch.rand(4, 3, *size))
    for module in norms:
        module.momentum = 0.1
    return model.eval()


@pytest.mark.parametrize("variant", NETWORKS)
def test_parameters_and_channels_are_the_published_ones(variant):
    with torch.device("meta"):
        model = build(variant)
    assert parameters(model) == NETWORKS[variant][1]
    assert (model.width_list, model.strides) == (NETWORKS[variant][2], [4, 8, 16, 32])
    assert registry.is_registered(type(model).__name__)


@pytest.mark.parametrize("variant", LARGE_ARE_SLOW)
def test_maps_equal_timms_with_its_weights(variant):
    theirs = settle(reference(variant))
    ours = build(variant).eval()
    ours.load_state_dict(mobilenetv4.rename(theirs.state_dict()))  # strict: each tensor has exactly one counterpart
    x = torch.rand(2, 3, 96, 160)
    with torch.no_grad():
        found, expected = ours(x), theirs(x)
        if variant.startswith("Conv"):
            assert all(torch.equal(a, b) for a, b in zip(found, expected))
        else:  # attention adds up in another order
            assert deviation(found, expected) <= 1e-4
            assert deviation(ours.double()(x.double()), theirs.double()(x.double())) <= 1e-11
    assert all(m.std() > 1e-3 for m in found)


@pytest.mark.parametrize("variant", ["ConvSmall", *HYBRIDS])
def test_folding_changes_nothing_but_speed(variant):
    model = settle(build(variant))
    x = torch.rand(2, 3, 96, 160)
    with torch.no_grad():
        before = model(x)
        folded = fold(copy.deepcopy(model))
        assert deviation(folded(x), before) <= 1e-4
        assert deviation(fold(copy.deepcopy(model).double())(x.double()), model.double()(x.double())) <= 1e-5
        after = folded(x)
        folded.deploy()
        assert all(torch.equal(a, b) for a, b in zip(after, folded(x))), "a second deploy changed something"
        last = folded.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        assert deviation(last, after) <= 1e-4
    assert not any(isinstance(m, mobilenetv4.LayerScale) for m in folded.modules())
    kept = [name for name, m in folded.named_modules() if isinstance(m, nn.BatchNorm2d)]
    strided = [name for name, m in folded.named_modules() if isinstance(getattr(m, "key_reduce", None), Conv)]
    assert kept == [f"{name}.norm" for name in strided]  # in front of a padded convolution: not foldable


def test_deploy_before_folding_is_exact_too():
    model = settle(build("HybridMedium")).double()
    x = torch.rand(1, 3, 64, 64).double()
    with torch.no_grad():
        before = model(x)
        model.deploy()
        assert deviation(model(x), before) <= 1e-10


@pytest.fixture(scope="module")
def theirs():
    return {variant: settle(reference(variant), size=(64, 64)) for variant in QUICK}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("variant", QUICK)
def test_weights_from_a_file_of_timms(variant, suffix, theirs, tmp_path):
    extra = {"classifier.weight": torch.rand(10, 1280), "conv_head.weight": torch.rand(1280, 960, 1, 1)}
    tensors = {**theirs[variant].state_dict(), **extra}
    model = build(variant, pretrained=saved(tensors, tmp_path / f"weights{suffix}")).eval()
    assert fitted(model)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        found, expected = model(x), theirs[variant](normalised(x))
    assert deviation(found, expected) <= (0 if variant.startswith("Conv") else 1e-4)


def test_weights_adapt_to_other_numbers_of_channels(theirs, tmp_path):
    tensors = theirs["ConvSmall"].state_dict()
    adapts_to_other_channels(mobilenetv4.MobileNetV4ConvSmall, tensors, "stem.conv.weight", tmp_path)


def test_the_file_of_another_network_is_an_error(tmp_path):
    refuses_the_file_of_another_network(mobilenetv4.MobileNetV4ConvSmall, "MobileNetV4ConvSmall", tmp_path)


@pytest.mark.parametrize("variant", NETWORKS)
def test_published_weights_exist_and_are_normalised_as_assumed(variant):
    tag = mobilenetv4.VARIANTS[variant].hub.partition(":")[2]
    assert tag.startswith(NETWORKS[variant][0] + ".")
    assert tag.endswith("_in1k")
    is_published(tag)


@pytest.mark.parametrize(
    ("arguments", "said"), [({"in_chans": 0}, "in_chans is 0"), ({"pretrained": 3}, "pretrained is 3")]
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=f"MobileNetV4ConvSmall: {said}"):
        build("ConvSmall", **arguments)
