"""Ways to change a release so that it still does the same, and to see whether the series coped: see ``tools.mutate``.

A mutation M rewrites upstream's source at a place that the series S edits. Most leave its meaning alone, so the right
result is known without looking: S after M must be M after S, compared as syntax trees. Each kind below says how it
changes a file (as a splice of text: nothing else in it moves), and how the two results are made comparable.
"""

from __future__ import annotations

import ast
import functools
import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from fork.tree import OVERLAY, Tree

MARK = "mutant"
Change = Callable[[Tree], Tree]
Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = (*Function, ast.ClassDef)


class Mutant(NamedTuple):
    """A changed release.

    ``redo`` applies the change to the finished series of the *unchanged* release, and ``undo`` takes it back from that
    of the mutant where ``redo`` cannot make it: then the two can be compared.
    """

    kind: str
    place: str
    tree: Tree
    redo: Change = lambda tree: tree
    undo: Change = lambda tree: tree


class Anchor(NamedTuple):
    """A simple statement of upstream's that the series changes or puts something beside."""

    file: str
    definition: str
    node: ast.stmt

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.file}: {self.definition}: {ast.unparse(self.node)[:60]}"


class Text:
    """A file's bytes, with the places of nodes in them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.starts = data, [0]
        for line in data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: Any) -> Tuple[int, int]:
        """Return where a node begins and ends."""
        start, end = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
        return start + node.col_offset, end + node.end_col_offset

    def lines(self, node: Any) -> Optional[Tuple[int, int]]:
        """Return where a statement's lines begin and end, decorators included; None where it shares one."""
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        start, (own, end) = self.starts[first - 1], self.span(node)
        after = self.starts[node.end_lineno]
        alone = (
            not self.data[self.starts[node.lineno - 1] : own].strip()
            and not self.data[end:after].split(b"#")[0].strip()
        )
        return (start, after) if alone and self.data[after - 1 : after] == b"\n" else None

    def __getitem__(self, span: Tuple[int, int]) -> bytes:
        return self.data[slice(*span)]

    def spliced(self, edits: Sequence[Tuple[Tuple[int, int], bytes]]) -> bytes:
        """Return the bytes with each span replaced."""
        data = self.data
        for (start, end), new in sorted(edits, reverse=True):
            data = data[:start] + new + data[end:]
        return data


@functools.lru_cache(maxsize=64)
def _parsed(data: bytes) -> Tuple[ast.Module, Dict[str, Any]]:
    """Return a file's tree, and its definitions by qualified name (of two of one name, the last)."""
    module, found = ast.parse(data), {}

    def collect(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}{child.name}" if isinstance(child, Definition) else ""
            found.update({name: child} if name else {})
            collect(child, f"{name}." if name else prefix)

    collect(module, "")
    return module, found


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a definition, in order, without what stands in definitions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Definition):
            yield child
            yield from _own(child)


def _simple(definition: ast.AST) -> List[ast.stmt]:
    return [node for node in _own(definition) if isinstance(node, ast.stmt) and not hasattr(node, "body")]


def anchors(pristine: Tree, final: Tree) -> Iterator[Anchor]:
    """Yield the statements of functions that are not in the finished tree any more, or have a new neighbour there."""
    for file in sorted(path for path in pristine if path.endswith(".py") and pristine[path] != final.get(path, b"")):
        after = _parsed(final.get(file, b""))[1]
        for name, definition in _parsed(pristine[file])[1].items():
            if isinstance(definition, Function) and name in after:
                nodes = _simple(definition)
                old = ["", *map(ast.unparse, nodes), ""]
                new = ["", *map(ast.unparse, _simple(after[name])), ""]
                for at, node in enumerate(nodes, 1):
                    there = [i for i, text in enumerate(new) if text == old[at]]
                    now = {new[i + d] for i in there for d in (-1, 1)} - {old[at - 1], old[at + 1]}
                    if not there or now - set(old):
                        yield Anchor(file, name, node)


def _mutant(kind: str, anchor: Anchor, tree: Tree, edits: Sequence[Any], **more: Change) -> Mutant:
    changed = {**tree, anchor.file: Text(tree[anchor.file]).spliced(edits)}
    return Mutant(kind, anchor.place, changed, **more)


