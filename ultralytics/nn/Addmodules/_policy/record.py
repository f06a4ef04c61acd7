"""What a file made by the fork says of it: which fork that was, and which backbone is inside (steps x22 and x24).

In a checkpoint with a backbone the record is an object of a class whose *module* is a sentence. A fork knows that
module (``_Sentences``); a stock package reports it as missing, and by its name tells the reader what the file needs.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib
import json
import os
import re
import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..contract import BackboneError, first_backbone

FORK = "ultralytics-addmodules"
KEY = "addmodules"
"""Where a checkpoint, and the metadata of an export, hold the record."""

UNKNOWN = "unknown"
"""Stands for what only the stamp of a build says, where there is none."""

PACKAGE = Path(__file__).resolve().parents[2]
"""The folder ``ultralytics`` that is running."""

SENTENCE = f"{__package__} of "
"""How the name of such a module begins; each revision knows every one, however it goes on."""

NAME_LENGTH = 40
"""A longer name of a backbone is cut off in the sentence: file systems take no file name of more than 255 bytes."""


class Record(dict):
    """The record of a checkpoint with a backbone: a dict that is pickled as said above."""

    def __reduce__(self) -> Tuple[Any, ...]:
        """Return the class and a plain dict, which a restricted load can put together again."""
        return type(self), (dict(self),)


class _Sentences(MetaPathFinder, Loader):
    """Gives each module whose name is a sentence; it holds the class ``Record`` and nothing else."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        """Return how to import the module, or None for any other."""
        return ModuleSpec(fullname, self) if fullname.startswith(SENTENCE) else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Put the class into the module."""
        module.Record = type("Record", (Record,), {"__module__": module.__name__})  # type: ignore[attr-defined]


sys.meta_path.insert(0, _Sentences())


def find(name: str) -> Optional[type]:
    """Return the class of a record that a checkpoint means by ``module.Record``, or None if it is no record's."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith(SENTENCE) or attribute != "Record":
        return None
    return importlib.import_module(module).Record


def stamp(package: Path = PACKAGE) -> Dict[str, Any]:
    """Return what the build of a tree wrote about itself (``fork.json``), ``unknown`` for what is not there.

    Returns:
        ``version``, ``release``, ``revision``, ``digest``, ``steps``, ``local`` (names of the saved edits in it) and
        ``files`` (path: SHA-256).
    """
    try:
        read = json.loads((package / "fork.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        read = None
    kinds = {"release": str, "revision": int, "digest": str, "steps": dict, "local": list, "files": dict}
    if not isinstance(read, dict) or not all(isinstance(read.get(key), kind) for key, kind in kinds.items()):
        read = {"release": UNKNOWN, "revision": UNKNOWN, "digest": UNKNOWN, "steps": {}, "local": [], "files": {}}
    version = UNKNOWN if read["release"] == UNKNOWN else f"{read['release']}+addmodules.{read['revision']}"
    return {"version": version, **{key: read[key] for key in kinds}}


@functools.cache
def _own_stamp() -> Dict[str, Any]:
    """Return the stamp of the tree that is running, and under ``edited`` which files no longer are as built."""
    found = stamp()
    files = found.pop("files")
    return {**found, "edited": [name for name, sha in files.items() if _sha256(PACKAGE.parent / name) != sha]}


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def record(model: Any) -> Dict[str, Any]:
    """Return which fork this is, and which backbone a model has, for a checkpoint (step x22).

    Args:
        model: The model that the checkpoint holds.

    Returns:
        ``fork``, ``version``, ``release``, ``revision``, ``digest`` of the tree, ``steps``, ``local`` (saved edits),
        ``edited`` (files changed since the build) and ``backbone``: None, or ``name`` and ``arguments`` as in the YAML,
        ``class``, ``file`` and ``sha256`` of that file. A plain dict for a stock model, so that a stock package can
        open the checkpoint; a ``Record`` otherwise.
    """
    model = getattr(model, "student_model", model)  # of a distillation, of which the student is kept in the end
    content = {"fork": FORK, **copy.deepcopy(_own_stamp()), "backbone": _backbone(model)}
    return as_record(content) if content["backbone"] else content


def as_record(content: Dict[str, Any]) -> Record:
    """Return a record whose class says in its module's name which fork and backbone the checkpoint needs."""
    plain = [re.sub(r"[^A-Za-z0-9_+-]", "_", text) for text in (content["version"], content["backbone"]["name"])]
    made = f"the fork {FORK} {plain[0]} with backbone {plain[1][:NAME_LENGTH]}"
    hint = "get that fork, run make train in it to set it up and open the file there"
    return importlib.import_module(f"{SENTENCE}{made} - {hint}").Record(content)


