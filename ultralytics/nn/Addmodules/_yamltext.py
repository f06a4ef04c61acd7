"""Read a model or data YAML file and report all that is wrong with its text, before anything is built from it.

For a file without a severe problem the data are those that upstream's own loader gives. Nothing here imports the
package or PyTorch, runs what the file says, or takes longer than the file's size warrants.
"""

from __future__ import annotations

import difflib
import os
import stat
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

import yaml

from . import _yamlnodes as nodes
from ._yamlbytes import SAVE_AS_UTF8, Reading, decode, lines_of
from ._yamlfaults import diagnose
from ._yamlproblem import Problem, in_words, render, shown

__all__ = ["MAX_BYTES", "Document", "Problem", "read_document", "read_text", "render"]

MAX_BYTES = 1_000_000
"""Largest file that is read; upstream's largest, the 1000 classes of ImageNet, has 43 kB."""

MOST = 50
"""Problems after which a file's others are only counted."""

KEYS = "a model file holds nc:, backbone: and head:, a data file path:, train:, val: and names:"

Path = Tuple[Union[str, int], ...]
Place = Tuple[int, int]


class Document(NamedTuple):
    """A file as it was read."""

    path: str
    data: Any
    """Plain values, as upstream's loader gives them; None if they cannot be made. A mapping, where nothing is severe;
    with a severe problem (a key given twice, say) they are there as far as possible, for further checks."""
    marks: Dict[Path, Place]
    """Path into the data -> 1-based (line, column) of that value; of its key, where the value begins in a later line
    (``backbone:``) or is left out; of the alias, where it is one."""
    problems: List[Problem]
    """In the order of the lines; those of the whole file first."""

    def where(self, *path: Any) -> Place:
        """Return the place of a path into the data, or of the nearest parent that has one; (0, 0) if none has."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return 0, 0


class _Result(NamedTuple):
    data: Any
    marks: Dict[Path, Place]
    problems: List[Problem]


def read_document(path: Any, max_bytes: int = MAX_BYTES) -> Document:
    """Read a file.

    Args:
        path: The file, as text or path object.
        max_bytes: A larger file is refused without being read.

    Returns:
        The document; a file that is missing, not readable or not YAML is a problem in it, nothing is raised.
    """
    name = os.fspath(path)
    try:
        state = os.stat(name)
        if not stat.S_ISREG(state.st_mode):
            kind = "a folder" if stat.S_ISDIR(state.st_mode) else "no ordinary file"
            return _failed(name, f"the path names {kind}, not a YAML file")
        if state.st_size > max_bytes:
            return _failed(
                name,
                f"the file has {state.st_size} bytes; a model or data YAML of more than {max_bytes} is not read",
                "give the .yaml file; keep lists of images in a text file that the YAML names",
            )
        with open(name, "rb") as f:
            data = f.read(max_bytes)
    except FileNotFoundError:
        return _failed(name, "the file does not exist", _similar(name))
    except (OSError, ValueError) as e:  # ValueError: a NUL in the path
        return _failed(name, f"the file cannot be read: {getattr(e, 'strerror', None) or e}")
    return read_text(data, name)


def read_text(data: bytes, path: str = "<text>") -> Document:
    """Read the content of a file, whatever its size; ``path`` is its name for messages."""
    readings, upstream = decode(data)
    best: Optional[Tuple[Reading, _Result]] = None
    for reading in readings:
        if reading.text is None:
            return Document(path, None, {}, reading.problems)
        result = _examine(reading.text)
        if best is None or not _severe(result.problems):
            best = reading, result
        if not _severe(result.problems):
            break
    assert best is not None
    reading, result = best
    problems = [*reading.problems, *result.problems]
    if reading.encoding:
        problems.append(_about_encoding(reading, result, upstream))
    return Document(str(path), result.data, result.marks, _in_order(problems))


def _failed(path: str, message: str, advice: str = "") -> Document:
    return Document(str(path), None, {}, [Problem(0, 0, message, advice)])


def _similar(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        names = [n for n in os.listdir(folder or ".") if n.lower().endswith((".yaml", ".yml"))]
    except (OSError, ValueError):
        return f"its folder {shown(folder)} does not exist either; check the path"
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else "check the path"


def _severe(problems: Iterable[Problem]) -> bool:
    return any(problem.severe for problem in problems)


def _in_order(problems: List[Problem]) -> List[Problem]:
    ordered = sorted(dict.fromkeys(problems), key=lambda item: (item.line, item.column))
    if len(ordered) <= MOST:
        return ordered
    kept = [problem for problem in ordered if problem.severe][:MOST]
    kept += [problem for problem in ordered if not problem.severe][: MOST - len(kept)]
    rest = set(ordered) - set(kept)
    last = Problem(0, 0, f"{len(rest)} more problems are not listed", severe=_severe(rest))
    return [*sorted(kept, key=lambda item: (item.line, item.column)), last]


def _examine(text: str) -> _Result:
    """Check a text and load it if nothing forbids that."""
    try:
        found = nodes.outline(text)
    except yaml.MarkedYAMLError:
        return _Result(None, {}, _broken(text))
    if not found.walkable:
        return _Result(None, {}, found.problems)
    walk = nodes.Walk(text, found)
    problems = [*found.problems, *walk.problems]
    data = walk.data
    if walk.root is None or (data is None and not _severe(problems)):
        data = {}
        what = "is empty" if not text.strip() else "holds comments only" if walk.root is None else "holds no values"
        problems.append(Problem(0, 0, f"the file {what}", KEYS))
    elif found.loadable and data is not None and not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else f"one value, {in_words(data)}"
        problems.append(Problem(*walk.root, f"the file holds {kind}, where keys with values are expected", KEYS))
    if isinstance(data, dict) and "None" in data.values():
        data = {key: None if value == "None" else value for key, value in data.items()}  # as upstream's loader does
    return _Result(data, walk.marks, problems)


def _broken(text: str) -> List[Problem]:
    """Report the syntax errors, and what else is wrong in the lines that have none."""
    problems, mended = diagnose(text)
    if mended is None:
        return problems
    changed = {n for n, (old, new) in enumerate(zip(lines_of(text), lines_of(mended)), 1) if old != new}
    try:
        found = nodes.outline(mended)
    except yaml.MarkedYAMLError:
        return problems
    others = found.problems + (nodes.Walk(mended, found).problems if found.walkable else [])
    return [*problems, *(problem for problem in others if problem.line not in changed)]


def _about_encoding(reading: Reading, result: _Result, upstream: str) -> Problem:
    """Say that a file is not UTF-8: no harm where upstream, which drops what does not fit, reads the same values."""
    start = f"the file is saved as {reading.encoding}, not as UTF-8"
    if _severe(result.problems):
        return Problem(0, 0, f"{start}; what does not fit is dropped when it is read", SAVE_AS_UTF8)
    theirs = _examine(upstream).data
    found = _difference(result.data, theirs, ())
    if found is None:
        return Problem(0, 0, f"{start}; its values are read rightly all the same", SAVE_AS_UTF8, severe=False)
    path, mine, other = found
    line, column = Document("", None, result.marks, []).where(*path)
    read = "it would not be readable" if theirs is None else f"{in_words(mine)} would become {in_words(other)}"
    return Problem(line, column, f"{start}: {read}", SAVE_AS_UTF8)


def _difference(mine: Any, theirs: Any, path: Tuple[Any, ...]) -> Optional[Tuple[Tuple[Any, ...], Any, Any]]:
    """Return where two values differ first, and what stands there in each; None if they do not."""
    pairs: Iterable[Tuple[Any, Any, Any]] = ()
    if isinstance(mine, dict) and isinstance(theirs, dict) and len(mine) == len(theirs):
        for key, other in zip(mine, theirs):
            if repr(key) != repr(other):
                return (*path, key), key, other
        pairs = ((key, mine[key], theirs[key]) for key in mine)
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        pairs = ((n, a, b) for n, (a, b) in enumerate(zip(mine, theirs)))
    elif repr(mine) != repr(theirs):
        return path, mine, theirs
    found = (_difference(a, b, (*path, key)) for key, a, b in pairs)
    return next((item for item in found if item is not None), None)
