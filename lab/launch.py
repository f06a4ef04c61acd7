"""What ``train.py`` and ``val.py`` share: the right ultralytics, the right model class, and errors as messages."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import importlib
import importlib.metadata
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from fork.arguments import Parser
from fork.errors import ForkError
from fork.pin import ROOT, load_pin
from fork.state import look

CONFIGS = ROOT / "cfg" / "models"
RUNS_IN = ROOT
"""Folder whose ``runs/`` is searched where the current one has none."""
CROWNS = "tree-crowns.yaml"
THREADS = os.environ.get("OMP_NUM_THREADS", "")
"""As the user has set it; read now, since upstream sets it when it is imported."""


class UsageError(ForkError):
    """The command line, or a file that it names, is wrong; exit code 2."""

    exit_code = 2


TRUST = {"--trust": ("ULTRALYTICS_SAFE_LOAD", "0"), "--allow-download": ("ADDMODULES_ALLOW_DOWNLOAD", "1")}
"""Options that trust others' files, and the variable that each sets."""
RESTRICT = "ADDMODULES_RESTRICT"
"""Says to this process, and those that it starts, that weights are not trusted unless the user says so."""


class _Set(argparse.Action):
    """Sets an environment variable, for this process and those that it starts, where the option is given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        os.environ.update([TRUST[str(option_string)]])


def add_trust(parser: argparse.ArgumentParser, data: bool = False) -> None:
    """Add the options that trust others' files: ``--trust``, and with ``data`` ``--allow-download``."""
    texts = {"--trust": "open weights (.pt) whatever they bring along; see docs/security.md"}
    if data:
        texts["--allow-download"] = "follow `download` in a data YAML, be it code; see docs/security.md"
    for option, text in texts.items():
        parser.add_argument(option, action=_Set, nargs=0, default=argparse.SUPPRESS, help=text)


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


