"""The text of a Python file together with its nodes: where they stand, and what is put in their place."""

from __future__ import annotations

import ast
import bisect
import io
import itertools
import re
import sys
import tokenize
from typing import List, NamedTuple, Sequence, Tuple, Union

from fork.syntax import DEFINITIONS, parse

POSITIONED = (ast.expr, ast.stmt, ast.keyword, ast.ExceptHandler, ast.arg)
Positioned = Union[ast.expr, ast.stmt, ast.keyword, ast.ExceptHandler, ast.arg]

LINE_END = rb"\r\n|\r|\n"
BLANK = rb"(?:[ \t\f\r\n]|\\\r?\n|#[^\r\n]*(?![^\r\n]))*"
"""What may stand between two tokens inside brackets."""

CLOSED = rb"(?:" + BLANK + rb"\))*"
"""The parentheses that close behind an expression."""


class Splice(NamedTuple):
    """Bytes from ``start`` to before ``end``, and what takes their place."""

    start: int
    end: int
    new: bytes


class Text:
    """A Python file, parsed once; splices are collected and applied all at once.

    Offsets are those of ``ast``, bytes of UTF-8, whatever the file's own encoding is.

    Args:
        data: The file.

    Attributes:
        data: Its text in UTF-8, without the mark (BOM) that it may begin with.
        node: The parsed module.
        newline: How its first line ends, which new lines do as well.

    Raises:
        SyntaxError: It is not valid Python, or names an encoding that there is not.
        ValueError: It is not in the encoding that it names.
    """

    def __init__(self, data: bytes) -> None:
        self._encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(self._encoding)
        self.node = parse(text)
        self.data = text.encode()
        self._lines = [0, *itertools.accumulate(map(len, self.data.splitlines(keepends=True)))]
        if self.data and not self.data.endswith((b"\n", b"\r")):
            del self._lines[-1]  # a last line that has no end
        first = re.search(LINE_END, self.data)
        self.newline = first.group().decode() if first else "\n"
        self._splices: List[Splice] = []

    def span(self, node: Positioned) -> Tuple[int, int]:
        """Return where a node begins and ends, parentheses around it left out, decorators of a definition included."""
        start = self._lines[node.lineno - 1] + node.col_offset
        if isinstance(node, DEFINITIONS) and node.decorator_list:
            start = self.data.rfind(b"@", 0, self.span(node.decorator_list[0])[0])
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: Positioned) -> str:
        """Return a node's source as it stands in the file."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def around(self, start: int, end: int) -> Tuple[int, int]:
        """Return the span of an operand (no argument of a call) together with the parentheses around it."""
        while True:
            before, closed = self.data[:start].rstrip(), self.match(BLANK + rb"\)", end)
            if not before.endswith(b"(") or closed < 0:
                return start, end
            start, end = len(before) - 1, closed

    def line_at(self, offset: int) -> int:
        """Return where the line with this offset begins."""
        return self._lines[bisect.bisect_right(self._lines, offset) - 1]

    def indent_at(self, offset: int) -> str:
        """Return the blank space with which the line with this offset begins."""
        line = self.line_at(offset)
        return self.data[line : self.match(rb"[ \t\f]*", line)].decode().replace("\f", "")

    def begins_line(self, node: ast.stmt) -> bool:
        """Return whether a statement is the first on its line."""
        start = self.span(node)[0]
        line = self.line_at(start)
        return not self.data[line:start].strip() and not self.data[:line].rstrip(b"\r\n").endswith(b"\\")

    def top_of(self, line: int) -> int:
        """Return where the comments and blank lines over a line begin, comments that are indented deeper left out."""
        indent, top = len(self.indent_at(line)), line
        while top:
            above = self.line_at(top - 1)
            text = self.data[above:top]
            is_comment = text.lstrip().startswith(b"#") and len(text) - len(text.lstrip()) <= indent
            ends_string = re.search(rb"\"{3}|'{3}", text) or self.data[:above].rstrip(b"\r\n").endswith(b"\\")
            if text.strip() and (ends_string or not is_comment):
                return top
            top = above
        return line  # nothing goes above the first line of a file

    def match(self, pattern: bytes, at: int, end: int = sys.maxsize) -> int:
        """Return the end of what matches a pattern at an offset, -1 where nothing does."""
        found = re.compile(pattern).match(self.data, at, end)
        return found.end() if found else -1

    def lay_out(self, lines: Sequence[str], indent: str) -> str:
        """Return new lines, below ``indent`` and with the file's line ends; its tabs for each of their four spaces."""
        unit, found = "\t" if "\t" in indent else "    ", []
        for line in "\n".join(lines).split("\n"):
            deeper = (len(line) - len(line.lstrip(" "))) // 4
            found.append(f"{indent}{unit * deeper}{line[deeper * 4 :]}" if line else "")
        return self.newline.join(found)

    def break_between(self, start: int, end: int) -> str:
        """Return what separates two things between which this text stands: a line break and its indent, or a space."""
        return self.newline + self.indent_at(end) if re.search(LINE_END, self.data[start:end]) else " "

    def splice(self, start: int, end: int, new: str) -> None:
        """Put text in the place of other text, when the file is rendered.

        Raises:
            ValueError: Another splice changes some of that text; the message is its first line.
        """
        if any(start < other.end and other.start < end for other in self._splices):
            raise ValueError(self.data[start:end].decode().splitlines()[0])
        self._splices.append(Splice(start, end, new.encode()))

    def render(self) -> bytes:
        """Return the file with all splices, in its own encoding."""
        parts, at = [], 0
        for splice in sorted(self._splices, key=lambda splice: splice[:2]):
            parts += [self.data[at : splice.start], splice.new]
            at = splice.end
        return b"".join([*parts, self.data[at:]]).decode().encode(self._encoding)
