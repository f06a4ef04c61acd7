"""Rows by their index in the YAML (indices.py): freeze, embed, distillation; what the articles' tree does instead."""

import copy
import json

import pytest
import torch
from conftest import ROOT, make_squares, run_python
from support.small_models import Nested, build, ours_yaml
from torch import nn

from ultralytics import RTDETR, YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules._rows import indices as rows
from ultralytics.nn.Addmodules.contract import BackboneError
from ultralytics.nn.distill_model import DistillationModel
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML

pytestmark = pytest.mark.usefixtures("small_backbone")


COMPARE = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from small_models import build, known, ours_yaml, stock_yaml
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.distill_model import DistillationModel
from ultralytics.utils import YAML

entered = known()
entered.__enter__()
found = {}
ours, stock = build(ours_yaml(), 0).eval(), build(stock_yaml(), 1).eval()
target = build(ours_yaml(), 2)
target.load(stock)
pairs = [(x.state_dict(), y.state_dict()) for x, y in zip(target.model[1:], stock.model[7:])]
same = [torch.equal(x[name], y[name]) for x, y in pairs for name in x if x[name].is_floating_point()]
found["loaded"] = f"{sum(same)} of {len(same)}"

def frozen(freeze):
    YAML.save("small.yaml", ours_yaml())
    options = dict(model="small.yaml", data="data.yaml", epochs=1, imgsz=64, batch=2, plots=False, device="cpu")
    trainer = DetectionTrainer(overrides={**options, "freeze": freeze, "project": "runs"})
    trainer._setup_train()
    trainer._model_train()
    names = [name for name, p in trainer.model.named_parameters() if not p.requires_grad and ".dfl" not in name]
    still = [n for n, m in trainer.model.named_modules() if isinstance(m, torch.nn.BatchNorm2d) and not m.training]
    parts = [".".join(name.split(".")[:4 if name.startswith("model.0.") else 2]) for name in names + still]
    return sorted(set(parts))

found["freeze=8"] = frozen(8)
found["freeze=[1]"] = frozen([1])

x = torch.rand(1, 3, 64, 64)
yolo = YOLO("yolo11n.yaml")
yolo.model = ours
yolo.predictor = None
outputs = []
hook = ours.model[-2].register_forward_hook(lambda m, i, o: outputs.append(o))
given = yolo.embed(x, imgsz=64)[0]
hook.remove()
pooled = [output.mean((2, 3))[0] for output in outputs]
found["embedded"] = any(given.shape == y.shape and torch.allclose(given, y) for y in pooled)
found["unknown row"] = "a result"
try:
    ours(x, embed=[40])
except ValueError as e:
    found["unknown row"] = str(e)

found["distilled"] = []
for student, teacher in ((ours, stock), (stock, ours)):
    try:
        model = DistillationModel(teacher, student)
        reads = []
        student.eval()
        hook = student.model[-1].register_forward_pre_hook(lambda m, i: reads.extend(i[0]))
        student(x)
        hook.remove()
        captured = [model._student_feats[n] for n in range(3)]
        found["distilled"].append(all(a is b for a, b in zip(captured, reads)))
    except Exception as e:
        found["distilled"].append(type(e).__name__)
