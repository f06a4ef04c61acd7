"""The parser of every command line: what is given is not empty."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any


class Parser(argparse.ArgumentParser):
    """A parser that keeps the lines of its description, and takes no empty word.

    ``--weights "$W"`` with W not set would mean that none are given, and something else would be started.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, after a look for options, ``key=value`` words and names that are empty or white space."""
        words = sys.argv[1:] if args is None else [str(word) for word in args]
        for number, word in enumerate(words):
            name, equals, value = word.partition("=")
            if not word.strip():
                options = [given for given in words[:number] if given.startswith("-")]
                name = options[-1] if options else f"word {number + 1} of the command"
            elif not equals or value.strip() or not re.fullmatch(r"-*[\w-]+", name):
                continue
            self.error(f"{name} is empty: give a value, or leave it out (a variable of the shell that is not set?)")
        return super().parse_known_args(words, namespace)
