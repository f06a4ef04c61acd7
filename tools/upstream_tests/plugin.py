"""The pytest plugin in the process that runs upstream's tests: chooses them, and writes down what becomes of each.

It goes along with a copy of this package beside the suite (``-p tools.upstream_tests.plugin``); the plan that it follows
is a JSON file that ``$UPSTREAM_TESTS_PLAN`` names.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from tools.upstream_tests import choice

PLAN = json.loads(Path(os.environ["UPSTREAM_TESTS_PLAN"]).read_text(encoding="utf-8"))
RULES = choice.load(Path(PLAN["list"]))
WORST = ("passed", "skipped", "xfailed", "xpassed", "failed", "error")

_stages: Dict[str, List[Dict[str, Any]]] = {}


def _write(**record: Any) -> None:
    """Append a line to the record at once, so that a crash leaves what was known before it."""
    with open(PLAN["record"], "a", encoding="utf-8") as f:
        f.write(json.dumps(record) + "\n")


def _name(nodeid: str) -> str:
    """Return a test's name in the list and the report: its id without the folder ``tests/``."""
    return nodeid[len("tests/") :] if nodeid.startswith("tests/") else nodeid


def pytest_configure(config: pytest.Config) -> None:
    """Make sure of the tree that is tested, and draw no plots unless a test asks for them."""
    package = importlib.import_module("ultralytics")
    if Path(str(package.__file__)).resolve().parents[1] != Path(PLAN["tree"]).resolve():
        pytest.exit(f"ultralytics came from {package.__file__}, not from {PLAN['tree']}", returncode=3)
    utils = _utils()
    defaults = getattr(utils, "DEFAULT_CFG_DICT", None)
    if defaults and "plots" in defaults:
        defaults["plots"] = utils.DEFAULT_CFG.plots = False


def _utils() -> Any:
    try:
        return importlib.import_module("ultralytics.utils")
    except ImportError:
        return None


@contextlib.contextmanager
def _as_if_online() -> Iterator[None]:
    """Let test modules, and them alone, believe in a network: what they would fetch lies ready.

    Upstream's modules that are imported meanwhile get the truth back afterwards.
    """
    utils = _utils()
    if not hasattr(utils, "ONLINE"):
        yield
        return
    truth, utils.ONLINE = utils.ONLINE, True
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "ultralytics" and getattr(module, "ONLINE", None) is True:
                module.ONLINE = truth  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """Import test modules as if there were a network: ``skipif(not ONLINE)`` is worked out then."""
    if isinstance(collector, pytest.Module):
        with _as_if_online():
            return (yield)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> Any:
    """Choose this process's share, after upstream's own choice (which drops the tests that are marked slow)."""
    every = [item.nodeid for item in items]
    result = yield
    kept = [item.nodeid for item in items]
    names = {nodeid: _name(nodeid) for nodeid in every}
    reasons = {names[n]: choice.left_out(RULES, PLAN["set"], names[n]) for n in kept}
    for test in reasons if PLAN["only"] else ():
        if not any(choice.matches(name, test) for name in PLAN["only"]):
            reasons[test] = reasons[test] or "not asked for"
    chosen = [test for test, reason in reasons.items() if not reason]
    mine = set(choice.share(RULES, chosen, PLAN["shard"], PLAN["shards"]))
    slow = sorted(names[n] for n in set(every) - set(kept))
    left_out = {test: reason for test, reason in reasons.items() if reason}
    _write(kind="collected", chosen=chosen, left_out=left_out, slow=slow, mine=sorted(mine))
    dropped = [item for item in items if names[item.nodeid] not in mine]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if names[item.nodeid] in mine]
    return result


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write down a file that could not be read or imported."""
    if report.failed:
        _write(kind="broken", file=report.nodeid, reason=_last_line(str(report.longrepr)))


def pytest_runtest_logstart(nodeid: str) -> None:
    """Write down that a test has begun: what has no end later has crashed the process."""
    _stages[nodeid] = [{"outcome": "passed", "reason": "", "cpu": sum(os.times()[:4])}]
    _write(kind="began", test=_name(nodeid))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down a test's outcome once it is torn down: the worst of its three stages."""
    outcome, reason = report.outcome, ""
    if hasattr(report, "wasxfail"):
        outcome, reason = ("xfailed" if report.skipped else "xpassed"), str(report.wasxfail)
    elif report.skipped:
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason[len("Skipped: ") :] if reason.startswith("Skipped: ") else reason
    elif report.failed:
        outcome = "failed" if report.when == "call" else "error"
        crash = getattr(getattr(report.longrepr, "reprcrash", None), "message", None)
        reason = _last_line(str(crash or report.longrepr), first=crash is not None)
    stages = _stages.setdefault(report.nodeid, [])
    stages.append({"outcome": outcome, "reason": reason, "seconds": report.duration})
    if report.when == "teardown":
        worst = max(_stages.pop(report.nodeid), key=lambda stage: WORST.index(stage["outcome"]))
        seconds = round(sum(stage.get("seconds", 0.0) for stage in stages), 2)
        cpu = round(sum(os.times()[:4]) - stages[0].get("cpu", 0.0), 2)  # its subprocesses included
        _write(
            kind="ended",
            test=_name(report.nodeid),
            outcome=worst["outcome"],
            reason=worst["reason"],
            seconds=seconds,
            cpu=cpu,
        )


def _last_line(text: str, first: bool = False) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return lines[0 if first else -1][:300]
