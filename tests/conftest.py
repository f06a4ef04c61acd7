"""Fixtures: the pinned release, the finished series, and throw-away checkouts to build in."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fork import build as builder  # noqa: E402
from fork import cli, fetch, series  # noqa: E402
from fork.pin import load_pin  # noqa: E402
from fork.tree import TARGETS, read_overlay, read_wheel  # noqa: E402

# Before anything imports ultralytics: no look at the network, no settings and caches of the user's, no window.
USERS_CACHE = fetch.cache_dir()
OWN = tempfile.TemporaryDirectory(prefix="addmodules-tests-")
FOLDERS = {fetch.CACHE_VARIABLE: "cache", "YOLO_CONFIG_DIR": "config", "MPLCONFIGDIR": "matplotlib"}
FOLDERS.update(TORCH_HOME="torch", HF_HOME="huggingface")
for _variable, _name in FOLDERS.items():
    os.environ[_variable] = os.path.join(OWN.name, _name)
    os.makedirs(os.environ[_variable])
PYTHONPATH = os.environ.setdefault("PYTHONPATH", "")
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")
PINNED = [load_pin(ROOT, target.table).upstream for target in TARGETS.values()]
for _package in PINNED:  # for the tests that ask for no fixture
    if (USERS_CACHE / _package.file).is_file():
        shutil.copyfile(USERS_CACHE / _package.file, fetch.cache_dir() / _package.file)


def pinned(package):
    """Return the verified file of a pinned package; where there is none it is fetched into the user's cache, once."""
    own = fetch.cache_dir()
    if not (own / package.file).is_file():
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(fetch.CACHE_VARIABLE, str(USERS_CACHE))
            shutil.copyfile(fetch.obtain(package), own / package.file)
    return fetch.obtain(package)


def names_in(folder):
    """Return what is in a folder, without what tools and Python leave in a checkout."""
    skip = {".git", ".venv", ".hypothesis", ".pytest_cache", ".ruff_cache", ".mypy_cache", "__pycache__"}
    found = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip and Path(place, name) != ROOT / "tests" / "tmp"]
        found |= {os.path.join(place, name) for name in (*folders, *files) if not name.startswith(".coverage")}
    return found


def left_behind(before, folders):
    """Return what is in the folders now and was not; another worker's test has a moment for taking it away again."""
    for pause in (0, 1, 2, 4):
        time.sleep(pause)
        left = sorted(set().union(*map(names_in, folders)) - before)
        if not left:
            break
    return left


@pytest.fixture(scope="session", autouse=True)
def _own_folders():
    """Fail where the tests leave something in the user's cache or in the checkout."""
    import matplotlib

    settings = Path(os.environ["YOLO_CONFIG_DIR"]) / "Ultralytics"
    settings.mkdir(exist_ok=True)
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):  # spares the search for one
        shutil.copyfile(font, settings / name)
    before = set().union(*map(names_in, (USERS_CACHE, ROOT)))
    before |= {str(USERS_CACHE / package.file) for package in PINNED}
    yield
    left = left_behind(before, (USERS_CACHE, ROOT))
    OWN.cleanup()
    assert not left, f"the tests (or something else meanwhile) left {left}"


@pytest.fixture(autouse=True)
def _as_upstream_sets_it():
    """Set back what the lab's tools, made for a process of their own, change in this one: maybe for a whole module."""
    _forget_trust()
    logger, torch = logging.getLogger("ultralytics"), sys.modules.get("torch")
    if logger.level:  # upstream has been imported
        logger.setLevel(logging.INFO)
    if torch and torch.get_num_threads() != int(os.environ["OMP_NUM_THREADS"]):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    yield
    _forget_trust()  # now: what is made for the next module comes before this


def _forget_trust():
    for name in ("ADDMODULES_RESTRICT", "ADDMODULES_ALLOW_DOWNLOAD", "ULTRALYTICS_SAFE_LOAD", "PYTHONSAFEPATH"):
        os.environ.pop(name, None)
    os.environ["PYTHONPATH"] = PYTHONPATH


@pytest.fixture(scope="session")
def pin():
    return load_pin(ROOT)


@pytest.fixture(scope="session")
def wheel(pin):
    """The verified wheel of the pinned release (in the cache since the project was installed)."""
    return pinned(pin.upstream)


@pytest.fixture(scope="session")
def pristine(wheel):
    return read_wheel(wheel)


