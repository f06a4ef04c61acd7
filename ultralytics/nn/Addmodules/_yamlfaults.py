"""Syntax errors of a YAML file in plain words.

The parser tells where it could not go on, which is often lines behind the mistake. So each usual mistake is looked for
around that place and mended on a copy; if the parser then comes further, this was it. The copy also lets the rest of
the file be checked.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

import yaml

from . import _yamlnodes as nodes
from ._yamlbytes import lines_of
from ._yamlguesses import GUESSES, Fault, Try
from ._yamllines import content_after, content_before, indent
from ._yamlproblem import Problem, shown

MOST = 10
"""Errors after which no more are looked for."""

WORK = 1_000_000
"""Most characters that are read again to find the mistakes of one file; a tenth for the loader in Python."""

_WORDS = [
    ("escape", "a backslash in a text between double quotes begins no sign that YAML knows"),
    ("hexdec", "a backslash in a text between double quotes begins no sign that YAML knows"),
    ("unexpected end of stream", "a text in quotes does not end before the file does"),
    ("unexpected document indicator", "a text in quotes does not end before the next document"),
    ("mapping values are not allowed", "a colon stands where no key can be"),
    ("sequence entries are not allowed", "a dash stands where no list can begin"),
    ("could not find expected ':'", "a key without a colon"),
    ("',' or", "a comma or a closing bracket is missing before this"),
    ("node content", "a value is missing before this"),
    ("cannot start any token", "no value can begin with this sign"),
    ("tag", "what follows the sign ! is no tag"),
    ("alphabetic or numeric", "no name follows the sign & or *"),
    ("document start", "this does not belong to what stands above it"),
    ("directive", "a line that begins with % is no setting that YAML knows"),
    ("block scalar", "what follows the sign | or > is not understood"),
    ("indentation", "the indentation does not fit the lines above"),
    (
        "expected key",
        "this does not belong to what stands above it: its indentation does not fit, or a sign is missing",
    ),
    ("block end", "this does not belong to what stands above it: its indentation does not fit, or a sign is missing"),
    ("'-' indicator", "this is no entry of the list above it: its indentation does not fit, or the dash is missing"),
]


def first_fault(text: str, upto: Optional[int] = None) -> Optional[Fault]:
    """Return where the syntax breaks first, or None; what is too deep to be read is left alone.

    With ``upto``, what stands behind that line may or may not be looked at.
    """
    depth = 0
    try:
        for event in nodes.events(text):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > nodes.MAX_DEPTH or (upto is not None and event.start_mark.line > upto):
                return None
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        words, began = f"{e.context or ''} {e.problem or ''}".strip(), (e.context_mark or mark).line
        lines = lines_of(text)
        if mark.line >= len(lines):  # libyaml's place for the end of a text without a line end
            return Fault(len(lines) - 1, len(lines[-1]), words, min(began, len(lines) - 1))
        return Fault(mark.line, mark.column, words, began)
    return None


def diagnose(text: str) -> Tuple[List[Problem], Optional[str]]:
    """Name the syntax errors of a file.

    Returns:
        The problems, and the text with all of them mended, or None if that was not possible.
    """
    search = _Search(text)
    problems: List[Problem] = []
    while search.fault is not None and len(problems) < MOST:
        problem, mended = search.step()
        if any(problem.line == known.line for known in problems):
            return problems, None  # going back and forth over one line: the first is the better guess
        problems.append(problem)
        if not mended:
            return problems, None
    return problems, None if search.fault else "\n".join(search.lines)


class _Outcome(NamedTuple):
    """A copy with a mistake mended."""

    lines: List[str]
    fault: Optional[Fault]
    reached: int
    """Lines that the parser comes through."""


class _Search:
    def __init__(self, text: str):
        self.lines = lines_of(text)
        self.fault = first_fault(text)
        self.left = WORK if nodes.LOADER is getattr(yaml, "CSafeLoader", None) else WORK // 10

    def step(self) -> Tuple[Problem, bool]:
        """Name the error in hand and mend it; tell whether that worked."""
        fault = self.fault
        assert fault is not None
        self.left -= sum(map(len, self.lines)) // 2
        for guess in GUESSES if self.left > 0 else []:
            outcomes = []
            for trial in guess(self.lines, fault):
                outcome = self._try(trial, fault)
                if outcome is not None:
                    outcomes.append((trial, outcome))
                    if outcome.fault is None or not guess.__name__.endswith("indentation"):
                        break
            if outcomes:  # the one after which the parser comes furthest; indentation alone has several
                trial, outcome = max(outcomes, key=lambda item: item[1].reached)
                self.lines, self.fault = outcome.lines, outcome.fault
                return trial.problem, True
        problem, line = self._in_general(fault)
        below = content_after(self.lines, line)
        if below is not None and indent(self.lines[below]) > indent(self.lines[line]):
            return problem, False  # without the line, those that belong to it would be in the air
        outcome = self._try(Try(problem, {line: ""}), fault)
        if outcome is not None:
            self.lines, self.fault = outcome.lines, outcome.fault
        return problem, outcome is not None

    def _in_general(self, fault: Fault) -> Tuple[Problem, int]:
        """Describe an error by what the parser says; return the line, from 0, as well."""
        line, column = fault.line, fault.column
        if not self.lines[line].strip():
            line, column = content_before(self.lines, line), 0
        words = next((said for key, said in _WORDS if key in fault.words), "the syntax is broken here")
        here = self.lines[line]
        head = here[:column].rstrip()
        if "flow" not in fault.words and head.endswith(("]", "}", "'", '"')):
            words = f"nothing can follow the closing {head[-1]}"
        what = f"{words}: {shown(here, column + 1)}"
        return Problem(line + 1, column + 1, what, f"the parser says: {fault.words}"), line

    def _try(self, trial: Try, fault: Fault) -> Optional[_Outcome]:
        """Return what the parser makes of these lines, or None if it comes no further."""
        self.left -= 80 + sum(map(len, self.lines[: fault.line + 1]))
        if self.left < 0:
            return None
        lines = [trial.lines.get(n, line) for n, line in enumerate(self.lines)]
        text = "\n".join(lines)
        last = content_before(lines, len(lines))
        late = (fault.line, fault.column) >= (last, len(self.lines[last].rstrip()))  # something has swallowed the rest
        found = first_fault(text, fault.line)
        if found is None or found.line > fault.line or (late and found.line > max(trial.lines)):
            found = first_fault(text)
            return _Outcome(lines, found, len(lines) if found is None else found.line)
        return None
