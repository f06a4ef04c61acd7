"""Restricted mode (ULTRALYTICS_SAFE_LOAD=1): checkpoints with a backbone open, and nothing else does that did not."""

import copy
import io
import json
import os
import pickle
import shutil
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from conftest import ROOT, run_python, shake
from test_article_files import FILES
from test_backbones import others_slow

from fork.tree import OVERLAY
from ultralytics import RTDETR, YOLO
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, hooks, registry
from ultralytics.nn.Addmodules._policy import trust as _trust
from ultralytics.nn.Addmodules._rows import factories
from ultralytics.nn.tasks import torch_safe_load

PACKAGE = "ultralytics.nn.Addmodules"
REFUSED = "references types outside the supported"


def outputs(model, side=64):
    torch.manual_seed(1)
    with torch.no_grad():
        out = model.float().eval()(torch.rand(1, 3, side, side))
    return out[0] if isinstance(out, (list, tuple)) else out


@pytest.mark.parametrize(
    "name",
    [
        "yolo11-mobilenetv3small.yaml",
        "rtdetr-efficientvit_m0.yaml",
        pytest.param("yolo11-mobilenetv4convsmall.yaml", marks=pytest.mark.slow),
        "rtdetr-presnet18.yaml",
        "yolo11-timm-resnet18.yaml",
        pytest.param("yolo11-timm-mobilenetv3_small_050.yaml", marks=pytest.mark.slow),
        "yolo11-timm-convnext_atto.yaml",
        pytest.param("yolo11-torchvision-shufflenet_v2_x0_5.yaml", marks=pytest.mark.slow),
        "yolo11-torchvision-regnet_y_400mf.yaml",
        "yolo11n.yaml",
    ],
)
def test_a_checkpoint_opens_and_computes_the_same(name, tmp_path):
    model = (RTDETR if name.startswith("rtdetr") else YOLO)(name)
    shake(model.model)
    model.save(tmp_path / "model.pt")
    wanted = torch_safe_load(tmp_path / "model.pt", safe_only=False)[0]["model"]
    found = torch_safe_load(tmp_path / "model.pt", safe_only=True)[0]["model"]
    assert type(found.model[0]) is type(wanted.model[0])
    assert torch.equal(outputs(found), outputs(wanted))


@pytest.mark.parametrize("name", ["mobilenetv3small", "torchvision-resnet18", "timm-resnet18"])
def test_a_fused_model_opens_too(name, tmp_path):
    model = YOLO(f"yolo11-{name}.yaml")
    shake(model.model)
    model.fuse()
    model.save(tmp_path / "fused.pt")
    found = torch_safe_load(tmp_path / "fused.pt", safe_only=True)[0]["model"]
    assert found.is_fused()
    assert torch.equal(outputs(found), outputs(torch_safe_load(tmp_path / "fused.pt", safe_only=False)[0]["model"]))
    assert torch.allclose(outputs(found), outputs(model.model.half()), atol=1e-4)


@pytest.mark.parametrize("name", ["fasternet_t0", "xception41p"])
def test_networks_that_hold_functions_stay_refused(name, tmp_path):
    YOLO(f"yolo11-timm-{name}.yaml").save(tmp_path / "model.pt")
    with pytest.raises(TypeError, match=REFUSED):
        torch_safe_load(tmp_path / "model.pt", safe_only=True)


def test_a_network_of_torchvision_keeps_the_modes_of_its_layers(tmp_path):
    network = YOLO("yolo11-torchvision-shufflenet_v2_x0_5.yaml").model.model[0].train()
    network.body.get_submodule("conv1").eval()
    for found in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert [m.training for m in found.modules()] == [m.training for m in network.modules()]
        assert [name for name, _ in found.named_modules()] == [name for name, _ in network.named_modules()]
        assert not found.body.get_submodule("conv1").training