print("FOUND " + json.dumps(found))
"""


def compare(root, folder):
    make_squares(folder)
    run = run_python("-c", COMPARE, ROOT / "tests" / "support", cwd=folder, env={"PYTHONPATH": str(root)})
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split("FOUND ")[1].splitlines()[0])


def test_rows_are_those_of_the_yaml(tmp_path):
    found = compare(ROOT, tmp_path)
    assert found["loaded"] == "98 of 98"
    assert found["freeze=8"] == [*(f"model.0.model.{n}" for n in range(5)), "model.1"]  # 6 and 7 have no weights
    assert found["freeze=[1]"] == [f"model.0.model.{n}" for n in range(5)]
    assert found["embedded"] is True
    assert "embed=[40]: expected a list of rows of the YAML out of 4-12" in found["unknown row"]
    assert found["distilled"] == [True, True]


@pytest.mark.slow
def test_rows_are_others_on_the_tree_of_the_articles(articles_root, tmp_path):
    """What the steps b04 and b05 mend."""
    found = compare(articles_root, tmp_path)
    assert found["loaded"] == "0 of 98"
    assert found["freeze=8"] == [*(f"model.0.model.{n}" for n in range(5)), "model.1", "model.4", "model.5", "model.7"]
    assert found["freeze=[1]"] == ["model.0.model.1", "model.1"]
    assert found["embedded"] is False
    assert found["unknown row"] == "a result"
    assert found["distilled"] == ["IndexError", "IndexError"]


class TestFreeze:
    @pytest.mark.parametrize(
        ("freeze", "names"),
        [
            ("backbone", ["model.0."]),
            (5, ["model.0."]),
            (2, ["model.0."]),
            ([0], ["model.0."]),
            ([2, 4], ["model.0."]),
            (["backbone", 6], ["model.0.", "model.2."]),
            (10, ["model.0.", *(f"model.{n}." for n in range(1, 6))]),
            ([13, 10], ["model.6.", "model.9."]),
            (["10"], ["model.6."]),
            ([1, "5"], ["model.0.", "model.1."]),
            (["4.model.1", "13.cv2"], ["model.0.model.1.", "model.9.cv2."]),
            (0, []),
            (None, []),
            ([], []),
        ],
    )
    def test_names_rows_by_index(self, ours, freeze, names):
        assert rows.frozen_layers(ours, freeze, []) == names

    @pytest.mark.parametrize(
        ("freeze", "message"),
        [
            ("head", "freeze='head': expected backbone"),
            (True, "freeze=True: expected backbone"),
            (2.5, "freeze=2.5: expected backbone"),
            (-1, "give a number from 0 to 14"),
            (15, "freeze=15: the model has the indices 0-13"),
            ([14], "there is no row 14, the model has the indices 0-13"),
            ([-1], "there is no row -1"),
            (["neck"], "there is no row 'neck'"),
            ([5.0], "there is no row 5.0"),
            ([True], "there is no row True"),
            (["13.cv9"], "row 13 (Detect) has no module 'cv9', it has cv2, cv3, dfl"),
            (["3.stem"], "row 3 (Nested) has no module 'stem', it has model"),
        ],
    )
    def test_says_what_it_does_not_understand(self, ours, freeze, message):
        with pytest.raises(BackboneError) as caught:
            rows.frozen_layers(ours, freeze, [])
        assert message in str(caught.value)

    @pytest.mark.parametrize(("freeze", "row"), [([5], 5), (["13.cv2", "6"], 6), ([8, 7], 7)])
    def test_refuses_a_row_whose_name_is_part_of_another_parameters(self, ours, freeze, row):
        """`model.1.` is part of `model.0.model.1.0.weight`, and upstream's trainer looks for parts."""
        with pytest.raises(BackboneError, match=rf"'model\.{row - 4}\.' of row {row} is part of 'model\.0\.model\."):
            rows.frozen_layers(ours, freeze, [])

    def test_says_what_is_frozen(self, ours, logged):
        rows.frozen_layers(ours, [1, 5, 7, 6, "13.cv2"], [])
        rows.frozen_layers(ours, 3, [])
        assert logged() == [
            "freeze=[1, 5, 7, 6, '13.cv2'] by index of the YAML: the backbone Nested (0-4), rows 5-7, cv2 of row 13",
            "freeze=3: the indices 0 to 4 are one row, the backbone; all of it is frozen",
            "freeze=3 by index of the YAML: the backbone Nested (0-4)",
        ]

    def test_a_stock_model_keeps_upstreams_names(self, stock, logged):
        names = rows.frozen_layers(stock, [1, "x.y"], [1, "x.y"])
        assert names == ["model.1.", "model.x.y."]
        assert rows.is_frozen("deep.model.1.conv", names)  # any part of a name
        assert not rows.is_frozen("model.1", names)
        assert logged() == []

    @pytest.mark.parametrize("freeze", ["backbone", ["backbone"]])
    def test_a_stock_model_has_no_backbone_row(self, stock, freeze):
        with pytest.raises(BackboneError, match="freeze=7 are those that its YAML lists under `backbone:`"):
            rows.frozen_layers(stock, freeze, [])

    @pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "student_model.", "module.student_model."])
    def test_names_begin_with_the_row_whatever_wraps_the_model(self, prefix):
        frozen = [rows.RowName("model.1."), ".dfl", "teacher_model."]
        assert rows.is_frozen(f"{prefix}model.1.conv.weight", frozen)
        assert rows.is_frozen(f"{prefix}model.1", frozen)
        assert rows.is_frozen(f"{prefix}model.9.dfl.conv.weight", frozen)
        assert rows.is_frozen("teacher_model.model.3.conv.weight", frozen)
        assert not rows.is_frozen(f"{prefix}model.0.model.1.0.weight", frozen)
        assert not rows.is_frozen(f"{prefix}model.11.conv.weight", frozen)

    def test_finds_the_rows_in_every_wrapping(self, ours, stock):
        class Outer(nn.Module):
            def __init__(self, name, inner):
                super().__init__()
                self.add_module(name, inner)

        distilled = Outer("student_model", ours)
        distilled.teacher_model = stock
        for model in (ours, Outer("_orig_mod", ours), Outer("module", Outer("_orig_mod", ours)), distilled):
            assert rows.layers_of(model) is ours.model
        assert rows.layers_of(Outer("module", distilled)) is ours.model
        assert rows.layers_of(object()) == []

    @pytest.mark.parametrize("backbone", ["Nested", "timm"])
    def test_training_leaves_a_frozen_backbone_as_it_is(self, tmp_path, backbone):
        make_squares(tmp_path)
        yaml = ours_yaml()
        if backbone == "timm":
            pytest.importorskip("timm")
            yaml["backbone"] = [[-1, 1, "Timm", ["resnet18", False]]]
        YAML.save(tmp_path / "small.yaml", yaml)
        model = YOLO(tmp_path / "small.yaml")
        kept = {}

        def remember(trainer):
            kept.update({name: tensor.clone() for name, tensor in trainer.model.state_dict().items()})

        model.add_callback("on_train_start", remember)
        options = {"epochs": 1, "imgsz": 64, "batch": 2, "workers": 0, "plots": False, "val": False, "device": "cpu"}
        model.train(data=str(tmp_path / "data.yaml"), freeze="backbone", project=str(tmp_path), amp=False, **options)
        after = model.trainer.model.state_dict()
        changed = {name.split(".")[1] for name in kept if not torch.equal(kept[name], after[name])}
        assert "0" not in changed  # neither weights nor the statistics of its BatchNorms
        assert {"1", "9"} <= changed

    def test_stops_before_training(self, tmp_path):
        make_squares(tmp_path)
        YAML.save(tmp_path / "small.yaml", ours_yaml())
        model = YOLO(tmp_path / "small.yaml")
        started = []
        model.add_callback("on_train_start", started.append)
        with pytest.raises(BackboneError, match="there is no row 14"):
            model.train(data=str(tmp_path / "data.yaml"), freeze=[14], epochs=1, imgsz=64, device="cpu", amp=False)
        assert not started

    def test_the_command_line_takes_the_word(self):
        from ultralytics.cfg import parse_key_value_pair

        key, value = parse_key_value_pair("freeze=backbone")
        assert get_cfg(overrides={key: value}).freeze == "backbone"


