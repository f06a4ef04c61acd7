"""A model YAML made ready for upstream's ``parse_model``, and a build that fails explained (steps b01, b03)."""

import ast
import copy
import random

import pytest
import torch
from conftest import ROOT

from ultralytics import RTDETR, YOLO
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, hooks
from ultralytics.nn.Addmodules._check import report
from ultralytics.nn.Addmodules._check.report import ModelError
from ultralytics.nn.Addmodules._rows import prepare

LAST = [[4, 6, 10], 1, "Detect", ["nc"]]


class Kept(torch.nn.Module):
    """A layer that keeps the arguments that it is built with."""

    def __init__(self, *args):
        super().__init__()
        self.given = list(args)

    def forward(self, x):
        return x


@pytest.fixture
def given(monkeypatch):
    """Return what a layer is built with for a row's arguments, by way of upstream's own ``parse_model``."""
    monkeypatch.setattr(tasks, "Kept", Kept, raising=False)

    def build(arguments):
        model = {"nc": 3, "backbone": [[-1, 1, "Conv", [8, 3, 2]]], "head": [[-1, 1, "Kept", arguments]]}
        before = copy.deepcopy(model)
        built = tasks.parse_model(model, 3, verbose=False)[0]
        assert model == before  # which a checkpoint keeps
        return built[1].given

    return build


PATHS = ["./m0.pth", "C:\\a.pth", "C:\\new\\table.pth", "..\\x.pth", "/data/my weights (1).pth", "\\\\host\\a.pth"]
PATHS += ["~/m0.pth", "it's", 'say "x"', "both ' and \"", "两个 词.pth", "a-b.c", "nearest", "x=1", "(", "#", "", " "]
PATHS += ["trail\\", "f'{1}'", "lambda: 1", "{[]: 1}", "1.2.3", "$HOME/a", "a\nb", "(" * 3000, "-" * 9000 + "1"]


@pytest.mark.parametrize("text", PATHS, ids=lambda text: repr(text)[:24])
def test_a_text_stays_the_text_that_it_is(text, given):
    assert given([text, [text], {"path": text}]) == [text, [text], {"path": text}]


@pytest.mark.parametrize("text", ["3", "-0.5", "None", "True", "[1, 2]", "'a'", "(1, 'b')", "{'a': 1}", "'./a.pth'"])
def test_what_upstream_takes_for_a_value_is_that_value(text, given):
    (found,) = given([text])
    assert (found, type(found)) == (ast.literal_eval(text), type(ast.literal_eval(text)))


def test_names_that_upstream_knows_are_what_they_stand_for(given):
    assert given(["nc"]) == [3]


@pytest.mark.parametrize(
    "value", [None, True, False, 3, 0.5, [], [1, [2, "./a"]], [[None, True]], {}, {"a": [1]}, {"pretrained": "./a.pth"}]
)
def test_everything_else_is_left_alone(value, given):
    (found,) = given([value])
    assert (found, type(found)) == (value, type(value))


def test_texts_of_any_characters_are_read_as_upstream_reads_them(given):
    draw = random.Random(5)
    for _ in range(300):
        text = "".join(draw.choice("\\/.:'\"()[]{}#=, ab1-_é主\t") for _ in range(draw.randint(1, 7)))
        try:
            expected = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError):
            expected = text
        assert given([text]) == [expected], text


def test_the_content_is_left_alone_and_other_keys_are_kept():
    model = tasks.yaml_model_load("yolov5-mobilenetv3small.yaml")
    model["head"][-1][3] = ["nc", "anchors"]
    before = copy.deepcopy(model)
    ready = hooks.prepare(model, 3)
    assert model == before
    assert ready["head"][-1][3] == ["nc"]
    assert {key: value for key, value in ready.items() if key != "head"} == {
        key: value for key, value in before.items() if key != "head"
    }


def write(folder, base, change):
    """Write a YAML of the release or of the project with one row changed; return its path."""
    text = next((ROOT / folder).rglob(base)).read_text(encoding="utf-8")
    assert text.count(change[0]) == 1
    return text.replace(*change)


