"""Models of the release and of article 002: unmodified ones stay as they are, ours build, mistakes are named."""

import json

import pytest
import yaml
from conftest import ROOT, run_python

TOOL = ROOT / "tests" / "support" / "yolov5_cases.py"
ARTICLE = ROOT / "cfg" / "yolov5" / "yolov5_MobileNetv4.yaml"
SAMPLE = ["yolov5n", "yolov5n-seg", "yolov5s-ghost"]


def ask(root, *arguments):
    run = run_python(TOOL, *arguments, env={"PYTHONPATH": str(root)})
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_unmodified_models_keep_parameters_keys_and_outputs(unpatched, patched):
    before, after = (ask(root, *SAMPLE) for root in (unpatched, patched))
    assert before.pop("tree") == str(unpatched / "yolov5")  # each run really used its own tree
    assert after.pop("tree") == str(patched / "yolov5")
    assert after == before
    assert after["yolov5n"]["parameters"] == 1_872_157


def rows(**changes):
    """Return the article's YAML with rows put in the place of others (b0: of the backbone, h2: of the head)."""
    config = yaml.safe_load(ARTICLE.read_text(encoding="utf-8"))
    config["nc"] = 1
    for place, row in changes.items():
        config["backbone" if place[0] == "b" else "head"][int(place[1:])] = row
    return config


def without(key):
    config = rows()
    del config[key]
    return config


BUILDS = {
    "article": rows(),
    "other": rows(b0=[-1, 1, "EfficientViT_M0", []]),
    "timm": rows(b0=[-1, 1, "resnet18", [False]]),
}
TEXT = {"text": rows(b1=[-1, 1, "SPPF", ["exit(3)", 5]])}
MISTAKES = {
    "unknown": (rows(b0=[-1, 1, "MobileNetV4ConvSmal", []]), "did you mean MobileNetV4ConvSmall"),
    "layer": (rows(b1=[-1, 1, "nn.SPPF", [1024, 5]]), "torch.nn has no 'SPPF'"),
    "code": (rows(b1=[-1, 1, "print('run')", []]), "unknown module \"print('run')\""),
    "opens a file": (rows(b1=[-1, 1, "DetectMultiBackend", ["evil.pt"]]), "DetectMultiBackend is not a layer"),
    "whole model": (rows(b1=[-1, 1, "DetectionModel", [{"activation": "print()"}]]), "DetectionModel is not a layer"),
    "function": (rows(b1=[-1, 1, "check_yaml", ["evil.yaml"]]), "check_yaml is not a layer"),
    "library": (rows(b1=[-1, 1, "torch.load", ["evil.pt"]]), "unknown module 'torch.load'"),
    "activation": ({**rows(), "activation": "exit(3)"}, "`activation` is 'exit(3)', expected an activation of torch"),
    "second": (rows(b0=[-1, 1, "Conv", [8, 3, 2]], b1=[-1, 1, "MobileNetV3", []]), "is in row 1 of the YAML"),
    "empty": (rows(h2=[[-1, 0], 1, "Concat", [1]]), "row 8 (Concat) reads index 0, a slot that the backbone leaves"),
    "later": (rows(h2=[[-1, 30], 1, "Concat", [1]]), "row 8 (Concat) reads index 30: the rows before it are 0 to 7"),
    "size": (rows(h2=[[-1, 2], 1, "Concat", [1]]), "row 8 (Concat) fails on maps of 256x40x40 and 64x80x80"),
    "arguments": (rows(b0=[-1, 1, "MobileNetV4ConvSmall", [1, 2, 3]]), "it takes (pretrained=False)"),
    "repeats": (rows(b0=[-1, 6, "MobileNetV4ConvSmall", []]), "has 2 repeats: a backbone is built once"),
    "anchors": (without("anchors"), "the model YAML lacks anchors"),
    "width": (without("width_multiple"), "the model YAML lacks width_multiple: YOLOv5 needs the keys nc, anchors"),
    "row": (rows(b1=[-1, 1, "SPPF"]), "row 1 of the model YAML is [-1, 1, 'SPPF']: expected [from, repeats"),
    "head": (rows(h14=[[13, 16, 19], 1, "Detect", ["nc"]]), "YOLOv5's head needs anchors, [nc, anchors]"),
}


@pytest.fixture(scope="module")
def outcomes(patched, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yaml")
    for name, config in {**BUILDS, **TEXT, **{name: config for name, (config, _) in MISTAKES.items()}}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return ask(patched, folder)


def test_a_text_among_the_arguments_is_not_run(outcomes):
    assert outcomes["text"].startswith("TypeError")  # a text is no number of channels; the process has not ended


def test_the_articles_model_has_three_anchor_based_maps(outcomes):
    assert outcomes["article"] == [[8.0, 16.0, 32.0], 5_640_278]


@pytest.mark.parametrize("name", ["other", "timm"])
def test_any_backbone_of_the_checkout_can_stand_there(outcomes, name):
    strides, count = outcomes[name]
    assert strides == [8.0, 16.0, 32.0]
    assert count > 4_000_000


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_yaml_is_named(outcomes, name):
    kind, _, message = outcomes[name].partition(": ")
    assert kind in ("BackboneError", "UnknownModuleError")
    assert MISTAKES[name][1] in message


def test_the_yaml_has_the_numbers_of_the_article():
    config = yaml.safe_load(ARTICLE.read_text(encoding="utf-8"))
    assert config["nc"] == 80
    assert (config["depth_multiple"], config["width_multiple"]) == (0.33, 0.5)
    assert config["anchors"][0] == [10, 13, 16, 30, 33, 23]
    assert config["backbone"] == [[-1, 1, "MobileNetV4ConvSmall", []], [-1, 1, "SPPF", [1024, 5]]]
    assert config["head"][-1] == [[13, 16, 19], 1, "Detect", ["nc", "anchors"]]
    assert len(config["head"]) == 15
