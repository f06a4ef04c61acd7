"""What a file of somebody else's may do here: weights, caches of labels, and ``download:`` in a data YAML (step x36).

Each function stands where upstream would run what the file says. docs/security.md is the page for users.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
import pickle
import re
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np
import torch

from .._upstream import env_bool
from ..contract import BackboneError
from .record import PACKAGE, stamp
from .trust import allowing

LOGGER = logging.getLogger("ultralytics")

TRUST = "ULTRALYTICS_SAFE_LOAD"
"""Upstream's variable: yes restricts the opening of weights, no allows all of it."""

RESTRICT = "ADDMODULES_RESTRICT"
"""Set by our commands, for themselves and the processes that they start: weights are restricted unless trusted."""

ALLOW = "ADDMODULES_ALLOW_DOWNLOAD"
"""Allows ``download:`` in data YAMLs."""

UPSTREAMS = "PytorchStreamReader|TorchScript archive"
"""Errors of a damaged file, and of another kind of file, for which upstream has a message."""

KEPT = 1000
"""Checkpoints that are remembered as written here."""


class UntrustedError(BackboneError):
    """A file of somebody else's asks for more than it is given; the message says what, and how to allow it."""


def restrict() -> None:
    """Restrict the opening of weights in this process, and in those that it starts, unless the user trusts them."""
    os.environ.setdefault(RESTRICT, "1")


