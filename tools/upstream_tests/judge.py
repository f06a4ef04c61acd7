"""Which of upstream's tests run, and what two trees' results say of the fork: ``gate.toml``, and two JUnit XML files.

pytest's plugin imports it, too, in the process that runs the tests, where the checkout is not on the path.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = Path(__file__).with_name("gate.toml")
"""The reviewed list: what is left out and why, what the quick set holds, what is expected to differ."""

LEFT_OUT = "left out: "
"""Start of the reason of a test that is skipped because the list says so."""


class ListError(Exception):
    """The list is missing, is not TOML, or says something that makes no sense."""


class Rules(NamedTuple):
    """The list, read and checked.

    Attributes:
        timeout: Seconds after which a test counts as failed.
        quick: Names of the tests of the quick set.
        groups: What is left out of the gate: ``name``, ``reason``, ``tests``, and ``runs_in``, full or none.
        differs: Test -> reason, for reviewed differences between the trees.
        fails: Test -> reason, for tests that fail on the pristine release too.
    """

    timeout: float
    quick: List[str]
    groups: List[Dict[str, Any]]
    differs: Dict[str, str]
    fails: Dict[str, str]

    def left_out(self, chosen: str, test: str) -> str:
        """Return why the set ``chosen`` leaves ``test`` out, or "" where it runs it."""
        for group in self.groups:
            if named(group["tests"], test):
                return "" if group["runs_in"] == chosen else f"{group['name']}: {group['reason']}"
        return "not in the quick set" if chosen == "quick" and not named(self.quick, test) else ""


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

    def get(table: Dict[str, Any], key: str, kind: Any) -> Any:
        if not isinstance(table.get(key), kind):
            raise ListError(f"{path}: {key} is {table.get(key)!r}")
        return table[key]

    groups, differs, fails = data.get("group", []), data.get("differs", {}), data.get("fails", {})
    for group in groups:
        for key, kind in (("name", str), ("reason", str), ("runs_in", str), ("tests", list)):
            get(group, key, kind)
        if group["runs_in"] not in ("full", "none") or not group["reason"].strip():
            raise ListError(f"{path}: group {group['name']!r}: runs_in is full or none, and a reason must stand there")
    for name, reason in [*differs.items(), *fails.items()]:
        if not isinstance(reason, str) or not reason.strip():
            raise ListError(f"{path}: {name!r} has no reason")
    return Rules(
        get(data, "timeout", (int, float)), get(get(data, "quick", dict), "tests", list), groups, differs, fails
    )


def named(names: Sequence[str], test: str) -> bool:
    """Return whether one of the names means ``test``: its whole id, the id without parameters, or a file."""
    return any(name in (test, test.partition("[")[0], test.partition("::")[0]) for name in names)


def read(path: Path) -> Dict[str, Tuple[str, str]]:
    """Return test -> (outcome, reason) of a JUnit XML file of pytest's: the worst where a test has several."""
    found: Dict[str, Tuple[str, str]] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        outcome, reason = "passed", ""
        for part in case:
            if part.tag in ("skipped", "failure", "error"):
                outcome = {"failure": "failed"}.get(part.tag, part.tag)
                reason = (part.get("message") or "").split("\n")[0][:300]
                if reason == "collection failure":
                    lines = [line.strip() for line in (part.text or "").splitlines() if line.strip()]
                    outcome, reason = "not imported", lines[-1][:300]
        names = [case.get("classname", ""), case.get("name", "")]
        file, *rest = ".".join(filter(None, names[:1] if names[0] else names[1:])).split(".")[1:] or [""]
        test = "::".join([f"{file}.py", *rest, *(names[1:] if names[0] else [])])
        if found.get(test, ("passed",))[0] in ("passed", "skipped"):
            found[test] = outcome, reason
    return found


def compare(rules: Rules, trees: Sequence[Dict[str, Tuple[str, str]]], partial: bool = False) -> Tuple[List[str], int]:
    """Judge the fork by the pristine release, test by test.

    Args:
        rules: The list.
        trees: What ``read`` gives of the pristine release and of the fork.
        partial: Whether the user named some tests only; then nothing is said of the list.

    Returns:
        The report, and how many things are wrong: a difference, a test that says nothing, a stale name in the list.
    """
    errors: List[str] = []
    reviewed: List[str] = []
    same: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    skipped = []
    for test in sorted({*trees[0], *trees[1]}):
        before, after = (tree.get(test, ("missing", "there is no such test")) for tree in trees)
        said = [outcome + (f" ({reason})" if reason else "") for outcome, reason in (before, after)]
        differs, fails = (
            next((t[name] for name in t if named([name], test)), "") for t in (rules.differs, rules.fails)
        )
        if before[0] != after[0]:
            text = f"{test}: {said[0]} on the pristine release, {said[1]} on the fork"
            reviewed.append(f"{text}; reviewed: {differs}") if differs else errors.append(text)
        elif before[1].startswith(LEFT_OUT):
            left_out[before[1][len(LEFT_OUT) :]] += 1
            continue
        elif differs or (fails and before[0] == "passed"):
            table = "[differs]" if differs else "[fails]"
            errors.append(f"{test}: {before[0]} on both trees, but the list says it {table}: remove it there")
        elif before[0] in ("passed", "skipped"):
            skipped += [f"{test}: {after[1]}"] if after[0] == "skipped" else []
        elif fails:
            reviewed.append(f"{test}: {said[0]} on both trees; reviewed: {fails}")
        else:
            errors.append(
                f"{test}: {said[0]} on both trees, so it says nothing about the fork: "
                "see whether a package is missing (make upstream-test installs them)"
            )
        same[before[0]] += before[0] == after[0]
    if not sum(same.values()):
        errors.append("no test has run on both trees")
    names = [*rules.quick, *rules.differs, *rules.fails, *(name for group in rules.groups for name in group["tests"])]
    for name in [] if partial else sorted(set(names)):
        if not any(named([name], test) for test in trees[0]):
            errors.append(f"the list names {name!r}, but the release has no such test: correct gate.toml")
    counts = ", ".join(f"{n} {name}" for name, n in same.most_common() if n) or "none"
    lines = [f"The same on both trees: {counts}."]
    outs = [f"{count} {reason}" for reason, count in left_out.most_common()]
    for title, found in (("Skipped", skipped), ("Left out", outs), ("Reviewed", reviewed), ("Errors", errors)):
        lines += ["", f"{title}:", "", *(f"- {text}" for text in found)] if found else []
    return [*lines, "", f"{'FAILED' if errors else 'OK'}: {len(errors)} errors"], len(errors)
