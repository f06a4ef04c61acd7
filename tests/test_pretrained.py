"""Pretrained weights of a backbone: read, reported, adapted, and still there after training, resuming and loading."""

import copy
import logging
import shutil

import pytest
import torch
import yaml
from conftest import ROOT, make_squares, run_python, shake
from torch import nn

from ultralytics import RTDETR, YOLO
from ultralytics.nn.Addmodules import BackboneError, MobileNetV3, base, weights
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in (base.IMAGENET_MEAN, base.IMAGENET_STD))
COMMON = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "verbose": False, "mosaic": 0.0}
STILL = {"lr0": 0.0, "lrf": 1.0, "optimizer": "SGD", "warmup_epochs": 0.0, "warmup_bias_lr": 0.0, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def reference():
    """torchvision's network with random weights and statistics, in place of the ImageNet ones."""
    import torchvision

    torch.manual_seed(3)
    model = torchvision.models.mobilenet_v3_small(weights=None).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def file(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v3_small.pth"
    torch.save(reference.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares") / "data")


def model_yaml(folder, head, pretrained):
    content = yaml.safe_load((ROOT / "cfg" / "models" / f"{head}-mobilenetv3.yaml").read_text(encoding="utf-8"))
    content["backbone"][0] = [-1, 1, "MobileNetV3Small", [str(pretrained)]]
    path = folder / f"{head}-mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def maps_of(reference, x):
    """Return torchvision's last outputs of each size, for images in 0…1."""
    x, found = (x - MEAN) / STD, {}
    for layer in reference.features:
        x = layer(x)
        found[x.shape[-1]] = x
    return [found[side] for side in sorted(found, reverse=True)][1:]  # without that of stride 2


def same_maps(backbone, reference, side=64):
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = copy.deepcopy(backbone).float().eval()(x), maps_of(reference, x)
    return [torch.equal(a, b) for a, b in zip(found[1:], expected[1:])]


def test_a_file_is_read_reported_and_normalised_for(file, reference):
    model = MobileNetV3("small", pretrained=str(file))
    report = model.pretrained_report
    assert (len(report.loaded), report.adapted, report.missed, report.unused) == (240, [], [], [])
    assert same_maps(model, reference) == [True] * 3
    assert model.stem.bn.eps == 1e-3


def test_safetensors_and_a_wrapped_state_dict(file, reference, tmp_path):
    from safetensors.torch import save_file

    save_file(reference.state_dict(), tmp_path / "a.safetensors")
    inside = {f"module.{key}": value for key, value in reference.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": inside}, tmp_path / "b.pth")
    own = {f"model.0.{key}": value for key, value in MobileNetV3("small", pretrained=str(file)).state_dict().items()}
    torch.save({"model": own}, tmp_path / "c.pt")
    for name in ("a.safetensors", "b.pth", "c.pt"):
        assert same_maps(MobileNetV3("small", pretrained=str(tmp_path / name)), reference) == [True] * 3


@pytest.mark.parametrize("channels", [1, 4, 10])
def test_other_numbers_of_channels_are_adapted(file, reference, channels):
    from timm.models import adapt_input_conv

    model = MobileNetV3("small", pretrained=str(file), in_chans=channels).eval()
    assert model.pretrained_report.adapted == ["stem.conv.weight"]
    assert torch.allclose(model.stem.conv.weight, adapt_input_conv(channels, reference.features[0][0].weight))
    assert model.normalize.mean.shape == (1, channels, 1, 1)
    if channels > 3:
        assert model.normalize.std.flatten()[3] == model.normalize.std.flatten()[0]


def test_what_is_missed_is_named(file, tmp_path, caplog):
    state = torch.load(file)
    del state["features.0.0.weight"]
    torch.save(state, tmp_path / "less.pth")
    model = MobileNetV3("small", squeeze_divisor=1, pretrained=str(tmp_path / "less.pth"))
    assert "stem.conv.weight" in model.pretrained_report.missed
    assert any(name.endswith("squeeze.reduce.weight") for name in model.pretrained_report.missed)
    text = str(model.pretrained_report)
    assert "stem.conv.weight" in text
    assert f"{len(model.pretrained_report.missed)} missed" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, ["do not exist", "to do"]),
        (lambda p: p.write_bytes(b"not a file of weights"), ["cannot be read", "begins with 'not a file", "web page"]),
        (lambda p: torch.save({"epoch": 3}, p), ["no tensors by name"]),
        (lambda p: torch.save(nn.Linear(3, 3), p), ["whole pickled model", "--weights"]),
        (lambda p: torch.save({"conv1.weight": torch.rand(3)}, p), ["none of its", "tensors fits", "conv1.weight"]),
    ],
    ids=["missing", "garbage", "no tensors", "pickled", "no match"],
)
def test_a_wrong_file_is_a_message(make, words, tmp_path):
    path = tmp_path / "wrong.pth"
    make(path)
    with pytest.raises(BackboneError) as e:
        MobileNetV3("small", pretrained=str(path))
    for word in ["MobileNetV3", "wrong.pth", *words]:
        assert word in str(e.value)


def test_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (shutil.rmtree, (str(tmp_path / "precious"),))

    (tmp_path / "precious").mkdir()
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BackboneError, match="more than tensors"):
        MobileNetV3("small", pretrained=str(tmp_path / "evil.pth"))
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("value", [3, ["a"], {"a": 1}])
def test_a_wrong_value_is_a_message(value):
    with pytest.raises(BackboneError, match="expected true, false or the path"):
        MobileNetV3("small", pretrained=value)


