"""What the hooks do for lines that only older releases of upstream have."""

import pytest
import torch

from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules._rows.derive import Derived
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import checks


class TestFindModel:
    """Releases up to 8.4.143 drop a scale from a YAML's name before they look for the name itself."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_the_file_of_exactly_this_name_goes_first(self, folder):
        for name in ("rtdetr-presnet18.yaml", "rtdetr-mine4s.yaml", "rtdetr-mine4.yaml"):
            (folder / name).write_text("nc: 1\n", encoding="utf-8")
            assert hooks.find_model(name) == name

    def test_a_name_without_a_file_is_derived(self):
        found = hooks.find_model("rtdetr-presnet18.yaml")
        assert isinstance(found, Derived)
        assert found.row == [-1, 1, "PResNet18", []]

    def test_any_other_name_is_left_to_upstream(self):
        assert hooks.find_model("yolov8n.yaml") is None

    def test_a_release_that_gives_back_the_name_of_a_missing_file_derives_too(self, monkeypatch):
        found = checks.check_yaml
        monkeypatch.setattr(checks, "check_yaml", lambda file, hard=True: found(file, hard=hard) or str(file))
        assert isinstance(hooks.find_model("rtdetr-presnet18.yaml"), Derived)
        assert hooks.find_model("yolov8n.yaml") is None


def test_flops_are_counted_on_a_whole_image_behind_a_backbone_only():
    model = DetectionModel("yolo11-presnet18.yaml", nc=1, verbose=False)
    stock = DetectionModel("yolo11n.yaml", nc=1, verbose=False)
    assert [hooks.flops_side(m, 32, 640) for m in (model, stock, torch.nn.Linear(1, 1))] == [640, 32, 32]
    assert [hooks.flops_side(m, 32, None) for m in (model, stock)] == [None, 32]
