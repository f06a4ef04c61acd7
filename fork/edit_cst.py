"""How a step edits source: LibCST on the shape of the code, in one named definition, an exact number of times.

A step never goes by line numbers and never carries a long piece of upstream's text. It names the file and the
definition, says what it looks for in words, and counts. What it does not find is an error with those four facts; an
edit that is already there is recognised, so that a second run of the series changes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import textwrap
from typing import Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple, TypeVar, Union

import libcst as cst

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.tree import Tree

__all__ = ["Outcome", "Step"]  # for steps that are not converted yet

Definition = Union[cst.FunctionDef, cst.ClassDef]
T = TypeVar("T")


class Source:
    """One Python file of a tree, open for edits by one step.

    Args:
        tree: The tree; changed only by ``save``.
        file: Path inside the tree.
        step: Name of the step, for messages.

    Raises:
        StepError: The tree has no such file, or it is not valid Python.
    """

    def __init__(self, tree: Tree, file: str, step: str) -> None:
        self._tree, self.file, self.step = tree, file, step
        if file not in tree:
            raise StepError(step, file, "module", "the file", "no such file in this release")
        self.module = parse_module(tree[file], step, file)
        self.edited: List[str] = []

    def fail(self, definition: str, sought: str, found: str) -> StepError:
        """Return (not raise) the error for an anchor that does not fit."""
        return StepError(self.step, self.file, definition, sought, found)

    def find(self, definition: str) -> Definition:
        """Return the one function or class with this qualified name, for example ``BaseModel._predict_once``.

        Raises:
            StepError: There is none, or more than one.
        """
        found = [node for name, node in definitions(self.module) if name == definition]
        if len(found) != 1:
            raise self.fail(definition, "one definition of that name", f"{len(found)} of them")
        return found[0]

    def one(self, definition: str, sought: str, nodes: Sequence[T]) -> T:
        """Return the only node of ``nodes``.

        Raises:
            StepError: There is none, or more than one.
        """
        if len(nodes) != 1:
            found = f"{len(nodes)} such places" if nodes else "no such place"
            raise self.fail(definition, sought, found)
        return nodes[0]

    def applied(self, definition: str, *places: bool) -> bool:
        """Tell whether the step's edit is there already, given for each of its places whether it is.

        Raises:
            StepError: Some places are edited and some are not.
        """
        if any(places) and not all(places):
            found = f"{sum(places)} of {len(places)} places edited"
            raise self.fail(definition, "the whole of this step's edit, or nothing of it", found)
        return all(places)

    def replace(
        self, definition: str, old: cst.CSTNode, new: Union[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]
    ) -> None:
        """Put ``new`` (or several nodes) where ``old`` stands; counts as one edited place of ``definition``.

        LibCST rebuilds the module, so nodes found before are stale afterwards: find the next place anew.
        """
        swap = Swap(self.module, old, new)
        self.module = self.module.visit(swap)
        if swap.hits != 1:
            raise self.fail(definition, "the place to edit", f"{swap.hits} of them")
        self.edited.append(definition)

    def save(self) -> Outcome:
        """Write the edited file into the tree and return the outcome, one count a place."""
        self._tree[self.file] = _write(self.module)
        return Outcome(len(self.edited), where=tuple(f"{self.file}: {name}" for name in self.edited))


class Swap(cst.CSTTransformer):
    """Replaces one node; only the nodes on the way to it are rebuilt."""

    def __init__(
        self, root: cst.Module, old: cst.CSTNode, new: Union[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]
    ) -> None:
        self.old, self.new, self.hits = old, new, 0
        top = next((part for part in root.body if id(old) in _below(part)), root)
        self.way = {id(root), *(id(node) for node in _way(top, old))}

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Tell LibCST to go down only on the way to the node."""
        return node is not self.old and id(node) in self.way

    def on_leave(self, original_node, updated_node):  # type: ignore[no-untyped-def]
        """Return the new node in the old one's place."""
        if original_node is not self.old:
            return updated_node
        self.hits += 1
        return self.new


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the nodes right below ``node`` in source order, blank space and comments left out.

    LibCST's own ``children`` rebuilds the node each time.
    """
    for name in _fields(node):
        value = getattr(node, name)
        if _is_node(value):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from filter(_is_node, value)


_FIELDS: Dict[type, Tuple[str, ...]] = {}
_NODES: Dict[type, bool] = {}
_BLANK = ("whitespace", "leading_lines", "lines_after_decorators", "trailing_whitespace", "header", "footer")


def _fields(node: cst.CSTNode) -> Tuple[str, ...]:
    kind = type(node)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(f.name for f in dataclasses.fields(node) if not f.name.startswith(_BLANK))
    return _FIELDS[kind]


def _is_node(value: object) -> bool:
    kind = type(value)
    if kind not in _NODES:  # isinstance is slow for these: they are abstract base classes
        _NODES[kind] = issubclass(kind, cst.CSTNode)
    return _NODES[kind]


@functools.lru_cache(maxsize=4096)
def _below(node: cst.CSTNode) -> FrozenSet[int]:
    """Return the ids of ``node`` and everything below it; valid as long as the cache holds ``node``."""
    return frozenset(id(child) for child in walk(node))


def _way(node: cst.CSTNode, target: cst.CSTNode) -> List[cst.CSTNode]:
    """Return the nodes from ``node`` down to ``target``, or an empty list."""
    if node is target:
        return [node]
    for child in children(node):
        way = _way(child, target)
        if way:
            return [node, *way]
    return []


_parsed: Dict[bytes, cst.Module] = {}
"""The last files that were parsed or written, oldest first."""

KEPT = 40


def _parse(data: bytes) -> cst.Module:
    if data not in _parsed:
        _remember(data, cst.parse_module(data))
    return _parsed[data]


def _remember(data: bytes, module: cst.Module) -> None:
    _parsed[data] = module
    while len(_parsed) > KEPT:
        del _parsed[next(iter(_parsed))]


def _write(module: cst.Module) -> bytes:
    """Return the source of an edited module; only what changed is generated anew, and no later step parses it again."""
    if not (module.body and module.has_trailing_newline):
        return module.bytes
    shape = (module.default_indent, module.default_newline)
    parts = [_source(part, shape) for part in (*module.header, *module.body, *module.footer)]
    data = "".join(parts).encode(module.encoding)
    _remember(data, module)
    return data


@functools.lru_cache(maxsize=4096)
def _source(part: cst.CSTNode, shape: Tuple[str, str]) -> str:
    indent, newline = shape
    return cst.Module([], default_indent=indent, default_newline=newline).code_for_node(part)


def parse_module(data: bytes, step: str, file: str) -> cst.Module:
    """Parse a file's bytes; steps that follow one another on the same bytes share the result.

    Raises:
        StepError: The bytes are not valid Python.
    """
    try:
        return _parse(data)
    except (cst.ParserSyntaxError, SyntaxError, UnicodeDecodeError) as e:
        raise StepError(step, file, "module", "valid Python", str(e).splitlines()[0]) from None


def definitions(node: cst.CSTNode, prefix: str = "") -> List[Tuple[str, Definition]]:
    """Return (qualified name, node) for every function and class, methods as ``Class.method``, in order."""
    return [(f"{prefix}{name}", definition) for child in children(node) for name, definition in _definitions(child)]


@functools.lru_cache(maxsize=4096)
def _definitions(node: cst.CSTNode) -> Tuple[Tuple[str, Definition], ...]:
    """Return ``node`` itself, where it is a function or class, and those below it."""
    if isinstance(node, (cst.SimpleStatementLine, cst.BaseExpression)):
        return ()  # no definition in there worth the descent
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        name = node.name.value
        return ((name, node), *definitions(node, f"{name}."))
    return tuple(definitions(node))


def walk(node: cst.CSTNode) -> List[cst.CSTNode]:
    """Return ``node`` and everything below it but blank space and comments, in source order."""
    result: List[cst.CSTNode] = []

    def collect(node: cst.CSTNode) -> None:
        result.append(node)
        for child in children(node):
            collect(child)

    collect(node)
    return result


def own_nodes(definition: Definition, kind: type) -> List[cst.CSTNode]:
    """Return the nodes of type ``kind`` in a definition's body, nested functions and classes left out."""
    return [node for node in _own_nodes(definition.body) if isinstance(node, kind)]


