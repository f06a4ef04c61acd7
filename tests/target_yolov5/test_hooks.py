"""The hooks of YOLOv5 by themselves, without the package around them."""

import importlib.util
import sys

import pytest
import yaml
from conftest import ROOT

from fork.tree import YOLOV5

FOLDER = ROOT / YOLOV5.home / YOLOV5.overlay


@pytest.fixture(scope="module")
def hooks():
    """The package of the hooks under a name of its own."""
    spec = importlib.util.spec_from_file_location("hooks5", FOLDER / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["hooks5"] = module
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "hooks5"]:
        del sys.modules[name]


def part(name):
    return sys.modules[f"hooks5.{name}"]


def test_a_package_that_is_missing_is_false_and_named_when_it_is_used(hooks):
    missing = hooks.optional("no_such_package")
    assert not missing
    with pytest.raises(ValueError, match="needs the package no_such_package: python -m pip install no_such_package"):
        missing.DataFrame()
    hooks.show_columns(missing, 10)
    assert hooks.optional("json").dumps([]) == "[]"


def test_a_package_that_breaks_is_not_taken_for_a_missing_one(hooks, tmp_path, monkeypatch):
    (tmp_path / "halfthere.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        hooks.optional("halfthere")


def test_a_module_is_imported_when_its_name_is_used(hooks, tmp_path, monkeypatch):
    (tmp_path / "wanted.py").write_text("import service\n\nclass Connector:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    later = hooks.later("wanted", "Connector", "service")
    with pytest.raises(ValueError, match="needs the package service"):
        later.download()
    (tmp_path / "service.py").write_text("")
    importlib.invalidate_caches()
    assert hooks.later("wanted", "Connector", "service").__class__.__name__ == "Later"
    assert hooks.later("wanted", "Connector", "service").mro()[0].__name__ == "Connector"


def test_a_table_has_columns_and_html_without_pandas(hooks):
    table = hooks.table(hooks.optional("no_such_package"), [["a<b", 1], ["c", 2]], ["Name", "Suffix"])
    assert table.Suffix == table["Suffix"] == [1, 2]
    assert "<td>1</td><td>c</td><td>2</td>" in table.to_html()
    assert "a&lt;b" in table.to_html()
    with pytest.raises(ValueError, match="needs the package pandas"):
        table.iterrows()


def test_a_table_is_a_data_frame_with_pandas(hooks):
    class Pandas:
        DataFrame = staticmethod(lambda rows, columns: (rows, columns))

    assert hooks.table(Pandas, [[1]], ["a"]) == ([[1]], ["a"])


def test_text_is_measured_by_old_and_new_pillow(hooks):
    class Old:
        def getsize(self, text):
            return len(text), 10

    width, height = hooks.text_size(hooks.default_font(12), "tree 0.9")
    assert width > 30
    assert 8 < height < 20
    assert hooks.text_size(Old(), "tree") == (4, 10)


@pytest.mark.parametrize(
    "name", ["", "yolov5s.pt", "weights/yolov5s.pt", "a/b/c", "yolov5s", "runs/best.onnx", "['x']"]
)
def test_what_is_no_repository_is_not_asked_for(hooks, name, monkeypatch):
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: pytest.fail("asked"))
    assert hooks.is_repository(name) is False


def test_a_folder_is_no_repository_either(hooks, tmp_path, monkeypatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert hooks.is_repository("owner/name") is False


def test_a_repository_is_asked_for_where_the_hub_answers(hooks, monkeypatch):
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "")
    assert hooks.is_repository("owner/name") is True
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "no answer")
    with pytest.raises(ConnectionError, match="there is no file owner/name"):
        hooks.is_repository("owner/name")


@pytest.mark.parametrize(
    ("file", "host", "todo"),
    [
        ("yolov5s.pt", "github.com", "check the name, or put the file at"),
        ("https:/example.org/a/b.pt", "example.org", "fetch https://example.org/a/b.pt elsewhere and put it at"),
    ],
)
def test_a_file_that_cannot_be_fetched_has_a_place(hooks, file, host, todo, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "no answer")
    with pytest.raises(ConnectionError) as caught:
        hooks.reach(file)
    assert f"{host} cannot be reached (no answer): {todo}" in str(caught.value)
    assert str(caught.value).endswith(str(tmp_path / file.rpartition("/")[2]))
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "")
    hooks.reach(file)


def test_a_font_is_missed_once(hooks, monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(part("_files").LOGGER, "info", said.append)
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "no answer")
    assert not hooks.may_fetch_font(tmp_path / "Arial.ttf")
    assert not hooks.may_fetch_font(tmp_path / "Arial.ttf")
    assert len(said) == 1
    monkeypatch.setattr(part("_files"), "obstacle", lambda url: "")
    assert hooks.may_fetch_font(tmp_path / "Arial.ttf")


