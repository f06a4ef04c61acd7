"""The lab on a terminal: lines that are drawn over, how far long work is, widths of Chinese text, durations."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from typing import Optional, TextIO


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def pad(text: str, columns: int) -> str:
    """Fill a text up with spaces to a number of columns."""
    return text + " " * (columns - width(text))


def duration(seconds: Optional[float]) -> str:
    """Return seconds as ``45 s``, ``12 min`` or ``3 h 05 min``; ``?`` for None."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Screen:
    """Lines that are drawn anew in their place on a terminal; nothing elsewhere.

    Args:
        stream: Where to; standard error for None.
        every: Seconds between two drawings.
    """

    def __init__(self, stream: Optional[TextIO] = None, every: float = 0.2):
        self.stream, self.every = sys.stderr if stream is None else stream, every
        self.live = self.stream.isatty() and os.environ.get("TERM") != "dumb" and understands_escapes()
        self._drawn, self._last = 0, 0.0

    def due(self) -> bool:
        """Return whether it is time to draw anew."""
        return self.live and time.monotonic() - self._last >= self.every

    def show(self, *lines: str) -> None:
        """Draw lines in place of the last ones."""
        if not self.live:
            return
        self._last = time.monotonic()
        most = shutil.get_terminal_size().columns - 1
        self.clear()
        self.stream.write("".join(f"{line[:most]}\n" for line in lines))
        self.stream.flush()
        self._drawn = len(lines)

    def clear(self) -> None:
        """Take the lines away."""
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}F\x1b[J")
            self.stream.flush()
            self._drawn = 0


class Progress:
    """Counts to a total on a screen of one line, with the time that is left.

    Args:
        what: What is done: "reading", "batch 8: round".
        total: How many there are.
    """

    def __init__(self, what: str, total: int):
        self.what, self.total, self.done = what, total, 0
        self.screen, self.start = Screen(), time.monotonic()

    def step(self, n: int = 1) -> None:
        """Count on."""
        self.at(self.done + n)

    def at(self, done: int) -> None:
        """Say how many are done."""
        self.done = done
        if self.screen.due():
            left = (time.monotonic() - self.start) / max(done, 1) * (self.total - done)
            self.screen.show(f"{self.what} {done:,} of {self.total:,}, {duration(left)} left")

    def end(self) -> None:
        """Wipe the line."""
        self.screen.clear()


def understands_escapes() -> bool:
    """Return whether the terminal takes ANSI sequences; Windows's old console has to be asked to."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle, mode = kernel.GetStdHandle(-11), ctypes.c_uint32()
    return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4))
