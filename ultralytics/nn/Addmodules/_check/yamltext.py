"""Read a model or data YAML: its data, the place of every value, and what is wrong with its text.

One fault of syntax is reported at a time. For a file without a severe problem the data are those that upstream's own
loader gives. Nothing here imports the package or PyTorch, or runs what a file says.
"""

from __future__ import annotations

import codecs
import difflib
import glob
import os
import re
from functools import partial
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import yaml

from .yamlhints import TAG, Place, Problem, Spot, explain, render, shown, traps

__all__ = ["MAX_BYTES", "SAVE_AS_UTF8", "Document", "Problem", "read_document", "read_text", "render"]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # upstream's choice
MAX_BYTES = 1_000_000  # upstream's largest, the 1000 classes of ImageNet, has 43 kB
MAX_DEPTH = 100  # levels of nesting, aliases followed; model files have four
MAX_ALIASED = 20_000  # values that the aliases of a file may stand for, taken together
MAX_DIGITS = 1000  # Python's conversion takes time with the square of the length
MOST = 50  # problems listed per file, faults before warnings
KEYS = "a model file holds nc:, backbone: and head:, a data file path:, train:, val: and names:"
SAVE_AS_UTF8 = "save it as UTF-8: in VS Code 'Save with Encoding', in Notepad 'Save as'"
_TAGS = {TAG + kind for kind in ["null", "bool", "int", "float", "str", "timestamp", "merge", "value", "seq", "map"]}
_DEEP = f"the file goes more than {MAX_DEPTH} levels deep; a model file needs four"
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")  # upstream drops them


