"""Python source as steps see it: the nodes of ``ast``, found by patterns that are source themselves.

A pattern is an expression or a statement. ``...`` in it stands for any expression, for the rest of a list (arguments,
elements, a body), and an argument that is named has to be there whatever stands beside it: ``torch.save(...)``,
``s = 256``, ``m_.i, ... = i, ...``, ``(...).get_model(..., weights=...)``. Layout, quotes and redundant parentheses do
not matter.

An f-string is one node: nothing inside it is found, since Python before 3.12 says wrongly where that stands.
"""

from __future__ import annotations

import ast
import warnings
from typing import Iterator, List, Sequence, Tuple, Type, TypeVar, Union

N = TypeVar("N", bound=ast.AST)
Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_OPAQUE = (ast.JoinedStr, getattr(ast, "TemplateStr", ast.JoinedStr))
_ANY = "_ANY_"
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_UNCOMPARED = {"ctx", "kind", "type_comment"}


def parse(source: Union[str, bytes]) -> ast.Module:
    """Parse a module, without a word on upstream's odd escape sequences.

    Raises:
        SyntaxError: It is not valid Python.
        ValueError: It has null bytes in it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def code(node: ast.AST) -> str:
    """Return a node's source in Python's own layout: to be compared and shown, never to be written into a file."""
    return ast.unparse(node)


def definitions(node: ast.AST, prefix: str = "") -> List[Tuple[str, Definition]]:
    """Return (qualified name, node) for every function and class, methods as ``Class.method``, in order."""
    found: List[Tuple[str, Definition]] = []
    for field in _BLOCKS:
        for child in getattr(node, field, ()):
            if isinstance(child, DEFINITIONS):
                name = f"{prefix}{child.name}"
                found += [(name, child), *definitions(child, f"{name}.")]
            elif hasattr(child, "body") or hasattr(child, "cases"):
                found += definitions(child, prefix)
    return found


def within(node: ast.AST, kind: Type[N], *patterns: str) -> List[N]:
    """Return the nodes of this kind at and below ``node``, in source order, that fit one of the patterns, if any."""
    return _fitting(_nodes([node], kind, ()), patterns)


def own_nodes(node: ast.AST, kind: Type[N], *patterns: str) -> List[N]:
    """Return the same without ``node`` itself, what belongs to functions and classes inside it, and a head of its own.

    The head is what stands before the body of a function or class: decorators, parameters, bases.
    """
    body = getattr(node, "body", None)
    top = body if isinstance(node, (ast.Module, *DEFINITIONS)) and body else list(ast.iter_child_nodes(node))
    return _fitting(_nodes(top, kind, DEFINITIONS), patterns)


def matches(node: ast.AST, pattern: str) -> bool:
    """Return whether a node fits a pattern (see the module's docstring)."""
    return alike(node, _pattern(pattern))


def has_strings(node: ast.AST, *texts: str) -> bool:
    """Return whether all of these texts stand below a node, as string literals of their own."""
    return set(texts) <= {child.value for child in within(node, ast.Constant) if isinstance(child.value, str)}


def parameters(definition: Definition) -> List[str]:
    """Return the names of the parameters that a function takes by position."""
    if isinstance(definition, ast.ClassDef):
        return []
    return [parameter.arg for parameter in (*definition.args.posonlyargs, *definition.args.args)]


def keys_of(node: ast.Dict) -> List[str]:
    """Return the keys of a dict display that are string literals."""
    return [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def entry_of(node: ast.Dict, key: str) -> ast.expr:
    """Return what stands under ``key``, one of ``keys_of``, in a dict display."""
    return next(v for k, v in zip(node.keys, node.values) if isinstance(k, ast.Constant) and k.value == key)


def expression(source: str) -> ast.expr:
    """Parse an expression, over several lines if need be.

    Raises:
        SyntaxError: It is none.
    """
    return ast.parse(f"({source}\n)", mode="eval").body


def alike(node: ast.AST, pattern: ast.AST) -> bool:
    """Return whether a node fits another one (see ``matches``)."""
    return _fits(_bare(node), _bare(pattern))


def _nodes(nodes: Sequence[ast.AST], kind: Type[N], closed: Tuple[type, ...]) -> Iterator[N]:
    """Yield the nodes of a kind at and below these, each before those below it, but for what closed ones hold."""
    if issubclass(kind, (ast.stmt, ast.ExceptHandler)):
        closed = (*closed, ast.expr)  # no statement stands in one
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, closed):
            continue
        if isinstance(node, kind):
            yield node
        if not isinstance(node, _OPAQUE):
            for field in node._fields:
                child = getattr(node, field, None)
                if isinstance(child, ast.AST):
                    todo.append(child)
                elif isinstance(child, list):
                    todo += [each for each in child if isinstance(each, ast.AST)]


def _fitting(nodes: Iterator[N], patterns: Sequence[str]) -> List[N]:
    wanted, found = [_pattern(pattern) for pattern in patterns], list(nodes)
    if wanted:
        found = [node for node in found if any(alike(node, pattern) for pattern in wanted)]
    return sorted(found, key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))


def _pattern(source: str) -> ast.AST:
    (node,) = ast.parse(source.replace("...", _ANY)).body  # Python assigns nothing to an ellipsis
    return _bare(node)


def _bare(node: ast.AST) -> ast.AST:
    """Return the expression of a statement that is nothing else."""
    return node.value if isinstance(node, ast.Expr) else node


def _any(pattern: object) -> bool:
    pattern = _bare(pattern) if isinstance(pattern, ast.AST) else pattern
    return isinstance(pattern, ast.Name) and pattern.id == _ANY


def _fits(node: object, pattern: object) -> bool:
    if isinstance(pattern, list) and isinstance(node, list):
        return _all_fit(node, pattern)
    if _any(pattern):
        return isinstance(node, (ast.expr, ast.stmt))
    if type(node) is not type(pattern):
        return False
    if not isinstance(pattern, ast.AST):
        return node == pattern
    if isinstance(node, ast.Call) and isinstance(pattern, ast.Call) and any(map(_any, pattern.args)):
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        return (
            _fits(node.func, pattern.func)
            and _all_fit(node.args, pattern.args)
            and all(k.arg in named and _fits(named[k.arg], k.value) for k in pattern.keywords)
        )
    return all(
        _fits(getattr(node, field, None), getattr(pattern, field, None))
        for field in pattern._fields
        if field not in _UNCOMPARED
    )


def _all_fit(nodes: Sequence[object], patterns: Sequence[object]) -> bool:
    if not patterns:
        return not nodes
    if _any(patterns[0]):
        return any(_all_fit(nodes[skip:], patterns[1:]) for skip in range(len(nodes) + 1))
    return bool(nodes) and _fits(nodes[0], patterns[0]) and _all_fit(nodes[1:], patterns[1:])