def test_a_download_that_fails_is_a_message(monkeypatch):
    import torchvision

    def fail(*args, **kwargs):
        raise OSError("<urlopen error [Errno 111] Connection refused>")

    monkeypatch.setattr(torchvision.models, "get_model", fail)
    monkeypatch.setattr("ultralytics.nn.Addmodules._policy.network.obstacle", lambda url: "")  # it can be reached
    with pytest.raises(BackboneError, match=r"could not be fetched: OSError: .*refused.*\n.*write its path"):
        MobileNetV3("small", pretrained=True)


def test_true_takes_torchvisions_own(reference, monkeypatch):
    import torchvision

    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: copy.deepcopy(reference))
    monkeypatch.setattr("ultralytics.nn.Addmodules._policy.network.obstacle", lambda url: "")  # it can be reached
    model = MobileNetV3("small", pretrained=True)
    assert model.pretrained_report.origin == "torchvision:mobilenet_v3_small"
    assert same_maps(model, reference) == [True] * 3


def test_settings_of_its_norms_survive_in_a_detector(file, tmp_path):
    model = YOLO(model_yaml(tmp_path, "yolo11", file)).model
    norms = [m for m in model.model[0].modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    others = [m for row in model.model[1:] for m in row.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in others} == {(1e-3, 0.03)}
    plain = YOLO("yolo11-mobilenetv3-small.yaml").model.model[0]
    assert {m.momentum for m in plain.modules() if isinstance(m, nn.BatchNorm2d)} == {0.03}


@pytest.mark.parametrize(("head", "cls"), [pytest.param("yolo11", YOLO, marks=pytest.mark.slow), ("rtdetr", RTDETR)])
def test_weights_survive_training(head, cls, file, reference, data, tmp_path):
    """Upstream builds the model anew in train(); with a learning rate of 0 and frozen, the maps stay to the bit."""
    model = cls(model_yaml(tmp_path, head, file))
    model.train(data=str(data), epochs=1, freeze=[0], project=str(tmp_path), name="run", **COMMON, **STILL)
    assert same_maps(model.trainer.model.model[0], reference) == [True] * 3
    assert all(not p.requires_grad for p in model.trainer.model.model[0].parameters())
    assert all(p.requires_grad for p in model.trainer.model.model[1].parameters())


@pytest.mark.slow
def test_unfrozen_parameters_survive_too_and_a_checkpoint_needs_no_file(file, data, tmp_path):
    ours = tmp_path / "mine.pth"
    shutil.copyfile(file, ours)
    start = MobileNetV3("small", pretrained=str(file))
    model = YOLO(model_yaml(tmp_path, "yolo11", ours))
    model.train(data=str(data), epochs=1, project=str(tmp_path), name="run", **COMMON, **STILL)
    trained = dict(model.trainer.model.model[0].named_parameters())
    assert all(torch.equal(trained[name], p) for name, p in start.named_parameters())
    ours.unlink()
    last = tmp_path / "run" / "weights" / "last.pt"
    again = YOLO(last)
    again.train(data=str(data), epochs=1, project=str(tmp_path), name="again", **COMMON, **STILL)
    after = dict(again.trainer.model.model[0].named_parameters())
    assert all((after[name] - p).abs().max() <= 1e-3 * p.abs().max() + 1e-6 for name, p in trained.items())


@pytest.mark.slow
def test_a_run_is_resumed_without_the_file(file, data, tmp_path):
    class Killed(Exception):
        pass

    def kill(trainer):
        if trainer.epoch == 0:
            raise Killed

    ours = tmp_path / "mine.pth"
    shutil.copyfile(file, ours)
    model = YOLO(model_yaml(tmp_path, "yolo11", ours))
    model.add_callback("on_model_save", kill)
    with pytest.raises(Killed):
        model.train(data=str(data), epochs=2, project=str(tmp_path), name="run", **COMMON, **STILL)
    ours.unlink()
    resumed = YOLO(tmp_path / "run" / "weights" / "last.pt")
    resumed.train(resume=True)
    assert resumed.trainer.epoch == 1
    start = MobileNetV3("small", pretrained=str(file))
    after = dict(resumed.trainer.model.model[0].named_parameters())
    assert all((after[n] - p).abs().max() <= 1e-3 * p.abs().max() + 1e-6 for n, p in start.named_parameters())


def test_loading_another_checkpoint_replaces_them(file, tmp_path):
    model = YOLO(model_yaml(tmp_path, "yolo11", file))
    other = copy.deepcopy(model.model)
    for p in other.parameters():
        p.data.add_(1.0)
    model.model.load(other)
    pairs = zip(model.model.parameters(), other.parameters())
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_yaml_of_a_checkpoint_that_is_open_says_that_its_weights_follow(file, tmp_path, caplog):
    """Its own file need not even be there, and what goes with its weights is built all the same."""
    content = yaml_model_load(model_yaml(tmp_path, "yolo11", file))
    content["backbone"][0][3] = [str(tmp_path / "gone.pth")]
    with pytest.raises(BackboneError, match="do not exist"):
        DetectionModel(copy.deepcopy(content), verbose=False)
    with caplog.at_level("INFO", logger="ultralytics"):
        found = DetectionModel({**content, weights.FOLLOW: True}, verbose=False).model[0]
    assert not hasattr(found, "pretrained_report")
    assert isinstance(found.normalize, base.Normalize)
    assert "pretrained weights come with the checkpoint" in caplog.text
    with pytest.raises(BackboneError, match="do not exist"):  # it was said of that model only
        DetectionModel({**content, weights.FOLLOW: False}, verbose=False)


@pytest.mark.parametrize("value", ["true", "'yes'", "1", "[1]"])
@pytest.mark.parametrize("head", ["yolo11", "rtdetr"])
def test_a_yaml_file_cannot_say_so(head, value, file, tmp_path):
    path = model_yaml(tmp_path, head, file)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{weights.FOLLOW}: {value}\n{text}", encoding="utf-8")
    assert weights.FOLLOW not in yaml_model_load(path)
    assert hasattr(YOLO(path).model.model[0], "pretrained_report")
    path.write_text(f"{text}\n{weights.FOLLOW}: {value}\n".replace(str(file), "gone.pth"), encoding="utf-8")
    with pytest.raises(BackboneError, match="do not exist"):
        YOLO(path)


def test_a_missing_file_stops_train_py(data, tmp_path):
    path = model_yaml(tmp_path, "yolo11", "nowhere.pth")
    run = run_python(ROOT / "train.py", "--cfg", path, "--data", data, cwd=tmp_path)
    assert run.returncode == 2
    assert "nowhere.pth" in run.stderr
    assert "do not exist" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_log_says_what_was_loaded(file, tmp_path):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("ultralytics")
    logger.addHandler(handler)
    try:
        YOLO(model_yaml(tmp_path, "yolo11", file))
    finally:
        logger.removeHandler(handler)
    assert any("240 tensors loaded, 0 adapted, 0 missed" in line for line in lines)


@pytest.mark.parametrize(("first", "second"), [("file", "none"), ("none", "file")])
def test_a_checkpoint_brings_its_normalisation(first, second, file, tmp_path):
    """Whichever of two YAMLs asks for weights: what is loaded computes what it computed."""
    yamls = {"file": model_yaml(tmp_path, "yolo11", file), "none": tmp_path / "yolo11-none.yaml"}
    config = yaml.safe_load(yamls["file"].read_text(encoding="utf-8"))
    config["backbone"][0][3] = [False, 8]  # the same tensors as the pretrained form has
    yamls["none"].write_text(yaml.safe_dump(config), encoding="utf-8")
    source, target = (shake(YOLO(yamls[kind]).model, seed).eval() for seed, kind in enumerate((first, second)))
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = source(x)[0]
        assert not torch.allclose(target(x)[0], expected, rtol=1e-3)
        target.load(source)
        assert torch.equal(target(x)[0], expected)


def test_a_checkpoint_of_another_network_leaves_the_normalisation_alone(file, tmp_path):
    target = YOLO(model_yaml(tmp_path, "yolo11", file)).model
    target.load(YOLO("yolo11-mobilenetv3.yaml").model)
    assert isinstance(target.model[0].normalize, base.Normalize)
    stock = YOLO("yolo11n.yaml").model
    stock.load(YOLO("yolo11n.yaml").model)
    target.load(stock)
    assert isinstance(target.model[0].normalize, base.Normalize)


@pytest.mark.slow
def test_train_py_starts_from_a_checkpoint_without_the_file(file, data, tmp_path):
    ours = tmp_path / "mine.pth"
    shutil.copyfile(file, ours)
    path = model_yaml(tmp_path, "yolo11", ours)
    YOLO(path).train(data=str(data), epochs=1, project=str(tmp_path), name="run", **COMMON, **STILL)
    ours.unlink()
    best = tmp_path / "run" / "weights" / "best.pt"
    run = run_python(
        *(ROOT / "train.py", "--cfg", path, "--data", data, "--weights", best),
        *("--imgsz", "64", "--epochs", "1", "--batch", "2", "--device", "cpu", "plots=False"),
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr
    assert "pretrained weights come with the checkpoint" in run.stdout + run.stderr


def test_a_checkpoint_of_the_first_revision_opens():
    model = MobileNetV3("small").eval()
    x = torch.rand(1, 3, 64, 64)
    expected = model(x)
    state = model.__dict__.copy()
    state["_modules"] = {key: value for key, value in model._modules.items() if key != "normalize"}
    del state["in_chans"]
    old = MobileNetV3.__new__(MobileNetV3)
    old.__setstate__(state)
    assert all(torch.equal(a, b) for a, b in zip(old(x), expected))


def test_a_tensor_beside_the_state_dict_does_not_hide_it(file, reference, tmp_path):
    content = {"epoch": 3, "state_dict": torch.load(file), "best_acc1": torch.tensor(70.0)}
    torch.save(content, tmp_path / "a.pth")
    assert same_maps(MobileNetV3("small", pretrained=str(tmp_path / "a.pth")), reference) == [True] * 3


def test_another_network_of_the_family_is_refused(file):
    with pytest.raises(BackboneError, match=r"only \d+ of its 2\d\d tensors fits .* another network"):
        MobileNetV3("large", pretrained=str(file))
