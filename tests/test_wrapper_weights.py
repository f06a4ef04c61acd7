"""Weights of wrapped networks: files, timm's hub and torchvision's server stood in for, and what is said of them."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from test_wrappers import every, make, needs_timm, reference, stages

from ultralytics.nn.Addmodules import BackboneError, weights
from ultralytics.nn.Addmodules.base import IMAGENET_MEAN, IMAGENET_STD, KEEPS_SETTINGS, NORMS
from ultralytics.nn.Addmodules.timm_wrapper import Timm
from ultralytics.nn.Addmodules.torchvision_wrapper import TorchVisionFeatures


@every
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_local_file_gives_the_networks_maps_on_normalised_images(kind, suffix, tmp_path):
    full, file = reference(kind), str(tmp_path / f"weights{suffix}")
    if suffix == ".pth":
        torch.save({"state_dict": full.state_dict()}, file)
    else:
        save_file(full.state_dict(), file)
    model = make(kind, file).eval()
    x = torch.rand(2, 3, 96, 64)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        for found, expected in zip(model(x), stages(full, (x - mean) / std)):
            assert torch.allclose(found, expected, atol=1e-5)
    report = model.pretrained_report
    assert (report.adapted, report.missed, report.origin) == ([], [], file)
    assert len(report.loaded) == len(model.body.state_dict())
    assert all(getattr(m, KEEPS_SETTINGS, False) for m in model.modules() if isinstance(m, NORMS))


@every
def test_the_first_convolution_is_adapted_to_other_images(kind, tmp_path):
    full, file = reference(kind), str(tmp_path / "weights.pth")
    torch.save(full.state_dict(), file)
    for channels in (1, 4):
        model = make(kind, file, in_chans=channels)
        assert model.pretrained_report.adapted == ["body.conv1.weight"]
        assert model.normalize.mean.shape == (1, channels, 1, 1)
    one = make(kind, file, in_chans=1).state_dict()["body.conv1.weight"]
    assert torch.allclose(one, full.conv1.weight.sum(1, keepdim=True), atol=1e-6)


@every
def test_a_file_of_the_wrapper_itself_and_an_incomplete_one(kind, tmp_path):
    full, file = reference(kind), str(tmp_path / "weights.pth")
    torch.save(full.state_dict(), file)
    model, again = make(kind, file), str(tmp_path / "again.pth")
    tensors = model.state_dict()
    torch.save(tensors, again)
    assert make(kind, again).pretrained_report.missed == []
    gone = [name for name in tensors if name.startswith("body.layer4.1.")]
    torch.save({name: tensor for name, tensor in tensors.items() if name not in gone}, again)
    missed = make(kind, again).pretrained_report.missed
    assert missed == [name for name in gone if not name.endswith("num_batches_tracked")]


@needs_timm
def test_names_that_timm_changes_are_reported_under_its_own(tmp_path):
    """A feature extractor writes stages_0.x for stages.0.x; a filter of timm's renames others."""
    full, file = reference("timm", "convnext_atto"), str(tmp_path / "weights.pth")
    torch.save(full.state_dict(), file)
    model = Timm("convnext_atto", file)
    assert model.pretrained_report.missed == []
    assert "body.stages_0.blocks.0.conv_dw.weight" in model.pretrained_report.loaded
    torch.save(model.body.state_dict(), file)
    assert Timm("convnext_atto", file).pretrained_report.missed == []


@every
def test_weights_of_another_network_are_refused(kind, tmp_path):
    file = str(tmp_path / "weights.pth")
    torch.save({"some.weight": torch.zeros(3)}, file)
    with pytest.raises(BackboneError, match=r"none of (its|the)"):
        make(kind, file)
    with pytest.raises(BackboneError, match="do not exist"):
        make(kind, str(tmp_path / "no.pth"))
    with pytest.raises(BackboneError, match="pretrained is 7"):
        make(kind, 7)


@every
def test_a_checkpoint_that_follows_spares_the_file(kind, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "follow", lambda backbone, *_: True)
    model = make(kind, str(tmp_path / "no.pth"))
    assert not hasattr(model, "pretrained_report")
    assert type(model.normalize).__name__ == "Normalize"


@needs_timm
def test_weights_of_the_hub_with_the_normalisation_of_their_configuration(monkeypatch):
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    full = reference("timm", name.partition(".")[0], depth=3)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *a, **k: dict(full.state_dict()))
    model = Timm(name, True, depth=3).eval()
    assert model.normalize.mean.flatten().tolist() == model.normalize.std.flatten().tolist() == [0.5, 0.5, 0.5]
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        expected = full.forward_intermediates(x * 2 - 1, norm=False, intermediates_only=True)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(model(x), expected[-3:]))
    report = model.pretrained_report
    assert (report.origin, report.adapted, report.missed) == (f"timm:{name}", [], [])
    assert Timm(name, True, depth=3, img_size=96).pretrained_report.adapted == ["body.model.pos_embed"]


@needs_timm
def test_a_hub_out_of_reach_is_one_clear_message(monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BackboneError, match=r"weights resnet26t\.ra2_in1k of timm could not be fetched") as caught:
        Timm("resnet26t.ra2_in1k", True)
    assert "HF_ENDPOINT" in str(caught.value)


def test_torchvisions_server_out_of_reach_is_one_clear_message(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def unreachable(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    monkeypatch.setattr(
        "ultralytics.nn.Addmodules._policy.network.obstacle", lambda url: ""
    )  # it can be reached at first
    with pytest.raises(BackboneError, match="weights resnet18 of torchvision could not be fetched: OSError"):
        TorchVisionFeatures("resnet18", True)


def test_torchvisions_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.get_model_weights("resnet18").DEFAULT.url
    full = reference("torchvision")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(full.state_dict(), tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2])
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", torch.hub.load_state_dict_from_url)
    model = TorchVisionFeatures("resnet18", True)
    assert torch.equal(model.body.conv1.weight, full.conv1.weight)
    assert model.pretrained_report.origin == "torchvision:resnet18"
    assert model.pretrained_report.unused == ["body.fc.bias", "body.fc.weight"]
