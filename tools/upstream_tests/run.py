"""Runs upstream's tests on both trees, each in a process and a folder of its own, on stand-ins for data and weights."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from fork.errors import ForkError
from fork.fetch import cache_dir, obtain
from fork.pin import Pin
from fork.tree import Tree, read_wheel, write_files
from tools.upstream_tests import judge, suite

HERE = Path(__file__).resolve().parent
MAKERS = ("assets.py", "pictures.py", "weights.py")
"""The files whose content the stand-ins depend on, besides Python and these packages."""
READERS = ("torch", "torchvision", "numpy", "opencv-python", "opencv-python-headless", "pillow")
PATIENCE = 60.0
"""Seconds between two lines of progress."""
FORGET = 14 * 24 * 3600
"""Seconds after which stand-ins that no run has used are deleted: they take hundreds of megabytes."""
NOWHERE = "http://127.0.0.1:9"
"""A proxy that refuses at once: what asks for the network fails the same way on every machine, without waiting."""
PYTEST_INI = "[pytest]\nmarkers =\n    slow: upstream's own mark\n"

Say = Callable[[str], None]
Results = Dict[str, Tuple[str, str]]


class Options(NamedTuple):
    """What the command line asks for.

    Attributes:
        root: The checkout.
        chosen: quick, gate or full.
        wheel: The pinned wheel, or a folder that holds it, instead of the index.
        sdist: The same for the source distribution.
        list: The reviewed list.
        only: Names of tests; the rest of the set is left out.
        keep: Leave the folders that the tests ran in.
        stand_ins: Whether the tests need stand-ins for data and weights.
    """

    root: Path
    chosen: str
    wheel: Optional[Path]
    sdist: Optional[Path]
    list: Path
    only: Sequence[str]
    keep: bool
    stand_ins: bool


def run(options: Options, pin: Pin, say: Say) -> List[Results]:
    """Run the chosen set on the pristine release and on the fork, side by side; return what became of the tests.

    Raises:
        ForkError: Something that is needed is missing or not the pinned one, or pytest did not come to its end.
        judge.ListError: The list is malformed.
    """
    timeout = judge.load(options.list).timeout
    pristine = read_wheel(obtain(pin.upstream, options.wheel, say))
    tests = suite.obtain_suite(pin, options.sdist, say)
    home = cache_dir() / "upstream-tests"
    home.mkdir(parents=True, exist_ok=True)
    for path in home.iterdir():
        with contextlib.suppress(OSError):  # another run may be at it, too
            if time.time() - path.stat().st_mtime > FORGET:
                shutil.rmtree(path)
    assets = _stand_ins(home, options, pin, pristine, tests, say)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    running: Dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("pristine", "fork"):
            if name == "pristine":
                write_files(work / name / "tree", pristine)
            else:
                suite.copy_fork(options.root, work / name / "tree", pin, say)
            lay_out(work / name, tests, assets)
            running[name] = _start(work / name, options, timeout)
        while any(process.poll() is None for process in running.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                for process in running.values():
                    process.wait(PATIENCE)
            say(", ".join(f"{name}: {_progress(work / name)}" for name in running))
        return [_results(work / name, process.returncode) for name, process in running.items()]
    finally:
        for process in running.values():
            process.kill()
            process.wait()
        if options.keep:
            say(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


def lay_out(place: Path, tests: Tree, assets: Path) -> None:
    """Complete the folder that one tree's tests run in, which holds the tree already (``place/tree``)."""
    write_files(place / "suite", tests)
    (place / "suite" / "pytest.ini").write_text(PYTEST_INI, encoding="utf-8")
    copy_package(place / "site")
    shutil.copytree(assets, place / "assets")
    (place / "cwd").mkdir()
    settings = {f"{name}_dir": str(place / "assets" / name) for name in ("datasets", "weights")}
    text = json.dumps({**settings, "runs_dir": str(place / "runs"), "sync": False, "vscode_msg": False}, indent=1)
    write_files(place, {"assets/config/Ultralytics/settings.json": text.encode()})
    # The commands `yolo` and `ultralytics` of this tree: the environment's own belong to whatever is installed there.
    from pip._vendor.distlib.scripts import ScriptMaker  # what pip itself writes commands with, on every system

    ours = (place / "tree" / "ultralytics" / "nn" / "Addmodules" / "command.py").is_file()
    entry = "ultralytics.nn.Addmodules._policy.command:yolo" if ours else "ultralytics.cfg:entrypoint"
    (place / "bin").mkdir()
    maker = ScriptMaker(None, str(place / "bin"))
    maker.executable, maker.variants, maker.set_mode = sys.executable, {""}, True
    maker.make_multiple([f"{name} = {entry}" for name in ("yolo", "ultralytics")])


