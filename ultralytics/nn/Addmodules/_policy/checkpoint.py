"""Opens checkpoints: of earlier revisions too, and with a reason where one is damaged or needs what is not here."""

from __future__ import annotations

import collections
import contextlib
import importlib
import os
import pickle
import re
import struct
import sys
import types
import zipfile
import zlib
from typing import Any, Iterator

from .._sources import FOLDER
from ..contract import BackboneError
from ..registry import registry

OURS = __package__.rpartition(".")[0]
"""The name ``ultralytics.nn.Addmodules``."""

LIBRARIES = ("timm.layers.", "timm.models.", "torchvision.models.", "torchvision.ops.")
"""Where the layers of wrapped networks are defined."""

CARRY_ON = "copy or download it again; of a run's weights, last.pt and best.pt, the other one may be whole"

CUT_OFF = ("PytorchStreamReader", "unexpected EOF", "data was truncated", "Ran out of input")
"""What torch and pickle say of a file that they cannot read to its end."""

EXPLAINED = ("", "models", "numpy", "ultralytics")
"""Packages of which upstream says by itself why they are missing."""

_Tree = collections.namedtuple("_Tree", "path digest")
"""What the first revision handed to its child processes: which tree it was."""


class DamagedError(BackboneError, EOFError):
    """A file is not as it was written. Upstream fetches its own weights anew on an EOFError."""


class _Lacking(BackboneError):
    """A checkpoint needs what is not here; the message is about that alone."""


def earlier(module: str, name: str) -> Any:
    """Return what stands for a name that checkpoints of earlier revisions hold and that is gone, None for any other.

    The first revision's record was a dict of a class whose module's name was a sentence: ``… of the fork …``.
    """
    if name == "Record" and module.startswith(f"{OURS} of "):
        return dict
    return _Tree if (module, name) == (f"{OURS}._record", "Tree") else None


class Unpickler(pickle.Unpickler):
    """Knows what earlier revisions wrote, and says what a checkpoint lacks."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function of this name; raise ``_Lacking`` where upstream would not explain its lack."""
        found = earlier(module, name)
        try:
            return super().find_class(module, name) if found is None else found
        except Exception as e:  # the file of a backbone that is broken raises anything
            reason = _lacking(module, name) or _not_installed(e)
            if not reason:
                raise
            raise _Lacking(reason) from e


PICKLE = types.ModuleType("pickle")
"""The module ``pickle`` with our reader, as ``torch.load`` takes it."""
PICKLE.__dict__.update({**vars(pickle), "Unpickler": Unpickler})


def check_whole(file: Any) -> None:
    """Raise ``DamagedError`` where the checksums in a file of torch's do not fit: torch itself compares none.

    A record without one (``set_crc32_options(False)`` writes 0) passes, and so does a pickle of torch before 1.6. What
    is no path, or does not exist, is left for torch to refuse.
    """
    try:
        with open(file, "rb") if isinstance(file, (str, os.PathLike)) else contextlib.nullcontext() as stream:
            start = stream.read(40) if stream else b"\x80"
            if start.startswith(b"PK\x03\x04"):
                with zipfile.ZipFile(stream) as archive:
                    for record in archive.infolist():
                        with archive.open(record) if record.CRC else contextlib.nullcontext() as content:
                            while content and content.read(1 << 20):  # compares at the end
                                pass
            elif not start.startswith(b"\x80"):
                begins = f"not a file of torch: it begins with {start.decode('ascii', 'replace')!r}"
                raise EOFError(begins if start else "empty, 0 bytes")
    except FileNotFoundError:
        return
    except OSError as e:
        raise BackboneError(f"{file} cannot be read: {e.strerror or e}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error, zlib.error) as e:
        raise _damaged(file, e) from None


def _damaged(file: Any, error: Exception) -> DamagedError:
    return DamagedError(f"{file} is damaged ({' '.join(str(error).split())[:120] or 'cut off'})\n  to do: {CARRY_ON}")


@contextlib.contextmanager
def explaining(file: Any) -> Iterator[None]:
    """Within this block a checkpoint is opened: raises ``BackboneError`` where it is cut off or lacks something."""
    try:
        yield
    except Exception as e:
        named = re.search(r"GLOBAL (\S+) was not", str(e))
        reason = str(e) if isinstance(e, _Lacking) else _lacking(*named[1].rpartition(".")[::2]) if named else ""
        if reason:
            raise BackboneError(f"{file} cannot be opened here: {reason}") from e
        if isinstance(e, BackboneError) or not (isinstance(e, EOFError) or any(sign in str(e) for sign in CUT_OFF)):
            raise
        raise _damaged(file, e) from e


def _lacking(module: str, name: str) -> str:
    """Return what is missing of a class of a backbone, and what to do; an empty text for any other."""
    if module.startswith(LIBRARIES) and defined(module, name) is None:
        library = module.partition(".")[0]
        version = getattr(sys.modules.get(library), "__version__", "")
        what = f"which {library} {version} does not have" if version else f"and {library} is not installed"
        return f"its backbone has layers {module}.{name}, {what}\n  to do: install the {library} that it was made with"
    if not module.startswith(f"{OURS}.") or hasattr(sys.modules.get(module), name.partition(".")[0]):
        return ""
    inside = module[len(OURS) + 1 :].replace(".", "/")
    files = (f"{inside}.py", f"{inside.partition('/')[0]}/__init__.py")
    broken = next((item for item in registry.broken if item.file in files), None)
    if broken is not None:
        what, todo = f"could not be imported\n  {broken.reason}", "mend that file; nothing else is affected by it"
    else:
        what = "does not define it here" if module in sys.modules else "is not here"
        todo = f"copy it into {FOLDER} from where the model was trained, or update this fork to that revision"
    return f"it needs {name} of ultralytics/nn/Addmodules/{inside}.py, which {what}\n  to do: {todo}"


def defined(module: str, name: str) -> Any:
    """Return what a module that can be imported defines under a name, None for nothing."""
    try:
        return vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None


def _not_installed(error: Exception) -> str:
    """Return what to do about a package that a checkpoint names and that is missing: a file has nothing installed."""
    from ultralytics import utils

    package = ((isinstance(error, ModuleNotFoundError) and error.name) or "").partition(".")[0]
    if package in EXPLAINED or utils.AUTOINSTALL:
        return ""
    return (
        f"it was saved with the module {error.name!r}, which is not installed, and is not installed unasked\n  to do: "
        f"if you trust the file, run `python -m pip install {package}`, or what else that module's package is called"
    )
