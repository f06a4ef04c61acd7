"""Takes the changes of ``tools.mutants`` back in a finished tree, or brings what they may reorder into one order."""

from __future__ import annotations

import ast
from typing import List

from fork.tree import Tree

MARK = "mutant"


class Unwrap(ast.NodeTransformer):
    """Takes marked ``if`` and ``try`` away from around their statements."""

    def visit_If(self, node: ast.If) -> object:
        self.generic_visit(node)
        return node.body if isinstance(node.test, ast.Constant) and node.test.value == MARK else node

    def visit_Try(self, node: ast.Try) -> object:
        self.generic_visit(node)
        last = node.finalbody[-1] if node.finalbody else None
        marked = isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and last.value.value == MARK
        return node.body if marked else node


def one_of_two(final: Tree, file: str) -> Tree:
    """Take out the mark and as many statements behind it as stand before it and equal them."""

    class Fold(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    setattr(node, name, _folded(block))
            return node

    return unparsed(final, file, Fold())


def _folded(block: List[ast.stmt]) -> List[ast.stmt]:
    at = next((i for i, s in enumerate(block) if ast.unparse(s) == repr(MARK)), None)
    if at is None:
        return block
    before, after = block[:at], block[at + 1 :]
    for size in range(min(len(before), len(after)), 0, -1):
        if [ast.dump(s) for s in before[-size:]] == [ast.dump(s) for s in after[:size]]:
            return before + after[size:]
    return block


class SortKeywords(ast.NodeTransformer):
    """Sorts the keywords of every call."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        node.keywords.sort(key=lambda keyword: keyword.arg or "")
        return node


class DropFirst(ast.NodeTransformer):
    """Takes out the first of the two copies of a definition (qualified name), which are the last of that name."""

    def __init__(self, definition: str) -> None:
        *self.holder, self.name = definition.split(".")
        self.at: List[str] = []

    def generic_visit(self, node: ast.AST) -> ast.AST:
        inside = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        self.at += [node.name] if inside else []
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if self.at == self.holder and isinstance(body, list):
            twins = [s for s in body if isinstance(s, (ast.FunctionDef, ast.ClassDef)) and s.name == self.name]
            if len(twins) > 1:
                body.remove(twins[-2])
        if inside:
            self.at.pop()
        return node


class SortBodies(ast.NodeTransformer):
    """Sorts what stands in modules and classes."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, (ast.Module, ast.ClassDef)):
            node.body.sort(key=ast.dump)
        return node


def unparsed(final: Tree, file: str, transformer: ast.NodeTransformer) -> Tree:
    """Return the tree with one file transformed."""
    module = transformer.visit(ast.parse(final[file]))
    return {**final, file: ast.unparse(ast.fix_missing_locations(module)).encode()}
