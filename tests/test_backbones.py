"""What the contract promises, for every backbone in the registry; none is left out, but some wait for ``make slow``."""

import copy
import pickle
import random

import numpy as np
import pytest
import torch
from conftest import ROOT, shake
from support.networks import deviation, fold
from torch import nn

from ultralytics.nn.Addmodules import registry
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML
from ultralytics.utils.torch_utils import ModelEMA

NEEDS = {"Timm": ["resnet18"], "TorchVisionFeatures": ["resnet18"]}
"""First arguments of those that have no default; a new backbone with such an argument fails until it stands here."""

NAMES = registry.names()
SIZES = [(640, 640), (320, 320), (96, 160), (352, 672), (32, 32)]
each = pytest.mark.parametrize("name", NAMES)

FIRST = {"MobileNetV3", "MobileNetV4ConvSmall", "MobileNetV4HybridMedium", "EfficientViT_M0", "PResNet18", "PResNet50"}
FIRST |= set(NEEDS)
"""At least one of each family and kind of block; what costs a second each is seen for the others by ``make slow``."""


def others_slow(names):
    """Mark all but the first of each family."""
    return [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in names]


each_family = pytest.mark.parametrize("name", others_slow(NAMES))
both_forms = pytest.mark.parametrize("folded", [False, True], ids=["trainable", "folded"])


def make(name, seed=0, **options):
    torch.manual_seed(seed)
    return registry.find(name)(*NEEDS.get(name, []), **options)


@pytest.fixture(scope="module")
def built():
    """One instance of each, made when first asked for; tests that change one take a copy."""
    made = {}

    def get(name, folded=False):
        if (name, folded) not in made:
            made[name, folded] = fold(shake(make(name)).eval()) if folded else make(name).eval()
        return made[name, folded]

    return get


def test_all_families_are_there():
    families = {
        *("MobileNetV3", "MobileNetV3Small", "MobileNetV3Large", "Timm", "TorchVisionFeatures"),
        *(f"MobileNetV4{kind}" for kind in ("ConvSmall", "ConvMedium", "ConvLarge", "HybridMedium", "HybridLarge")),
        *(f"EfficientViT_M{n}" for n in range(6)),
        *("PResNet", "PResNet18", "PResNet34", "PResNet50", "PResNet101"),
    }
    assert families <= set(NAMES)
    assert registry.broken == []


@both_forms
@each
@pytest.mark.parametrize(
    "size",
    [size if max(size) < 400 else pytest.param(size, marks=pytest.mark.slow) for size in SIZES],
    ids=lambda s: "x".join(map(str, s)),
)
def test_maps_are_as_stated_at_every_size(name, size, built, folded):
    model = built(name, folded)
    with torch.no_grad():
        maps = model(torch.rand(1, 3, *size))
    stated = [(1, w, size[0] // s, size[1] // s) for w, s in zip(model.width_list, model.strides)]
    assert [tuple(m.shape) for m in maps] == stated
    assert model.strides == sorted(model.strides)
    assert all(m.isfinite().all() for m in maps)


@each
@pytest.mark.parametrize("batch", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_one_training_step_reaches_every_parameter(name, batch):
    model = shake(make(name)).train()  # timm's ResNets start with weights of 0, behind which nothing has a gradient
    x = torch.rand(batch, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    maps = model(x)
    sum((m * torch.randn(m.shape, generator=torch.Generator().manual_seed(2))).sum() for m in maps).backward()
    missing = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


@each_family
@pytest.mark.parametrize("channels", [1, 4, 10])
def test_images_of_other_numbers_of_channels(name, channels):
    model = make(name, in_chans=channels).eval()
    with torch.no_grad():
        maps = model(torch.rand(1, channels, 64, 64))
    assert [m.shape[1] for m in maps] == model.width_list


@both_forms
@each_family
def test_half_precision(name, built, folded):
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = built(name, folded)(x)
        for kind in (torch.bfloat16, torch.float16):
            model = copy.deepcopy(built(name, folded)).to(kind)
            low = model(x.to(kind))
            assert all(m.dtype == kind and m.isfinite().all() for m in low)
            assert not folded or deviation(low, expected) <= 0.15  # a fresh network's maps are small
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = built(name, folded)(x)
    assert deviation(mixed, expected) <= 0.15


@each_family
def test_training_under_autocast(name):
    model = make(name).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sum(m.float().square().mean() for m in model(torch.rand(2, 3, 160, 160)))
    loss.backward()
    assert loss.isfinite()


@both_forms
@each_family
def test_copies_hold_the_same_network(name, built, folded):
    model, x = built(name, folded), torch.rand(1, 3, 64, 64)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), *([] if folded else [make(name, seed=5).eval()])]
    twins[-1].load_state_dict(model.state_dict())
    with torch.no_grad():
        expected = model(x)
        for twin in twins:
            assert all(torch.equal(a, b) for a, b in zip(twin(x), expected))


@both_forms
@each_family
def test_a_trace_serves_other_sizes(name, built, folded):
    model = built(name, folded)
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.rand(1, 3, 64, 96), check_trace=False)
        for size in ((96, 160), (224, 64)):
            x = torch.rand(1, 3, *size)
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(traced(x), model(x)))


@each_family
def test_ema_updates_each_tensor_once(name, built):
    model = copy.deepcopy(built(name))
    tensors = [t for t in model.state_dict().values() if t.dtype.is_floating_point]
    assert len({t.data_ptr() for t in tensors}) == len(tensors)
    ema = ModelEMA(model, decay=0.9, tau=1e-9)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    before = {key: t.clone() for key, t in ema.ema.state_dict().items()}
    ema.update(model)
    for key, p in model.named_parameters():
        moved = ema.ema.state_dict()[key] - before[key]
        assert torch.allclose(moved, torch.full_like(p, 0.1), atol=1e-4), key


@each
def test_construction_touches_nothing(name, monkeypatch):
    """The articles' files run noise through themselves in train mode: slow; statistics and random state move."""
    make(name)  # whatever is imported when first used
    for draw in ("rand", "randn", "rand_like", "randn_like"):
        monkeypatch.setattr(torch, draw, lambda *a, draw=draw, **k: pytest.fail(f"torch.{draw} in a constructor"))
    states = random.getstate(), np.random.get_state()[1].tolist()
    model = make(name)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    for key, tensor in model.state_dict().items():
        if key.endswith("num_batches_tracked") or key.endswith("running_mean"):
            assert not tensor.any()
        elif key.endswith("running_var"):
            assert (tensor == 1).all()


@each_family
def test_fuse_leaves_no_batch_norm_that_can_be_folded(name):
    content = YAML.load(ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml")
    content["backbone"] = [[-1, 1, name, NEEDS.get(name, [])]]
    torch.manual_seed(0)
    model = shake(DetectionModel(content, nc=2, verbose=False)).eval()
    had = {key for key, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    x = torch.rand(1, 3, 96, 160)
    with torch.no_grad():
        before = [*model.model[0](x), model(x)[0]]
        assert not model.is_fused()
        model.fuse(verbose=False)
        after = [*model.model[0](x), model(x)[0]]
    for a, b in zip(before, after):
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()
    assert model.is_fused()
    left = {key for key, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert len(had) > 30 or "EfficientViT" not in name
    # in the hybrids one norm stands before a padded convolution of stride 2, where folding would not be exact
    padded = {"MobileNetV4HybridMedium": 4, "MobileNetV4HybridLarge": 4}
    assert len(left) == padded.get(name, 0), left
    with torch.no_grad():
        twice = model.fuse(verbose=False)(x)[0]
    assert torch.equal(twice, after[-1])
