"""Backbone files in the articles' style, put into the folder as they are, and the articles' YAMLs for them.

The files are of this project: small networks with what is particular to the articles' ones (a probe with noise in the
constructor, ``channel`` or ``width_list``, factory functions with unused arguments, maps picked by size into a list
with holes, a list that the caller might change).
"""

import json

import pytest
from conftest import ROOT, make_checkout, run_python
from test_derive import ARTICLE

from fork import build as builder
from fork.tree import OVERLAY

FILES = {
    "MobileNetV4_article.py": """
from typing import Any, Dict
import torch
import torch.nn as nn

SPECS: Dict[str, Any] = {"MobileNetV4ConvSmall": [16, 24, 32, 48], "MobileNetV4ConvMedium": [16, 32, 48, 64]}

def conv_2d(inp, oup, stride=2):
    conv = nn.Sequential()
    conv.add_module("conv", nn.Conv2d(inp, oup, 3, stride, 1, bias=False))
    conv.add_module("norm", nn.BatchNorm2d(oup))
    conv.add_module("act", nn.ReLU6())
    return conv

class MobileNetV4(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        widths = SPECS[self.model]
        self.conv0 = conv_2d(3, 8)
        self.layer1, self.layer2 = conv_2d(8, widths[0]), conv_2d(widths[0], widths[1])
        self.layer3, self.layer4 = conv_2d(widths[1], widths[2]), conv_2d(widths[2], widths[3])
        self.features = nn.ModuleList([self.conv0, self.layer1, self.layer2, self.layer3, self.layer4])
        self.channel = [i.size(1) for i in self.forward(torch.randn(1, 3, 640, 640))]

    def forward(self, x):
        side, wanted = x.size(2), [4, 8, 16, 32]
        found = [None] * 4
        for part in self.features:
            x = part(x)
            if side // x.size(2) in wanted:
                found[wanted.index(side // x.size(2))] = x
        return found

def MobileNetV4ConvSmall():
    model = MobileNetV4("MobileNetV4ConvSmall")
    return model

def MobileNetV4ConvMedium():
    model = MobileNetV4("MobileNetV4ConvMedium")
    return model
""",
    "efficientViT.py": """
import torch
import torch.nn as nn

__all__ = ["EfficientViT_M0", "EfficientViT_M1"]

class PatchEmbed(torch.nn.Sequential):
    def __init__(self, dim):
        super().__init__()
        self.add_module("a", nn.Conv2d(3, dim, 8, 8))

class EfficientViT(torch.nn.Module):
    def __init__(self, img_size=400, embed_dim=[64, 128, 192], frozen_stages=0, distillation=False, pretrained=None):
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim[0])
        self.blocks1 = nn.Sequential(nn.Conv2d(embed_dim[0], embed_dim[0], 3, 1, 1), nn.BatchNorm2d(embed_dim[0]))
        self.blocks2 = nn.Sequential(nn.Conv2d(embed_dim[0], embed_dim[1], 3, 2, 1), nn.BatchNorm2d(embed_dim[1]))
        self.blocks3 = nn.Sequential(nn.Conv2d(embed_dim[1], embed_dim[2], 3, 2, 1), nn.BatchNorm2d(embed_dim[2]))
        self.width_list = [i.size(1) for i in self.forward(torch.randn(1, 3, 640, 640))]

    def forward(self, x):
        results = [self.patch_embed(x)]
        for stage in (self.blocks1, self.blocks2, self.blocks3):
            results.append(stage(results[-1]))
        return results

EfficientViT_m0 = {"img_size": 224, "embed_dim": [16, 24, 32]}

def EfficientViT_M0(pretrained="", frozen_stages=0, distillation=False, fuse=False, pretrained_cfg=None,
                    model_cfg=EfficientViT_m0):
    model = EfficientViT(frozen_stages=frozen_stages, distillation=distillation, pretrained=pretrained, **model_cfg)
    if pretrained:
        model.load_state_dict(torch.load(pretrained))
    return model

def EfficientViT_M1(pretrained=""):
    return EfficientViT(embed_dim=[16, 24, 40])
""",
    "keeps_its_list.py": """
import torch
from torch import nn

class SameList(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.ModuleList(nn.Conv2d(3 if k == 0 else 8 * k, 8 * (k + 1), 2, 2) for k in range(5))
        self.maps = []
        self.width_list = [8, 16, 24, 32, 40]

    def forward(self, x):
        self.maps.clear()
        for layer in self.features:
            x = layer(x)
            self.maps.append(x)
        return self.maps
""",
}

