"""Ways to change a release so that it still does the same, and to tell whether the series coped: see ``tools.mutate``.

A mutation M rewrites upstream's source at a place that the series S edits. Most leave its meaning alone, so the right
result is known without looking: S after M must be M after S, compared as syntax trees. Each kind below says how it
changes a file, and how the two results are made comparable (``undo``).
"""

from __future__ import annotations

import functools
import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import libcst as cst

from fork.edit import Swap, code, definitions, own_nodes, walk
from fork.tree import Tree
from tools._mutant_undo import MARK, DropFirst, SortBodies, SortKeywords, Unwrap, one_of_two, unparsed

Undo = Callable[[Tree], Tree]


class Mutant(NamedTuple):
    """A changed release.

    Attributes:
        kind: How it was changed.
        place: Where, ``file: definition: what``.
        tree: The release's files after the change.
        redo: Makes the finished series of the *unchanged* release comparable: applies the change to it.
        undo: Makes the finished series of the mutant comparable: takes the change back, where ``redo`` cannot make it.
        file: The file that the change stays inside, or None where names change that other files may speak of.
    """

    kind: str
    place: str
    tree: Tree
    redo: Undo
    undo: Undo
    file: Optional[str]


class Anchor(NamedTuple):
    """A simple statement of upstream's that the series changes or puts something beside."""

    file: str
    definition: str
    line: cst.SimpleStatementLine


def same(tree: Tree) -> Tree:
    """Return the tree as it is."""
    return tree


def anchors(pristine: Tree, final: Tree) -> List[Anchor]:
    """Return the statements of functions that are not in the finished tree any more, or have a new neighbour there."""
    found = []
    for file in sorted(pristine):
        if file.endswith(".py") and file in final and pristine[file] != final[file]:
            after = dict(definitions(_module(final, file)))
            for name, definition in definitions(_module(pristine, file)):
                if isinstance(definition, cst.FunctionDef) and name in after:
                    new = _texts(after[name])
                    old = _texts(definition)
                    lines = list(own_nodes(definition, cst.SimpleStatementLine))
                    for at, line in enumerate(lines):
                        text = code(line)
                        beside = {old[at - 1] if at else "", old[at + 1] if at + 1 < len(old) else ""}
                        there = [i for i, other in enumerate(new) if other == text]
                        now = {new[i + d] if 0 <= i + d < len(new) else "" for i in there for d in (-1, 1)}
                        if not there or (now - beside) & (set(new) - set(old)):
                            assert isinstance(line, cst.SimpleStatementLine)
                            found.append(Anchor(file, name, line))
    return found


def _texts(definition: cst.CSTNode) -> List[str]:
    assert isinstance(definition, (cst.FunctionDef, cst.ClassDef))
    return [code(node) for node in own_nodes(definition, cst.SimpleStatementLine)]


def _with(tree: Tree, anchor: Anchor, make: Callable[[cst.SimpleStatementLine], object]) -> Optional[Tree]:
    """Return the tree with ``make(line)`` in the anchor's place; None where ``make`` gives None."""
    new = make(anchor.line)
    return None if new is None else _swapped(tree, anchor.file, anchor.line, new)


_MODULES: Dict[bytes, cst.Module] = {}


def _module(tree: Tree, file: str) -> cst.Module:
    """Return a file's module, the same object each time: places are known by their nodes."""
    if tree[file] not in _MODULES:
        _MODULES[tree[file]] = cst.parse_module(tree[file])
    return _MODULES[tree[file]]


def _swapped(tree: Tree, file: str, old: cst.CSTNode, new: object) -> Tree:
    swap = Swap(_module(tree, file), old, new)  # type: ignore[arg-type]
    changed = _module(tree, file).visit(swap)
    assert swap.hits == 1, (file, swap.hits)
    return {**tree, file: changed.bytes}


