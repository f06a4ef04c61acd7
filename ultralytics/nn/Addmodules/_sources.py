"""Reads files of this folder as text, those included that Python does not import: in which of them a name stands."""

from __future__ import annotations

import ast
import codecs
import io
import linecache
import os
import re
import sys
import tokenize
from pathlib import Path
from typing import Iterator, List, NamedTuple

FOLDER = Path(__file__).resolve().parent

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS.update({codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"})  # after UTF-32, which begins alike
"""What a file may begin with, and the encoding that it then has."""

LARGEST = 1_000_000
"""Bytes of the largest file that is looked into for a name."""


class Source(NamedTuple):
    """Text of a file, and the name of its encoding where Python does not read that; else empty."""

    text: str
    foreign: str


def read_source(path: Path) -> Source:
    """Read a Python file whatever its encoding is; nothing where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return Source("", "")
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return Source(data.decode(encoding, "replace"), "" if mark == codecs.BOM_UTF8 else encoding.upper())
    zeros = [data[start::2].count(0) for start in (0, 1)]
    if 2 * max(zeros) > len(data[1::2]) > 2 * min(zeros):
        return Source(data.decode("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be", "replace"), "UTF-16")
    for find in (tokenize.detect_encoding, lambda _: ("utf-8",)):
        try:
            return Source(data.decode(find(io.BytesIO(data).readline)[0]).replace("\0", ""), "")
        except (SyntaxError, UnicodeDecodeError):  # an encoding that there is not, or another than is said
            continue
    return Source(data.decode("gb18030", "replace"), "GBK or another code page")


def recall(file: str) -> None:
    """Let ``inspect`` and tracebacks have a file's lines that Python has imported and yet cannot decode.

    Some versions of Python do not look at the bytes of comments, and so import a file in GBK.
    """
    if file.endswith(".py") and not linecache.getlines(file):
        lines = io.StringIO(read_source(Path(file)).text, newline=None).readlines()
        found = os.stat(file)
        linecache.cache[file] = (found.st_size, found.st_mtime, lines, file)


def defined(text: str) -> List[str]:
    """Return the names of the classes and functions of a Python file, nested ones left out where it can be parsed."""
    try:
        return list(_definitions(ast.parse(text).body))
    except Exception:  # of a file that does not import, say: not only SyntaxError, but also RecursionError
        return re.findall(r"^(?:[ \t]*class|def)[ \t]+(\w+)", text, re.MULTILINE)


def _definitions(body: List[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        else:  # if, try, with: what stands in them is the file's as well
            yield from _definitions([n for n in ast.walk(node) if isinstance(n, (ast.ClassDef, ast.FunctionDef))])


def unread(name: str) -> str:
    """Return the path, from the folder, of a file that defines ``name`` and that nobody imports, or an empty text.

    Such as ``net.py.txt``, ``net.PY``, ``net.v2.py``, ``_net.py``, or a file in a folder within this one.

    Args:
        name: The name.
    """
    wanted = re.compile(rf"^\s*(?:class|def)\s+{re.escape(name)}\b", re.MULTILINE)
    for folder, folders, files in os.walk(FOLDER):
        folders[:] = sorted(f for f in folders if f[0] not in "._")
        for file in sorted(files):
            path = Path(folder, file)
            inside = path.relative_to(FOLDER)
            module = ".".join((__package__ or "", *inside.with_suffix("").parts))
            known = module in sys.modules or path.stem == "__init__"
            if path.suffix == ".py" and known:
                continue
            if os.path.isfile(path) and path.stat().st_size < LARGEST and wanted.search(read_source(path).text):
                return inside.as_posix()
    return ""