def restyled(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """Other quotes, and parentheses around the value: the same syntax tree."""
    text = Text(tree[anchor.file])
    inside = {id(part) for node in ast.walk(anchor.node) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    strings = [n for n in ast.walk(anchor.node) if isinstance(n, ast.Constant) and id(n) not in inside]
    spans = [text.span(n) for n in strings if isinstance(n.value, str)]
    plain = [span for span in spans if re.fullmatch(rb'"[^"\'\\]*"', text[span])]
    if plain:
        yield _mutant("restyle: quotes", anchor, tree, [(s, b"'" + text[s][1:-1] + b"'") for s in plain])
    value = getattr(anchor.node, "value", None)
    if isinstance(value, ast.expr) and not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        start, end = text.span(value)
        if not text.data[:start].rstrip().endswith(b"("):
            yield _mutant("restyle: parentheses", anchor, tree, [((start, end), b"(" + text[start, end] + b")")])


def wrapped(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The statement inside an ``if`` that always holds, or a ``try``."""
    text = Text(tree[anchor.file])
    lines = text.lines(anchor.node)
    docstring = isinstance(anchor.node, ast.Expr) and isinstance(anchor.node.value, ast.Constant)
    if lines and not docstring:
        inside = b"    " + text[lines]
        indent = b" " * anchor.node.col_offset
        heads = {"if": (f'if "{MARK}":', ""), "try": ("try:", f'finally:\n{indent.decode()}    "{MARK}"\n')}
        for kind, (head, tail) in heads.items():
            block = indent + head.encode() + b"\n" + inside + (indent + tail.encode() if tail else b"")
            yield _mutant(f"wrap: {kind}", anchor, tree, [(lines, block)], undo=_rewriter(anchor.file, _unwrapped))


def duplicated(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The statement twice. Both copies must be treated alike: what is left without the second is as without it."""
    text = Text(tree[anchor.file])
    lines = text.lines(anchor.node)
    if lines and not isinstance(anchor.node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        mark = b" " * anchor.node.col_offset + f'"{MARK}"\n'.encode()
        twice = text[lines] + mark + text[lines]
        yield _mutant("duplicate: statement", anchor, tree, [(lines, twice)], undo=_rewriter(anchor.file, _one_of_two))


def reordered(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """The keywords of a call in the statement in reverse order."""
    text, sort = Text(tree[anchor.file]), _rewriter(anchor.file, _sorted_keywords)
    for call in ast.walk(anchor.node):
        named = call.keywords if isinstance(call, ast.Call) else []
        if len(named) > 1 and all(keyword.arg for keyword in named):
            spans = [text.span(keyword) for keyword in named]
            edits = list(zip(spans, [text[span] for span in reversed(spans)]))
            yield _mutant("reorder: keywords", anchor, tree, edits, redo=sort, undo=sort)


def renamed_locals(tree: Tree, anchor: Anchor) -> Iterator[Mutant]:
    """Each variable of the statement that belongs to the function alone, under another name."""
    definition = _parsed(tree[anchor.file])[1][anchor.definition]
    spoken = {node.id for node in ast.walk(anchor.node) if isinstance(node, ast.Name)}
    for name in sorted(_locals(definition) & spoken):
        rename = functools.partial(_renamed, anchor.file, anchor.definition, name)
        yield Mutant("rename: variable", f"{anchor.file}: {anchor.definition}: {name}", rename(tree), rename)


def _locals(function: ast.AST) -> Set[str]:
    """Return the names that a function assigns itself, and that are neither parameters nor shared with other scopes."""
    targets: List[ast.AST] = []
    for node in _own(function):
        targets += node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.For) else []
    stored = [n for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    other: Set[str] = {"self", "_"}
    for node in ast.walk(function):
        for key in ("arg", "name", "asname", "rest"):  # parameters, keywords, definitions, imports, exceptions, matches
            other.update(str(getattr(node, key, "")).split("."))
        other.update(node.names if isinstance(node, (ast.Global, ast.Nonlocal)) else ())
    return {node.id for node in stored if isinstance(node.ctx, ast.Store)} - other


def _renamed(file: str, definition: str, name: str, tree: Tree) -> Tree:
    """Return the tree with a variable of a function renamed, in the text of its f-strings too."""
    text, new = Text(tree[file]), f"{name}_{MARK}".encode()
    edits, skip = {}, set()
    word = re.compile(rb"(?<![.\w])%b(?!\w)" % name.encode())
    for node in ast.walk(_parsed(tree[file])[1][definition]):
        if isinstance(node, ast.JoinedStr) and id(node) not in skip:  # positions inside are right from 3.12 on only
            skip.update(map(id, ast.walk(node)))
            edits[text.span(node)] = word.sub(new, text[text.span(node)])
        elif isinstance(node, ast.Name) and node.id == name and id(node) not in skip:
            edits[text.span(node)] = new
    return {**tree, file: text.spliced(list(edits.items()))}


def renamed_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The function under another name, wherever the package speaks of it."""
    name = definition.split(".")[-1]
    word, new = re.compile(rf"\b{re.escape(name)}\b".encode()), f"{name}_{MARK}".encode()

    def rename(files: Tree) -> Tree:
        theirs = (path for path in files if path.endswith(".py") and not path.startswith(OVERLAY))
        return {**files, **{path: word.sub(new, files[path]) for path in theirs}}

    if not name.startswith("__"):
        yield Mutant("rename: definition", f"{file}: {definition}", rename(tree), rename)


def moved_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The definition behind all others of its class or module."""
    text, (module, found) = Text(tree[file]), _parsed(tree[file])
    node, holder = found[definition], found.get(definition.rpartition(".")[0], module)
    lines, end = text.lines(node), text.lines(holder.body[-1])
    if node in holder.body[:-1] and lines and end:
        sort = _rewriter(file, _sorted)
        changed = {**tree, file: text.spliced([(lines, b""), ((end[1], end[1]), b"\n" + text[lines])])}
        yield Mutant("move: definition", f"{file}: {definition}", changed, sort, sort)


def doubled_definition(tree: Tree, file: str, definition: str) -> Iterator[Mutant]:
    """The definition twice, of which Python takes the second."""
    text, node = Text(tree[file]), _parsed(tree[file])[1][definition]
    lines = text.lines(node)
    if lines:
        twice = text[lines] + b" " * node.col_offset + f'"{MARK}"\n'.encode() + text[lines]
        changed = {**tree, file: text.spliced([(lines, twice)])}
        undo = _rewriter(file, _second)
        yield Mutant("duplicate: definition", f"{file}: {definition}", changed, undo=undo)


def plans(pristine: Tree, final: Tree) -> List[Tuple[str, Callable[[], Iterator[Mutant]]]]:
    """Return every kind at every place that the series edits, in order: its name, and what makes its mutants."""
    found = list(anchors(pristine, final))
    result: List[Tuple[str, Any]] = []
    for kind in (restyled, wrapped, duplicated, reordered, renamed_locals):
        result += [(kind.__name__, functools.partial(kind, pristine, anchor)) for anchor in found]
    for make in (renamed_definition, moved_definition, doubled_definition):
        places = dict.fromkeys((anchor.file, anchor.definition) for anchor in found)
        result += [(make.__name__, functools.partial(make, pristine, *place)) for place in places]
    return result


def _rewriter(file: str, change: Callable[[ast.AST, List[ast.stmt]], List[ast.stmt]]) -> Change:
    """Return what changes every block of a file's statements, the inner ones first."""

    def rewrite(tree: Tree) -> Tree:
        module = ast.parse(tree[file])
        for node in reversed(list(ast.walk(module))):
            for name in ("body", "orelse", "finalbody"):
                if isinstance(getattr(node, name, None), list):
                    setattr(node, name, change(node, getattr(node, name)))
        return {**tree, file: ast.unparse(ast.fix_missing_locations(module)).encode()}

    return rewrite


def _unwrapped(_: ast.AST, block: List[ast.stmt]) -> List[ast.stmt]:
    """Take marked ``if`` and ``try`` away from around their statements."""

    def marked(node: Any) -> bool:
        around = [node.test] if isinstance(node, ast.If) else node.finalbody[-1:] if isinstance(node, ast.Try) else []
        return [ast.unparse(part) for part in around] == [repr(MARK)]

    return [part for node in block for part in (node.body if marked(node) else [node])]  # type: ignore[attr-defined]


def _one_of_two(_: ast.AST, block: List[ast.stmt]) -> List[ast.stmt]:
    """Take out the mark and as many statements behind it as stand before it and equal them."""
    texts = [ast.unparse(part) for part in block]
    at = texts.index(repr(MARK)) if repr(MARK) in texts else 0
    sizes = [n for n in range(1, at + 1) if texts[at - n : at] == texts[at + 1 : at + 1 + n]]
    return block[:at] + block[at + 1 + sizes[-1] :] if sizes else block


def _second(_: ast.AST, block: List[ast.stmt]) -> List[ast.stmt]:
    """Take out the mark, and the definition before it."""
    marks = [n for n, part in enumerate(block) if isinstance(part, ast.Expr) and ast.unparse(part) == repr(MARK)]
    return block[: marks[0] - 1] + block[marks[0] + 1 :] if marks else block


def _sorted(node: ast.AST, block: List[ast.stmt]) -> List[ast.stmt]:
    """Sort what stands in modules and classes."""
    return sorted(block, key=ast.dump) if isinstance(node, (ast.Module, ast.ClassDef)) else block


def _sorted_keywords(node: ast.AST, block: List[ast.stmt]) -> List[ast.stmt]:
    """Sort the keywords of every call."""
    for call in ast.walk(node) if isinstance(node, ast.Module) else ():
        if isinstance(call, ast.Call):
            call.keywords.sort(key=lambda keyword: keyword.arg or "")
    return block
