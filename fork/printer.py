"""Text for people: paragraphs wrapped to the terminal, colours only where they are understood."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap


class Printer:
    """Collects what is printed: paragraphs wrapped to the width, colours on a terminal only."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width, self.colour, self.text = width, colour, ""

    def head(self, line: str) -> None:
        """Add a heading."""
        self.text += self._paint(line, "1") + "\n"

    def say(self, text: str, indent: int = 0, hang: int = 0) -> None:
        """Add a paragraph."""
        first, rest = " " * indent, " " * (indent + hang)
        self.text += (
            textwrap.fill(text, self.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) + "\n"
        )

    def gap(self) -> None:
        """Add an empty line."""
        self.text += "\n"

    def diff(self, text: str, indent: int) -> None:
        """Add lines of a diff; they are not wrapped."""
        colours = {"+": "32", "-": "31", "@": "36"}
        for line in text.splitlines():
            self.text += " " * indent + self._paint(line, colours.get(line[:1], "")) + "\n"

    def _paint(self, line: str, code: str) -> str:
        return f"\033[{code}m{line}\033[0m" if self.colour and code else line


def printer() -> Printer:
    """Return a printer for standard output: as wide as the terminal up to 100, coloured where that is understood."""
    tty = sys.stdout.isatty()
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    ansi = sys.platform != "win32" or "WT_SESSION" in os.environ or "TERM" in os.environ
    return Printer(max(40, min(shutil.get_terminal_size((80, 24)).columns, 100)), tty and ansi and not plain)
