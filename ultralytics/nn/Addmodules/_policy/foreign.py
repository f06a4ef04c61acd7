"""What a file of somebody else's may do here: weights, caches of labels, and ``download:`` in a data YAML (step p01).

Each function stands where upstream would run what the file says. docs/security.md is the page for users.
"""

from __future__ import annotations

import inspect
import logging
import os
import pickle
import re
from pathlib import Path
from typing import Any, Callable, Dict, Set, Tuple

import numpy as np
import torch

from .._upstream import env_bool
from ..contract import BackboneError, first_backbone
from ..weights import FOLLOW
from .checkpoint import PICKLE, check_whole, explaining
from .record import PACKAGE, digest_of, stamp
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

_written: Set[Path] = set()
"""Checkpoints that a training of this process has written, and will strip."""


class UntrustedError(BackboneError):
    """A file of somebody else's asks for more than it is given; the message says what, and how to allow it."""


def open_weights(load: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do ``load(FILE, ...)``, torch's own; restricted to known classes where weights are not trusted (step p01).

    What this user's trainings wrote is opened whatever it holds, such as a function in a layer of a dropped-in file.

    Args:
        load: ``torch.load``.
        *args: Its arguments; the first is the file.
        **options: More of them.

    Raises:
        UntrustedError: Opening the file would run something that it brings along.
        BackboneError: It is damaged, or needs what is not here.
    """
    file = args[0] if args else options.get("f")
    check_whole(file)
    wanted = env_bool(TRUST) if os.environ.get(TRUST, "").strip() else env_bool(RESTRICT)
    with explaining(file):
        if options.get("weights_only"):
            with allowing(file):
                return mark_loaded(load(*args, **options))
        if wanted and not _is_state(file):
            refused, content = _restricted(load, file, args, options)
            if not refused:
                return mark_loaded(content)
            if not is_own(file):
                raise UntrustedError(
                    f"{file} is not opened: {refused}\n"
                    f"  to do: only if you trust whoever made the file, give --trust (train.py, val.py, python -m lab "
                    f"...), or set {TRUST}=0 (yolo); see docs/security.md"
                )
        return mark_loaded(load(*args, **{"pickle_module": PICKLE, **options}))


def _restricted(load: Callable[..., Any], file: Any, args: Any, options: Dict[str, Any]) -> Tuple[str, Any]:
    """Return why a file is not opened, or an empty text, and its content."""
    from ultralytics.nn import tasks

    upstreams = getattr(tasks, "_SafeLoad", None)
    if upstreams is None:  # a release without a restricted mode
        return "", load(*args, **{"pickle_module": PICKLE, **options})
    if not upstreams.SUPPORTED:
        return f"torch {torch.__version__} cannot open weights without running what they bring along; 2.6 can", None
    listed = (file,) if inspect.signature(upstreams.loading).parameters else ()  # earlier: one list for all files
    try:
        with upstreams.loading(*listed), explaining(file), allowing(file):
            return "", load(*args, **{**options, "weights_only": True})
    except Exception as e:  # what is hostile raises anything
        if isinstance(e, (BackboneError, EOFError, OSError)) or re.search(UPSTREAMS, str(e)):
            raise
        return _reason(str(e)), None


def mark_loaded(content: Any) -> Any:
    """Return what a file held, and say in the YAML of its models that a backbone built from it needs no file."""
    models = [content.get("model"), content.get("ema")] if isinstance(content, dict) else [content]
    for model in (getattr(model, "student_model", model) for model in models):
        if isinstance(getattr(model, "yaml", None), dict) and first_backbone(getattr(model, "model", None)) is not None:
            model.yaml[FOLLOW] = True
    return content


def _reason(text: str) -> str:
    found = re.search(r"GLOBAL (\S+) was not", text) or re.search(r"unsafe (getattr\(.*?\)) blocked", text)
    if found:
        return f"it names {found.group(1)[:100]}, which is none of the classes that weights are made of"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next(
        (b for a, b in zip(lines, lines[1:]) if a.endswith("WeightsUnpickler error:")), lines[0] if lines else ""
    )
    return f"it asks for more than weights are made of ({said[:160]})"


def _is_state(file: Any) -> bool:
    """Return whether a file is what a training hands to its processes on several GPUs; it lies with the settings."""
    from ultralytics.utils import USER_CONFIG_DIR

    return isinstance(file, (str, Path)) and Path(file).resolve().parent == (USER_CONFIG_DIR / "DDP").resolve()


def _notes() -> Path:
    from ultralytics.utils import USER_CONFIG_DIR

    return Path(USER_CONFIG_DIR) / "addmodules-checkpoints.txt"


def note_own(trainer: Any) -> None:
    """Remember the checkpoint that a training has just written, by its digest, and its files until the run has ended.

    best.pt has the bytes of last.pt where it was written as well; once stripped, at the end of a run, it has others.
    """
    last, best = Path(trainer.last), Path(trainer.best)
    _written.update(path for path in (last, best) if path.is_file() and digest_of(path) == digest_of(last))
    _note(last)


def note_stripped(trainer: Any) -> None:
    """Remember the checkpoints of a run that has ended, as upstream has stripped them."""
    for path in _written & {Path(trainer.last), Path(trainer.best)}:
        _note(path)
        _written.discard(path)


def _note(path: Path) -> None:
    try:
        known = _notes().read_text(encoding="ascii").split() if _notes().is_file() else []
        _notes().write_text("\n".join([*known[-KEPT:], digest_of(path), ""]), encoding="ascii")
    except (OSError, ValueError):
        pass  # then such a file needs to be trusted by hand


def is_own(file: Any) -> bool:
    """Return whether a file is a checkpoint that this user's trainings wrote, to the byte, or this one is writing."""
    try:
        return Path(file) in _written or digest_of(Path(file)) in _notes().read_text(encoding="ascii").split()
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
    """Read a data set's ``labels.cache``; whatever it holds, nothing of it is run (step p01).

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
    """Let ``download:`` of a data YAML be run only where it is upstream's or ours, or the user allows it (step p01).

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
    ours, digest = PACKAGE.parent / "cfg" / "datasets" / "tree-crowns.yaml", digest_of(file)
    if ours.is_file() and digest_of(ours) == digest:
        return True
    files = stamp()["files"].items()
    return any(digest == known for path, known in files if path.startswith("ultralytics/cfg/datasets/"))
