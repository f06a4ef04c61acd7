"""A model YAML from elsewhere is looked up, never run: names, arguments and ``activation`` by kind, and at random."""

import builtins
import json
import random

import pytest
import torch
import torchvision
from conftest import run_python

from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, hooks, registry

LIBRARIES = {"nn": torch.nn, "torchvision.ops": torchvision.ops}


def _may_stand(name):
    """Tell independently of the look-up whether a name is a layer's."""
    library, _, cls = name.rpartition(".")
    found = getattr(LIBRARIES[library], cls) if library else getattr(tasks, name, None)
    layer = isinstance(found, type) and issubclass(found, torch.nn.Module)
    return layer and (bool(library) or found.__module__.startswith("ultralytics.nn.modules."))


EVERY = [name for name in vars(tasks) if name not in registry.names()]
EVERY += [f"{library}.{name}" for library, package in LIBRARIES.items() for name in vars(package)]
OTHERS = [name for name in dir(builtins) if not hasattr(tasks, name)]
OTHERS += ["torch.load", "torch.hub.load", "os.system", "nn.functional.relu", "nn.modules.linear.Linear", "nn.", "nn"]
OTHERS += ["tasks.DetectionModel", "ultralytics.YOLO", "nn.init.torch.load", "torchvision.ops.misc.torch.load", "", "."]


@pytest.mark.parametrize("name", EVERY)
def test_a_global_is_a_layer_or_is_refused(name):
    if _may_stand(name):
        assert issubclass(hooks.look_up(name, vars(tasks), [64]), torch.nn.Module)
    else:
        with pytest.raises(BackboneError):
            hooks.look_up(name, vars(tasks), [64])


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_from_elsewhere_is_refused(name):
    with pytest.raises(BackboneError):
        hooks.look_up(name, vars(tasks), [64])


def test_what_upstreams_yamls_name_is_still_found():
    from ultralytics.utils import ROOT, YAML

    rows = [row for path in (ROOT / "cfg" / "models").rglob("*.yaml") for row in _rows(YAML.load(path))]
    names = {row[2] for row in rows}
    assert len(names) > 40
    assert [
        name for name in names if not issubclass(hooks.look_up(name, vars(tasks), [64, "m"]), torch.nn.Module)
    ] == []


def _rows(model):
    return [*model.get("backbone", []), *model.get("head", [])]


CODE = [
    "open({!r}, 'w')",
    "__import__('os').system('touch ' + {!r})",
    "nn.ReLU(open({!r}, 'w'))",
    "nn.ReLU(inplace=open({!r}, 'w'))",
    "nn.ReLU(**dict(inplace=open({!r}, 'w')))",
    "nn.ReLU(*[open({!r}, 'w')])",
    "(lambda: open({!r}, 'w'))()",
    "nn.modules.activation.torch.os.mkdir({!r})",
    "torch.save(1, {!r})",
    "nn.ReLU() if open({!r}, 'w') else 0",
    "[open({!r}, 'w') for _ in '1'][0]",
    "f'{{open({!r}, chr(119))}}'",
    "nn.Sequential(open({!r}, 'w'))",
    "nn.ReLU()\nopen({!r}, 'w')",
    "getattr(__builtins__, 'open')({!r}, 'w')",
]


@pytest.mark.parametrize("text", CODE)
def test_code_in_an_activation_is_refused_by_the_edited_line_itself(text, tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(BackboneError, match="`activation` is"):
        hooks.activation(text.format(str(mark)))
    assert hooks.literal(text.format(str(mark))) == text.format(str(mark))
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [5, None, [], {}, "", "nn", "nn.ReLU", "nn.Linear(3, 3)", "nn.relu()", "nn.MultiheadAttention(9, 9)", "9" * 5],
)
def test_what_is_no_activation_is_refused(text):
    with pytest.raises(BackboneError, match="`activation` is"):
        hooks.activation(text)