def restyled(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """Other quotes, and parentheses around the value: the same syntax tree."""
    place = f"{anchor.file}: {anchor.definition}: {code(anchor.line)[:60]}"

    def quotes(line: cst.SimpleStatementLine) -> Optional[cst.CSTNode]:
        new = line.visit(_Quotes())
        return None if code(new) == code(line) else new

    def parentheses(line: cst.SimpleStatementLine) -> Optional[cst.CSTNode]:
        part = line.body[0]
        value = getattr(part, "value", None)
        if not isinstance(value, cst.BaseExpression) or isinstance(value, cst.SimpleString) or value.lpar:
            return None
        wrapped = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return line.with_changes(body=[part.with_changes(value=wrapped), *line.body[1:]])

    for kind, make in (("restyle: quotes", quotes), ("restyle: parentheses", parentheses)):
        changed = _with(tree, anchor, make)
        if changed is not None:
            yield Mutant(kind, place, changed, same, same, anchor.file)


class _Quotes(cst.CSTTransformer):
    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        text = updated_node.value
        if text.startswith('"') and not text.startswith('"""') and "'" not in text and "\\" not in text:
            return updated_node.with_changes(value=f"'{text[1:-1]}'")
        return updated_node


def wrapped(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The statement inside an ``if`` that always holds, or a ``try``."""
    place = f"{anchor.file}: {anchor.definition}: {code(anchor.line)[:60]}"

    def block(head: str) -> Callable[[cst.SimpleStatementLine], Optional[cst.CSTNode]]:
        def make(line: cst.SimpleStatementLine) -> Optional[cst.CSTNode]:
            if isinstance(line.body[0], cst.Expr) and isinstance(line.body[0].value, cst.SimpleString):
                return None  # a docstring
            holder = cst.parse_statement(head)
            assert isinstance(holder, (cst.If, cst.Try))
            body = cst.IndentedBlock([line.with_changes(leading_lines=[])])
            return holder.with_changes(body=body, leading_lines=line.leading_lines)

        return make

    heads = {"wrap: if": f'if "{MARK}":\n    pass\n', "wrap: try": f'try:\n    pass\nfinally:\n    "{MARK}"\n'}
    for kind, head in heads.items():
        changed = _with(tree, anchor, block(head))
        if changed is not None:
            yield Mutant(kind, place, changed, same, lambda final: unparsed(final, anchor.file, Unwrap()), anchor.file)


def duplicated(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The statement twice. Both copies must be treated alike: what is left without the second is as without it."""
    place = f"{anchor.file}: {anchor.definition}: {code(anchor.line)[:60]}"

    def twice(line: cst.SimpleStatementLine) -> Optional[object]:
        if isinstance(line.body[0], (cst.Return, cst.Raise, cst.Continue, cst.Break)):
            return None
        mark = cst.parse_statement(f'"{MARK}"')
        return cst.FlattenSentinel([line, mark, line.with_changes(leading_lines=[])])

    changed = _with(tree, anchor, twice)
    if changed is not None:
        yield Mutant(
            "duplicate: statement", place, changed, same, lambda final: one_of_two(final, anchor.file), anchor.file
        )


def reordered(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The keywords of the calls in a statement in reverse order."""
    place = f"{anchor.file}: {anchor.definition}: {code(anchor.line)[:60]}"

    def reverse(line: cst.SimpleStatementLine) -> Optional[cst.CSTNode]:
        new = line.visit(_Keywords())
        return None if code(new) == code(line) else new

    changed = _with(tree, anchor, reverse)
    if changed is not None:

        def sort(final: Tree) -> Tree:
            return unparsed(final, anchor.file, SortKeywords())

        yield Mutant("reorder: keywords", place, changed, sort, sort, anchor.file)


class _Keywords(cst.CSTTransformer):
    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        named = [arg for arg in updated_node.args if arg.keyword is not None]
        if len(named) < 2 or any(arg.star == "**" for arg in updated_node.args):
            return updated_node
        plain = [arg for arg in updated_node.args if arg.keyword is None]
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        args = [arg.with_changes(comma=comma) for arg in (*plain, *reversed(named))]
        args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(args=args)


def renamed_locals(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """Each variable of the statement that belongs to the function alone, under another name."""
    definition = _definition(tree, anchor.file, anchor.definition)
    assert isinstance(definition, cst.FunctionDef)
    for name in sorted(_locals(definition) & {n.value for n in walk(anchor.line) if isinstance(n, cst.Name)}):
        new = f"{name}_{MARK}"

        def rename(files: Tree, name: str = name, new: str = new) -> Tree:
            holder = _definition(files, anchor.file, anchor.definition)
            return _swapped(files, anchor.file, holder, _renamed(holder, name, new))

        yield Mutant(
            "rename: variable", f"{anchor.file}: {anchor.definition}: {name}", rename(tree), rename, same, None
        )


def _definition(tree: Tree, file: str, name: str) -> cst.CSTNode:
    return dict(definitions(_module(tree, file)))[name]


def _locals(definition: cst.FunctionDef) -> set[str]:
    """Return the names that a function assigns itself, and that are neither parameters nor shared with other scopes."""
    bound = set()
    for node in own_nodes(definition, cst.AssignTarget):
        assert isinstance(node, cst.AssignTarget)
        bound |= {n.value for n in walk(node.target) if isinstance(n, cst.Name)}
        bound -= {n.attr.value for n in walk(node.target) if isinstance(n, cst.Attribute)}
    for node in own_nodes(definition, cst.For):
        assert isinstance(node, cst.For)
        bound |= {n.value for n in walk(node.target) if isinstance(n, cst.Name)}
    params = {n.name.value for n in walk(definition.params) if isinstance(n, cst.Param)}
    shared = {i.name.value for n in walk(definition) if isinstance(n, (cst.Global, cst.Nonlocal)) for i in n.names}
    called = {n.keyword.value for n in walk(definition) if isinstance(n, cst.Arg) and n.keyword is not None}
    imported = {
        n.value for i in walk(definition) if isinstance(i, cst.ImportAlias) for n in walk(i) if isinstance(n, cst.Name)
    }
    return bound - params - shared - called - imported - {"self", "_"}


def _renamed(node: cst.CSTNode, name: str, new: str) -> cst.CSTNode:
    class Rename(cst.CSTTransformer):
        def visit_Attribute_attr(self, node: cst.Attribute) -> None:
            pass

        def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
            return updated_node.with_changes(attr=original_node.attr)

        def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
            return updated_node.with_changes(keyword=original_node.keyword)

        def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
            return updated_node.with_changes(value=new) if updated_node.value == name else updated_node

    result = node.visit(Rename())
    assert isinstance(result, cst.CSTNode)
    return result


def renamed_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The function under another name, wherever the package speaks of it."""
    name = definition.split(".")[-1]
    if name.startswith("__"):
        return
    word = re.compile(rf"\b{re.escape(name)}\b".encode())
    new = f"{name}_{MARK}".encode()

    def rename(files: Tree) -> Tree:
        ours = "/Addmodules/"
        return {p: word.sub(new, d) if p.endswith(".py") and ours not in p else d for p, d in files.items()}

    yield Mutant("rename: definition", f"{file}: {definition}", rename(tree), rename, same, None)


def moved_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The definition behind all others of its class or module."""
    module = _module(tree, file)
    node = _definition(tree, file, definition)
    holder = dict(definitions(module)).get(definition.rpartition(".")[0], module)
    body = list(module.body if isinstance(holder, cst.Module) else holder.body.body)
    if node not in body or body[-1] is node:
        return
    body = [*(part for part in body if part is not node), node]
    if isinstance(holder, cst.Module):
        changed = {**tree, file: module.with_changes(body=body).bytes}
    else:
        changed = _swapped(tree, file, holder, holder.with_changes(body=holder.body.with_changes(body=body)))

    def sort(final: Tree) -> Tree:
        return unparsed(final, file, SortBodies())

    yield Mutant("move: definition", f"{file}: {definition}", changed, sort, sort, file)


def doubled_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The definition twice, of which Python takes the second."""
    node = _definition(tree, file, definition)
    changed = _swapped(tree, file, node, cst.FlattenSentinel([node, node.deep_clone()]))

    def last(final: Tree) -> Tree:
        return unparsed(final, file, DropFirst(definition))

    yield Mutant("duplicate: definition", f"{file}: {definition}", changed, same, last, file)


STATEMENT_KINDS: Tuple[Callable[[Tree, Anchor], Iterator[Mutant]], ...] = (
    restyled,
    wrapped,
    duplicated,
    reordered,
    renamed_locals,
)
DEFINITION_KINDS: Tuple[Callable[[Tree, str, str], Iterator[Mutant]], ...] = (
    renamed_definition,
    moved_definition,
    doubled_definition,
)


class Plan(NamedTuple):
    """A kind of change at a place; calling ``make`` gives its mutants (none, one or several)."""

    kind: str
    place: str
    make: Callable[[], Iterator[Mutant]]


def plans(pristine: Tree, final: Tree) -> List[Plan]:
    """Return every kind at every place that the series edits, in order."""
    found: List[Plan] = []
    places: Dict[Tuple[str, str], None] = {}
    for anchor in anchors(pristine, final):
        places[anchor.file, anchor.definition] = None
        where = f"{anchor.file}: {anchor.definition}: {code(anchor.line)[:60]}"
        for kind in STATEMENT_KINDS:
            found.append(Plan(kind.__name__, where, functools.partial(kind, pristine, anchor)))
    for file, name in places:
        for make in DEFINITION_KINDS:
            found.append(Plan(make.__name__, f"{file}: {name}", functools.partial(make, pristine, file, name)))
    return found
