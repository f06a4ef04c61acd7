"""Why a checkpoint does not open here: it is damaged, or made by another fork; what it lacks, what to do (step x23)."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

import torch
from torch import nn

from ..contract import BackboneError
from ..registry import registry
from . import record as _record

T = TypeVar("T")

LIBRARIES = ("timm", "torchvision")


CARRY_ON = "copy or download it again; of a run's weights, last.pt and best.pt, the other one may be whole"


CUT_OFF = ("PytorchStreamReader", "unexpected EOF", "data was truncated")
"""What torch and pickle say of a file that they cannot read to its end."""


class DamagedError(BackboneError, EOFError):
    """A file is not as it was written. Upstream fetches its own weights anew on an EOFError."""


class ContentError(BackboneError, TypeError):
    """A file holds no model. Upstream says so with a TypeError."""


class Content(NamedTuple):
    """What can be read of a checkpoint without opening it.

    Attributes:
        record: Its record, or None.
        names: (module, name) of everything that opening it would import, in order.
    """

    record: Optional[Dict[str, Any]]
    names: List[Tuple[str, str]]


class _Blank:
    """Stands for everything that a pickle builds; takes whatever is done to it, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Blank:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> _Blank:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    append = extend = add = update = __call__


class _Reader(pickle.Unpickler):
    """Reads a pickle without importing or running anything: all that it names is blank, but for the record."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self.names: List[Tuple[str, str]] = []

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in and note the name."""
        self.names.append((module, name))
        return dict if module.startswith(_record.SENTENCE) and name == "Record" else _Blank

    def persistent_load(self, pid: Any) -> Any:
        """Return a stand-in for a tensor's memory."""
        return _Blank()


