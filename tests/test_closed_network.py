"""A fork reports nothing, installs nothing unasked, and behind a closed network goes on at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, run_python

PRELUDE = """
import json, os, socket, subprocess, sys, time, types
from pathlib import Path
for name in ("YOLO_AUTOINSTALL", "YOLO_OFFLINE", "TORCH_HOME"):
    os.environ.pop(name, None)
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None), os.environ.pop(name.upper(), None)
os.environ["TORCH_HOME"] = str(Path("torch").absolute())

connects, waits, commands, said = [], [], [], []
sleep = time.sleep

def look_up(host, port, *arguments, **options):
    asked.append(host)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", int(port or 0)))]

def connect(self, address):
    connects.append(self.gettimeout())
    raise TimeoutError("timed out")

asked = []
socket.getaddrinfo, socket.socket.connect = look_up, connect  # names resolve, and no connection comes about
time.sleep = waits.append
real = subprocess.check_output

def run(command, *arguments, **options):
    if "install" not in command:
        return real(command, *arguments, **options)
    commands.append([word for word in command if "trail" in word])
    return ""

subprocess.check_output = run
import logging

import ultralytics
from ultralytics import utils
from ultralytics.utils import LOGGER, SETTINGS, checks, downloads

at_import = list(asked)
SETTINGS.update(weights_dir=str(Path("weights").absolute()), datasets_dir=str(Path("data").absolute()))
utils.WEIGHTS_DIR, utils.DATASETS_DIR = Path(SETTINGS["weights_dir"]), Path(SETTINGS["datasets_dir"])
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
LOGGER.addHandler(handler)
found = {"tree": str(Path(ultralytics.__file__).parent)}

def attempt(name, function):
    del connects[:], waits[:], commands[:], said[:]
    try:
        result = function()
    except Exception as e:
        result = f"{'/'.join(k.__name__ for k in type(e).__mro__ if k.__module__ == 'builtins')}: {e}"
    found[name] = {"result": str(result), "connects": connects[:], "waits": waits[:], "commands": commands[:]}
    found[name]["said"] = said[:]
"""

REPORTS = """
found.update(at_import=at_import, autoinstall=utils.AUTOINSTALL)
from ultralytics.utils import events

upstreams = types.SimpleNamespace(is_repo=False, origin="https://github.com/ultralytics/ultralytics.git")
SETTINGS["sync"] = True
events.TESTS_RUNNING, events.GIT = False, upstreams
events.ONLINE = utils.ONLINE
found["events as it is"] = bool(events.Events().enabled)
events.ONLINE, events.GIT = True, types.SimpleNamespace(is_repo=False, origin=None)
found["events of a plain folder"] = bool(events.Events().enabled)

inits = []
sentry = types.SimpleNamespace(init=lambda **options: inits.append(1), set_user=lambda user: None)
sys.modules["sentry_sdk"] = sentry
utils.ARGV, utils.TESTS_RUNNING, utils.ONLINE, utils.GIT = ["yolo"], False, True, events.GIT
utils.set_sentry()
found["sentry"] = len(inits)

checks.ONLINE = True
checks.check_latest_pypi_version = lambda: "99.0.0"
attempt("update", checks.check_pip_update_available)
"""

INSTALLS = """
checks.ONLINE = True
attempt("requirement", lambda: checks.check_requirements(["trail-one>=1.2", "trail-two"], cmds="--no-deps"))
import torch
from ultralytics.nn.tasks import torch_safe_load

module = types.ModuleType("trail_layers")
sys.modules["trail_layers"] = module
module.Layer = type("Layer", (torch.nn.Module,), {"__module__": "trail_layers"})
torch.save({"model": module.Layer()}, "foreign.pt")
del sys.modules["trail_layers"]
attempt("checkpoint", lambda: torch_safe_load("foreign.pt"))
"""

FETCHES = """
from types import SimpleNamespace as Space

import torch
from ultralytics import YOLO
from ultralytics.data.utils import check_det_dataset

for name in ("Arial.ttf", "Arial.Unicode.ttf"):
    (utils.USER_CONFIG_DIR / name).unlink(missing_ok=True)
