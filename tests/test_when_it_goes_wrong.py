"""Every error on the page "When it goes wrong" is printed as it stands there, in both languages' pages."""

import re
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, make_squares

from lab.data.check import check_data
from run.arguments import UsageError
from run.find import find_data, load_checkpoint
from ultralytics import RTDETR, YOLO
from ultralytics.data.utils import check_det_dataset
from ultralytics.nn.Addmodules import BackboneError
from ultralytics.utils.torch_utils import get_flops

PAGES = [ROOT / "docs" / name for name in ("when-it-goes-wrong.md", "when-it-goes-wrong.zh-CN.md")]
TEXT = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8")
ROW = "  - [-1, 1, MobileNetV3, []] # 4: maps of 24, 40, 112 and 960 channels in slots 1 to 4\n"

YAMLS = {
    "unknown module": ("MobileNetV3,", "MobileNetV4ConvSmal,"),
    "index too large": ("[[-1, 12], 1, Concat", "[[-1, 23], 1, Concat"),
    "empty slot": ("  - [2, 1, Conv", "  - [0, 1, Conv"),
    "unequal maps": ("[[-1, 12], 1, Concat", "[[-1, 14], 1, Concat"),
    "attention heads": ("AIFI, [1024, 8]", "AIFI, [1024, 7]"),
    "arguments": ("[256, 1, 1]] # 7", "[256, 1, 1, None, 1, 1, False, 2, 3]] # 7"),
    "levels": ("[[16, 19, 22], 1, RT", "[[22, 19, 16], 1, RT"),
    "backbone further down": ("[-1, 1, AIFI, [1024, 8]]", "[-1, 1, MobileNetV3, []]"),
    "missing key": ("nc: 80\n", ""),
    "path as backbone": ("\n  # [from, repeats, module, args]\n" + ROW, " weights/mobilenetv3.pth\n"),
    "tab": ("  - [-1, 1, AIFI", "\t- [-1, 1, AIFI"),
    "duplicate key": ("nc: 80\n", "nc: 80\nnc: 3\n"),
    "full-width comma": ("[-1, 1, AIFI, [1024, 8]]", "[-1, 1, AIFI\uff0c [1024, 8]]"),
    "tag": ("nc: 80\n", "nc: !!python/object/apply:os.getcwd []\n"),
    "weights missing": ("MobileNetV3, []", "MobileNetV3, [{pretrained: weights/mobilenetv3.pth}]"),
    "keyword of a backbone": ("MobileNetV3, []", "MobileNetV3, [{widht: 0.5}]"),
}


def printed(case, tmp_path, monkeypatch):
    """Return what building the case's YAML says, without the folders' names."""
    monkeypatch.chdir(tmp_path)
    old, new = YAMLS[case]
    assert TEXT.count(old) == 1, case
    (tmp_path / "rtdetr-mine.yaml").write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(BackboneError) as caught:
        RTDETR("rtdetr-mine.yaml")
    return str(caught.value).replace(str(tmp_path) + "/", "").replace(str(tmp_path) + "\\", "")


def shown(text):
    """Return the texts of a page's fenced blocks, spaces at line ends aside."""
    return [block.strip("\n") for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("case", list(YAMLS))
def test_a_wrong_yaml_says_what_the_page_says(case, page, tmp_path, monkeypatch):
    said = printed(case, tmp_path, monkeypatch)
    assert any(said == block for block in shown(page.read_text(encoding="utf-8"))), said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_wrong_class(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-world.yaml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(BackboneError) as caught:
        YOLO("my-world.yaml")
    assert str(caught.value) in shown(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model():
    """A model with four maps, as small as it gets."""
    from ultralytics.nn.tasks import DetectionModel

    return DetectionModel("yolo11-mobilenetv3small.yaml", nc=2, verbose=False)


def said_later(case, model, tmp_path, monkeypatch, caplog):
    """Return what a mistake says that is made after the model was built."""
    from ultralytics.nn.Addmodules import hooks

    if case == "freeze":
        with pytest.raises(BackboneError) as caught:
            hooks.frozen_layers(model, [40], [40])
        return str(caught.value)
    if case == "embed":
        with pytest.raises(BackboneError) as caught:
            model(torch.zeros(1, 3, 64, 64), embed=[2])
        return str(caught.value)
    if case == "flops":
        monkeypatch.setattr("ultralytics.nn.Addmodules._rows.flops._told", set())
        monkeypatch.setitem(sys.modules, "thop", None)
        with caplog.at_level("WARNING", logger="ultralytics"):
            assert get_flops(model) == 0.0
        said = caplog.messages[-1].replace("import of thop halted; None in sys.modules", "No module named 'thop'")
        return said[said.index("GFLOPs") :]
    if case == "network":
        monkeypatch.setenv("YOLO_OFFLINE", "true")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConnectionError) as caught:
            YOLO("yolo26n.pt")
        return re.sub(r"put it at .*", "put it at …", str(caught.value))
    monkeypatch.chdir(tmp_path)
    if case == "damaged":
        torch.save({"model": torch.nn.Linear(300, 200)}, "last.pt")
        content = bytearray((tmp_path / "last.pt").read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(UsageError) as told:
            load_checkpoint(Path("last.pt"))
        return str(told.value)
    if case == "fit":
        YOLO("yolo11n.yaml").save("yolo11n.pt")
        with pytest.raises(BackboneError) as caught:
            YOLO("yolov8x.yaml").load("yolo11n.pt")
        return re.sub(r"fits .*[/\\\\]", "fits ", str(caught.value))
    if case in ("weights", "download"):
        monkeypatch.setenv("ADDMODULES_RESTRICT", "1")
        torch.save({"call": open}, "best.pt")
        (tmp_path / "data.yaml").write_text("", encoding="utf-8")
        address = "https://example.com/crowns.zip"
        tried = {"weights": lambda: YOLO("best.pt"), "download": lambda: hooks.allow_download("data.yaml", address)}
        with pytest.raises(BackboneError) as caught:
            tried[case]()
        return str(caught.value)
    data = make_squares(tmp_path / "squares")
    if case == "encoding":
        data.write_bytes(data.read_bytes().replace(b"[square]", "[树冠]".encode("gbk")))
        with pytest.raises(BackboneError) as caught:
            check_det_dataset("squares/data.yaml")
        return str(caught.value)
    if case == "links":
        (tmp_path / "squares/images/train/again").symlink_to(tmp_path / "squares/images", target_is_directory=True)
        with pytest.raises(UsageError) as told:
            find_data("squares/data.yaml")
        return str(told.value).replace(f"{tmp_path}/", "")
    (tmp_path / "squares" / "labels" / "train" / "0.txt").write_text("0 20 30 10 10\n", encoding="utf-8")
    lines = [re.sub(r" \([\d.]+ s\)$", "", line) for line in check_data(data).lines()]
    return "\n".join(lines).replace(str(tmp_path.as_posix()) + "/", "").replace(str(tmp_path) + "/", "")


LATER = ["freeze", "embed", "flops", "network", "damaged", "fit", "encoding", "links", "data", "weights", "download"]


@pytest.mark.parametrize("case", LATER)
def test_a_mistake_after_the_build_says_what_the_pages_say(case, model, tmp_path, monkeypatch, caplog):
    said = said_later(case, model, tmp_path, monkeypatch, caplog)
    for page in PAGES:
        assert said in shown(page.read_text(encoding="utf-8")), said


def test_both_pages_show_the_same_errors():
    one, other = (shown(page.read_text(encoding="utf-8")) for page in PAGES)
    assert one == other
    assert len(one) > len(YAMLS)