def test_a_network_of_torchvision_as_the_first_revision_wrote_it_opens_without_restriction(tmp_path):
    network = YOLO("yolo11-torchvision-shufflenet_v2_x0_5.yaml").model.model[0]
    del network.maps
    x = torch.rand(1, 3, 64, 64)
    again = pickle.loads(pickle.dumps(network.eval()))
    assert all(torch.equal(one, other) for one, other in zip(network(x), again(x)))
    assert "torch.fx.graph_module.reduce_graph_module" in globals_of(network)


def globals_of(module):
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.serialization.get_unsafe_globals_in_checkpoint(buffer)


OWN = [name for name in registry.names() if registry.find(name).__module__.split(".")[-1] not in ("timm_wrapper",)]


@pytest.mark.parametrize("name", others_slow(name for name in OWN if name != "TorchVisionFeatures"))
def test_all_that_a_backbone_of_the_project_pickles_is_on_the_list(name):
    entries = tasks._SafeLoad._build()
    upstreams = ("torch.nn.modules.", "ultralytics.nn.modules.")
    needed = [name for name in globals_of(registry.find(name)()) if not name.startswith(upstreams)]
    assert [name for name in needed if name not in entries and _trust.trusted(name) is None] == []


class Evil:
    """Runs a command where it is unpickled without care."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def checkpoint(path, content):
    model = YOLO("yolo11-mobilenetv3small.yaml").model
    torch.save({"model": model, "extra": content}, path)
    return path


@pytest.fixture
def stranger(monkeypatch):
    """A layer of a module that is nobody's."""
    module = types.ModuleType("stranger")
    module.Layer = type("Layer", (torch.nn.Module,), {"__module__": "stranger"})
    monkeypatch.setitem(sys.modules, "stranger", module)
    return module.Layer


def test_what_is_not_on_the_list_stays_refused(tmp_path, stranger):
    timm = pytest.importorskip("timm")
    marker = tmp_path / "ran"
    command = f"{sys.executable} -c \"open(r'{marker}', 'w')\""
    cases = {
        "a command": Evil(os.system, command),
        "a class of another module": stranger(),
        "a function of timm": Evil(timm.create_model, "resnet18"),
        "a function of the folder": Evil(hooks.find_model, str(marker)),
        "a function that a file of the folder imports": Evil(timm.models.load_checkpoint, None, "model.pt"),
    }
    for case, content in cases.items():
        with pytest.raises(TypeError, match=REFUSED):
            torch_safe_load(checkpoint(tmp_path / "evil.pt", content), safe_only=True)
        assert not marker.exists(), case
    torch_safe_load(checkpoint(tmp_path / "evil.pt", cases["a command"]), safe_only=False)
    assert marker.exists(), "the command would have run, had it been let"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        (f"{PACKAGE}.mobilenetv3.MobileNetV3", True),
        (f"{PACKAGE}._wrapping.ReLU", True),
        (f"{PACKAGE}.weights.Report", True),
        (f"{PACKAGE}.mobilenetv3.Backbone", False),  # imported there, defined elsewhere
        (f"{PACKAGE}.base.Backbone", True),
        (f"{PACKAGE}.hooks.find_model", False),
        (f"{PACKAGE}.registry.Registry", False),
        (f"{PACKAGE}._policy.checkpoint.Unpickler", False),
        (f"{PACKAGE}._record.Tree", True),  # of the first revision, and gone
        (f"{PACKAGE}._record.open", False),
        (f"{PACKAGE} of the fork of some revision.Record", True),
        (f"{PACKAGE} of the fork of some revision.Other", False),
        (f"{PACKAGE}.Record", False),
        (f"{PACKAGE}.registry.importlib", False),
        (f"{PACKAGE}.not_there.Layer", False),
        (f"{PACKAGE}_other.Layer", False),
        ("timm.layers.norm_act.BatchNormAct2d", True),
        ("timm.models._features.FeatureListNet", True),
        ("timm.models._features.FeatureInfo", True),
        ("timm.layers.format.Format", True),
        ("timm.models.resnet.resnet18", False),
        ("timm.models._builder.load_pretrained", False),
        ("timm.models._features.FeatureHooks", False),
        ("timm.models._pretrained.PretrainedCfg", False),  # data, but not of this folder
        ("timm.models._features_fx.FeatureGraphNet", False),  # writes code after the names in a network
        ("timm.utils.model_ema.ModelEmaV2", False),
        ("torchvision.ops.misc.Conv2dNormActivation", True),
        ("torchvision.models.resnet.BasicBlock", True),
        ("torchvision.models.resnet.resnet18", False),
        ("torchvision.models.feature_extraction.NodePathTracer", False),
        ("torchvision.io.image.read_file", False),
        ("torch.fx.graph_module.reduce_graph_module", False),
        ("torch.fx.graph_module.GraphModule", False),
        ("functools.partial", False),
        ("builtins.eval", False),
        ("os.system", False),
    ],
)
def test_each_name_is_judged_for_itself(name, allowed):
    assert (_trust.trusted(name) is not None) is allowed