class TestEmbed:
    @pytest.fixture
    def image(self):
        return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    @pytest.mark.parametrize("index", [4, 5, 8, 12])
    def test_gives_the_pooled_output_of_the_row(self, ours, image, index):
        outputs = {}
        layer = next(layer for layer in ours.model if layer.i == index)
        hook = layer.register_forward_hook(lambda m, i, o: outputs.update({m.i: o}))
        (given,) = ours(image, embed=[index])
        hook.remove()
        wanted = outputs[index][-1] if index == 4 else outputs[index]
        assert torch.equal(given, wanted.mean((2, 3))[0]) or torch.allclose(given, wanted.mean((2, 3))[0])

    @pytest.mark.parametrize(
        ("embed", "message"),
        [
            ([40], r"embed=\[40\]: expected a list of rows of the YAML out of 4-12"),
            ([5, 13], "out of 4-12"),
            ([-1], "out of 4-12"),
            ([3], "of the maps of Nested only P5 can be asked for, by index 4"),
            (["5"], "out of 4-12"),
            (5, "embed=5: expected a list"),
        ],
    )
    def test_lists_the_rows_that_there_are(self, ours, image, embed, message):
        with pytest.raises(BackboneError, match=message):
            ours(image, embed=embed)

    def test_every_family_comes_by(self):
        model = RTDETR("rtdetr-mobilenetv3small.yaml")
        image = torch.zeros(1, 3, 64, 64)
        assert model.embed(image, imgsz=64)[0].shape == (256,)  # the last RepC3, not the Concat of 512 channels
        with pytest.raises(BackboneError, match=r"out of 4-22"):
            model.predict(image, imgsz=64, embed=[30])

    def test_a_stock_model_is_upstreams(self, stock, image):
        options = {"embed": [99], "augment": False}
        assert hooks.embed_rows(stock, options) is options
        assert isinstance(stock(image, embed=[99])[0], torch.Tensor)  # detections
        assert len(stock(image, embed=[14])[0]) == 24