def open_weights(load: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do ``load(FILE, ...)``, torch's own; restricted to known classes where weights are not trusted (step x36).

    What this user's trainings wrote is opened whatever it holds, such as a function in a layer of a dropped-in file.

    Args:
        load: ``torch.load``.
        *args: Its arguments; the first is the file.
        **options: More of them.

    Raises:
        UntrustedError: Opening the file would run something that it brings along.
    """
    file = args[0] if args else options.get("f")
    wanted = env_bool(TRUST) if os.environ.get(TRUST, "").strip() else env_bool(RESTRICT)
    if options.get("weights_only") or not wanted or _is_state(file):
        return load(*args, **options)
    from ultralytics.nn.tasks import _SafeLoad

    refused = f"torch {torch.__version__} cannot open weights without running what they bring along; 2.6 and later can"
    if _SafeLoad.SUPPORTED:
        listed = (file,) if inspect.signature(_SafeLoad.loading).parameters else ()  # earlier: one list for all files
        try:
            with _SafeLoad.loading(*listed), allowing(file):
                return load(*args, **{**options, "weights_only": True})
        except Exception as e:  # what is hostile raises anything
            if isinstance(e, (EOFError, OSError)) or re.search(UPSTREAMS, str(e)):
                raise
            if not _begin(file).startswith((b"PK", b"\x80")):
                raise pickle.UnpicklingError(f"it begins with {_begin(file)[:20]!r}") from None
            refused = _reason(str(e))
    if is_own(file):
        return load(*args, **options)
    raise UntrustedError(
        f"{file} is not opened: {refused}\n"
        f"  to do: only if you trust whoever made the file, give --trust (train.py, val.py, python -m lab ...), or set "
        f"{TRUST}=0 (yolo); see docs/security.md"
    )


def _reason(text: str) -> str:
    found = re.search(r"GLOBAL (\S+) was not", text) or re.search(r"unsafe (getattr\(.*?\)) blocked", text)
    if found:
        return f"it names {found.group(1)[:100]}, which is none of the classes that weights are made of"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next(
        (b for a, b in zip(lines, lines[1:]) if a.endswith("WeightsUnpickler error:")), lines[0] if lines else ""
    )
    return f"it asks for more than weights are made of ({said[:160]})"


def _begin(file: Any) -> bytes:
    try:
        with open(file, "rb") as f:
            return f.read(20)
    except (OSError, TypeError):
        return b"PK"  # no path: whatever it is, it was refused


def _is_state(file: Any) -> bool:
    """Return whether a file is what a training hands to its processes on several GPUs; it lies with the settings."""
    from ultralytics.utils import USER_CONFIG_DIR

    return isinstance(file, (str, Path)) and Path(file).resolve().parent == (USER_CONFIG_DIR / "DDP").resolve()


def _notes() -> Path:
    from ultralytics.utils import USER_CONFIG_DIR

    return Path(USER_CONFIG_DIR) / "addmodules-checkpoints.txt"


def note_own(data: bytes) -> None:
    """Remember a checkpoint as written by this user, by its digest.

    Args:
        data: Its content.
    """
    try:
        known = _notes().read_text(encoding="ascii").split() if _notes().is_file() else []
        text = "\n".join([*known[-KEPT:], hashlib.sha256(data).hexdigest()])
        _notes().write_text(text + "\n", encoding="ascii")
    except (OSError, ValueError):
        pass  # then such a file needs to be trusted by hand


def is_own(file: Any) -> bool:
    """Return whether a file is a checkpoint that this user's trainings wrote, to the byte."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() in _notes().read_text(encoding="ascii").split()
    except (OSError, TypeError, ValueError):
        return False


class _Plain:
    """Stands for one of numpy's functions that make arrays and numbers, and makes nothing else."""

    __slots__ = ()


class _Array(_Plain):
    def __call__(self, *_: Any) -> np.ndarray:
        return np.ndarray.__new__(np.ndarray, (0,), "b")


class _Dtype(_Plain):
    def __call__(self, text: str, *_: Any) -> np.dtype:
        """Return numpy's own object, no copy of it: a pickle can change a copy so that bytes count as addresses."""
        if not re.fullmatch(r"[biuf][1248]|O8?", text):
            raise pickle.UnpicklingError(f"an array of {text[:20]!r}")
        return np.dtype(text)


class _Scalar(_Plain):
    def __call__(self, dtype: np.dtype, data: bytes) -> Any:
        return np.frombuffer(data, dtype)[0]


_MAKERS: Dict[Tuple[str, str], Any] = {("numpy", "ndarray"): "", ("numpy", "dtype"): _Dtype()}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # before numpy 2, and since
    _MAKERS.update({(_module, "_reconstruct"): _Array(), (_module, "scalar"): _Scalar()})


class _Reader(pickle.Unpickler):
    """Reads what a cache of labels is made of: containers, text, numbers and arrays of numbers."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for one of numpy's functions; nothing else is looked up."""
        if (module, name) not in _MAKERS:
            raise UntrustedError(f"{module}.{name}")
        return _MAKERS[module, name]


def read_cache(path: Any) -> Dict[str, Any]:
    """Read a data set's ``labels.cache``; whatever it holds, nothing of it is run (step x36).

    Raises:
        Exception: It is missing, damaged or holds more than plain data: upstream scans the labels and writes it anew.
    """
    with open(path, "rb") as f:
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, _, dtype = read[np.lib.format.read_magic(f)[0]](f)
        if shape != () or dtype.kind != "O":
            raise ValueError(f"{path} is no cache of labels")
        try:
            content = _Reader(f).load().item()
        except UntrustedError as e:
            LOGGER.warning(f"{path} names {str(e)[:100]}, which no cache of labels does: not opened, made anew")
            raise
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no cache of labels")
    return content


def allow_download(file: Any, script: Any) -> None:
    """Let ``download:`` of a data YAML be run only where it is upstream's or ours, or the user allows it (step x36).

    Args:
        file: The YAML.
        script: The entry: an address, a command, or Python.

    Raises:
        UntrustedError: It is not allowed; says what it would do.
    """
    if env_bool(ALLOW) or _is_shipped(Path(file)):
        return
    text = " ".join(str(script).split())
    shown = ascii(text[:120])[1:-1] + (" ..." if len(text) > 120 else "")
    address = re.fullmatch(r"https?://\S+", text)
    what = f"fetch {shown}" if address else f"run {shown}" if text.startswith("bash ") else f"run as Python: {shown}"
    raise UntrustedError(
        f"the images of {file} are missing, and its `download` is not followed unasked. It would {what}\n"
        f"  to do: put the images where the file says; or, only if you trust whoever wrote it, give --allow-download "
        f"(train.py, val.py, python -m lab compare), or set {ALLOW}=1 (yolo)"
    )


def _is_shipped(file: Path) -> bool:
    """Return whether a data YAML is one of upstream's, or that of the tree crowns, unchanged; a copy of it counts."""
    data = file.read_bytes()
    ours = PACKAGE.parent / "cfg" / "datasets" / "tree-crowns.yaml"
    if ours.is_file() and ours.read_bytes() == data:
        return True
    files, digest = stamp()["files"], hashlib.sha256(data).hexdigest()
    return any(digest == known for path, known in files.items() if path.startswith("ultralytics/cfg/datasets/"))
