"""YOLO and RTDETR become one another by the head of a YAML, with everything that belongs to a class (step b03)."""

import numpy as np
import pytest
from conftest import ROOT

from ultralytics import RTDETR, YOLO, cfg
from ultralytics.models import yolo
from ultralytics.models.rtdetr import RTDETRPredictor, RTDETRValidator
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.nn.Addmodules import BackboneError
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel, SegmentationModel

RT = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8")
DETECT = (ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml").read_text(encoding="utf-8")
RT, DETECT = (text.replace("MobileNetV3,", "MobileNetV3Small,") for text in (RT, DETECT))
SEGMENT = DETECT.replace("Detect, [nc]", "Segment, [nc, 32, 64]")
NAMES = ["mine.yaml", "rtdetr-mine.yaml", "yolo11-mine.yaml"]
PARTS = ("model", "trainer", "validator", "predictor")
OF_RTDETR = (RTDETRDetectionModel, RTDETRTrainer, RTDETRValidator, RTDETRPredictor)
OF_YOLO = {
    "detect": (DetectionModel, *(getattr(yolo.detect, f"Detection{kind.title()}") for kind in PARTS[1:])),
    "segment": (SegmentationModel, *(getattr(yolo.segment, f"Segmentation{kind.title()}") for kind in PARTS[1:])),
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cls", [YOLO, RTDETR])
def test_rtdetrs_head_makes_an_rtdetr(cls, name, write):
    model = cls(write(RT, name))
    assert type(model) is RTDETR
    assert (model.task, model.model.task, model.overrides["task"], model.overrides["model"]) == ("detect",) * 3 + (
        name,
    )
    assert tuple(model._smart_load(part) for part in PARTS) == OF_RTDETR
    assert type(model.model) is RTDETRDetectionModel


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cls", [YOLO, RTDETR])
@pytest.mark.parametrize(("text", "task"), [(DETECT, "detect"), (SEGMENT, "segment")], ids=["Detect", "Segment"])
def test_another_head_makes_a_yolo_of_its_task(cls, name, text, task, write):
    model = cls(write(text, name))
    assert type(model) is YOLO
    assert (model.task, model.model.task, model.overrides["task"]) == (task,) * 3
    assert tuple(model._smart_load(part) for part in PARTS) == OF_YOLO[task]
    assert type(model.model) is OF_YOLO[task][0]


@pytest.mark.parametrize("cls", [YOLO, RTDETR])
def test_stock_yamls_go_the_same_way(cls):
    assert type(cls("yolo11n.yaml")) is YOLO
    assert cls("yolo11n-seg.yaml").task == "segment"
    assert type(cls("yolov8-rtdetr.yaml")) is RTDETR


def test_a_task_that_is_given_is_kept(write):
    assert YOLO(write(SEGMENT), task="segment").task == "segment"
    assert YOLO(write(DETECT), task="detect").task == "detect"
    assert YOLO(write(RT), task="detect").task == "detect"
    with pytest.raises(NotImplementedError, match=r"'RTDETR' model does not support .* for 'segment' task"):
        YOLO(write(RT), task="segment")


def test_a_class_of_somebody_keeps_its_class(write):
    class Mine(YOLO):
        pass

    assert type(Mine(write(DETECT))) is Mine


@pytest.mark.parametrize(("cls", "text"), [(YOLO, RT), (RTDETR, DETECT)], ids=["YOLO", "RTDETR"])
def test_predicts_validates_and_exports_by_the_class_of_its_head(cls, text, write, tmp_path):
    model = cls(write(text))
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    assert len(model.predict(image, imgsz=96, verbose=False)) == 1
    assert type(model.predictor) is model._smart_load("predictor")
    model.save(tmp_path / "mine.pt")
    again = YOLO(tmp_path / "mine.pt")
    assert (type(again), again.task) == (type(model), "detect")
    exported = model.export(format="torchscript", imgsz=96, verbose=False)
    loaded = YOLO(exported, task="detect")
    assert type(loaded) is type(model)
    assert len(loaded.predict(image, imgsz=96, verbose=False)) == 1


@pytest.mark.parametrize(
    ("name", "text", "cls"),
    [("mine.yaml", RT, RTDETR), ("rtdetr-mine.yaml", DETECT, YOLO), ("mine-rtdetr.yaml", SEGMENT, YOLO)],
    ids=["RT-DETR without a name", "Detect called rtdetr", "Segment called rtdetr"],
)
def test_the_command_line_goes_by_the_head(name, text, cls, write, monkeypatch):
    """Upstream's command guesses the class from the file's name, and hands the file to it."""
    found = []
    write(text, name)
    monkeypatch.setattr("ultralytics.engine.model.Model.predict", lambda self, **options: found.append(self))
    cfg.entrypoint(f"yolo predict model={name} source=none.png")
    assert [type(model) for model in found] == [cls]
    assert found[0].task == ("segment" if text is SEGMENT else "detect")


@pytest.mark.parametrize(
    ("name", "said"),
    [("my-world-v8.yaml", "YOLOWorld, since its name contains '-world'"), ("yoloe-mine.yaml", "YOLOE, ")],
)
def test_upstreams_other_classes_go_by_the_name_and_that_is_said(name, said, write):
    with pytest.raises(
        BackboneError, match=rf"{name} has the head Detect, and upstream takes it for {said}.*rename it"
    ):
        YOLO(write(DETECT, name))


def test_a_model_without_a_head_is_of_no_task(write):
    with pytest.raises(BackboneError, match="the last row is RepC3, for which upstream knows no task"):
        YOLO(write("\n".join(RT.splitlines()[:-1])))
