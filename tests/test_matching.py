"""matching.py: weights of another model land on the rows that they belong to."""

import copy
import pickle

import pytest
import torch
from support.small_models import build, ours_yaml, stock_yaml
from torch import nn

from ultralytics import RTDETR, YOLO
from ultralytics.cfg import get_cfg
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.Addmodules import BackboneError, hooks
from ultralytics.nn.Addmodules._rows import matching
from ultralytics.nn.tasks import SegmentationModel

OURS_HEAD, STOCK_HEAD = range(1, 10), range(7, 16)
"""Positions of the same rows of the head in the two small models."""


pytestmark = pytest.mark.usefixtures("small_backbone")


def same(one, other):
    """Tell how many tensors of two modules are equal."""
    theirs = other.state_dict()
    return sum(name in theirs and torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_tensors_land_on_the_rows_of_the_same_head(stock):
    target = build(ours_yaml(), 2)
    before = copy.deepcopy(target.model[0])
    target.load(stock)
    for mine, other in zip(OURS_HEAD, STOCK_HEAD):
        assert same(target.model[mine], stock.model[other]) == len(stock.model[other].state_dict())
    assert same(target.model[0], before) == len(before.state_dict())


def test_and_back(ours):
    target = build(stock_yaml(), 2)
    before = copy.deepcopy(target)
    target.load(ours)
    for mine, other in zip(OURS_HEAD, STOCK_HEAD):
        assert same(target.model[other], ours.model[mine]) == len(ours.model[mine].state_dict())
    assert [same(target.model[n], before.model[n]) for n in range(7)] == [6] * 7
    assert [row[0] for row in target.load_report] == list(range(16))


def test_the_accident_of_rtdetr_l(logged):
    source, target = RTDETR("rtdetr-l.yaml").model, RTDETR("rtdetr-mobilenetv3small.yaml").model
    target.load(source)
    report = {row[0]: row[2:] for row in target.load_report}
    assert sum(row[0] for row in report.values()) == 176  # 12 on the wrong rows before
    assert report[4] == (0, 240, None)
    assert report[7] == (6, 6, 12)
    assert report[23] == (125, 125, 28)
    for mine in range(1, 20):
        assert type(target.model[mine]) is type(source.model[mine + 9])
    assert same(target.model[19], source.model[28]) == 125
    assert "  23      RTDETRDecoder: all 125 from 28" in logged()
    assert "  not used of that model: 0-9, 16, 21, 24, 27" in logged()


def test_a_row_in_between_shifts_those_behind_it(ours):
    target = build(ours_yaml([[-1, 1, "Conv", [32, 3, 1]]]), 2)
    target.load(ours, verbose=False)
    origins = {row[0]: row[4] for row in target.load_report}
    assert [origins[index] for index in (4, 5, 6, 9, 14)] == [4, 5, None, 8, 13]
    assert same(target.model[10], ours.model[9]) == 85
    assert same(target.model[2], ours.model[1]) == 1  # a BatchNorm's counter, 0 in both


def test_a_row_less_shifts_them_back(ours):
    source = build(ours_yaml([[-1, 1, "Conv", [32, 3, 1]]]), 2)
    target = build(ours_yaml(), 0)
    target.load(source, verbose=False)
    assert [row[4] for row in target.load_report] == [4, 5, 7, 8, 9, 10, 11, 12, 13, 14]


def test_other_heads_share_what_they_have_in_common(stock):
    yaml = ours_yaml()
    yaml["head"][-1] = [yaml["head"][-1][0], 1, "Segment", ["nc", 8, 32]]
    target = build(yaml, 2, SegmentationModel)
    target.load(stock, verbose=False)
    _, _, loaded, total, origin = target.load_report[-1]
    assert (origin, 80 < loaded < total) == (15, True)


def test_a_head_that_has_nothing_in_common_gets_nothing():
    source = RTDETR("rtdetr-mobilenetv3small.yaml").model
    target = build(ours_yaml(), 0)
    before = copy.deepcopy(target)
    with pytest.raises(BackboneError, match=r"none of the 635 tensors of rtdetr-mobilenetv3small\.yaml fits "):
        target.load(source, verbose=False)
    assert same(target, before) == len(before.state_dict())


@pytest.mark.parametrize("change", [False, True], ids=["same", "another backbone"])
def test_a_backbone_goes_to_its_own_kind_only(change):
    names = ("mobilenetv3small", "mobilenetv3large" if change else "mobilenetv3small")
    source, target = (YOLO(f"yolo11-{name}.yaml").model for name in names)
    before = copy.deepcopy(target.model[0])
    for parameter in source.parameters():
        parameter.data.add_(1)
    target.load(source, verbose=False)
    total = len(before.state_dict())
    loaded = same(target.model[0], before) != total
    assert loaded is not change
    assert target.load_report[0] == (4, type(before).__name__, *((0, total, None) if change else (total, total, 4)))


def test_the_same_model_is_loaded_whole_with_its_names(ours, logged):
    target = build(ours_yaml(), 3)
    target.names = {0: "0"}
    target.load(ours)
    assert same(target, ours) == len(ours.state_dict())
    assert target.names == {0: "square"}
    assert logged()[1:3] == [
        "  4       Nested: all 30 from 4",
        "  5-13    Conv, Upsample, Concat, ... (9 rows): all 115 from 5-13",
    ]


@pytest.mark.parametrize(("reads", "partner"), [((3, False), 0), ((1, False), 1), ((1, True), 1)])
def test_of_two_rows_alike_the_inputs_decide_and_then_the_later_one_has_it(reads, partner):
    def row(position, source):
        return matching.Row(position, position, "Conv", (source,), False, False, {"weight": (8, 8, 1, 1)})

    assert matching._align([row(0, (1, False)), row(1, reads)], [row(0, (1, False))]) == {0: partner}


def test_stock_to_stock_is_upstreams(stock, logged):
    target = build(stock_yaml(), 2)
    tensors = stock.state_dict()
    assert hooks.match_rows(target, stock, tensors) is tensors
    target.load(stock)
    assert not hasattr(target, "load_report")
    assert logged() == ["Transferred 157/157 items from pretrained weights"]


def test_class_scores_are_sorted_by_name_on_their_new_row(stock):
    source = copy.deepcopy(stock)
    source.model[-1] = build({**stock_yaml(), "nc": 3}).model[-1]
    source.names = {0: "tree", 1: "square", 2: "house"}
    target = build({**ours_yaml(), "nc": 2}, 2)
    target.names = {0: "house", 1: "tree"}
    target.load(source, verbose=False)
    for mine, other in zip(target.model[-1].cv3, source.model[-1].cv3):
        assert torch.equal(mine[-1].weight, other[-1].weight[[2, 0]])
    assert target.load_report[-1][2:] == (85, 85, 15)


def test_a_trainer_loads_the_same_way(stock):
    trainer = object.__new__(DetectionTrainer)
    trainer.data, trainer.args = {"nc": 1, "channels": 3}, get_cfg()
    model = trainer.get_model(cfg=ours_yaml(), weights=stock, verbose=False)
    assert same(model.model[9], stock.model[15]) == 85


def test_the_report_survives_a_pickle_as_plain_values(stock):
    target = build(ours_yaml(), 2)
    target.load(stock, verbose=False)
    report = pickle.loads(pickle.dumps(target.load_report))
    assert report == target.load_report
    assert {type(value) for row in [report, *report] for value in row} <= {tuple, int, str, type(None)}


def test_a_long_report_is_cut():
    report = [(index, "Conv", index % 2, 2, index) for index in range(80)]
    lines = matching._text(report, [])
    assert len(lines) == 24
    assert lines[-1] == "  ... and 58 more lines: see model.load_report"


def test_a_source_that_is_no_model_of_rows_is_left_to_upstream(ours):
    source = nn.Module()
    name, tensor = next((name, tensor) for name, tensor in ours.state_dict().items() if name.endswith("conv.weight"))
    tensors = {name: tensor, "other": torch.zeros(1)}
    assert hooks.match_rows(ours, source, tensors) is tensors


def spoil(model, keep=""):
    """Give every tensor of a model a shape of its own, but for one and for the counters of BatchNorms."""
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None and tensor.ndim and tensor is not model.state_dict(keep_vars=True).get(keep):
                    table[name] = nn.Parameter(torch.zeros((*tensor.shape, 2)), requires_grad=False)
    return model


@pytest.mark.parametrize("mine", [stock_yaml, ours_yaml])
@pytest.mark.parametrize("theirs", [stock_yaml, ours_yaml])
def test_weights_of_which_nothing_fits_are_refused(mine, theirs):
    target, source = build(mine()), spoil(build(theirs()))
    source.pt_path = "runs/other.pt"
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(BackboneError, match=r"none of the \d+ tensors of runs/other\.pt fits .*\n  to do: .* scratch"):
        target.load(source)
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_one_tensor_that_fits_is_enough(stock):
    target, source = build(stock_yaml(), 2), spoil(copy.deepcopy(stock), keep="model.3.conv.weight")
    target.load(source, verbose=False)
    assert torch.equal(target.model[3].conv.weight, stock.model[3].conv.weight)
