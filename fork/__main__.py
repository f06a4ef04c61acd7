"""Entry point of ``python -m fork``."""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - the message is for whoever starts it with an older one
    sys.exit("error: python -m fork needs Python 3.9 or newer; this is " + sys.version.split()[0])

if sys.version_info < (3, 11):
    try:
        import tomli  # noqa: F401
    except ImportError:
        sys.exit(f"error: the package tomli is missing in {sys.executable}: run `python -m pip install -e .` first")

from fork.cli import main

if __name__ == "__main__":
    sys.exit(main())
