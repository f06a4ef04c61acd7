"""Files in Addmodules that break, clash, end the program or cannot be read: what does not name them stays as it is."""

import builtins
import json
import keyword
import os
import random
import sys
import types

import pytest
import test_when_it_goes_wrong as page
import torch
from conftest import ROOT, run_python

from fork import build as builder
from fork.tree import OVERLAY
from lab.compare import worker
from run import start
from ultralytics import RTDETR
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, _sources, discover, registry
from ultralytics.nn.Addmodules import __getattr__ as attribute
from ultralytics.nn.Addmodules._check import report as preflight
from ultralytics.nn.Addmodules._policy import command
from ultralytics.nn.Addmodules._rows import guard as _reasons
from ultralytics.nn.Addmodules._rows.derive import derive
from ultralytics.nn.Addmodules._rows.lookup import is_layer
from ultralytics.nn.Addmodules.hooks import build_backbone, look_up, make
from ultralytics.nn.Addmodules.registry import exported, register_backbone

PACKAGE = "ultralytics.nn.Addmodules.hostile"
NET = """
import sys
from torch import nn

class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.width_list = nn.Conv2d(3, 32, 32, 32), [32]
        {built}

    def forward(self, x):
        {run}
        return [self.stem(x)]
"""
HEAD = [[-1, 1, "Conv", [16, 1]], [[5], 1, "Detect", ["nc"]]]


def net(name="Net", built="pass", run="pass"):
    return NET.format(name=name, built=built, run=run)


def model(name, arguments=()):
    return {"nc": 2, "backbone": [[-1, 1, name, list(arguments)]], "head": HEAD}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in the place of Addmodules; returns what puts files into it and imports them."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    for key in ("_claims", "_noted", "broken"):
        monkeypatch.setattr(registry, key, type(getattr(registry, key))(getattr(registry, key)))
    for module in (_sources, _reasons):
        monkeypatch.setattr(module, "FOLDER", tmp_path)

    def put(files):
        for file, text in files.items():
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return discover(PACKAGE, package.__path__)

    yield put
    for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]


def unavailable(name):
    with pytest.raises(BackboneError) as caught:
        look_up(name, vars(tasks))
    return str(caught.value)


