"""Starts a program of ours: the right ultralytics, and errors as messages."""

from __future__ import annotations

import contextlib
import errno
import importlib
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any, Iterator

from fork.errors import ForkError
from fork.pin import ROOT, load_pin
from fork.state import look
from run.arguments import TRUST, UsageError

THREADS = os.environ.get("OMP_NUM_THREADS", "")
"""As the user has set it; read now, since upstream sets it when it is imported."""


SET = ("ADDMODULES_RESTRICT", "PYTHONPATH", "PYTHONSAFEPATH", *(name for name, _ in TRUST.values()))
"""Variables that a command sets for itself and the processes that it starts."""


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, flush=True)


def make_folder(folder: Path) -> None:
    """Make a folder that the user has named, with those above it.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"the folder {folder} cannot be made: {e.strerror or e}; name another one") from None


GUARD = "ultralytics.nn.Addmodules._rows.guard"


@contextlib.contextmanager
def messages(stopped: str = "stopped") -> Iterator[None]:
    """Print a user's mistake as a message and exit with its code; anything else keeps its traceback.

    Args:
        stopped: What to print after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a console in GBK or another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    before = {name: os.environ[name] for name in SET if name in os.environ}
    try:
        yield
    except ForkError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except ModuleNotFoundError as e:
        print(f"error: the package {e.name} is missing: run `python -m pip install -e .` in {ROOT}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        sys.exit(130)
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"error: {e}", file=sys.stderr)  # a full disk
        sys.exit(1)
    except SystemExit as e:
        guard = sys.modules.get(GUARD)  # if not there, only the command line has been read
        if guard is None or not guard.ended_in(e):
            raise
        print(f"error: a module ended the run: {guard.said(e)}", file=sys.stderr)
        sys.exit(2)
    finally:  # whom a command trusts is its own affair
        for name in SET:
            os.environ.pop(name, None)
        os.environ.update(before)


def load_ultralytics() -> Any:
    """Build the tree if it is not built, import ``ultralytics`` and make sure that it is this checkout's.

    Raises:
        ForkError: A package is missing, the build failed, or another ultralytics is imported.
    """
    pin = load_pin()
    state = look(ROOT, pin)
    if state.kind == "other" and state.stamp:
        say(f"note: the tree is {state.stamp.version}, not the pinned {pin.version}; `python -m fork build` ends that")
    elif state.kind != "built" or state.missing or state.damaged:
        try:
            from fork.build import build
        except ImportError as e:
            raise ForkError(f"the package {e.name} is missing: run `python -m pip install -e .` in {ROOT}") from None
        say(f"building the fork ({state.kind}) ...")
        build(say=say)
    elif state.edited:
        say(
            f"note: {len(state.edited)} generated file(s) are edited by hand, and this run uses them: "
            f"{state.edited[0]} ..."
        )
    try:
        ultralytics = importlib.import_module("ultralytics")
        version = getattr(ultralytics, "__version__", "unknown")
        importlib.import_module("torch")
    except ImportError as e:
        raise ForkError(f"the package {e.name} is missing: run `python -m pip install -e .` in {ROOT}") from None
    found = Path(ultralytics.__file__ or "?").resolve().parent
    if found != (ROOT / "ultralytics").resolve():
        raise ForkError(
            f"another ultralytics is imported, not the fork's:\n  found:    {version} in {found}\n"
            f"  expected: {pin.version} in {ROOT / 'ultralytics'}\n"
            f"  to do:    run `python -m pip install -e .` in {ROOT}, and unset PYTHONPATH"
        )
    _warn_installed(pin.version)
    importlib.import_module("ultralytics.nn.Addmodules._policy.command").lead()
    return ultralytics


def load_quietly() -> Any:
    """As ``load_ultralytics``, for tools that print results: notes go to stderr, and upstream logs errors only."""
    import logging

    with contextlib.redirect_stdout(sys.stderr):
        ultralytics = load_ultralytics()
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    return ultralytics


def use_all_cores(model: Any) -> None:
    """Let a CPU run of ``model`` use every core, unless the user has set OMP_NUM_THREADS; upstream leaves one idle."""
    import torch

    def set_threads(runner: Any) -> None:
        if runner.device.type == "cpu" and not THREADS:
            usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
            torch.set_num_threads(len(usable))

    for event in ("on_train_start", "on_val_start"):
        model.add_callback(event, set_threads)


def _warn_installed(expected: str) -> None:
    try:
        installed = importlib.metadata.version("ultralytics")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if installed is not None and installed != expected:
        say(
            f"note: pip has ultralytics {installed} installed, which the `yolo` command would use instead of "
            f"{expected}: run `python -m pip install -e .` in {ROOT}"
        )


@contextlib.contextmanager
def training() -> Iterator[None]:
    """Turn what only shows once a run has started, but is the user's mistake, into a message.

    Raises:
        UsageError: A backbone breaks its contract at the run's image size, or upstream has no such optimizer.
    """
    from ultralytics.nn.Addmodules import BackboneError

    try:
        yield
    except BackboneError as e:
        raise UsageError(str(e)) from None
    except NotImplementedError as e:
        if not str(e).startswith("Optimizer "):
            raise
        raise UsageError(str(e).split(". ")[0]) from None