def copy_package(site: Path) -> None:
    """Copy this package, which the processes that import the tested tree need beside it, without the checkout."""
    shutil.copytree(HERE, site / HERE.parent.name / HERE.name, ignore=shutil.ignore_patterns("__pycache__"))


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


def _start(place: Path, options: Options, timeout: float) -> subprocess.Popen[bytes]:
    shutil.copyfile(options.list, place / "gate.toml")
    plan = {"tree": str(place / "tree"), "list": str(place / "gate.toml")}
    tests = place / "suite"
    command = [sys.executable, "-m", "pytest", str(tests / suite.SUITE), f"--rootdir={tests}", f"--confcutdir={tests}"]
    command += ["-c", str(tests / "pytest.ini"), f"--basetemp={place / 'tmp'}", f"--junitxml={place / 'result.xml'}"]
    command += ["-p", "tools.upstream_tests.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", f"--timeout={timeout:g}", "-v", "--color=no", "--tb=short"]
    asked = json.dumps({**plan, "set": options.chosen, "only": list(options.only)})
    env = environment(place, place / "assets", UPSTREAM_TESTS_PLAN=asked)
    with open(place / "log.txt", "wb") as log:
        return subprocess.Popen(
            command, cwd=place / "cwd", env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def _log(place: Path) -> str:
    return (place / "log.txt").read_text(encoding="utf-8", errors="replace")


def _progress(place: Path) -> str:
    return (re.findall(r"\[ *(\d+%)\]\n", _log(place)) or ["starting"])[-1]


def _results(place: Path, code: int) -> Results:
    if code in (0, 1, 2) and (place / "result.xml").is_file():  # passed, failed, a file not imported
        return judge.read(place / "result.xml")
    ended = re.findall(r"tests/(\S+::\S+) *$", _log(place), re.M)
    where = f" in {ended[-1]}" if ended else ""
    raise ForkError(f"pytest ended with exit code {code}{where} on the {place.name} tree:\n{_log(place)[-1500:]}")


def _stand_ins(home: Path, options: Options, pin: Pin, pristine: Tree, tests: Tree, say: Say) -> Path:
    """Return the folder of the stand-ins; they are made once, and always with the pristine release."""
    if not options.stand_ins:
        (home / "no-stand-ins").mkdir(exist_ok=True)
        return home / "no-stand-ins"
    few = ["--quick"] if options.chosen == "quick" else []
    versions = {(d.metadata["Name"] or "").lower(): d.version for d in importlib.metadata.distributions()}
    parts = [pin.upstream.sha256, *few, *((HERE / name).read_text(encoding="utf-8") for name in MAKERS)]
    parts += [platform.python_version(), platform.platform(), *(versions.get(name, "") for name in READERS)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    folder = home / f"stand-ins-{pin.upstream.version}-{key}"
    if folder.is_dir():
        os.utime(folder)
        return folder
    say("making stand-ins for data and weights")
    work = Path(tempfile.mkdtemp(prefix="make-", dir=home))
    try:
        write_files(work / "tree", pristine)
        write_files(work / "suite", tests)
        copy_package(work / "site")
        command = [sys.executable, "-m", "tools.upstream_tests.assets", str(work / "made"), *few]
        done = subprocess.run(command, cwd=work, env=environment(work, work), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # fmt: skip
        if done.returncode:
            raise ForkError(f"the stand-ins could not be made:\n{done.stdout.decode(errors='replace')[-2000:]}")
        os.replace(work / "made", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
