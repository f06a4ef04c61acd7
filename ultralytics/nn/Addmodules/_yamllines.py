"""The lines of a YAML file as a reader sees them: indentation, comments, quotes and brackets.

Made for files whose syntax is broken, so none of it follows YAML to the letter.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

_SIGNS = re.compile(r"['\"#\[\]{}\\]")

MOST_OPEN = 100
"""Open brackets that are followed; deeper ones are counted no more."""


class Open(NamedTuple):
    """A quote or bracket that is not closed; line and column count from 0."""

    line: int
    column: int
    sign: str


def indent(line: str) -> int:
    """Return the number of characters before a line's content."""
    return len(line) - len(line.lstrip(" \t\u3000\u00a0"))


def is_content(line: str) -> bool:
    """Tell whether a line is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def content_before(lines: List[str], line: int) -> int:
    """Return the last line of content above, or 0."""
    return next((n for n in range(min(line, len(lines)) - 1, -1, -1) if is_content(lines[n])), 0)


def content_after(lines: List[str], line: int) -> Optional[int]:
    """Return the next line of content below, or None."""
    return next((n for n in range(line + 1, len(lines)) if is_content(lines[n])), None)


def code_of(line: str) -> str:
    """Return a line without its comment."""
    quote = ""
    for n, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and (n == 0 or line[n - 1] in " [{,:"):
            quote = sign
        elif sign == "#" and (n == 0 or line[n - 1] in " \t"):
            return line[:n].rstrip()
    return line.rstrip()


def scan(lines: List[str]) -> List[Tuple[Optional[Open], Tuple[Open, ...]]]:
    """Return for each line the quote and the brackets that are open at its end (block texts are taken as others)."""
    states = []
    quote: Optional[Open] = None
    brackets: Tuple[Open, ...] = ()
    for n, line in enumerate(lines):
        skip = -1
        for match in _SIGNS.finditer(line):
            column, sign = match.start(), match.group()
            before = line[column - 1] if column else " "
            if column == skip:
                continue
            if quote:
                if sign == "\\" and quote.sign == '"':
                    skip = column + 1
                elif sign == quote.sign:
                    quote = None
            elif sign in "'\"" and before in " [{,:\t":
                quote = Open(n, column, sign)
            elif sign == "#" and before in " \t":
                break
            elif sign in "[{" and (brackets or before in " \t[{,:") and len(brackets) < MOST_OPEN:
                brackets = (*brackets, Open(n, column, sign))
            elif sign in "]}":
                brackets = brackets[:-1]
        states.append((quote, brackets))
    return states