class TestDistill:
    @pytest.mark.parametrize("turned", [False, True], ids=["ours learns", "ours teaches"])
    def test_compares_what_the_heads_read(self, ours, stock, turned):
        student, teacher = (stock, ours) if turned else (ours, stock)
        model = DistillationModel(teacher_model=copy.deepcopy(teacher), student_model=copy.deepcopy(student))
        image, reads = torch.rand(2, 3, 64, 64), {}
        for name in ("student", "teacher"):
            part = getattr(model, f"{name}_model").eval()
            part.model[-1].register_forward_pre_hook(lambda m, i, name=name: reads.update({name: list(i[0])}))
            part(image)
            captured = getattr(model, f"_{name}_feats")
            assert len(captured) == 4
            assert all(captured[level] is read for level, read in enumerate(reads[name]))
        shapes = [tuple(p[0].weight.shape[:2]) for p in model.projector]
        assert shapes == [(24, 24), (24, 24), (32, 32)]

    def test_a_head_on_the_backbone_itself_is_refused(self, stock):
        yaml = ours_yaml()
        yaml["head"][-1][0] = [2, 8, 11]
        with pytest.raises(BackboneError, match="input 0 of Detect is the backbone's slot 2 itself"):
            DistillationModel(stock, build(yaml))

    def test_a_from_that_counts_back_is_the_same_row(self, ours):
        assert rows.positions(ours, [12, 8, 11, 13]) == [8, 4, 7, 9]
        assert rows.positions(ours, [-1, -5, 11, 13]) == [8, 4, 7, 9]
        with pytest.raises(BackboneError, match="there is no row 20"):
            rows.positions(ours, [20, 13])

    def test_a_stock_model_is_upstreams(self, stock):
        assert rows.positions(stock, [14, 10, 13, 15]) == [14, 10, 13, 15]


def test_the_small_models_are_what_the_tests_take_them_for(ours, stock):
    assert isinstance(ours.model[0], Nested)
    assert isinstance(ours, DetectionModel)
    assert [layer.i for layer in ours.model] == list(range(4, 14))
    assert [layer.i for layer in stock.model] == list(range(16))
