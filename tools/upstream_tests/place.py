"""The folder that one process of tests runs in, complete: tree, suite, stand-ins, settings, and the environment."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Dict

from fork.tree import Tree, write_files

HERE = Path(__file__).resolve().parent

NOWHERE = "http://127.0.0.1:9"
"""A proxy that refuses at once: what asks for the network fails the same way on every machine, without waiting."""

PYTEST_INI = """\
[pytest]
markers =
    slow: upstream's own mark
"""


def lay_out(place: Path, suite: Tree, assets: Path) -> None:
    """Make the folder ``place``, which holds the tree already (``place/tree``)."""
    write_files(place / "suite", suite)
    (place / "suite" / "pytest.ini").write_text(PYTEST_INI, encoding="utf-8")
    copy_package(place / "site")
    shutil.copytree(assets, place / "assets")
    (place / "cwd").mkdir()
    add_commands(place)
    settings = {f"{name}_dir": str(place / "assets" / name) for name in ("datasets", "weights")}
    settings["runs_dir"] = str(place / "runs")
    text = json.dumps({**settings, "sync": False, "vscode_msg": False}, indent=1)
    config = place / "assets" / "config" / "Ultralytics"
    config.mkdir(parents=True, exist_ok=True)
    (config / "settings.json").write_text(text, encoding="utf-8")


def copy_package(site: Path) -> None:
    """Copy this package, which the processes that import the tested tree need beside it, without the checkout."""
    shutil.copytree(HERE, site / HERE.parent.name / HERE.name, ignore=shutil.ignore_patterns("__pycache__"))


def add_commands(place: Path) -> None:
    """Write the commands ``yolo`` and ``ultralytics`` of the tree in ``place``, as an installation would.

    The environment's own belong to whatever is installed there, which has another tree's entry point.
    """
    from pip._vendor.distlib.scripts import ScriptMaker  # what pip itself writes commands with, on every system

    ours = (place / "tree" / "ultralytics" / "nn" / "Addmodules" / "command.py").is_file()
    entry = "ultralytics.nn.Addmodules.command:yolo" if ours else "ultralytics.cfg:entrypoint"
    (place / "bin").mkdir()
    maker = ScriptMaker(None, str(place / "bin"))
    maker.executable, maker.variants, maker.set_mode = sys.executable, {""}, True
    maker.make_multiple([f"{name} = {entry}" for name in ("yolo", "ultralytics")])


def environment(place: Path, assets: Path, **more: str) -> Dict[str, str]:
    """Return the environment of a process in ``place``: no network, nothing of the user's settings, one thread."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "YOLO_", "COV_", "ULTRALYTICS_"))}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        kept[name] = kept[name.lower()] = NOWHERE
    kept["NO_PROXY"] = kept["no_proxy"] = "127.0.0.1,localhost"
    kept.pop("GITHUB_ACTIONS", None)
    out: Dict[str, Any] = {**kept, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    out.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_CONFIG_DIR=assets / "config")
    out.update(TORCH_HOME=assets / "torch", MPLCONFIGDIR=place / "matplotlib", CUDA_VISIBLE_DEVICES="-1")
    out["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the outcome must not hang on what else is installed
    out["PYTHONPATH"] = os.pathsep.join(str(place / name) for name in ("tree", "suite", "site"))
    out["PATH"] = os.pathsep.join([str(place / "bin"), str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**{k: str(v) for k, v in out.items()}, **more}