def read(file: Any) -> Optional[Content]:
    """Return what a checkpoint says of itself, or None for a file that is no checkpoint of torch.

    Args:
        file: Path. Nothing that it holds is imported or run.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            reader = _Reader(archive.read(next(n for n in archive.namelist() if n.endswith("/data.pkl"))))
        content = reader.load()
    except Exception:  # a damaged pickle raises anything
        return None
    record = content.get(_record.KEY) if isinstance(content, dict) else None
    return Content(record if isinstance(record, dict) else None, reader.names)


def check_whole(file: Any) -> None:
    """Compare a file of torch's with the checksums in it, which torch itself does not do.

    A record without one (``set_crc32_options(False)`` writes 0) passes, and so does a file of torch before 1.6, which
    has none. What is no archive at all is left for torch to refuse.

    Args:
        file: Path; one that cannot be read is left for torch to refuse.

    Raises:
        DamagedError: They differ, or the archive is cut off or torn.
    """
    try:
        with open(file, "rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                return
            with zipfile.ZipFile(stream) as archive:
                for record in archive.infolist():
                    if record.CRC:
                        with archive.open(record) as content:  # compares at the end
                            while content.read(1 << 20):
                                pass
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error, zlib.error) as e:
        raise DamagedError(
            f"{file} is damaged ({' '.join(str(e).split()) or 'cut off'})\n  to do: {CARRY_ON}"
        ) from None
    except OSError:
        return


def explained_load(file: Any, load: Callable[[], T]) -> T:
    """Open a checkpoint, and explain it where it is damaged, or fails for want of a backbone (step x23).

    Args:
        file: Its path.
        load: Opens it.

    Raises:
        DamagedError: Its checksums do not fit.
        BackboneError: It needs a class that is not here, or holds no model. Any other error is given on as it is.
    """
    check_whole(file)
    try:
        content = load()
    except Exception as e:  # a file of a backbone that is broken raises anything
        damage = _damage(file, e)
        if damage is not None:
            raise damage from e
        said = read(file) or Content(None, [])
        reasons = (_lacking(module, name, said.record) for module, name in said.names)
        reason = next((reason for reason in reasons if reason), None)
        if reason is None:
            raise
        raise BackboneError(f"{file} cannot be opened here: {reason}\n{_comparison(said.record)}") from e
    what = _other_than_model(content)
    if what:
        raise ContentError(
            f"{file} holds {what}, not a model\n  to do: give best.pt or last.pt of a run; the weights of a backbone "
            f"alone are an argument of its row: [{{pretrained: PATH}}]"
        )
    return content


def _damage(file: Any, error: Exception) -> Optional[BackboneError]:
    """Return what to say of a file that torch could not open, or None where nothing speaks for damage."""
    path = Path(str(file))
    if path.is_dir():
        return ContentError(f"{file} is a folder, not a checkpoint (.pt)")
    try:
        with path.open("rb") as stream:
            start = stream.read(40)
    except OSError as e:
        return ContentError(f"{file} cannot be read: {e.strerror or e}")
    if not start:
        return DamagedError(f"{file} is empty (0 bytes)\n  to do: {CARRY_ON}")
    if not start.startswith((b"PK\x03\x04", b"\x80")):
        return DamagedError(
            f"{file} is not a file of torch: it begins with {start.decode('ascii', 'replace')!r}\n  to do: {CARRY_ON}"
        )
    text = " ".join(str(error).split())
    if isinstance(error, EOFError) or any(sign in text for sign in CUT_OFF):
        return DamagedError(f"{file} is damaged ({text[:120] or 'cut off'})\n  to do: {CARRY_ON}")
    return None


def _other_than_model(content: Any) -> str:
    """Name what a checkpoint holds where there is no model in it, or return an empty text."""
    inside = [content.get("ema"), content.get("model")] if isinstance(content, dict) else [getattr(content, "model", 0)]
    if any(isinstance(item, nn.Module) for item in inside) or isinstance(content, torch.jit.ScriptModule):
        return ""
    if not isinstance(content, dict):
        return f"a {type(content).__name__}" if content is not None else "nothing (None)"
    tensors = next((item for item in (*inside, content) if isinstance(item, dict) and item), {})
    if tensors and all(isinstance(item, torch.Tensor) for item in tensors.values()):
        return f"a state dict of {len(tensors)} tensors"
    return f"a dict with {', '.join(map(str, list(content)[:4]))}" if content else "an empty dict"


def _comparison(record: Optional[Dict[str, Any]]) -> str:
    """Return which fork made a checkpoint, and which this is, a line each."""
    made, own = _record.describe(record), _record.describe(_record.record(None))
    return "\n".join([f"  made by: {made[0]}", *(f"  backbone: {line}" for line in made[1:]), f"  this is: {own[0]}"])


def _lacking(module: str, name: str, record: Optional[Dict[str, Any]]) -> Optional[str]:
    """Return in words what is missing of one class of a backbone, and what to do; None if it is here.

    Args:
        module: Where the checkpoint says that it is defined.
        name: The class.
        record: The checkpoint's record.
    """
    package = __package__ or ""
    if module == package or module.startswith(f"{package}."):
        return _lacking_here(module, name, record)
    library = module.partition(".")[0]
    if library not in LIBRARIES or importlib.util.find_spec(library) is None:
        return None  # upstream says which package is missing
    try:
        if hasattr(importlib.import_module(module), name.partition(".")[0]):
            return None
    except ImportError:
        pass
    version = getattr(sys.modules.get(library), "__version__", _record.UNKNOWN)
    return (
        f"its backbone has layers {module}.{name}, which {library} {version} does not have\n"
        f"  to do: install the {library} that it was made with"
    )


def _lacking_here(module: str, name: str, record: Optional[Dict[str, Any]]) -> Optional[str]:
    inside = module[len(__package__ or "") + 1 :].replace(".", "/")
    file = f"ultralytics/nn/Addmodules/{inside}.py"
    files = (f"{inside}.py", f"{inside.partition('/')[0]}/__init__.py")
    broken = next((item for item in registry.broken if item.file in files), None)
    if broken is not None:
        return (
            f"it needs {name} of {file}, and that file could not be imported\n"
            f"  {broken.reason}\n  to do: mend that file; nothing else is affected by it"
        )
    loaded = sys.modules.get(module)
    if loaded is not None and hasattr(loaded, name.partition(".")[0]):
        return None
    if loaded is None and _exists(module):
        return None  # a part of a file that could not be imported: the name of that one comes, too
    update = "update this fork to that revision, or open the checkpoint with that one"
    same = isinstance(record, dict) and record.get("version") == _record.record(None)["version"]
    if loaded is None:
        copied = f"copy that file from where the model was trained into {Path(__file__).resolve().parent}"
        what, todo = "there is no such file here", copied if same else f"{update}; or {copied}"
    else:
        what = "the file of that name here does not define it"
        todo = "put the file in its place with which the model was trained" if same else update
    return f"it needs {name} of {file}, and {what}\n  to do: {todo}"


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of the folder that it is in
        return False