def recorded(content: Dict[str, Any]) -> Dict[str, Any]:
    """Return the content of a checkpoint with the record first, of the fork that writes it (step x22).

    Args:
        content: What ``Model.save`` writes: the keys of the checkpoint that was loaded, if any, and a new ``model``.
    """
    new, old = record(content.get("model")), content.get(KEY)
    if isinstance(old, dict) and old.get("digest") != new["digest"]:
        new["loaded_from"] = {key: old.get(key, UNKNOWN) for key in ("version", "digest")}
    return {KEY: new, **{key: value for key, value in content.items() if key != KEY}}


def record_text(model: Any) -> str:
    """Return the record of a model as JSON: the one form that every export format keeps (step x22)."""
    return json.dumps(record(model), default=str)


def _backbone(model: Any) -> Optional[Dict[str, Any]]:
    layer = first_backbone(getattr(model, "model", None))
    if layer is None:
        return None
    kind = type(layer)
    rows = (getattr(model, "yaml", None) or {}).get("backbone")
    row = rows[0] if isinstance(rows, list) and rows and len(rows[0]) == 4 else [-1, 1, kind.__name__, []]
    found = {"name": str(row[2]), "arguments": copy.deepcopy(row[3]), "class": f"{kind.__module__}.{kind.__qualname__}"}
    file = Path(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
    if file.name:
        found.update(file=f"ultralytics/nn/Addmodules/{file.name}", sha256=_sha256(file))
    library = {"Timm": "timm", "TorchVisionFeatures": "torchvision"}.get(kind.__name__)
    if library in sys.modules:
        found["library"] = f"{library} {getattr(sys.modules[library], '__version__', UNKNOWN)}"
    return found


class _Tree(NamedTuple):
    path: str
    digest: str


class Tree(_Tree):
    """Which tree a process runs: made, or unpickled, only in a process that runs it (step x24).

    Args:
        path: The folder ``ultralytics``.
        digest: Digest of the tree as built.

    Raises:
        BackboneError: This process runs another folder, or that one was built anew in between.
    """

    def __new__(cls, path: str, digest: str) -> Tree:
        """Compare it with what this process runs."""
        own = str(_own_stamp()["digest"])
        if os.path.normcase(os.path.realpath(PACKAGE)) != os.path.normcase(os.path.realpath(path)):
            raise BackboneError(
                f"this process was started by one that runs the fork in {path}, and imports ultralytics from {PACKAGE}"
                f"\n  to do: install the fork into the environment (`pip install -e .` in its checkout), or set "
                f"PYTHONPATH"
            )
        if own != digest:
            raise BackboneError(
                f"the fork in {path} was built anew after this training had been started (its digest was "
                f"{digest[:12]} and is {own[:12]}): start the training again"
            )
        return super().__new__(cls, path, digest)


def this_tree() -> Tree:
    """Return which tree this process runs, to be pickled for a process that it starts (step x24)."""
    return Tree(str(PACKAGE), str(_own_stamp()["digest"]))


def open_this_tree() -> str:
    """Return lines of a script, for a process that this one starts, that find this tree and hold it to it (step x24).

    Releases up to the one that writes its own search path into the script do no more than name a class.
    """
    tree = this_tree()
    return "\n".join(
        [
            "import sys",
            f"sys.path = {sys.path!r}",
            f"from {__name__} import Tree",
            f"Tree({tree.path!r}, {tree.digest!r})",
        ]
    )


def child_environment() -> Dict[str, str]:
    """Return the environment in which ``python -m ultralytics...`` runs this tree (step x24).

    Its folder comes first on the path, unless packages are installed there and all of them would with it; the working
    directory, which Python puts before all else, comes last (from Python 3.11 on; before, ``Tree`` ends the process).
    """
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    folder = [] if PACKAGE.parent.name in ("site-packages", "dist-packages") else [str(PACKAGE.parent)]
    paths = dict.fromkeys([*folder, *given, os.getcwd()])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def describe(content: Any) -> List[str]:
    """Return in words which fork a record is of, and which backbone it names.

    Args:
        content: A record, or anything else that a checkpoint holds in its place.
    """
    if not isinstance(content, dict):
        return ["a fork that left no record of itself"]
    digest = str(content.get("digest", UNKNOWN))[:12]
    lines = [f"{content.get('fork', FORK)} {content.get('version', UNKNOWN)} (tree {digest})"]
    backbone = content.get("backbone")
    if isinstance(backbone, dict):
        lines.append(f"{backbone.get('name')} with the arguments {backbone.get('arguments')}")
        if backbone.get("library"):
            lines[-1] += f", of {backbone['library']}"
    return lines