attempt("font", lambda: checks.check_font("Arial.Unicode.ttf"))
attempt("weights", lambda: YOLO("yolo26n.pt"))
attempt("data", lambda: check_det_dataset("coco8.yaml"))
attempt("drive", lambda: downloads.safe_download("https://drive.google.com/file/d/abc/view"))
torch.cuda.get_device_name = lambda device: "some"
model = Space(parameters=lambda: iter([Space(device=Space(type="cuda"))]))
attempt("amp", lambda: checks.check_amp(model))
"""


@pytest.fixture(scope="module")
def both(articles_root, tmp_path_factory):
    """What the code found: (on the tree of the articles' steps, on the fork's)."""
    code = PRELUDE + REPORTS + INSTALLS + FETCHES + "\nprint('found', json.dumps(found))"

    def look(root):
        folder = tmp_path_factory.mktemp("closed")
        (folder / "config").mkdir()
        run = run_python(
            "-c", code, cwd=folder, env={"PYTHONPATH": str(root), "YOLO_CONFIG_DIR": str(folder / "config")}
        )
        assert run.returncode == 0, run.stderr
        found = json.loads(run.stdout.splitlines()[-1].partition("found ")[2])
        assert found["tree"] == str(root / "ultralytics")
        return {**found, "folder": folder}

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(look, (articles_root, ROOT)))


def test_nothing_is_reported_whatever_the_settings_say(both):
    old, new = both
    assert (old["events of a plain folder"], old["sentry"]) == (True, 1)
    assert (new["events as it is"], new["events of a plain folder"], new["sentry"]) == (False, False, 0)


def test_no_name_is_looked_up_at_import(both):
    old, new = both
    assert old["at_import"] == ["one.one.one.one"]
    assert new["at_import"] == []


def test_nobody_is_told_to_put_the_package_of_pypi_in_the_forks_place(both):
    old, new = both
    assert old["update"]["result"] == "True"
    assert "Update with 'pip install -U ultralytics'" in old["update"]["said"][0]
    assert (new["update"]["result"], new["update"]["said"]) == ("False", [])


def test_status_says_how_to_upgrade(capsys):
    from fork import cli

    cli.main(["status"])
    assert "\nupgrade   `git pull`, then `python -m fork build`" in capsys.readouterr().out


def test_a_missing_package_is_named_and_not_installed(both):
    old, new = both
    assert (old["autoinstall"], new["autoinstall"]) == (True, False)
    assert old["requirement"]["commands"] == [["trail-one>=1.2", "trail-two"]]
    assert new["requirement"]["commands"] == []
    assert new["requirement"]["result"] == "False"
    (line,) = new["requirement"]["said"]
    assert all(name in line for name in ("trail-one>=1.2", "trail-two", "YOLO_AUTOINSTALL=False"))


def test_a_module_that_a_checkpoint_names_is_not_installed(both):
    old, new = both
    assert old["checkpoint"]["commands"] == [["trail_layers"]]
    assert "AutoInstall will run now" in "".join(old["checkpoint"]["said"])
    assert new["checkpoint"]["commands"] == []
    assert new["checkpoint"]["said"] == []
    text = new["checkpoint"]["result"]
    assert "foreign.pt cannot be opened here: it was saved with the module 'trail_layers', which is not inst" in text
    assert "run `python -m pip install trail_layers`" in text


@pytest.mark.parametrize(
    ("name", "wanted", "host"),
    [
        ("weights", "yolo26n.pt is not here", "github.com"),
        ("data", "coco8.zip is not here", "github.com"),
        ("drive", "view is not here", "drive.google.com"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_at_once(both, name, wanted, host):
    old, new = both
    assert sum(old[name]["waits"]) + sum(seconds or 60 for seconds in old[name]["connects"]) >= 60
    assert not new[name]["waits"]
    assert len(new[name]["connects"]) <= 1, "each host is asked once"
    assert all(0 < seconds <= 3 for seconds in new[name]["connects"])
    kinds, _, text = new[name]["result"].partition(": ")
    assert {"ConnectionError", "FileNotFoundError"} <= set(kinds.split("/"))
    assert text.startswith(f"{wanted}, and {host} cannot be reached (timed out): ")
    assert "\n" not in text
    assert not any("failure" in line for line in new[name]["said"])


def test_the_line_says_where_the_file_belongs(both):
    new = both[1]
    folder = new["folder"]
    assert new["weights"]["result"].endswith(f"yolo26n.pt elsewhere and put it at {folder / 'yolo26n.pt'}")
    assert new["data"]["result"].endswith(f"coco8.zip elsewhere and put it at {folder / 'data' / 'coco8.zip'}")


def test_a_missing_font_and_the_check_of_mixed_precision_are_left_out_as_upstream_means_it(both):
    old, new = both
    assert (new["font"]["result"], new["font"]["said"], new["font"]["waits"]) == ("None", [], [])
    assert old["amp"]["waits"] == [5, 10, 20]
    assert (new["amp"]["result"], new["amp"]["waits"], new["amp"]["connects"]) == ("True", [], [])
    assert "checks skipped. Offline" in new["amp"]["said"][-1]
    assert "checks skipped. Offline" in old["amp"]["said"][-1]


def test_installing_can_be_asked_for(tmp_path):
    code = "from ultralytics import utils; print(utils.AUTOINSTALL)"
    run = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "YOLO_AUTOINSTALL": "true"})
    assert run.stdout.split()[-1] == "True", run.stderr


@pytest.mark.parametrize("data", [[], ["data=coco8.yaml", "model=yolo11n.yaml"]], ids=["no data", "coco8"])
def test_training_without_a_data_set_ends_at_once_with_its_name(data, tmp_path):
    arguments = ["from ultralytics.cfg import entrypoint; entrypoint()", "train", "epochs=1", "imgsz=64", *data]
    env = {"PYTHONPATH": str(ROOT), "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": str(tmp_path)}
    run = run_python("-c", *arguments, cwd=tmp_path, env=env, timeout=60)
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode != 0
    wanted = "coco8.zip" if data else "yolo26n.pt"
    assert f"{wanted} is not here, and github.com cannot be reached (YOLO_OFFLINE is set)" in last