STOCK = ("ultralytics/cfg/models", "yolo11.yaml", ("[[-1, 6], 1, Concat", "[[-1, 4], 1, Concat"))
BEHIND = ("cfg/models", "yolo11-mobilenetv3.yaml", ("[[-1, 3], 1, Concat", "[[-1, 2], 1, Concat"))
RT = ("cfg/models", "rtdetr-mobilenetv3.yaml", ("[[-1, 12], 1, Concat", "[[-1, 14], 1, Concat"))


@pytest.mark.parametrize("case", [STOCK, BEHIND, RT], ids=["a stock YAML", "a backbone and Detect", "RT-DETR"])
@pytest.mark.parametrize("cls", [YOLO, RTDETR])
def test_rows_that_do_not_fit_are_named_when_the_model_is_built(case, cls, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(write(*case), encoding="utf-8")
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if case[2][1] in text)
    with pytest.raises(ModelError) as caught:
        cls(path)
    assert f"one fault in {path}\n{path}:{line}:" in str(caught.value)
    assert "maps of different size" in str(caught.value)


def test_a_model_that_somebody_builds_by_upstreams_class_is_not_explained(tmp_path):
    (tmp_path / "mine.yaml").write_text(write(*STOCK), encoding="utf-8")
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        tasks.DetectionModel(str(tmp_path / "mine.yaml"), verbose=False)


class TestMake:
    @pytest.mark.parametrize(
        "error", [MemoryError("none left"), RuntimeError("CUDA"), KeyError("x"), KeyboardInterrupt()]
    )
    def test_what_the_check_cannot_explain_is_raised_as_it_is(self, error):
        def build(model, verbose):
            model.clear()  # what is explained is what was given
            raise error

        with pytest.raises(type(error)) as caught:
            hooks.make(build, tasks.yaml_model_load("yolo11-mobilenetv3small.yaml"), verbose=False)
        assert caught.value is error

    @pytest.mark.parametrize("kind", [YOLO, RTDETR])
    def test_a_backbones_own_words_get_line_and_row(self, kind, tmp_path):
        text = (ROOT / BEHIND[0] / (BEHIND[1] if kind is YOLO else RT[1])).read_text(encoding="utf-8")
        (tmp_path / "mine.yaml").write_text(text.replace("MobileNetV3, []", "MobileNetV3, [tiny]"), encoding="utf-8")
        with pytest.raises(ModelError, match=r"mine\.yaml:\d+:\d+: index 4.*variant is 'tiny'"):
            kind(tmp_path / "mine.yaml")

    def test_one_of_the_project_that_the_check_does_not_find_is_raised_as_it_is(self):
        def build(model, verbose):
            raise BackboneError("mine")

        with pytest.raises(BackboneError, match=r"^mine$"):
            hooks.make(build, tasks.yaml_model_load("yolo11-mobilenetv3small.yaml"), verbose=False)

    def test_what_the_check_has_said_is_not_looked_into_again(self, monkeypatch):
        def build(model):
            raise ModelError("said already")

        monkeypatch.setattr(report, "check", lambda *_, **__: pytest.fail("must not be called"))
        with pytest.raises(ModelError, match="said already"):
            hooks.make(build, {})

    def test_gives_everything_on_and_returns_what_was_built(self):
        given = []
        assert hooks.make(lambda *args, **options: given.append((args, options)), {"nc": 1}, 3, verbose=2) is None
        assert given == [(({"nc": 1}, 3), {"verbose": 2})]

    @pytest.mark.parametrize("name", ["rtdetr-mobilenetv3small.yaml", "yolo11-mobilenetv3small.yaml", "yolo11n.yaml"])
    def test_leaves_the_model_as_upstream_builds_it(self, name):
        kind = tasks.RTDETRDetectionModel if name.startswith("rt") else tasks.DetectionModel
        torch.manual_seed(3)
        plain = kind(tasks.yaml_model_load(name), verbose=False)
        drawn = torch.rand(1)
        torch.manual_seed(3)
        made = hooks.make(kind, tasks.yaml_model_load(name), verbose=False)
        assert torch.equal(torch.rand(1), drawn)
        assert [m.training for m in made.modules()] == [m.training for m in plain.modules()]
        pairs = zip(made.state_dict().items(), plain.state_dict().items())
        assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)

    def test_a_stock_model_is_not_run_again(self, monkeypatch):
        monkeypatch.setattr(prepare, "_runs", lambda *_: pytest.fail("must not be called"))
        assert YOLO("yolo11n.yaml").task == "detect"
