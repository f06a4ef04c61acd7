"""Hooks that only releases before the pinned one call: their steps put other lines into upstream's files."""

import torch

from ultralytics import YOLO
from ultralytics.nn.Addmodules._policy.trust import allowing

SAFE = torch.serialization.get_unsafe_globals_in_checkpoint


def test_a_restricted_load_with_one_list_for_all_files_knows_a_backbone_within_the_block_only(tmp_path):
    YOLO("yolo11-mobilenetv3small.yaml").save(tmp_path / "model.pt")
    ours = [name for name in SAFE(tmp_path / "model.pt") if ".Addmodules" in name]
    assert ours
    with allowing(tmp_path / "model.pt"):
        assert not set(ours) & set(SAFE(tmp_path / "model.pt"))
    assert set(ours) <= set(SAFE(tmp_path / "model.pt"))


def test_what_is_no_checkpoint_is_left_to_the_load(tmp_path):
    (tmp_path / "model.pt").write_text("no archive")
    with allowing(tmp_path / "model.pt"):
        pass


def test_a_torch_that_cannot_list_names_allows_none(tmp_path, monkeypatch):
    YOLO("yolo11-mobilenetv3small.yaml").save(tmp_path / "model.pt")
    monkeypatch.delattr(torch.serialization, "get_unsafe_globals_in_checkpoint")
    with allowing(tmp_path / "model.pt"):
        assert not [kind for kind in torch.serialization.get_safe_globals() if "Addmodules" in str(kind)]