def test_yamls_are_looked_for_in_the_checkout(hooks):
    assert hooks.config_folders() == [str(ROOT / "cfg" / "yolov5")]
    assert hooks.CHECKOUT == ROOT


def test_a_requirements_file_that_is_not_there_is_none(hooks, tmp_path, monkeypatch):
    from ultralytics.utils import checks

    asked = []
    monkeypatch.setattr(checks, "check_requirements", lambda *given, **options: asked.append((given, options)))
    assert hooks.check_requirements() is True
    assert hooks.check_requirements(exclude=("thop",)) is True
    assert hooks.check_requirements(tmp_path / "requirements.txt") is True
    assert asked == []
    hooks.check_requirements("onnx>=1.12", cmds="-U")
    assert asked == [(("onnx>=1.12",), {"exclude": (), "cmds": "-U"})]


def test_mixed_precision_has_todays_name(hooks):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hooks.amp.GradScaler(enabled=False).is_enabled() is False
        with hooks.amp.autocast(False):
            pass


def fail(error):
    raise error


@pytest.mark.parametrize(
    "error", [ValueError, FileNotFoundError, ConnectionError, yaml.YAMLError], ids=lambda e: e.__name__
)
def test_a_users_mistake_ends_with_a_message(hooks, error, capsys):
    from ultralytics.nn.Addmodules.contract import BackboneError

    kind = BackboneError if error is ValueError else error
    with pytest.raises(SystemExit) as caught:
        hooks.run(fail, kind("said"))
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: said\n"


def test_a_module_that_ends_the_run_is_a_mistake_and_an_exit_of_the_script_is_none(hooks, monkeypatch, capsys):
    from ultralytics.nn.Addmodules._rows import guard as _reasons

    for folder, code in ((ROOT / "tests", 2), (ROOT / "fork", 0)):
        monkeypatch.setattr(_reasons, "FOLDER", folder)
        with pytest.raises(SystemExit) as caught:
            hooks.run(fail, SystemExit(0))
        assert caught.value.code == code
    assert capsys.readouterr().err.startswith("error: a module ended the run: sys.exit(0) in ")


def test_what_is_no_mistake_keeps_its_traceback(hooks):
    """An assertion of the package's own files is one about its arguments; that of another file is not."""
    for error in (ValueError("x"), AssertionError("x"), Exception("x"), AssertionError()):
        with pytest.raises(type(error)):
            hooks.run(fail, error)
    assert hooks.run(lambda *given: given, 1, 2) == (1, 2)


def test_an_assertion_of_the_package_is_a_message(hooks, monkeypatch, capsys):
    monkeypatch.setattr(part("_run"), "PACKAGE", ROOT / "tests")
    with pytest.raises(SystemExit):
        hooks.run(fail, AssertionError("File not found: a.yaml"))
    assert capsys.readouterr().err == "error: File not found: a.yaml\n"
    with pytest.raises(AssertionError):
        hooks.run(fail, AssertionError())


@pytest.mark.parametrize(
    ("freeze", "rows"), [([0], []), ([3], ["model.0.", "model.1.", "model.2."]), ([1, 4], ["model.1.", "model.4."])]
)
def test_a_stock_model_is_frozen_as_ever(hooks, freeze, rows):
    import torch

    model = torch.nn.Module()
    model.model = torch.nn.Sequential(torch.nn.Identity())
    assert hooks.frozen_layers(model, freeze) == rows


def built(folder):
    (folder / "nn" / "Addmodules").mkdir(parents=True)
    for name in ("__init__.py", "nn/Addmodules/hooks.py"):
        (folder / name).write_text("")
    return folder


def test_ultralytics_is_the_one_beside_the_package(hooks, monkeypatch, tmp_path):
    locate = part("_locate")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(locate, "CHECKOUT", tmp_path)
    locate.locate()  # the one that is imported has backbones
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ultralytics"}
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    built(tmp_path / "ultralytics")
    locate.locate()
    assert sys.path[0] == str(tmp_path)


def test_an_ultralytics_without_backbones_is_refused(hooks, monkeypatch, tmp_path):
    locate = part("_locate")
    monkeypatch.setattr(locate, "CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "stock"), *sys.path])
    stock = tmp_path / "stock" / "ultralytics" / "__init__.py"
    stock.parent.mkdir(parents=True)
    stock.write_text("")
    monkeypatch.setattr(sys.modules["ultralytics"], "__file__", str(stock))
    with pytest.raises(ImportError, match="that is imported already"):
        locate.locate()
    for name in [name for name in sys.modules if name.partition(".")[0] == "ultralytics"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="is neither in"):
        locate.locate()
