"""Runs a script's ``main``: a user's mistake is a message, not a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import yaml

from ultralytics.nn.Addmodules._rows.guard import ended_in, said
from ultralytics.nn.Addmodules.contract import BackboneError

PACKAGE = Path(__file__).resolve().parents[1]


def run(main: Callable[..., Any], *args: Any) -> Any:
    """Call ``main``; end with exit code 2 and a message where the user, not the program, is wrong.

    Those are what Addmodules says about a YAML, a backbone or weights, files that are missing, and what YOLOv5's own
    files assert about their arguments.
    """
    for stream in (sys.stdout, sys.stderr):  # a console in another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        return main(*args)
    except (BackboneError, FileNotFoundError, ConnectionError, yaml.YAMLError) as e:
        _end(e)
    except SystemExit as e:
        if not ended_in(e):
            raise
        _end(BackboneError(f"a module ended the run: {said(e)}"))
    except Exception as e:
        if not str(e) or not (isinstance(e, AssertionError) or type(e) is Exception) or not _raised_here(e):
            raise
        _end(e)


def _end(error: BaseException) -> None:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


def _raised_here(error: BaseException) -> bool:
    """Return whether a file of the package itself raised an error, not a library that it has called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and PACKAGE in Path(trace.tb_frame.f_code.co_filename).resolve().parents
