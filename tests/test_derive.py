"""HEAD-BACKBONE.yaml by bare name, for every head and backbone; article 002's YAML with its anchors."""

import logging

import pytest
import torch
from conftest import ROOT
from test_models import batch, log

from ultralytics import RTDETR, YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.Addmodules import BackboneError, registry
from ultralytics.nn.Addmodules._rows.derive import HEADS, Derived, derive, read_model
from ultralytics.nn.Addmodules._rows.prepare import drop_anchors
from ultralytics.nn.Addmodules.registry import Broken
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel, yaml_model_load

PLAIN = [name for name in registry.names() if name not in ("Timm", "TorchVisionFeatures")]
WRAPPED = ["timm-resnet18", "torchvision-resnet18"]
SMALLEST = ["MobileNetV3Small", "MobileNetV4ConvSmall", "EfficientViT_M0", "PResNet18", *WRAPPED]
PAIRS = [(head, name) for head in HEADS for name in [*PLAIN, *WRAPPED]]
DEFAULT = [(head, name) for head, name in PAIRS if name in SMALLEST]
DEFAULT = [pair for n, pair in enumerate(DEFAULT) if n % 2 == n // len(SMALLEST) % 2]  # each name under two heads


def check(head, name, monkeypatch, tmp_path):
    """Build by bare name from an empty folder, train a step, and detect on two sizes."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    cls = RTDETRDetectionModel if head == "rtdetr" else DetectionModel
    model = cls(f"{head}-{name.lower()}.yaml", nc=2, verbose=False)
    model.nc, model.args = 2, get_cfg()
    assert [layer.i for layer in model.model] == list(range(4, 4 + len(model.model)))
    assert head == "rtdetr" or model.stride.tolist() == [8, 16, 32]
    loss = model.train().loss(batch(model, 96))[0].sum()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None for p in model.model[0].parameters())
    with torch.no_grad():
        for size in ((64, 64), (96, 160)):
            out = model.eval()(torch.rand(1, 3, *size))
            assert (out[0] if isinstance(out, (list, tuple)) else out).isfinite().all()


@pytest.mark.parametrize(("head", "name"), DEFAULT)
def test_builds_and_trains_a_step(head, name, monkeypatch, tmp_path):
    check(head, name, monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("head", "name"), [pair for pair in PAIRS if pair not in DEFAULT])
def test_builds_and_trains_a_step_for_the_rest(head, name, monkeypatch, tmp_path):
    check(head, name, monkeypatch, tmp_path)


@pytest.mark.parametrize(
    "channels", [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(10, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", SMALLEST)
def test_the_data_sets_channels_reach_the_backbone(name, channels):
    """As upstream's trainer builds it: a model YAML's own `channels` is overwritten by the data set's."""
    model = DetectionModel(f"yolo11-{name.lower()}.yaml", ch=channels, nc=2, verbose=False).eval()
    with torch.no_grad():
        assert model(torch.rand(1, channels, 64, 96))[0].isfinite().all()


def test_there_is_a_file_for_each_head_and_no_other():
    assert sorted(p.stem for p in (ROOT / "cfg" / "models").glob("*.yaml")) == sorted(f"{h}-mobilenetv3" for h in HEADS)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("rtdetr-efficientvit_m0.yaml", ["EfficientViT_M0", []]),
        ("yolo11-EfficientViT-M0.yml", ["EfficientViT_M0", []]),
        ("yolo26-mobilenetv4convsmall-pretrained.yaml", ["MobileNetV4ConvSmall", [{"pretrained": True}]]),
        ("yolov5-mobilenetv4_conv_small.yaml", ["MobileNetV4ConvSmall", []]),
        ("rtdetr-timm-resnet18.a1_in1k-pretrained.yaml", ["Timm", ["resnet18.a1_in1k", True]]),
        ("rtdetr-timm-levit_128s.yaml", ["Timm", ["levit_128s", False]]),
        ("rtdetr-torchvision-resnet50.yaml", ["TorchVisionFeatures", ["resnet50", False]]),
    ],
)
def test_names_and_their_rows(name, row):
    found = derive(name)
    assert found.row == [-1, 1, *row]
    assert found.base.endswith(f"{name.partition('-')[0]}-mobilenetv3.yaml")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("scale", ["", "s"])