class Document(NamedTuple):
    """A file as it was read.

    ``data`` are plain values, as upstream's loader gives them, also with a severe problem as far as that is possible;
    else None. ``marks`` leads from a path into them to the 1-based line and column of that value; of its key, where
    the value begins in a later line (``backbone:``), is left out or is an alias.
    """

    path: str
    data: Any
    marks: Dict[Tuple[Any, ...], Place]
    problems: List[Problem]  # in the order of the lines; those of the whole file first

    def where(self, *path: Any) -> Place:
        """Return the place of a path into the data, or of the nearest parent that has one; (0, 0) if none has."""
        return next((self.marks[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.marks), (0, 0))


class _Refused(Exception):
    """Reading stops at the problem that this carries."""


def read_document(path: Any) -> Document:
    """Read a file; one that is missing, not readable or not YAML is a problem in the document, nothing is raised."""
    name, advice = os.fspath(path), "check the path"
    try:
        size = os.stat(name).st_size
        if os.path.isfile(name) and size <= MAX_BYTES:
            with open(name, "rb") as f:
                return read_text(f.read(MAX_BYTES), name)
        message = f"the path names {'a folder' if os.path.isdir(name) else 'no ordinary file'}, not a YAML file"
        if os.path.isfile(name):
            message = f"the file has {size} bytes; a model or data YAML of more than {MAX_BYTES} is not read"
            advice = "give the .yaml file; keep lists of images in a text file that it names"
    except FileNotFoundError:
        folder, base = os.path.split(name)
        there = [os.path.basename(found) for found in glob.glob(os.path.join(glob.escape(folder), "*.y*ml"))]
        near = difflib.get_close_matches(base, there)
        message, advice = "the file does not exist", f"did you mean {' or '.join(near)}?" if near else advice
    except (OSError, ValueError) as e:  # ValueError: a NUL in the path
        message = f"the file cannot be read: {getattr(e, 'strerror', None) or e}"
    return Document(str(path), None, {}, [Problem(0, 0, message, advice)])


def read_text(data: bytes, path: str = "<text>") -> Document:
    """Read the content of a file, whatever its size; ``path`` is its name for messages."""
    encoding, whole = _decode(data)
    whole = _plain(whole)
    odd = _ODD.findall(whole)
    if "\0" in odd or len(odd) > max(4, len(whole) // 20) or data.startswith((b"PK\x03\x04", b"\x80\x02")):
        message = "the file is binary, as a checkpoint (.pt) is, or damaged: it holds what no text has"
        first = whole.count("\n", 0, whole.index(odd[0])) + 1 if odd else 1
        return Document(str(path), None, {}, [Problem(first, 1, message, "give a .yaml file, or write it again")])
    reader = _Reader(_ODD.sub("", whole))
    problems = reader.problems
    if encoding:
        place, harm, severe = (0, 0), "what does not fit is dropped when it is read", True
        if not any(problem.severe for problem in problems):
            upstream = _Reader(_ODD.sub("", _plain(data.decode("utf-8", errors="ignore"))))
            if repr(upstream.data) == repr(reader.data):
                harm, severe = "its values are read correctly all the same", False
            elif reader.foreign:
                place, harm = reader.foreign[0], f"{shown(repr(reader.foreign[1]))} would be damaged when it is read"
        message = f"the file is saved as {encoding}, not as UTF-8: {harm}"
        problems.append(Problem(*place, message, SAVE_AS_UTF8, None, severe))
    ordered = sorted(dict.fromkeys(problems), key=lambda item: (not item.severe, item.line, item.column))[:MOST]
    return Document(str(path), reader.data, reader.marks, sorted(ordered, key=lambda item: item[:2]))


def _plain(text: str) -> str:
    return text[text.startswith("\ufeff") :].replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> Tuple[str, str]:
    """Return the name of a file's encoding, empty for UTF-8, and its text."""
    even, odd, half = data[0::2].count(0), data[1::2].count(0), len(data) // 2
    wide = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
    wide = "utf-32" if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) else wide
    if half > 3 and not min(even, odd) and max(even, odd) > 0.7 * half:  # without a mark: every other byte is zero
        wide = "utf-16-le" if odd else "utf-16-be"
    if wide:
        return wide[:6].upper(), data.decode(wide, errors="replace")
    kept = data.decode("utf-8", errors="ignore")
    lost = len(data) - len(kept.encode("utf-8"))
    if not lost:
        return "", kept
    if sum(c > "\u07ff" for c in kept) > lost:
        return "UTF-8 with damaged characters", data.decode("utf-8", errors="replace")
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", data)]
    try:
        if sum(n // 2 for n in runs) >= runs.count(1):  # two bytes per character; accented letters often stand alone
            return "GB18030 (GBK)", data.decode("gb18030")
    except UnicodeDecodeError:
        pass
    return "Latin-1 (Windows-1252)", data.decode("cp1252", errors="replace")


class _Reader:
    """What a text holds; it is composed only if it is not too deep, and values are made only of plain tags."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data: Any = None
        self.marks: Dict[Tuple[Any, ...], Place] = {}
        self.problems: List[Problem] = []
        self.foreign: Optional[Tuple[Place, str]] = None  # the first value with letters beyond ASCII
        self._known: Dict[int, Optional[Tuple[int, int]]] = {}  # id of a node -> size and height; None: being visited
        self._aliased = 0
        self._loader = LOADER(text)
        try:
            depth = 0
            for event in yaml.parse(text, Loader=LOADER):  # composing it would take as deep a recursion
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH:
                    raise _Refused(_place(event.start_mark), _DEEP)
            self.data = self._load(self._loader.get_single_node())
        except _Refused as e:
            self._note(*e.args)
        except yaml.MarkedYAMLError as e:
            if "nesting" in str(e.problem):  # libyaml gives up on 1000 brackets, before it gives the first
                self._note(_place(e.problem_mark), _DEEP)
            else:
                self.problems.append(explain(text, e, LOADER))
        finally:
            self._loader.dispose()

    def _note(self, place: Place, message: str, advice: str = "") -> None:
        self.problems.append(Problem(*place, message, advice))

    def _load(self, root: Any) -> Any:
        data = None
        try:
            if root is not None:
                self._visit(root, (), _place(root.start_mark), Spot("root", below=True))
                data = self._loader.construct_document(root)
        except (yaml.MarkedYAMLError, ValueError, TypeError) as e:
            mark, reason = getattr(e, "problem_mark", None), getattr(e, "problem", None)
            raise _Refused(_place(mark) if mark else (0, 0), f"no value can be made of this: {reason or e}") from None
        if data is None:
            self._note((0, 0), f"the file {'holds no values' if self.text.strip() else 'is empty'}", KEYS)
        elif not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else f"one value, {shown(repr(data))}"
            self._note(_place(root.start_mark), f"the file holds {kind}, where keys with values are expected", KEYS)
            return data
        return {key: None if value == "None" else value for key, value in (data or {}).items()}  # as upstream's loader

    def _visit(self, node: Any, path: Tuple[Any, ...], place: Optional[Place], spot: Spot) -> Tuple[int, int]:
        """Check a node and all that it holds; return how many values that is, and how many levels deep it goes."""
        if place:
            self.marks[path] = place
        if id(node) in self._known:  # an alias
            known = self._known[id(node)]
            self._aliased += known[0] if known else 0  # None: within what it stands for, it has no end
            if known and self._aliased <= MAX_ALIASED and len(path) + known[1] <= MAX_DEPTH:
                return known
            message = f"the aliases (*) have no end, or stand for more than {MAX_ALIASED} values or {MAX_DEPTH} levels"
            raise _Refused(_place(node.start_mark), message, "write the values themselves; few aliases are needed")
        self._known[id(node)] = None
        parts = [(0, -1)]
        if isinstance(node, yaml.ScalarNode):
            self._value(node, spot)
        elif isinstance(node, yaml.SequenceNode):
            self._check_tag(node)
            for n, item in enumerate(node.value):
                begin = None if id(item) in self._known else _place(item.start_mark)
                parts.append(self._visit(item, (*path, n), begin, Spot("item", node.flow_style, named=spot.named)))
        else:
            self._check_tag(node)
            parts += self._pairs(node, path, spot)
        self._known[id(node)] = known = 1 + sum(size for size, _ in parts), 1 + max(height for _, height in parts)
        return known

    def _pairs(self, node: Any, path: Tuple[Any, ...], spot: Spot) -> Iterator[Tuple[int, int]]:
        keys: Dict[Any, Place] = {}
        for key_node, item in node.value:
            place = _place(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                message = "a list or a mapping stands where a key is expected"
                raise _Refused(_place(key_node.start_mark), message, "put text with braces into quotes, as '{name}'")
            absent = isinstance(item, yaml.ScalarNode) and item.start_mark.index == item.end_mark.index
            beside = id(item) not in self._known and not absent and item.start_mark.line == key_node.start_mark.line
            key = self._value(key_node, Spot("key", node.flow_style, absent, spot.named))
            if key in keys:
                line, column = keys[key]
                message = f"the key {shown(str(key))} is given twice: here and in line {line}, column {column}"
                self._note(place, message, "delete one of the two: only the last would count")
            keys.setdefault(key, place)
            inner = Spot("value", node.flow_style, not beside, spot.named or key == "names")
            yield self._visit(item, (*path, key), _place(item.start_mark) if beside else place, inner)

    def _check_tag(self, node: Any) -> None:
        if node.tag not in _TAGS:
            tag = shown(node.tag.replace(TAG, "!!"))
            what = "asks for Python code to be run, which is not done" if "!!python" in tag else "is not used here"
            raise _Refused(_place(node.start_mark), f"the tag {tag} {what}", "delete the tag")

    def _value(self, node: Any, spot: Spot) -> Any:
        """Return a scalar's value; report what is wrong with it, or doubtful."""
        self._check_tag(node)
        kind, text = node.tag[len(TAG) :], shown(node.value)
        if spot.role == "key" and kind in ("merge", "value"):
            return node.value
        if not (self.foreign or node.value.isascii()):
            self.foreign = _place(node.start_mark), node.value
        try:
            if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
                raise ValueError
            value = self._loader.construct_object(node)
            hash(value)
        except Exception:
            advice = f"put it into quotes if text is meant: '{text}'"
            raise _Refused(_place(node.start_mark), f"{text} cannot be read as YAML's type {kind}", advice) from None
        raw = self.text[node.start_mark.index : node.end_mark.index]
        resolve = partial(self._loader.resolve, yaml.ScalarNode, implicit=(True, False))
        self.problems += traps(raw, node, value, spot, resolve)
        return value


def _place(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1