@pytest.fixture(scope="session")
def results(pristine):
    """The outcome of the whole series on the pinned release."""
    return series.run(pristine, read_overlay(ROOT))


@pytest.fixture(scope="session")
def pristine_root(pristine, tmp_path_factory):
    """A folder with the unmodified package, for PYTHONPATH."""
    from fork.tree import write_files

    root = tmp_path_factory.mktemp("pristine")
    write_files(root, pristine)
    return root


@pytest.fixture(scope="session")
def articles_root(pristine, tmp_path_factory):
    """A folder with the package after the articles' ten steps alone, our backbones included, for PYTHONPATH.

    What a later step mends is shown on it: a test runs the same code there and on the checkout's own tree.
    """
    from fork.tree import write_files

    root = tmp_path_factory.mktemp("articles")
    steps = [step for step in series.SERIES if step.section != "-"]
    assert [step.section for step in steps] == [f"4.{n}" for n in range(1, 11)]
    write_files(root, series.run(pristine, read_overlay(ROOT), steps)[-1].tree)
    return root


@pytest.fixture(scope="module")
def small_backbone():
    """Within a module YAMLs may name ``Nested``, the backbone of ``support/small_models.py``."""
    from support.small_models import known

    with known():
        yield


@pytest.fixture(scope="module")
def ours(small_backbone):
    """A small detector whose backbone is one row."""
    from support.small_models import build, ours_yaml

    return build(ours_yaml(), 0).eval()


@pytest.fixture(scope="module")
def stock(small_backbone):
    """The same head on a backbone of upstream's rows."""
    from support.small_models import build, stock_yaml

    return build(stock_yaml(), 1).eval()


@pytest.fixture
def logged(caplog, monkeypatch):
    """What is logged, line by line."""
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    caplog.set_level(logging.INFO, "ultralytics")
    return lambda: [line for record in caplog.records for line in record.getMessage().splitlines()]


def make_checkout(folder):
    """Copy what a build reads (program, pin, lock, overlay, configs) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pin.toml", "tree.lock", "train.py", "val.py"):
        shutil.copyfile(ROOT / name, folder / name)
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("fork", "lab", "run", "cfg", "ultralytics/nn/Addmodules"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    return folder


@pytest.fixture
def checkout(tmp_path):
    return make_checkout(tmp_path / "checkout")


@pytest.fixture
def quick(monkeypatch, results):
    """Let builds in this process take the series' outcome from the session instead of working it out again."""
    monkeypatch.setattr(builder, "run", lambda pristine, overlay, steps=None: results)


def make_squares(folder, side=64, channels=3):
    """Write a data set of six images of one bright square each, and return its YAML."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for n in range(count):
            image = rng.integers(0, 60, (side, side, 3), dtype=np.uint8)
            x, y = rng.integers(4, side - 28, 2)
            image[y : y + 24, x : x + 24] = 220
            cv2.imencode(".png", image)[1].tofile(str(folder / "images" / split / f"{n}.png"))
            line = f"0 {(x + 12) / side:.4f} {(y + 12) / side:.4f} {24 / side} {24 / side}\n"
            (folder / "labels" / split / f"{n}.txt").write_text(line, encoding="utf-8")
    path = folder / "data.yaml"
    text = f"path: {folder.as_posix()}\ntrain: images/train\nval: images/val\nnames: [square]\n"
    path.write_text(text + (f"channels: {channels}\n" if channels != 3 else ""), encoding="utf-8")
    return path


def shake(model, seed=0):
    """Give BatchNorm statistics and weights that are not those of a fresh one, so that a wrong order or eps shows."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.uniform_(-0.2, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.2, 0.2, generator=generator)
    return model


def run_python(*arguments, cwd=None, env=None, timeout=300, input=None):
    """Run a Python command and return its completed process, output (and input) as text."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        input=input,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
    )


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A file that hostile content would make; and the state of one of our commands."""
    from ultralytics.nn.Addmodules._policy import foreign

    monkeypatch.setenv(foreign.RESTRICT, "1")
    monkeypatch.setenv(foreign.TRUST, "")
    monkeypatch.setenv(foreign.ALLOW, "")
    return tmp_path / "canary"


@pytest.fixture
def fork(root, capsys):
    """Run a command in the test's own ``root``: (exit code, what it printed)."""

    def run(*words):
        capsys.readouterr()
        code = cli.main([*words], root=root)
        out, err = capsys.readouterr()
        return code, out + err

    return run
