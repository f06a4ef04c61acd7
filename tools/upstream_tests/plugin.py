"""The pytest plugin in the process that runs upstream's tests: skips, with the reason, what the list leaves out.

It goes along with a copy of this package beside the suite (``-p tools.upstream_tests.plugin``); which tree, list and
set it is about stands as JSON in ``$UPSTREAM_TESTS_PLAN``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from tools.upstream_tests import judge

PLAN = json.loads(os.environ["UPSTREAM_TESTS_PLAN"])
RULES = judge.load(Path(PLAN["list"]))


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
def pytest_collection_modifyitems(items: List[pytest.Item]) -> Any:
    """Skip what the set leaves out, after upstream's own choice (which drops the tests that are marked slow)."""
    result = yield
    for item in items:
        test = item.nodeid[len("tests/") :] if item.nodeid.startswith("tests/") else item.nodeid
        reason = RULES.left_out(PLAN["set"], test)
        if PLAN["only"] and not judge.named(PLAN["only"], test):
            reason = reason or "not asked for"
        if reason:
            item.add_marker(pytest.mark.skip(reason=judge.LEFT_OUT + reason), append=False)
    return result