SCRIPT = r"""
import copy, json, sys, torch, yaml
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel

def outcome(source, cls, row=None):
    config = yaml.safe_load(open(source, encoding="utf-8"))
    if row:
        config["backbone"][0] = row
    model = cls(config, nc=2, verbose=False)
    model.nc, model.args = 2, get_cfg()
    batch = {"img": torch.rand(2, 3, 96, 96), "cls": torch.zeros(2, 1), "batch_idx": torch.tensor([0.0, 1.0]),
             "bboxes": torch.tensor([[0.5, 0.5, 0.3, 0.3], [0.4, 0.4, 0.2, 0.2]])}
    loss = model.train().loss(batch)[0].sum()
    loss.backward()
    grads = all(p.grad is not None for p in model.model[0].parameters())
    model.eval().fuse(verbose=False)
    norms = sum(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    with torch.no_grad():
        out = model(torch.rand(1, 3, 64, 128))
    finite = bool((out[0] if isinstance(out, (list, tuple)) else out).isfinite().all())
    return {"file": type(model.model[0]).__module__.rpartition(".")[2], "grads": grads, "norms left": norms,
            "finite": finite, "loss": bool(loss.isfinite()), "fused": model.is_fused()}

article, rtdetr, yolo = sys.argv[1:]
print(json.dumps({
    "002": outcome(article, DetectionModel),
    "004": outcome(rtdetr, RTDETRDetectionModel, [-1, 1, "EfficientViT_M0", []]),
    "medium": outcome(rtdetr, RTDETRDetectionModel, [-1, 1, "MobileNetV4ConvMedium", []]),
    "five maps": outcome(yolo, DetectionModel, [-1, 1, "SameList", []]),
    "own": outcome(yolo, DetectionModel, [-1, 1, "MobileNetV4ConvLarge", []]),
}))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, wheel, results):
    """One throw-away checkout with the files in it."""
    folder = tmp_path_factory.mktemp("articles")
    checkout = make_checkout(folder / "checkout")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(builder, "run", lambda *_: results)
        builder.build(checkout, wheel)
    for name, text in FILES.items():
        (checkout / OVERLAY / name).write_text(text, encoding="utf-8")
    (folder / "yolov5_MobileNetv4.yaml").write_text(ARTICLE, encoding="utf-8")
    models = ROOT / "cfg" / "models"
    paths = [folder / "yolov5_MobileNetv4.yaml", models / "rtdetr-mobilenetv3.yaml", models / "yolo11-mobilenetv3.yaml"]
    run = run_python("-c", SCRIPT, *paths, cwd=checkout, env={"PYTHONPATH": str(checkout)})
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1]), run.stdout + run.stderr


@pytest.mark.parametrize(
    ("case", "file"),
    [
        ("002", "MobileNetV4_article"),
        ("004", "efficientViT"),
        ("medium", "MobileNetV4_article"),
        ("five maps", "keeps_its_list"),
        ("own", "mobilenetv4"),
    ],
)
def test_it_builds_trains_and_folds_from_the_articles_yaml(outcomes, case, file):
    expected = {"file": file, "grads": True, "norms left": 0, "finite": True, "loss": True, "fused": True}
    assert outcomes[0][case] == expected


def test_it_is_said_whose_backbone_is_used(outcomes):
    assert "MobileNetV4ConvSmall is the one in ultralytics/nn/Addmodules/MobileNetV4_article.py" in outcomes[1]
    assert "EfficientViT_M0 is the one in ultralytics/nn/Addmodules/efficientViT.py" in outcomes[1]
    assert "`anchors` is ignored" in outcomes[1]