UPSTREAMS = sorted(key for key, value in vars(tasks).items() if is_layer(value) and not registry.claims(value))
OURS = [name for name in registry.names() if registry.is_registered(name)]
MARKED = "from ultralytics.nn.Addmodules import register_backbone as mark\n"
MARKS = ("@mark\n", "", "")
HOLDERS = {
    "before": "import nosuchpackage\n{0}",
    "behind": "{0}1 / 0\n",
    "registered": "{1}1 / 0\n",
    "nested": "import nosuchpackage\nif True:\n    try:\n{2}    finally: pass\n",
    "string": 'text = """\n{0}"""\nno python\n',
    "syntax": "{0}class Last(\n",
    "exit": "{0}raise SystemExit(0)\n",
    "other": "{0}raise GeneratorExit\n",
    "unspeakable": "{0}class Own(Exception):\n    def __str__(self): return 1 / 0\nraise Own\n",
    "deep": "{0}x = " + "(" * 3000 + ")" * 3000 + "\n",
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_broken_file_takes_no_name_from_anybody(folder, holder):
    asked, count = preflight._names(tasks), len(registry.broken)
    there = [*UPSTREAMS, *OURS, "resnet18"]

    def told():
        shifts = []
        for name in [*there, "nn.Conv2d", "torchvision.ops.DropBlock2d"]:
            content = {**model(name), "nc": 2}
            shifts.append(preflight.check_structure(content, lambda *_: (0, 0), asked).shift)
        return shifts, {name: look_up(name, vars(tasks)) for name in there}

    before = told()
    names = [name for name in {*there, *dir(builtins)} if not keyword.iskeyword(name)]
    parts = [f"class {name}: pass\n" for name in names]
    text = (
        "".join(parts),
        MARKED + "".join(f"@mark\n{part}" for part in parts[:-1]),
        "".join(" " * 8 + p for p in parts),
    )
    folder({"mine.py": HOLDERS[holder].format(*text)})
    assert len(registry.broken) == count + 1
    assert told() == before
    assert "could not be imported" in unavailable("zip")


def test_a_name_that_looks_like_ours_in_a_broken_file_derives_nothing_else(folder):
    folder({"a.py": "import nosuchpackage\ndef mobilenetv4_conv_small(): pass\ndef only_here(): pass\n"})
    assert derive("yolo11-mobilenetv4convsmall.yaml").row[2] == "MobileNetV4ConvSmall"
    assert derive("yolo11-onlyhere.yaml").row[2] == "only_here"


@pytest.mark.parametrize("name", ["MobileNetV3", "resnet18"])
def test_that_ours_stands_in_for_one_that_did_not_import_is_said_once(folder, logged, name):
    folder({"mine.py": f"import nosuchpackage\nclass {name}: pass\n"})
    look_up(name, vars(tasks))
    look_up(name, vars(tasks))
    (line,) = [line for line in logged() if name in line]
    assert "mine.py, which defines it too, could not be imported (ModuleNotFoundError, line 1" in line


def test_ctrl_c_while_a_file_is_imported_is_ctrl_c(folder):
    with pytest.raises(KeyboardInterrupt):
        folder({"slow.py": "raise KeyboardInterrupt\n"})


def test_no_name_that_means_something_is_bound_by_the_star_import():
    bound = {name for name in vars(tasks) if not registry.claims(vars(tasks)[name])} - {"register_backbone", "registry"}
    assert exported([*dir(builtins), *bound, "_own", "__file__"], "ultralytics.nn.tasks") == []
    assert exported(["Net", "net_s"], "ultralytics.nn.tasks") == ["Net", "net_s"]
    assert set(OURS) <= set(vars(tasks))


@pytest.mark.parametrize("name", ["base", "contract", "hooks", "registry", "weights"])
def test_a_class_called_as_a_file_of_the_project_hides_no_file(folder, name):
    folder({"mine.py": net(name)})
    assert registry.find(name).__module__ == f"{PACKAGE}.mine"
    with pytest.raises(AttributeError):
        attribute(name)


def test_a_file_called_as_a_name_of_the_package_leaves_it_alone(folder):
    package = sys.modules[PACKAGE]
    package.register_backbone = register_backbone
    second = f"from {PACKAGE} import register_backbone\n" + net().replace("\nclass", "\n@register_backbone\nclass")
    assert "Net" in folder({"register_backbone.py": "", "second.py": second})


@pytest.mark.parametrize("layer", ["ultralytics.nn.modules.Conv", "torch.nn.Upsample", "torchvision.ops.DropBlock2d"])
def test_a_layer_of_upstreams_cannot_be_registered(folder, layer):
    module, _, name = layer.rpartition(".")
    assert name not in folder({"mine.py": f"from {module} import {name}\n{MARKED}mark({name})\n"})
    assert "register a class of your own file" in registry.broken[-1].reason


def test_importing_a_file_draws_no_random_number(folder):
    text = "import random, numpy, torch\ntorch.manual_seed(1)\ntorch.rand(3)\nrandom.random()\nnumpy.random.rand()\n"
    torch.manual_seed(0)
    random.seed(0)
    expected = torch.rand(1), random.random()
    torch.manual_seed(0)
    random.seed(0)
    folder({"mine.py": text, "other.py": text + "1 / 0\n"})
    assert (torch.rand(1), random.random()) == expected


STOCK = """
import hashlib, json, sys
import torch
torch.manual_seed(0)
from ultralytics.nn import tasks
model = tasks.DetectionModel("yolo11n.yaml", verbose=False)
sums = hashlib.sha256(b"".join(v.numpy().tobytes() for v in model.state_dict().values())).hexdigest()
names = sorted(k for k, v in vars(tasks).items() if str(getattr(v, "__module__", "")).startswith(
    ("ultralytics.nn.Addmodules.a_", "ultralytics.nn.Addmodules.z_")))
print(json.dumps({"sums": sums, "names": names, "next": torch.rand(1).item(), "parameters": model.model[-1].nc}))
"""


def test_a_stock_model_is_the_same_to_the_bit_beside_files_that_take_every_name(tmp_path, wheel, results, monkeypatch):
    from conftest import make_checkout

    checkout = make_checkout(tmp_path / "checkout")
    monkeypatch.setattr(builder, "run", lambda *_: results)
    builder.build(checkout, wheel)
    names = {*dir(builtins), *vars(tasks)} - {*OURS, "nn", "Net"}
    names = sorted(n for n in names if not keyword.iskeyword(n) and n[:2] != "__")  # a module's own __file__, say
    thirds = [[name for name in names[n::3] if n or name not in vars(tasks)] for n in range(3)]  # no name in two files
    marked, *found = ["".join(f"{mark}class {name}(Net): pass\n" for name in part) for mark, part in zip(MARKS, thirds)]
    files = {
        "a_marked.py": MARKED + net() + marked,
        "a_found.py": net() + found[0] + "class nn(Net): pass\n",
        "z_listed.py": net("Net") + found[1] + f"__all__ = {thirds[2]}\n",
        "a_broken.py": "import nosuchpackage\n" + net() + "".join(found),
        "m_drawn.py": "import torch\ntorch.rand(3)\n",
    }
    for name, text in files.items():
        (checkout / OVERLAY / name).write_text(text, encoding="utf-8")
    outcomes = []
    for root in (ROOT, checkout):
        run = run_python("-c", STOCK, cwd=root, env={"PYTHONPATH": str(root)})
        assert run.returncode == 0, run.stderr
        outcomes.append(json.loads(run.stdout.splitlines()[-1]))
    assert [outcome.pop("names") for outcome in outcomes] == [[], ["Net"]]
    assert outcomes[0] == outcomes[1]


EXITS = ["sys.exit(0)", "sys.exit()", "sys.exit('done')", "exit(0)", "raise SystemExit", "raise GeneratorExit"]
EXITS += ["raise type('Stop', (BaseException,), {})()"]


@pytest.mark.parametrize("line", EXITS)
@pytest.mark.parametrize("place", ["built", "run"])
def test_a_module_that_ends_the_program_is_a_fault_of_its_row(folder, place, line):
    folder({"metanet.py": net(**{place: line})})
    with pytest.raises(BackboneError, match=r"one fault in .*(\n.*)*Net ends the program: ") as caught:
        make(tasks.DetectionModel, model("Net"), verbose=False)
    if "Exit" not in line and "Stop" not in line:
        assert "in ultralytics/nn/Addmodules/metanet.py, line " in str(caught.value)


def test_a_constructor_that_ends_the_program_once_it_has_content_is_named(folder):
    folder({"mine.py": net(built="self.stem.weight.is_meta or sys.exit(0)")})
    with pytest.raises(BackboneError, match=r"Net ends the program: sys\.exit\(0\) in .*mine\.py, line 9"):
        build_backbone(registry.find("Net"), [], [3], row=0, source=-1, repeats=1)


@pytest.mark.parametrize("code", ["", "0", "'all done'", "3"])
def test_a_command_says_so_and_fails(folder, code, capsys, monkeypatch):
    folder({"mine.py": net(run=f"sys.exit({code})")})

    def run():
        registry.find("Net")()(torch.zeros(1, 3, 32, 32))

    said = f"a module ended the run: sys.exit({code or None}) in ultralytics/nn/Addmodules/mine.py, line 12"
    with pytest.raises(SystemExit) as caught, start.messages():
        run()
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"error: {said}\n"
    monkeypatch.setattr("ultralytics.cfg.entrypoint", run)
    assert command.yolo() == 2
    assert capsys.readouterr().err == f"error: {said}\n"
    with pytest.raises(SystemExit) as caught:
        run()
    assert worker.reason(caught.value) == said


def test_an_exit_of_the_command_itself_stays_one(monkeypatch):
    monkeypatch.setattr("ultralytics.cfg.entrypoint", lambda: sys.exit(0))
    with pytest.raises(SystemExit) as first:
        command.yolo()
    with pytest.raises(SystemExit) as second, start.messages():
        sys.exit(0)
    assert first.value.code == second.value.code == 0


CHINESE = net().replace("\nclass", "\n# \u9aa8\u5e72\u7f51\u7edc\nclass")
TEXT = CHINESE.replace("# \u9aa8\u5e72\u7f51\u7edc", "'\u9aa8\u5e72\u7f51'")


@pytest.mark.parametrize(
    "data",
    [
        CHINESE.encode("utf-8"),
        CHINESE.encode("utf-8-sig"),
        CHINESE.replace("\n", "\r\n").encode("utf-8"),
        CHINESE.replace("\n", "\r").encode("utf-8"),
        ("# -*- coding: gbk -*-\n" + CHINESE).encode("gbk"),
        ("# coding: utf-8\n" + CHINESE).encode("utf-8-sig"),
    ],
)
@pytest.mark.parametrize(
    "file", ["mine.py", "my-net.py", "my net (1).py", "\u6211\u7684\u9aa8\u5e72.py", "1.py", "torch.py"]
)
def test_a_file_that_python_reads_is_found_whatever_its_name(folder, file, data):
    assert "Net" in folder({file: data})
    assert build_backbone(look_up("Net", vars(tasks)), [], [3], 0, -1, 1)[1] == [0, 0, 0, 0, 32]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT.encode("gbk"), "saved in GBK or another code page, and Python reads UTF-8"),
        (TEXT.replace("\n", "\r\n").encode("gbk"), "saved in GBK"),
        (TEXT.encode("big5", "ignore"), "another code page"),
        (TEXT.replace("\u9aa8\u5e72\u7f51", "caf\u00e9").encode("latin-1"), "another code page"),
        (CHINESE.encode("utf-16"), "saved in UTF-16"),
        (CHINESE.encode("utf-16-le"), "saved in UTF-16"),
        (CHINESE.replace("\n", "\r\n").encode("utf-16-be"), "saved in UTF-16"),
        (CHINESE.encode("utf-32"), "saved in UTF-32"),
        (b"# coding: nosuch\n" + net().encode(), "SyntaxError"),
        (b"# coding: utf-8\n" + TEXT.encode("gbk"), "saved in GBK"),
        (net().encode().replace(b"class", b"\0\nclass"), "null bytes"),
        (net().encode() + b"\0" * 100, "null bytes"),
        (net().encode() + b"(" * 3000, "mine.py could not be imported"),
    ],
)
def test_what_a_file_defines_is_known_though_python_cannot_read_it(folder, data, words):
    folder({"mine.py": data})
    assert registry.broken[-1].file == "mine.py"
    said = unavailable("Net")
    assert "Net is not available: ultralytics/nn/Addmodules/mine.py could not be imported" in said
    assert words in said