@functools.lru_cache(maxsize=4096)
def _own_nodes(body: cst.CSTNode) -> Tuple[cst.CSTNode, ...]:
    result: List[cst.CSTNode] = []

    def collect(node: cst.CSTNode) -> None:
        for child in children(node):
            if not isinstance(child, (cst.FunctionDef, cst.ClassDef)):
                result.append(child)
                collect(child)

    collect(body)
    return tuple(result)


def code(node: cst.CSTNode) -> str:
    """Return the node's source on one line, comments and blank space at its edges left out."""
    if isinstance(node, cst.SimpleStatementLine):
        return "; ".join(
            cst.Module([]).code_for_node(part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)) for part in node.body
        )
    return cst.Module([]).code_for_node(node).strip()


def assigns(node: cst.CSTNode, target: Optional[str] = None, value: Optional[str] = None) -> bool:
    """Tell whether ``node`` is a line that begins with ``target = value`` (each compared as source where given)."""
    if not isinstance(node, cst.SimpleStatementLine):
        return False
    line = node.body[0]
    if not isinstance(line, cst.Assign) or len(line.targets) != 1:
        return False
    return target in (None, code(line.targets[0].target)) and value in (None, code(line.value))


def statement(source: str, comment: str = "") -> cst.SimpleStatementLine:
    """Build a statement line from source, with an optional trailing comment."""
    text = textwrap.dedent(source).strip() + (f"  # {comment}" if comment else "")
    node = cst.parse_module(text + "\n").body[0]
    assert isinstance(node, cst.SimpleStatementLine)
    return node


def with_value(line: cst.SimpleStatementLine, value: cst.BaseExpression) -> cst.SimpleStatementLine:
    """Return an assignment line with another right-hand side; comment, blank lines and further statements stay."""
    assign = cst.ensure_type(line.body[0], cst.Assign)
    return line.with_changes(body=[assign.with_changes(value=value), *line.body[1:]])


def expression(source: str) -> cst.BaseExpression:
    """Build an expression from source."""
    return cst.parse_expression(source)
