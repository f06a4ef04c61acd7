"""Why a checkpoint of another fork does not open here: what it lacks, which fork made it, and what to do (step x23)."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from . import _record
from .contract import BackboneError
from .registry import registry

T = TypeVar("T")

LIBRARIES = ("timm", "torchvision")


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


def explained_load(file: Any, load: Callable[[], T]) -> T:
    """Open a checkpoint, and explain it where it fails for want of a backbone (step x23).

    Args:
        file: Its path, for the explanation.
        load: Opens it.

    Raises:
        BackboneError: It needs a class that is not here. Any other error is given on as it is.
    """
    try:
        return load()
    except Exception as e:  # a file of a backbone that is broken raises anything
        content = read(file) or Content(None, [])
        reasons = (_lacking(module, name, content.record) for module, name in content.names)
        reason = next((reason for reason in reasons if reason), None)
        if reason is None:
            raise
        raise BackboneError(f"{file} cannot be opened here: {reason}\n{_comparison(content.record)}") from e


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
