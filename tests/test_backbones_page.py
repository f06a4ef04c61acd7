"""docs/backbones.md: generated, current, and true to what was measured."""

import json

import pytest

from tools import backbones, bench
from ultralytics.nn.Addmodules import registry


def test_the_page_is_current():
    assert backbones.PAGE.read_text(encoding="utf-8") == backbones.page(), "run python -m tools.backbones"


def test_every_backbone_has_a_family_or_is_a_wrapper():
    for name in registry.names():
        assert name in backbones.WRAPPED or backbones.family_of(name).start
    with pytest.raises(LookupError, match=r"Unheard has no entry in tools/backbones\.py"):
        backbones.family_of("Unheard")


def test_every_backbone_of_ours_is_measured():
    results = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["results"]
    assert set(results) == {case.name for case in bench.CASES}
    assert set(results) == set(registry.names()) - set(backbones.WRAPPED) - set(backbones.ALIASES)


def test_a_quick_measurement_prints_a_row_and_writes_nothing(capsys, tmp_path):
    out = tmp_path / "results.json"
    assert bench.main(["--quick", "--only", "mobilenetv3small", "--threads", "1", "--out", str(out)]) == 0
    assert "MobileNetV3Small" in capsys.readouterr().out
    assert not out.exists()
    assert bench.main(["--only", "nothing"]) == 2