@pytest.mark.parametrize(("base", "allowed"), [(torch.nn.Conv2d, True), (torch.fx.GraphModule, False)])
def test_a_layer_whose_content_is_code_is_refused_wherever_it_is_defined(base, allowed, monkeypatch):
    module = sys.modules[f"{PACKAGE}.mobilenetv3"]
    monkeypatch.setattr(module, "Mine", type("Mine", (base,), {"__module__": module.__name__}), raising=False)
    assert (_trust.trusted(f"{module.__name__}.Mine") is not None) is allowed


def test_a_file_that_was_not_imported_is_not_imported_for_a_checkpoint(monkeypatch):
    monkeypatch.delitem(sys.modules, f"{PACKAGE}.presnet")
    assert _trust.trusted(f"{PACKAGE}.presnet.PResNet") is None
    assert f"{PACKAGE}.presnet" not in sys.modules


def test_what_one_load_allows_no_other_has(tmp_path):
    checkpoint(tmp_path / "model.pt", {})
    names = torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "model.pt")
    torch_safe_load(tmp_path / "model.pt", safe_only=True)
    assert [name for name in names if name.startswith(PACKAGE)]
    assert not [kind for kind in torch.serialization.get_safe_globals() if PACKAGE in str(kind)]


def test_threads_load_beside_each_other(tmp_path):
    for n in range(4):
        checkpoint(tmp_path / f"{n}.pt", {})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: torch_safe_load(tmp_path / f"{n % 4}.pt", safe_only=True)[0], range(12)))
    assert {type(content["model"].model[0]).__name__ for content in found} == {"MobileNetV3Small"}


@pytest.mark.parametrize("row", [["resnet18", []], ["Timm", ["resnet18"]], ["MobileNetV3Small", []]])
def test_models_are_built_in_restricted_mode(monkeypatch, row):
    monkeypatch.setattr(tasks, "SAFE_LOAD", True)
    config = tasks.yaml_model_load("yolo11-mobilenetv3.yaml")
    config["backbone"][0] = [-1, 1, *row]
    model = tasks.DetectionModel(config, verbose=False)
    assert type(model.model[0]).__name__ in ("Timm", "MobileNetV3Small")
    assert not any(isinstance(module, factories.Made) for module in model.modules())


def test_what_no_file_registers_is_not_built_in_restricted_mode(monkeypatch):
    monkeypatch.setattr(tasks, "SAFE_LOAD", True)
    config = tasks.yaml_model_load("yolo11-mobilenetv3.yaml")
    for name in ("make_divisible", "getattr", "LOGGER"):
        config["backbone"][0] = [-1, 1, name, []]
        with pytest.raises(
            (TypeError, BackboneError), match=r"one fault .*\n.*(is not a layer|no class of a layer|no module .getattr)"
        ):
            tasks.DetectionModel(config, verbose=False)


