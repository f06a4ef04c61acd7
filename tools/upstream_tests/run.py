"""Runs upstream's tests on both trees, several processes at a time, and keeps what need not be done twice."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from fork.errors import ForkError
from fork.fetch import cache_dir, obtain
from fork.pin import Pin
from fork.tree import Tree, read_wheel, write_files
from tools.upstream_tests import assets as maker
from tools.upstream_tests import choice, place, report, suite

PLUGIN = "tools.upstream_tests.plugin"
NAMES = ("pristine", "fork")
READERS = ("opencv-python", "opencv-python-headless", "pillow")

PATIENCE = 60.0
"""Seconds between two lines of progress."""

FORGET = 14 * 24 * 3600
"""Seconds after which stand-ins and results that no run has used are deleted."""

Say = Callable[[str], None]


class Options(NamedTuple):
    """What the command line asks for.

    Attributes:
        root: The checkout.
        chosen: quick, gate or full.
        shards: Processes at a time; also the number of parts that the tests are dealt into.
        fresh: Run the pristine release again, and make the stand-ins again.
        wheel: The pinned wheel, or a folder that holds it, instead of the index.
        sdist: The same for the source distribution.
        list: The reviewed list.
        only: Names of tests; the rest of the set is left out.
        keep: Leave the folders that the tests ran in.
        stand_ins: Whether the tests need stand-ins for data and weights.
    """

    root: Path
    chosen: str = "gate"
    shards: int = 2
    fresh: bool = False
    wheel: Optional[Path] = None
    sdist: Optional[Path] = None
    list: Path = choice.LIST
    only: Sequence[str] = ()
    keep: bool = False
    stand_ins: bool = True


class Run(NamedTuple):
    """Both trees' results, and how the pristine ones came about."""

    rules: choice.Rules
    pristine: report.Results
    fork: report.Results
    cached: bool
    seconds: float