@pytest.mark.parametrize("encoding", ["gbk", "big5", "shift-jis"])
def test_a_comment_in_a_code_page_is_read_or_said_as_this_python_has_it(folder, encoding):
    """Some versions of Python import such a file, and cannot show its source afterwards."""
    if "Net" not in folder({"mine.py": CHINESE.encode(encoding, "ignore")}):
        assert "saved in GBK or another code page" in unavailable("Net")


@pytest.mark.parametrize(
    "file",
    [
        "net.py.txt",
        "net.txt",
        "net.PY",
        "net.v2.py",
        "_net.py",
        "net.py.bak",
        "mine/net.py",
        "net",
        "mine/__init__.txt",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gbk"])
def test_a_file_that_is_not_read_is_named(folder, file, encoding):
    folder({file: CHINESE.encode(encoding)})
    assert f"there is no module 'Net': it stands in ultralytics/nn/Addmodules/{file}, which is not read" in unavailable(
        "Net"
    )
    assert "which is not read" not in unavailable("Nett")


def test_what_cannot_be_a_file_or_be_read_is_passed_over_and_named_where_nothing_else_is_near(folder, tmp_path):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "binary.py").write_bytes(bytes(range(256)) * 9)
    try:
        (tmp_path / "link.py").symlink_to(tmp_path / "nowhere.py")
        (tmp_path / "loop").symlink_to(tmp_path)
    except OSError:  # Windows, without the right to make links
        pass
    assert "Net" in folder({"empty.py": "", "zero.py": b"\0" * 64, "mine.py": net()})
    said = unavailable("Qqqq")
    for file in ("folder.py", "binary.py", "zero.py"):
        assert f"{file} (" in said
    assert "did you mean Net" in unavailable("Nett")


PAGE = {"net.py": TEXT.encode("gbk"), "net.py.txt": net().encode(), "net.py ": net(built="sys.exit(0)").encode()}


@pytest.mark.parametrize("file", PAGE)
def test_the_pages_show_what_is_said(folder, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder({file.strip(): PAGE[file]})
    (tmp_path / "rtdetr-mine.yaml").write_text(page.TEXT.replace("MobileNetV3,", "Net,"), encoding="utf-8")
    with pytest.raises(BackboneError) as caught:
        RTDETR("rtdetr-mine.yaml")
    for path in page.PAGES:
        assert str(caught.value).replace(f"{tmp_path}{os.sep}", "") in page.shown(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("listed", ["'Net'", "['Net', 'nothing']", "('Net')", "[]", "None"])
def test_a_list_of_names_that_is_wrong_loses_no_backbone(folder, listed):
    assert "Net" in folder({"mine.py": net() + f"__all__ = {listed}\n"})
