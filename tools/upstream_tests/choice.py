"""Which of upstream's tests run, and in which of the parallel processes: the same answer for both trees.

pytest's plugin imports it, too, in the process that runs the tests, where the checkout is not on the path.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = Path(__file__).with_name("gate.toml")
"""The reviewed list: what is left out and why, what the quick set holds, what is expected to differ."""

SECONDS = 1.0
"""What a test takes that the list gives no time for."""


class ListError(Exception):
    """The list is missing, is not TOML, or says something that makes no sense."""


class Group(NamedTuple):
    """Tests that some set leaves out.

    Attributes:
        name: What they have in common, for the report.
        reason: Why they are left out.
        runs_in: "full" where that set runs them, "none" where no set does.
        tests: Names (see ``matches``).
    """

    name: str
    reason: str
    runs_in: str
    tests: List[str]


class Rules(NamedTuple):
    """The list, read and checked.

    Attributes:
        timeout: Seconds after which a test counts as failed.
        quick: Names of the tests of the quick set.
        groups: What is left out of the gate.
        seconds: What the slow tests take, for an even share among the processes.
        differs: Test -> reason, for reviewed differences between the trees.
        fails: Test -> reason, for tests that fail on the pristine release too.
    """

    timeout: float
    quick: List[str]
    groups: List[Group]
    seconds: Dict[str, float]
    differs: Dict[str, str]
    fails: Dict[str, str]


def load(path: Path = LIST) -> Rules:
    """Read the list.

    Raises:
        ListError: It is missing, is not TOML, or a key is missing or of another kind.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ListError(f"{path} is missing: restore it with `git checkout`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ListError(f"{path} is not valid TOML ({e})") from None
    groups = []
    for item in data.get("group", []):
        group = Group(*(_get(path, item, key, kind) for key, kind in zip(Group._fields, (str, str, str, list))))
        if group.runs_in not in ("full", "none") or not group.reason.strip():
            raise ListError(f"{path}: group {group.name!r}: runs_in is full or none, and a reason must stand there")
        groups.append(group)
    differs, fails = data.get("differs", {}), data.get("fails", {})
    for table in (differs, fails):
        for name, reason in table.items():
            if not isinstance(reason, str) or not reason.strip():
                raise ListError(f"{path}: {name!r} has no reason")
    quick = _get(path, _get(path, data, "quick", dict), "tests", list)
    timeout, seconds = float(_get(path, data, "timeout", (int, float))), data.get("seconds", {})
    return Rules(timeout, quick, groups, seconds, differs, fails)


def _get(path: Path, table: Dict[str, Any], key: str, kind: Any) -> Any:
    if not isinstance(table.get(key), kind):
        raise ListError(f"{path}: {key} is {table.get(key)!r}")
    return table[key]


def matches(name: str, test: str) -> bool:
    """Tell whether a name of the list means ``test``: the whole id, the id without parameters, or a file."""
    return test == name or test.partition("[")[0] == name or test.partition("::")[0] == name


def left_out(rules: Rules, chosen: str, test: str) -> str:
    """Return why the set ``chosen`` leaves ``test`` out, or "" where it runs it."""
    for group in rules.groups:
        if any(matches(name, test) for name in group.tests):
            return "" if group.runs_in == chosen else group.name
    if chosen == "quick" and not any(matches(name, test) for name in rules.quick):
        return "not in the quick set"
    return ""


def stale(rules: Rules, tests: Sequence[str]) -> List[str]:
    """Return the names of the list that mean none of ``tests`` any more."""
    names = [name for group in rules.groups for name in group.tests]
    names += [*rules.quick, *rules.seconds, *rules.differs, *rules.fails]
    return sorted({name for name in names if not any(matches(name, test) for test in tests)})


def share(rules: Rules, tests: Sequence[str], shard: int, shards: int) -> List[str]:
    """Return which of ``tests`` process number ``shard`` (from 0) of ``shards`` runs, in the order given.

    The longest test goes first, each to the process that has the least to do: a fixed answer for fixed arguments, so
    that a test has the same neighbours on both trees.
    """
    times = [_seconds(rules, test) for test in tests]
    loads, mine = [0.0] * shards, set()
    for at in sorted(range(len(tests)), key=lambda at: (-times[at], at)):
        least = loads.index(min(loads))
        loads[least] += times[at]
        if least == shard:
            mine.add(at)
    return [tests[at] for at in sorted(mine)]


def _seconds(rules: Rules, test: str) -> float:
    named = [seconds for name, seconds in rules.seconds.items() if matches(name, test)]
    return float(rules.seconds.get(test, named[0] if named else SECONDS))