def run(options: Options, pin: Pin, say: Say) -> Run:
    """Run the chosen set on both trees (on the fork alone where the pristine results are known already).

    Raises:
        ForkError: Something that is needed is missing or not the pinned one.
        choice.ListError: The list is malformed.
    """
    began = time.time()
    rules = choice.load(options.list)
    pristine = read_wheel(obtain(pin.upstream, options.wheel, say))
    tests = suite.obtain_suite(pin, options.sdist, say)
    home = cache_dir() / "upstream-tests"
    home.mkdir(parents=True, exist_ok=True)
    _forget(home)
    stand_ins = _stand_ins(home, options, pin, pristine, tests, say)
    known = home / f"pristine-{pin.upstream.version}-{_key_of_results(options, pin, stand_ins)}.json"
    results: Dict[str, report.Results] = {}
    if known.is_file() and not options.fresh:
        results["pristine"] = report.Results.parse(known.read_text(encoding="utf-8"))
        os.utime(known)
        say("the pristine release's results are known from an earlier run (--fresh: run it again)")
    work = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    try:
        names = [name for name in NAMES if name not in results]
        for name in names:
            if name == "pristine":
                write_files(work / name / "tree", pristine)
            else:
                suite.copy_fork(options.root, work / name / "tree", pin, say)
        results.update(_run_trees(work, names, tests, stand_ins, options, say))
    finally:
        if options.keep:
            say(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    cached = "pristine" not in names
    if not cached and _complete(rules, results["pristine"]):
        write_files(home, {known.name: results["pristine"].dump().encode()})
    return Run(rules, results["pristine"], results["fork"], cached, time.time() - began)


def _key_of_results(options: Options, pin: Pin, stand_ins: Path) -> str:
    """Return a key of everything that the pristine release's results depend on."""
    files = [pin.upstream.sha256, pin.tests.sha256 if pin.tests else "", stand_ins.name]
    asked = [options.list.read_text(encoding="utf-8"), options.chosen, str(options.shards), *options.only]
    return _key([*files, *asked, _code("plugin.py", "choice.py", "place.py"), *_environment()])


def _complete(rules: choice.Rules, results: report.Results) -> bool:
    """Tell whether results are worth keeping: every test came to an end, and none failed that is not known to."""
    known = [*rules.fails, *rules.differs]
    good = (o.outcome in report.SAME or any(choice.matches(n, t) for n in known) for t, o in results.outcomes.items())
    return all(good) and not results.broken and bool(results.outcomes)


def _run_trees(
    work: Path, names: List[str], tests: Tree, stand_ins: Path, options: Options, say: Say
) -> Dict[str, report.Results]:
    jobs = []
    for name in names:
        for shard in range(options.shards):
            folder = work / f"{name}-{shard}"
            shutil.copytree(work / name / "tree", folder / "tree")
            jobs.append((name, shard, folder))
    lock = threading.Lock()

    def one(job: Tuple[str, int, Path]) -> None:
        name, shard, folder = job

        def tell(line: str) -> None:
            with lock:
                say(f"{name}, part {shard + 1} of {options.shards}: {line}")

        place.lay_out(folder, tests, stand_ins)
        tell("running")
        began = time.time()
        said = _run_part(folder, shard, options, tell)
        tell(f"{said} ({time.time() - began:.0f} s)")

    with ThreadPoolExecutor(options.shards) as pool:
        list(pool.map(one, jobs))
    found = {}
    for name in names:
        found[name] = report.read_records(folder / "record" for job, _, folder in jobs if job == name)
        if not (found[name].outcomes or found[name].left_out or found[name].broken):
            logs = "\n".join((folder / "log.txt").read_text("utf-8", "replace")[-1500:] for job, _, folder in jobs[:1])
            raise ForkError(f"pytest ran no test of upstream's on the {name} tree; it said:\n{logs}")
    return found


def _run_part(folder: Path, shard: int, options: Options, tell: Say) -> str:
    """Run one process of tests and return pytest's own last line."""
    shutil.copyfile(options.list, folder / "gate.toml")
    plan: Dict[str, Any] = {name: str(folder / name) for name in ("tree", "record")}
    plan.update(list=str(folder / "gate.toml"), set=options.chosen, only=list(options.only))
    plan.update(shard=shard, shards=options.shards)
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    suite_folder, timeout = folder / "suite", choice.load(options.list).timeout
    command = [sys.executable, "-m", "pytest", str(suite_folder / suite.SUITE), f"--rootdir={suite_folder}"]
    command += [f"--confcutdir={suite_folder}", "-c", str(suite_folder / "pytest.ini"), f"--basetemp={folder / 'tmp'}"]
    command += f"-p {PLUGIN} -p pytest_timeout -p no:cacheprovider --timeout={timeout:g}".split()
    command += ["-q", "--color=no", "--tb=short", "-ra"]
    env = place.environment(folder, folder / "assets", UPSTREAM_TESTS_PLAN=str(folder / "plan.json"))
    with open(folder / "log.txt", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder / "cwd", env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                tell(report.progress(folder / "record"))
    text = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip()
    if process.returncode not in (0, 1, 5):  # pytest's own: all passed, some failed, none chosen
        return f"stopped before its end, with exit code {process.returncode}"
    return text.splitlines()[-1].strip("= ") if text else "pytest said nothing"


def _stand_ins(home: Path, options: Options, pin: Pin, pristine: Tree, tests: Tree, say: Say) -> Path:
    """Return the folder of the stand-ins; they are made once, and always with the pristine release."""
    if not options.stand_ins:
        (home / "no-stand-ins").mkdir(exist_ok=True)
        return home / "no-stand-ins"
    few = options.chosen == "quick"
    key = _key([pin.upstream.sha256, _code(*maker.CODE), *_environment("torch", "torchvision", "numpy", *READERS)])
    folder = home / f"stand-ins-{pin.upstream.version}-{'quick-' if few else ''}{key}"
    if folder.is_dir() and not options.fresh:
        os.utime(folder)
        return folder
    say("making stand-ins for data and weights")
    work = Path(tempfile.mkdtemp(prefix="make-", dir=home))
    try:
        write_files(work / "tree", pristine)
        write_files(work / "suite", tests)
        place.copy_package(work / "site")
        (work / "cwd").mkdir()
        command = [sys.executable, "-m", "tools.upstream_tests.assets", str(work / "made")]
        command += ["--quick"] if few else []
        env = place.environment(work, work)
        done = subprocess.run(
            command,
            cwd=work / "cwd",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if done.returncode:
            raise ForkError(f"the stand-ins could not be made:\n{done.stdout[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(work / "made", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _forget(home: Path) -> None:
    """Delete what runs have left that is of no use any more: stand-ins of other versions take hundreds of megabytes."""
    for path in home.iterdir():
        with contextlib.suppress(OSError):  # another run may be at it, too
            if time.time() - path.stat().st_mtime > FORGET:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _code(*names: str) -> str:
    """Return the hash of files of this package."""
    return _key([(place.HERE / name).read_text(encoding="utf-8") for name in names])


def _environment(*names: str) -> List[str]:
    """Return Python, and the packages of these names (else all that are installed, but the fork), with versions."""
    found = {(d.metadata["Name"] or "").lower(): d.version for d in importlib.metadata.distributions()}
    found.pop("ultralytics", None)
    found = {name: version for name, version in found.items() if not names or name in names}
    return [platform.python_version(), platform.platform(), *(f"{n}=={v}" for n, v in sorted(found.items()))]


def _key(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
