"""MobileNetV4: the paper's five networks, equal to timm's, before and after everything foldable is folded."""

import copy
import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from ultralytics.nn.Addmodules import BackboneError, mobilenetv4, registry
from ultralytics.nn.modules.conv import Conv
from ultralytics.utils.torch_utils import fuse_conv_and_bn

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


def fold(model):
    """Fold as upstream's ``fuse`` does, then as this project's."""
    for module in model.modules():
        if isinstance(module, Conv) and hasattr(module, "bn"):
            module.conv = fuse_conv_and_bn(module.conv, module.bn)
            del module.bn
            module.forward = module.forward_fuse
    model.deploy()
    return model


def deviation(found, expected):
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected))


def shapes(maps):
    return [tuple(m.shape) for m in maps]


@pytest.mark.parametrize("variant", NETWORKS)
def test_parameters_and_channels_are_the_published_ones(variant):
    with torch.device("meta"):
        model = build(variant)
    assert sum(p.numel() for p in model.parameters()) == NETWORKS[variant][1]
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
        assert shapes(found) == shapes(expected)
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


@pytest.mark.parametrize("variant", QUICK)
@pytest.mark.parametrize("folded", [False, True])
def test_copies_half_precision_and_tracing(variant, folded):
    model = settle(build(variant), size=(64, 64))
    model = fold(model) if folded else model
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert all(torch.equal(a, b) for a, b in zip(expected, twin(x)))
        for kind in (torch.bfloat16, torch.float16):
            low = copy.deepcopy(model).to(kind)(x.to(kind))
            assert all(m.dtype == kind and m.isfinite().all() for m in low)
        traced = torch.jit.trace(model, x, strict=False)
        other = torch.rand(2, 3, 96, 160)
        assert deviation(traced(other), model(other)) <= 1e-5


@pytest.fixture(scope="module")
def theirs():
    return {variant: settle(reference(variant), size=(64, 64)) for variant in QUICK}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("variant", QUICK)
def test_weights_from_a_file_of_timms(variant, suffix, theirs, tmp_path):
    path = str(tmp_path / f"weights{suffix}")
    extra = {"classifier.weight": torch.rand(10, 1280), "conv_head.weight": torch.rand(1280, 960, 1, 1)}
    tensors = {**theirs[variant].state_dict(), **extra}
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}, path)
    else:
        save_file(tensors, path)
    model = build(variant, pretrained=path).eval()
    report = model.pretrained_report
    assert (report.missed, report.adapted, report.unused) == ([], [], [])
    x = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        found, expected = model(x), theirs[variant]((x - mean) / std)
    assert deviation(found, expected) <= (0 if variant.startswith("Conv") else 1e-4)


@pytest.mark.parametrize("channels", [1, 4, 10])
def test_weights_adapt_to_other_numbers_of_channels(channels, theirs, tmp_path):
    path = str(tmp_path / "weights.pth")
    torch.save(theirs["ConvSmall"].state_dict(), path)
    model = build("ConvSmall", pretrained=path, in_chans=channels).eval()
    assert model.pretrained_report.adapted == ["stem.conv.weight"]
    assert model.pretrained_report.missed == []
    assert model(torch.rand(1, channels, 64, 64))[0].isfinite().all()


def test_the_file_of_another_network_is_an_error(tmp_path):
    path = str(tmp_path / "other.pth")
    torch.save({"fc.weight": torch.rand(3, 3), "fc.bias": torch.rand(3)}, path)
    with pytest.raises(BackboneError, match="MobileNetV4ConvSmall: none of its"):
        build("ConvSmall", pretrained=path)


@pytest.mark.parametrize("variant", NETWORKS)
def test_published_weights_exist_and_are_normalised_as_assumed(variant):
    tag = mobilenetv4.VARIANTS[variant].hub.partition(":")[2]
    assert tag.startswith(NETWORKS[variant][0] + ".")
    assert tag.endswith("_in1k")
    known = timm.get_pretrained_cfg(tag)
    assert known.hf_hub_id == f"timm/{tag}"
    assert (known.mean, known.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("arguments", "said"), [({"in_chans": 0}, "in_chans is 0"), ({"pretrained": 3}, "pretrained is 3")]
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(BackboneError, match=f"MobileNetV4ConvSmall: {said}"):
        build("ConvSmall", **arguments)
