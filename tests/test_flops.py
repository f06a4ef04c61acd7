"""flops.py and upstream's get_flops behind a backbone: right, or said not to be counted, with the reason."""

import importlib
import json
import logging
import sys

import pytest
import torch
from conftest import ROOT, run_python
from support.small_models import build, known, ours_yaml, stock_yaml
from torch import nn

from ultralytics import RTDETR, YOLO
from ultralytics.nn.Addmodules._rows import flops
from ultralytics.nn.Addmodules.registry import registry
from ultralytics.utils.torch_utils import get_flops


@pytest.fixture(autouse=True, scope="module")
def _small_backbone():
    with known():
        yield


COMPARE = """
import json, logging, sys
sys.path.insert(0, sys.argv[1])
import torch
from small_models import build, known, ours_yaml
from ultralytics.utils import torch_utils

entered = known()
entered.__enter__()
lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("ultralytics").addHandler(handler)
model = build(ours_yaml())
counts = [torch_utils.get_flops(model, 64)]
sys.modules["thop"] = None
counts += [torch_utils.get_flops(model, 64), torch_utils.get_flops(model, 64)]
del sys.modules["thop"]
model.model[3].forward = None
counts.append(torch_utils.get_flops(model, 64))
print("FOUND " + json.dumps([[round(count, 6) for count in counts], [line for line in lines if "FLOPs" in line]]))
"""


def compare(root):
    run = run_python("-c", COMPARE, ROOT / "tests" / "support", cwd=root, env={"PYTHONPATH": str(root)})
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split("FOUND ")[1].splitlines()[0])


def test_a_missing_counter_is_told():
    (first, *others), lines = compare(ROOT)
    assert first > 0
    assert others == [0.0, 0.0, 0.0]
    (line,) = lines
    assert "GFLOPs are not counted: " in line
    assert line.endswith("To do: python -m pip install ultralytics-thop")


@pytest.fixture
def told(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    monkeypatch.setattr(flops, "_told", set())
    caplog.set_level(logging.INFO, "ultralytics")
    start = "GFLOPs are not counted: "
    return lambda: [m.partition(start)[2] for m in (record.getMessage() for record in caplog.records) if start in m]


class TestReason:
    def test_a_stock_model_is_told_too(self, told, monkeypatch):
        monkeypatch.setitem(sys.modules, "thop", None)
        assert get_flops(build(stock_yaml()), 64) == 0.0
        assert len(told()) == 1

    def test_a_package_that_is_there_is_not_said_to_be_missing(self, told):
        """An outer exception that is being handled is none of this function's business."""
        try:
            raise KeyError("outer")
        except KeyError:
            assert get_flops(build(ours_yaml()), 64) > 0
        assert told() == []

    def test_the_reason_is_told_once(self, told, monkeypatch):
        monkeypatch.setitem(sys.modules, "thop", None)
        for _ in range(3):
            assert get_flops(build(ours_yaml()), 64) == 0.0
        assert len(told()) == 1


class TestRight:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_images_of_any_number_of_channels(self, told, channels):
        yaml = {**ours_yaml(), "channels": channels}
        model = build(yaml, ch=channels)
        whole = direct(model, (64, 64), channels)
        assert get_flops(model, 64) == pytest.approx(whole, rel=1e-9)
        assert whole > 0
        assert told() == []

    def test_a_first_parameter_of_one_dimension(self, told):
        plain = build(ours_yaml())
        scaled = build(ours_yaml())
        layers = dict(scaled.model[0]._modules)
        scaled.model[0]._modules.clear()
        scaled.model[0].scale = nn.Parameter(torch.ones(1))
        scaled.model[0]._modules.update(layers)
        assert next(scaled.parameters()).ndim == 1
        assert get_flops(scaled, 64) == get_flops(plain, 64) > 0
        assert told() == []

    @pytest.mark.parametrize("name", ["EfficientViT_M0", "MobileNetV4HybridMedium", "MobileNetV3Small"])
    def test_small_probes_give_the_count_of_the_whole_image(self, told, name):
        """Attention in windows and over the whole map, and plain convolutions."""
        model = YOLO(f"yolo11-{name}.yaml").model
        for size in ((640, 640), (320, 608)):
            assert get_flops(model, list(size)) == pytest.approx(direct(model, size), rel=1e-9)
        assert told() == []

    def test_a_number_that_is_known(self):
        """One convolution, so that the unit is right: two operations a multiplication, in 1e9."""
        layer = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False))
        assert get_flops(layer, 64) == pytest.approx(2 * 3 * 8 * 9 * 32 * 32 / 1e9)


def direct(model, size, channels=3):
    """Return a model's GFLOPs, counted on an image of this size and not worked out from smaller ones."""
    thop = importlib.import_module("thop")
    image = torch.empty(1, channels, *size)
    return thop.profile(model, inputs=[image], verbose=False)[0] / 1e9 * 2


OTHERS = ["timm-swin_tiny_patch4_window7_224", "timm-twins_svt_small", "torchvision-swin_v2_t", "timm-convnext_tiny"]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["rtdetr", "yolo11"])
def test_every_backbone_is_counted_right_at_640(told, head):
    names = [name for name in registry.names() if name not in ("Nested", "Timm", "TorchVisionFeatures")]
    assert len(names) > 15
    wrong = {}
    for name in [*names, *OTHERS]:
        model = (RTDETR if head == "rtdetr" else YOLO)(f"{head}-{name}.yaml").model
        counted, whole = get_flops(model, 640), direct(model, (640, 640))
        print(f"{head:7}{name:36}{counted:10.4f}{whole:10.4f}{100 * (counted / whole - 1):+9.4f} %")
        if counted != pytest.approx(whole, rel=1e-2):
            wrong[name] = (counted, whole)
    assert not wrong
    assert not any(told())
