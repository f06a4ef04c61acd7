"""Compares what became of each test on the two trees, and says it on the terminal and as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Set

from tools.upstream_tests.choice import Rules, matches, stale

SAME = ("passed", "skipped", "xfailed", "xpassed")
"""Outcomes that may stand as they are, where both trees have them."""


class Outcome(NamedTuple):
    """What became of a test.

    Attributes:
        outcome: passed, skipped, xfailed, xpassed, failed, error (in a fixture), crashed (the process ended in it) or
            not run (the process had ended before it).
        reason: Why it was skipped, or the first line of the failure.
        seconds: Time by the clock.
        cpu: Processor seconds, of its subprocesses too (where the system counts them).
    """

    outcome: str
    reason: str
    seconds: float
    cpu: float


class Results(NamedTuple):
    """One tree's results.

    Attributes:
        outcomes: Test -> what became of it, for every chosen test.
        left_out: Test -> name of the group that leaves it out.
        slow: Tests that upstream itself runs on demand only (``--slow``).
        broken: File -> why it could not be imported.
    """

    outcomes: Dict[str, Outcome]
    left_out: Dict[str, str]
    slow: List[str]
    broken: Dict[str, str]

    @property
    def cpu(self) -> float:
        """Processor seconds of the tests, added up."""
        return sum(outcome.cpu for outcome in self.outcomes.values())

    def dump(self) -> str:
        """Return the results as JSON."""
        return json.dumps({**self._asdict(), "outcomes": {t: list(o) for t, o in self.outcomes.items()}}, indent=0)

    @classmethod
    def parse(cls, text: str) -> Results:
        """Return the results that ``dump`` wrote."""
        data = json.loads(text)
        return cls(**{**data, "outcomes": {test: Outcome(*o) for test, o in data["outcomes"].items()}})


def read_records(paths: Iterable[Path]) -> Results:
    """Put together what the processes of one tree wrote down (see ``tools.upstream_tests.plugin``)."""
    results = Results({}, {}, [], {})
    slow: Set[str] = set()
    for path in paths:
        mine: List[str] = []
        began = ""
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for record in map(json.loads, text.splitlines()):
            if record["kind"] == "collected":
                mine = record["mine"]
                results.left_out.update(record["left_out"])
                slow.update(record["slow"])
                for test in record["chosen"]:
                    results.outcomes.setdefault(test, Outcome("not run", "the process ended before it", 0.0, 0.0))
            elif record["kind"] == "broken":
                results.broken[record["file"]] = record["reason"]
            elif record["kind"] == "began":
                began = record["test"]
            else:
                outcome = Outcome(*(record[key] for key in Outcome._fields))
                results.outcomes[record["test"]] = outcome
                began = ""
        if began in mine:
            results.outcomes[began] = Outcome("crashed", "the process ended in it", 0.0, 0.0)
    return results._replace(slow=sorted(slow))


def progress(path: Path) -> str:
    """Say how far the process that writes ``path`` has come."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    records = [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]  # the last line may be half written
    total = sum(len(record["mine"]) for record in records if record["kind"] == "collected")
    began = [record["test"] for record in records if record["kind"] == "began"]
    return f"{len(began)} of {total} tests, now {began[-1]}" if began else "starting"


class Verdict(NamedTuple):
    """The comparison.

    Attributes:
        errors: Lines, one a thing that is wrong: a difference, a test that says nothing, a stale name in the list.
        reviewed: Lines, one a difference or failure that the list has a reason for.
        same: Outcome -> how many tests have it on both trees.
    """

    errors: List[str]
    reviewed: List[str]
    same: Dict[str, int]


def compare(rules: Rules, pristine: Results, fork: Results, partial: bool = False) -> Verdict:
    """Judge the fork by the pristine release, test by test.

    Args:
        rules: The list.
        pristine: Results of the pristine release.
        fork: Results of the fork.
        partial: Whether the user named some tests only; then nothing is said of the list.
    """
    errors, reviewed, same = [], [], Counter()  # type: ignore[var-annotated]
    for file, reason in sorted({**pristine.broken, **fork.broken}.items()):
        trees = " and ".join(n for n, r in (("the pristine release", pristine), ("the fork", fork)) if file in r.broken)
        errors.append(f"{file} cannot be imported on {trees}: {reason}")
    for test in sorted({*pristine.outcomes, *fork.outcomes}):
        before, after = pristine.outcomes.get(test), fork.outcomes.get(test)
        differs = next((why for name, why in rules.differs.items() if matches(name, test)), "")
        fails = next((why for name, why in rules.fails.items() if matches(name, test)), "")
        if before is None or after is None:
            where = "the pristine release" if before is None else "the fork"
            errors.append(f"{test}: there is no such test on {where}")
        elif before.outcome != after.outcome:
            text = f"{test}: {_said(before)} on the pristine release, {_said(after)} on the fork"
            reviewed.append(f"{text}; reviewed: {differs}") if differs else errors.append(text)
        elif differs:
            errors.append(f"{test}: {before.outcome} on both trees, but the list says it [differs]: remove it there")
        elif before.outcome in SAME:
            same[before.outcome] += 1
            if before.outcome == "passed" and fails:
                errors.append(f"{test}: passed on both trees, but the list says it [fails]: remove it there")
        elif fails:
            same[before.outcome] += 1
            reviewed.append(f"{test}: {_said(before)} on both trees; reviewed: {fails}")
        else:
            errors.append(
                f"{test}: {_said(before)} on both trees, so it says nothing about the fork: "
                "see whether a package is missing (make upstream-test installs them)"
            )
    if not sum(same.values()):
        errors.append("no test has run on both trees")
    everything = {*pristine.outcomes, *pristine.left_out, *pristine.slow, *fork.outcomes, *fork.left_out, *fork.slow}
    for name in stale(rules, sorted(everything)) if not (partial or pristine.broken or fork.broken) else ():
        errors.append(f"the list names {name!r}, but the release has no such test: correct gate.toml")
    return Verdict(errors, reviewed, dict(same))


def _said(outcome: Outcome) -> str:
    return outcome.outcome + (f" ({outcome.reason})" if outcome.reason else "")


def lines(rules: Rules, chosen: str, pristine: Results, fork: Results, verdict: Verdict, heads: List[str]) -> List[str]:
    """Return the report as lines of Markdown that also read well on a terminal."""
    out = [*heads, ""]
    counts = ", ".join(f"{n} {name}" for name, n in sorted(verdict.same.items(), key=lambda item: -item[1])) or "none"
    out.append(f"The same on both trees: {counts}.")
    out.append(f"Processor time of the tests: pristine release {pristine.cpu:.0f} s, fork {fork.cpu:.0f} s.")
    skipped = {t: o for t, o in fork.outcomes.items() if o.outcome == "skipped"}
    if skipped:
        out += ["", "Skipped:", ""]
        out += [f"- {test}: {outcome.reason}" for test, outcome in sorted(skipped.items())]
    out += ["", f"Left out of the set `{chosen}`:", ""]
    reasons = {group.name: group.reason for group in rules.groups}
    for name, count in Counter(fork.left_out.values()).most_common():
        out.append(f"- {count} {name}" + (f": {reasons[name]}" if name in reasons else ""))
    out.append(f"- {len(fork.slow)} that upstream marks as slow, and runs on demand only")
    for title, found in (("Reviewed", verdict.reviewed), ("Errors", verdict.errors)):
        if found:
            out += ["", f"{title}:", "", *(f"- {text}" for text in found)]
    out += ["", f"{'FAILED' if verdict.errors else 'OK'}: {len(verdict.errors)} errors"]
    return out
