"""What older releases of upstream call by another name: the overlay finds it under either name."""

import pytest
import torch
from conftest import ROOT

import ultralytics
from ultralytics import utils
from ultralytics.nn.Addmodules import _upstream
from ultralytics.nn.Addmodules._rows import derive
from ultralytics.utils import torch_utils

FOLDER = ROOT / "ultralytics" / "nn" / "Addmodules"


def test_the_tree_under_test_is_the_checkouts():
    assert ultralytics.__file__ == str(ROOT / "ultralytics" / "__init__.py")


def test_a_yaml_is_read_by_whichever_reader_there_is(tmp_path, monkeypatch):
    path = tmp_path / "model.yaml"
    path.write_text("nc: 3\n")
    assert _upstream.load_yaml(path) == {"nc": 3}
    monkeypatch.delattr(utils, "YAML")
    monkeypatch.setattr(utils, "yaml_load", lambda file: {"read by": "the older one"}, raising=False)
    assert _upstream.load_yaml(path) == {"read by": "the older one"}
    base = derive.Derived(str(path), [-1, 1, "Net", []])
    monkeypatch.setattr(utils, "yaml_load", lambda file: {"backbone": [["old"], ["second"]]})
    assert derive.read_model(base)["backbone"] == [[-1, 1, "Net", []], ["second"]]


@pytest.mark.parametrize("text", ["1", "true", " YES ", "on", "0", "false", "", "no", None])
def test_a_variable_says_yes_in_the_words_of_upstream(monkeypatch, text):
    monkeypatch.delenv("ADDMODULES_TEST", raising=False)
    if text is not None:
        monkeypatch.setenv("ADDMODULES_TEST", text)
    now = _upstream.env_bool("ADDMODULES_TEST")
    monkeypatch.delattr(utils, "env_bool")
    assert _upstream.env_bool("ADDMODULES_TEST") is now is (text in ("1", "true", " YES ", "on"))


def test_precision_is_mixed_where_upstream_has_no_context_of_its_own(monkeypatch):
    layer, x = torch.nn.Linear(2, 2), torch.rand(1, 2)
    kinds = []
    for _ in range(2):
        with _upstream.autocast(True, "cpu"):
            kinds.append(layer(x).dtype)
        with _upstream.autocast(False, "cpu"):
            assert layer(x).dtype == torch.float32
        monkeypatch.delattr(torch_utils, "autocast", raising=False)
    assert kinds == [torch.bfloat16, torch.bfloat16]


def test_a_head_that_lacks_a_library_is_no_fault_of_the_yaml(monkeypatch):
    """Before 8.4.78 RTDETRDecoder imports scipy when it runs: the model builds, and says so when it runs."""
    from ultralytics.nn import tasks
    from ultralytics.nn.Addmodules._check.report import check

    model = utils.YAML.load(ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml")
    whole = check(model)
    assert whole.ok

    def forward(self, *_, **__):
        pass

    monkeypatch.setattr(tasks.RTDETRDecoder, "forward", forward)
    lacking = check(model)
    assert lacking.problems == whole.problems
    assert lacking.rows[-1]._replace(channels=None, size=None, stride=None) == whole.rows[-1]._replace(
        channels=None, size=None, stride=None
    )

    def wrong(self, *_, **__):
        raise ValueError("wrong")

    monkeypatch.setattr(tasks.RTDETRDecoder, "forward", wrong)
    assert not check(model).ok


def test_nothing_here_takes_the_newer_names_by_itself():
    newer = ("utils import YAML", "utils import env_bool", "torch_utils import autocast")
    for path in FOLDER.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(f"ultralytics.{name}" in text or f"ultralytics.utils.{name}" in text for name in newer), path