@contextlib.contextmanager
def messages(stopped: str = "stopped") -> Iterator[None]:
    """Print a user's mistake as a message and exit with its code; anything else keeps its traceback.

    Args:
        stopped: What to print after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a console in GBK or another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    names = (RESTRICT, *(name for name, _ in TRUST.values()))
    before = {name: os.environ[name] for name in names if name in os.environ}
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
        reasons = sys.modules.get(
            "ultralytics.nn.Addmodules._check.reasons"
        )  # if not, only the command line has been read
        if reasons is None or not reasons.ended_in(e):
            raise
        print(f"error: a module ended the run: {reasons.said(e)}", file=sys.stderr)
        sys.exit(2)
    finally:  # whom a command trusts is its own affair
        for name in names:
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
    os.environ.setdefault(RESTRICT, "1")
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


TEXT = {"name", "project", "data", "model", "optimizer", "device", "cfg", "weights", "split", "tracker"}
"""Arguments whose value is text even where it looks like a number."""


def extras(items: List[str]) -> Dict[str, Any]:
    """Read the ``key=value`` words of a command line, values as YAML: numbers, true, null, lists, text.

    Raises:
        UsageError: A word has no ``=``.
    """
    import yaml

    result: Dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"{item!r} is no option and no key=value; see --help")
        if key in TEXT:
            result[key] = value
            continue
        try:
            result[key] = yaml.safe_load(value) if value else None
        except yaml.YAMLError:
            result[key] = value
        if isinstance(result[key], str):
            with contextlib.suppress(ValueError):
                result[key] = float(result[key])  # YAML reads 2e-4 as text
    return result


def find_model(name: str) -> Tuple[str, Path]:
    """Find a model YAML given by path or bare name.

    Returns:
        The name to build it by (upstream reads the scale from it: yolo11s.yaml), and the file that is read: that of
        the head for a name like ``rtdetr-efficientvit_m0.yaml``, which is derived from it.

    Raises:
        UsageError: There is none; names the ones that come near.
    """
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._rows.derive import derive
    from ultralytics.utils.checks import check_yaml

    if not Path(name).name:
        raise UsageError(f"--cfg {name!r} is no file name: give a model YAML, by path or bare name")
    path = Path(name).expanduser()
    if path.suffix not in {".yaml", ".yml"}:
        path = path.with_name(path.name + ".yaml")
    if path.is_file():
        return str(path.resolve()), path.resolve()
    unified = re.sub(
        r"(\d+)([nslmx])(.+)?$", r"\1\3", path.name
    )  # upstream's rule: yolo11s.yaml is yolo11.yaml, scale s
    for wanted in (path.name, unified) if path.parent == Path(".") else ():
        if (CONFIGS / wanted).is_file():
            return str(CONFIGS / wanted), CONFIGS / wanted
        found = check_yaml(wanted, hard=False)
        if found:
            return path.name, Path(found[0] if isinstance(found, list) else found).resolve()
    try:
        derived = derive(path.name) if path.parent == Path(".") else None
    except BackboneError as e:
        raise UsageError(str(e)) from None
    if derived is not None:
        return path.name, Path(derived.base).resolve()
    ours = sorted(p.name for p in CONFIGS.glob("*.yaml"))
    near = difflib.get_close_matches(path.name, ours, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(ours)}"
    raise UsageError(f"no model YAML {name!r} in this folder or in {CONFIGS}: {hint}")


def model_class(path: Path) -> Any:
    """Return RTDETR or YOLO, whichever the head of a model YAML belongs to.

    Raises:
        UsageError: The YAML is not one of a model.
    """
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._check import report as preflight

    try:
        rows = preflight.check_text(path).data["head"]
    except BackboneError as e:
        raise UsageError(str(e)) from None
    return RTDETR if rows[-1][2] == "RTDETRDecoder" else YOLO


def load_checkpoint(path: Path) -> Tuple[Any, Dict[str, Any]]:
    """Return the model in a checkpoint, as RTDETR or YOLO, and the checkpoint's content (``train_args``, ``epoch``).

    Raises:
        UsageError: The file is damaged, is no checkpoint, needs a module that this fork does not have, or is not
            trusted.
    """
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn import tasks
    from ultralytics.nn.Addmodules.contract import BackboneError, told

    if not path.is_file():
        raise UsageError(f"{path} is a folder, not a checkpoint (.pt)" if path.is_dir() else f"{path} does not exist")
    try:
        inner, content = tasks.load_checkpoint(path)
    except (BackboneError, TypeError, ModuleNotFoundError, AttributeError, AssertionError) as e:
        if isinstance(told(e), BackboneError):
            raise UsageError(str(told(e))) from None
        raise UsageError(f"{path} is not a checkpoint that can be used here: {' '.join(str(e).split())}") from None
    cls = RTDETR if isinstance(inner, tasks.RTDETRDetectionModel) else YOLO
    return cls(str(path)), content


def trained_on(path: Path, content: Dict[str, Any]) -> Optional[str]:
    """Return the data set that a checkpoint was trained on, None where it names none.

    Raises:
        UsageError: It would have to be fetched; a checkpoint does not decide from where.
    """
    arguments = content.get("train_args")
    data = arguments.get("data") if isinstance(arguments, dict) else None
    if "://" in str(data):
        raise UsageError(f"{path} names the data set {data!a}, which is not fetched unasked: give --data")
    return str(data) if data else None


def is_crowns(name: str) -> bool:
    """Tell whether ``--data`` means the tree crowns that come with the project."""
    return name in {CROWNS, Path(CROWNS).stem} and not Path(name).is_file()


def find_data(name: str, fetch: bool = True) -> str:
    """Return the data YAML to hand to upstream, checked; the tree crowns are fetched and cut if need be.

    Args:
        name: Path or bare name.
        fetch: Whether anything may be fetched at all.

    Raises:
        ForkError: It does not exist, is not a data set's, or its images are missing and are not fetched.
    """
    from lab import tree_crowns
    from lab.data.listing import find_loops
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.nn.Addmodules import BackboneError

    crowns = is_crowns(name)
    if not fetch and ("://" in name or (crowns and tree_crowns.check(tree_crowns.FOLDER))):
        todo = "run `python -m lab.tree_crowns` first" if crowns else "fetch it by hand"
        raise UsageError(f"the data set {name!r} is not here, and nothing is fetched in a dry run: {todo}")
    if crowns:
        return str(tree_crowns.prepare(say=say))
    try:
        found = check_det_dataset(name, autodownload=fetch)
    except BackboneError as e:  # it is not in UTF-8, or `download` is not allowed
        raise UsageError(str(e)) from None
    except Exception as e:  # whatever upstream finds wrong with it: missing, unreadable, malformed, out of reach
        text = " ".join(f"{type(e).__name__}: {e}".split())
        raise UsageError(
            f"the data set {name!r} cannot be used: {text}\n"
            f"  to do: give --data a YAML with path, train, val and names, like cfg/datasets/tree-crowns.yaml"
        ) from None
    for split in ("train", "val"):
        for loop in find_loops(found.get(split)):
            raise UsageError(f"the data set {name!r} cannot be used: {loop.message}\n  to do: {loop.advice}")
    return name


def check_arguments(arguments: Dict[str, Any]) -> None:
    """Check training arguments before anything is built.

    Raises:
        UsageError: A key that upstream does not know, or a value of the wrong kind or range.
    """
    from ultralytics.cfg import DEFAULT_CFG_DICT, check_cfg
    from ultralytics.utils.torch_utils import select_device

    unknown = [key for key in arguments if key not in DEFAULT_CFG_DICT]
    if unknown:
        near = difflib.get_close_matches(unknown[0], DEFAULT_CFG_DICT, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`yolo cfg` lists all of them"
        raise UsageError(f"unknown argument {unknown[0]}={arguments[unknown[0]]}: {hint}")
    lowest = {"imgsz": 32, "epochs": 1, "workers": 0}
    for key in lowest:
        value = arguments.get(key)
        if isinstance(value, (int, float)) and value < lowest[key]:
            raise UsageError(f"{key}={value}: the least is {lowest[key]}")
    if arguments.get("batch") == 0:
        raise UsageError("batch=0: give 1 or more, or -1 to let upstream choose on a GPU")
    try:
        check_cfg(dict(arguments), hard=True)
        if arguments.get("device") not in (None, ""):
            select_device(str(arguments["device"]), verbose=False)
    except (TypeError, ValueError, AssertionError) as e:
        raise UsageError(" ".join(str(e).split())) from None


@contextlib.contextmanager
def building(path: Path) -> Iterator[None]:
    """Turn what building a wrong model YAML raises into a message that names the file.

    Raises:
        UsageError: The contract is broken, a file is out of reach, or upstream could not build the model.
    """
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._check.report import ModelError

    try:
        yield
    except ModelError as e:  # names the file itself
        raise UsageError(str(e)) from None
    except (BackboneError, ConnectionError) as e:  # the latter: a file out of reach
        raise UsageError(f"{path}: {e}") from None
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        frame = traceback.extract_tb(e.__traceback__)[-1]
        raise UsageError(
            f"{path} could not be built: {type(e).__name__}: {e}\n"
            f"  raised in {frame.filename}, line {frame.lineno}\n"
            f"  to do: compare rows and indices with cfg/models/; a backbone row stands for the indices 0 to 4"
        ) from e


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


def newest(pattern: str) -> Optional[Path]:
    """Return the file under ``runs/`` (here, then in the checkout) that was written last, or None."""
    for base in (Path.cwd(), RUNS_IN):
        found = sorted((base / "runs").rglob(pattern), key=lambda p: p.stat().st_mtime)
        if found:
            return found[-1]
    return None


def split_arguments(
    parser: Parser, argv: Optional[List[str]], aliases: Optional[Dict[str, str]] = None
) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Parse a command line of options and ``key=value`` words, in any order; ``data=x`` is ``--data x``.

    Args:
        parser: Parser of the options, whose defaults are None.
        argv: The words; None for those of this process.
        aliases: Upstream's names of options: ``{"model": "cfg"}``.

    Raises:
        UsageError: A word is neither, or an option is given in both forms.
    """
    options, rest = parser.parse_known_args(argv)
    unknown = [word for word in rest if word.startswith("-")]
    if unknown:
        parser.error(f"unknown option {unknown[0]}")
    given = extras(rest)
    for key in list(given):
        option = (aliases or {}).get(key, key)
        if key in {"mode", "task"}:
            raise UsageError(f"{key}={given[key]}: the script sets it itself; leave it out")
        if option in vars(options):
            if getattr(options, option) is not None:
                raise UsageError(f"--{option} and {key}={given[key]} mean the same: give one of them")
            setattr(options, option, given.pop(key))
    return options, given