def test_a_class_stands_for_a_function_only():
    assert hooks.look_up("MobileNetV3", {}) is registry.find("MobileNetV3")
    row = hooks.look_up("resnet18", {})
    assert issubclass(row, torch.nn.Module)
    assert row is hooks.look_up("resnet18", {})
    assert row.__name__ == "resnet18"
    assert hooks.is_backbone(row)
    assert hooks.look_up("Conv", {"Conv": tasks.Conv}) is tasks.Conv


SCRIPT = r"""
import json, sys, torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, torch_safe_load, yaml_model_load

found = {}
config = yaml_model_load("yolo11-mobilenetv3.yaml")

def build(name, arguments=()):
    config["backbone"][0] = [-1, 1, name, list(arguments)]
    return DetectionModel(config, verbose=False)

for name in ("EfficientViT_M0", "MobileNetV4ConvSmall", "Helped", "conv_2d", "fetch"):
    try:
        found[name] = type(build(name).model[0]).__module__.split(".")[-1]
    except Exception as e:
        found[name] = f"{type(e).__name__}: {e}"
for name in ("EfficientViT_M0", "Helped"):
    model = build(name)
    model.args = {}
    torch.save({"model": model}, "model.pt")
    opened, _ = torch_safe_load("model.pt")
    x = torch.rand(1, 3, 64, 64)
    equal = torch.equal(model.eval()(x)[0], opened["model"].eval()(x)[0])
    again = DetectionModel(YOLO("model.pt").model.yaml, verbose=False)  # as a fine-tuning does
    found[f"{name} opened"] = [equal, *(type(m.model[0]).__qualname__ for m in (opened["model"], again))]
print(json.dumps(found))
"""

HELPED = """
from torch import nn

class Settings:
    def __init__(self, widths):
        self.widths = widths

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.settings = Settings([8, 8, 8])
        self.width_list = self.settings.widths
        self.stem = nn.Conv2d(3, 8, 8, 8)

    def forward(self, x):
        x = self.stem(x)
        return [x, nn.functional.max_pool2d(x, 2), nn.functional.max_pool2d(x, 4)]

def _make():
    return Net()

def Helped():
    return _make()

def fetch(path="marker"):
    open(path, "w").close()
"""


@pytest.mark.slow
def test_an_articles_file_in_restricted_mode(tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "ultralytics", checkout / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml", tmp_path / "yolo11-mobilenetv3.yaml")
    for name, text in {**FILES, "helped.py": HELPED}.items():
        (checkout / OVERLAY / name).write_text(text, encoding="utf-8")
    environment = {"PYTHONPATH": str(checkout), "ULTRALYTICS_SAFE_LOAD": "1"}
    run = run_python("-c", SCRIPT, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["EfficientViT_M0"] == "efficientViT"
    assert found["MobileNetV4ConvSmall"] == "MobileNetV4_article"
    assert found["Helped"] == "helped"
    assert "no class of a layer that restricted mode knows" in found["conv_2d"]
    assert "no class of a layer that restricted mode knows" in found["fetch"]
    assert not (tmp_path / "marker").exists()
    assert found["EfficientViT_M0 opened"] == [True, "EfficientViT", "EfficientViT"]
    assert found["Helped opened"] == [True, "Net", "Net"]


@pytest.mark.slow
def test_the_articles_steps_alone_refuse_both(articles_root, tmp_path):
    code = r"""
import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import torch_safe_load
YOLO("yolo11-mobilenetv3.yaml").save("model.pt")
try:
    torch_safe_load("model.pt", safe_only=True)
except TypeError as e:
    print("refused", e)
"""
    shutil.copyfile(ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml", tmp_path / "yolo11-mobilenetv3.yaml")
    run = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(articles_root)})
    assert run.returncode == 0, run.stderr
    assert f"refused ERROR ❌️ model.pt {REFUSED}" in run.stdout