@pytest.mark.parametrize("long", ["(" * 200_000, "-" * 200_000 + "1", "nn.ReLU(" + "[" * 300 + ")"])
def test_an_endless_activation_is_refused_at_once(long):
    with pytest.raises(BackboneError, match="`activation` is"):
        hooks.activation(long)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nn.ReLU()", torch.nn.ReLU),
        ("torch.nn.LeakyReLU(0.1, inplace=True)", torch.nn.LeakyReLU),
        (" nn.Identity() ", torch.nn.Identity),
        ("torch.nn.modules.activation.SiLU()", torch.nn.SiLU),
    ],
)
def test_an_activation_is_built_as_upstream_builds_it(text, kind):
    assert repr(hooks.activation(text)) == repr(eval(text.strip(), {"nn": torch.nn, "torch": torch}))
    assert type(hooks.activation(text)) is kind


GUARDED = """
import copy, json, logging, os, sys
import torch
mark, cases = sys.argv[1], json.load(sys.stdin)
sys.dont_write_bytecode = True
import timm, torchvision
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, preflight
logging.disable(logging.CRITICAL)
stock = tasks.yaml_model_load("yolo11n.yaml")
preflight.check(stock)  # whatever is imported late has been
seen = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def guard(event, args):
    if event == "open" and (set(str(args[1] or "r")) & set("wax+") or (isinstance(args[2], int) and args[2] & WRITES)):
        seen.append(f"{event} {args[0]}")
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.mkdir", "os.re",
                           "shutil.", "urllib.", "pickle.", "ctypes.dlopen", "os.startfile", "os.putenv")):
        seen.append(f"{event} {args}")
sys.addaudithook(guard)
checked, built = [], []
for case in cases:
    model = {**stock, **case}
    checked.append(preflight.check(copy.deepcopy(model)).ok)
    try:
        tasks.parse_model(copy.deepcopy(model), 3, verbose=False)
    except (BackboneError, TypeError, ValueError, IndexError, KeyError, RuntimeError, AssertionError):
        built.append(False)
    else:
        built.append(True)
    if seen or os.path.exists(mark):
        seen.append(f"by {case}")
        break
found = list(seen)
open(mark, "w").close()  # the guard sees what it is there for
print(json.dumps([found if len(seen) > len(found) else ["no guard"], checked, built]))
"""


def _guarded(cases, mark):
    """Check and build each case where neither a file may be written nor a socket opened."""
    done = run_python("-c", GUARDED, str(mark), input=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _hostile(mark):
    """Return YAML parts that would run code, open a file or ask a server, were they run."""
    code = f"open({str(mark)!r}, 'w')"
    nested = {"nc": 3, "activation": code, "backbone": [[-1, 1, "Conv", [8]]], "head": [[-1, 1, "Detect", [3]]]}
    names = [n for n in vars(tasks) if n not in registry.names() and callable(getattr(tasks, n))]
    arguments = [[nested], [nested, 3], [str(mark)], [str(mark), "w"], [code], ["https://127.0.0.1:9/x.pt"]]
    chance = random.Random(0)
    rows = [[-1, 1, name, chance.choice(arguments)] for name in names if not _may_stand(name)]
    rows += [[-1, 1, name, [code]] for name in ("Conv", "nn.Conv2d", "nn.Identity", "Concat", "Detect", "TorchVision")]
    rows += [[-1, 1, "Timm", ["hf-hub:nobody/nothing"]], [-1, 1, "Timm", ["hf-hub:nobody/nothing", True]]]
    rows += [[-1, 1, "Timm", ["resnet18", {option: str(mark)}]] for option in ("checkpoint_path", "cache_dir")]
    rows += [[-1, 1, "Timm", ["resnet18", True, {"pretrained_cfg": {"url": "http://127.0.0.1:9/x.pth"}}]]]
    rows += [[-1, 1, "TorchVision", ["os.system"]], [-1, 1, "MobileNetV3", [{"pretrained": str(mark)}]]]
    return [{"backbone": [row]} for row in rows] + [{"activation": text.format(str(mark))} for text in CODE]


def test_hostile_yamls_write_no_file_and_open_no_socket(tmp_path):
    cases = _hostile(tmp_path / "mark")
    seen, checked, built = _guarded(cases, tmp_path / "mark")
    assert seen == []
    assert len(checked) == len(built) == len(cases) > 80
    assert [case for case, good in zip(cases, built) if good] == []
