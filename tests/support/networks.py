"""What tests of networks have in common: folding, comparing maps, and the claims made for each family's weights."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from ultralytics.nn.Addmodules import BackboneError
from ultralytics.nn.modules.conv import Conv
from ultralytics.utils.torch_utils import fuse_conv_and_bn

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def fold(model):
    """Fold as upstream's ``fuse`` does, then as this project's."""
    for module in model.modules():
        if isinstance(module, Conv) and hasattr(module, "bn"):
            module.conv = fuse_conv_and_bn(module.conv, module.bn)
            del module.bn
            module.forward = module.forward_fuse
    if hasattr(model, "deploy"):
        model.deploy()
    return model


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def equal(found, expected):
    return len(found) == len(expected) and all(torch.equal(a, b) for a, b in zip(found, expected))


def deviation(found, expected):
    """Return the greatest difference of two lists of maps, as a part of the greatest value."""
    assert [m.shape for m in found] == [m.shape for m in expected]
    return max(((a.float() - b.float()).abs().max() / b.float().abs().max()).item() for a, b in zip(found, expected))


def normalised(x):
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
    return (x - mean) / std


def saved(tensors, path):
    """Write a state dict as its suffix asks: as training scripts do, or as safetensors; return the path as text."""
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}, path)
    return str(path)


def fitted(model):
    """Return whether a file's tensors went into the network, each as it is."""
    report = model.pretrained_report
    return (report.missed, report.adapted, report.unused) == ([], [], [])


def adapts_to_other_channels(build, tensors, stem, tmp_path):
    """Weights of three channels load into networks of 1, 4 and 10; nothing else changes."""
    path = saved(tensors, tmp_path / "weights.pth")
    for channels in (1, 4, 10):
        model = build(pretrained=path, in_chans=channels).eval()
        assert (model.pretrained_report.adapted, model.pretrained_report.missed) == ([stem], [])
        assert model(torch.rand(1, channels, 64, 64))[0].isfinite().all()


def refuses_the_file_of_another_network(build, name, tmp_path):
    path = saved({"fc.weight": torch.rand(3, 3), "conv1.weight": torch.rand(64, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(BackboneError, match=f"{name}: none of its"):
        build(pretrained=path)


def is_published(tag):
    """The weights that a network takes are timm's, trained on images that are normalised as the network does it."""
    known = timm.get_pretrained_cfg(tag)
    assert (known.hf_hub_id, known.mean, known.std) == (f"timm/{tag}", *IMAGENET)
