"""MobileNetV3: the paper's network, equal to torchvision's, without the defects of the articles' file."""

import pytest
import torch
import torchvision
from conftest import shake
from support.networks import parameters

from ultralytics.nn.Addmodules import BackboneError, MobileNetV3

VARIANTS = {"large": (2_970_118, [24, 40, 112, 960]), "small": (921_390, [16, 24, 48, 576])}


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


def test_maps_do_not_mix_up_channels_that_occur_twice():
    """The articles' file finds its maps by their width, and takes 24 or 40 wherever they occur."""
    model = MobileNetV3("small").eval()
    with torch.no_grad():
        maps = model(torch.rand(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"variant": "huge"}, "variant is 'huge', expected one of large, small"),
        ({"squeeze_divisor": 0}, "squeeze_divisor is 0"),
        ({"in_chans": 1.5}, r"in_chans is 1\.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=said):
        MobileNetV3(**arguments)