def test_a_file_of_the_project_is_found_by_its_bare_name_with_a_scale_or_without(head, scale, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = f"{head}{scale if head[-1].isdigit() else ''}-mobilenetv3.yaml"
    assert derive(name) == str(ROOT / "cfg" / "models" / f"{head}-mobilenetv3.yaml")
    model = yaml_model_load(name)
    assert model["backbone"][0][2] == "MobileNetV3"
    assert "weights_follow" not in model


@pytest.mark.parametrize("name", ["yolo11n.yaml", "yolo12-mobilenetv3.yaml", "rtdetr.yaml", "rtdetr-.yaml", "rtdetr-x"])
def test_other_names_are_left_to_upstream(name):
    assert derive(name) is None


def test_an_unknown_backbone_is_named_with_the_nearest():
    with pytest.raises(BackboneError, match=r"rtdetr-mobilnetv4\.yaml.*did you mean MobileNetV4"):
        derive("rtdetr-mobilnetv4.yaml")
    with pytest.raises(BackboneError, match="there are EfficientViT_M0"):
        derive("rtdetr-qqqq.yaml")


def test_exact_names_go_before_alike_ones_and_two_alike_are_named(monkeypatch):
    claims = dict.fromkeys(("EfficientViT_M0", "efficientvit_m0", "NetA", "net_a"))
    monkeypatch.setattr(registry, "all_names", lambda: [*registry.names(), *claims])
    assert derive("rtdetr-efficientvit_m0.yaml").row[2] == "efficientvit_m0"
    assert derive("rtdetr-NetA.yaml").row[2] == "NetA"
    with pytest.raises(BackboneError, match=r"NetA and net_a are both backbones"):
        derive("rtdetr-neta.yaml")


def test_a_file_that_did_not_import_is_said_by_such_a_name(monkeypatch):
    monkeypatch.setattr(registry, "broken", [Broken("tinynet.py", "SyntaxError, line 2: oops", ["TinyNet"])])
    with pytest.raises(BackboneError, match=r"tinynet\.py could not be imported.\n.*line 2"):
        DetectionModel("yolo11-tinynet.yaml", verbose=False)


def test_a_name_in_another_folder_is_a_path():
    assert derive("elsewhere/rtdetr-efficientvit_m0.yaml") is None


@pytest.mark.parametrize("arguments", [["resnet18"], [{"model": "resnet18"}], []])
def test_torchvision_by_order_and_by_keyword(arguments):
    config = yaml_model_load("yolo11-mobilenetv3.yaml")
    config["backbone"] = [[-1, 1, "TorchVision", arguments]]
    if arguments:
        assert DetectionModel(config, verbose=False).model[0].width_list[-1] == 512
    else:
        with pytest.raises(BackboneError, match="missing a required argument: 'model'"):
            DetectionModel(config, verbose=False)


def test_only_the_first_row_differs():
    own, other = (yaml_model_load(f"yolov5-{name}.yaml") for name in ("mobilenetv3", "presnet18"))
    assert other.pop("backbone")[1:] == own.pop("backbone")[1:]
    assert other.pop("yaml_file") != own.pop("yaml_file")
    assert other == own


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    text = (ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml").read_text(encoding="utf-8")
    (tmp_path / "yolo11-presnet18.yaml").write_text(text.replace("nc: 80", "nc: 7"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert yaml_model_load("yolo11-presnet18.yaml")["nc"] == 7


def test_stock_names_load_as_upstream_has_them():
    assert yaml_model_load("yolo11s.yaml")["scale"] == "s"
    assert yaml_model_load("rtdetr-resnet50.yaml")["backbone"][0][2] == "ResNetLayer"
    with pytest.raises(FileNotFoundError):
        yaml_model_load("yolo99.yaml")


def test_the_log_says_what_was_put_together():
    with log() as lines:
        read_model(Derived(derive("yolo11-presnet18.yaml").base, [-1, 1, "PResNet18", []]))
    assert lines == ["yolo11-mobilenetv3.yaml with the row [-1, 1, PResNet18, []]"]


@pytest.mark.parametrize(("name", "cls"), [("rtdetr-presnet18.yaml", RTDETR), ("yolo26-efficientvit_m0.yaml", YOLO)])
def test_the_classes_of_upstream_take_such_a_name(name, cls):
    model = cls(name)
    assert model.task == "detect"
    assert model.model.yaml["yaml_file"] == name


ARTICLE = """\
nc: 80
depth_multiple: 0.33
width_multiple: 0.50
anchors:
  - [10,13, 16,30, 33,23]
  - [30,61, 62,45, 59,119]
  - [116,90, 156,198, 373,326]
backbone:
  [[-1, 1, MobileNetV4ConvSmall, []],
   [-1, 1, SPPF, [1024, 5]]]
head:
  [[-1, 1, Conv, [512, 1, 1]],
   [-1, 1, nn.Upsample, [None, 2, 'nearest']],
   [[-1, 3], 1, Concat, [1]],
   [-1, 3, C3, [512, False]],
   [-1, 1, Conv, [256, 1, 1]],
   [-1, 1, nn.Upsample, [None, 2, 'nearest']],
   [[-1, 2], 1, Concat, [1]],
   [-1, 3, C3, [256, False]],
   [-1, 1, Conv, [256, 3, 2]],
   [[-1, 10], 1, Concat, [1]],
   [-1, 3, C3, [512, False]],
   [-1, 1, Conv, [512, 3, 2]],
   [[-1, 5], 1, Concat, [1]],
   [-1, 3, C3, [1024, False]],
   [[13, 16, 19], 1, Detect, [nc, anchors]]]
"""


@pytest.mark.parametrize("anchors", ["anchors", "[[10,13, 16,30], [30,61, 62,45], [116,90, 156,198]]", "[10,13]", "[]"])
def test_article_002s_yaml_loads_and_says_that_anchors_are_ignored(anchors, tmp_path):
    path = tmp_path / "yolov5_MobileNetv4.yaml"
    path.write_text(ARTICLE.replace("[nc, anchors]", f"[nc, {anchors}]"), encoding="utf-8")
    with log() as lines:
        model = DetectionModel(str(path), nc=2, verbose=False)
    assert any("`anchors` is ignored" in line and "anchor-free" in line for line in lines)
    model.nc, model.args = 2, get_cfg()
    plain = DetectionModel("yolov5-mobilenetv4convsmall.yaml", nc=2, verbose=False)
    assert model.model[-1].reg_max == plain.model[-1].reg_max == 16
    assert sum(p.numel() for p in model.model[-1].parameters()) == sum(p.numel() for p in plain.model[-1].parameters())
    model.train().loss(batch(model, 96))[0].sum().backward()


@pytest.mark.parametrize(
    ("args", "head", "left"),
    [
        ([80, [17, 3]], "Pose", [80, [17, 3]]),
        ([80, [[1, 2], [3, 4]], 32, 256], "Segment", [80, 32, 256]),
        ([80, "anchors", 32, 256], "Segment", [80, 32, 256]),
        ([80], "Detect", [80]),
        ([80, 3], "Detect", [80, 3]),
    ],
)
def test_what_counts_as_anchors(args, head, left):
    assert drop_anchors(args, head) is args
    assert args == left


def test_a_head_without_anchors_says_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        DetectionModel("yolov5-mobilenetv3small.yaml", nc=2, verbose=False)
    assert not any("anchors" in record.getMessage() for record in caplog.records)
