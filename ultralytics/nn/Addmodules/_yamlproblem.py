"""One problem of a YAML file, and how it is put into words; the files ``_yaml*.py`` share it."""

from __future__ import annotations

from typing import Any, Iterable, List, NamedTuple, Optional

WIDTH = 64
"""Longest piece of a line that a message shows, in characters."""


class Problem(NamedTuple):
    """What is wrong at one place of a file."""

    line: int
    """1-based; 0: the file as a whole."""
    column: int
    """1-based; 0: none."""
    message: str
    """What is wrong, what was found."""
    advice: str = ""
    """What to do, or what would fit."""
    row: Optional[int] = None
    """Index of a model row as the YAML must use it; set by later checks."""
    severe: bool = True
    """False: a warning, the file can be used as it is."""


def render(problem: Problem, path: Any) -> str:
    """Put a problem into words: ``my.yaml:12:5: row 7: message``, the advice on lines of its own, indented by four.

    A problem without a column, or of the file as a whole, leaves these parts out; a warning says that it is one.
    """
    place = ":".join(str(part) for part in (path, problem.line, problem.column if problem.line else 0) if part)
    kind = "" if problem.severe else "warning: "
    row = "" if problem.row is None else f"row {problem.row}: "
    advice = "".join(f"\n    {line}" for line in problem.advice.splitlines())
    return f"{place}: {kind}{row}{problem.message}{advice}"


def shown(text: str, column: int = 1) -> str:
    """Return a line of a file for a message: on one line, printable, and cut down to what stands around a column.

    Args:
        text: The line.
        column: 1-based column that must stay in sight.
    """
    start = 0
    if len(text) > WIDTH:
        start = max(0, min(column - 1 - WIDTH // 2, len(text) - WIDTH))
    piece = text[start : start + WIDTH]
    before = "..." if text[:start].strip() else ""
    after = "..." if text[start + WIDTH :].strip() else ""
    piece = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in piece.strip())
    return f"{before}{piece}{after}"


def in_words(value: Any) -> str:
    """Return a value for a message, short and printable."""
    return shown(repr(value))


def listed(numbers: Iterable[int], most: int = 6) -> str:
    """Return numbers as ``3, 4 and 9``, long lists cut short."""
    words: List[str] = [str(number) for number in numbers]
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
