"""How a step edits source: ``ast`` finds the place, the text is spliced there, and what is not touched cannot change.

A step never goes by line numbers and never carries a long piece of upstream's text. It names the file and the
definition, says what it looks for in words, and counts. What it does not find is an error with those four facts; an
edit that is already there is recognised, so that a second run of the series changes nothing. So most steps read::

    place = Source(tree, FILE, NAME).find("initialize_weights")
    if place.nodes(ast.Compare, NEW):
        return ALREADY
    test = place.one("the branch `t is nn.BatchNorm2d`", place.nodes(ast.Compare, OLD))
    place.replace(test, NEW)
    return place.save()

``find`` gives a ``Place``: a definition, by name. ``nodes`` and ``lines`` search in it by patterns (``fork.syntax``),
``one`` insists on a single find, and each edit counts as one place of that definition. All edits of a step speak of
the file as it was when the step opened it: nodes never go stale, and nothing is found anew after an edit. Two edits of
the same text are an error. ``save`` applies them and returns the outcome. A step that edits several files opens them by
``Sources``, whose ``save`` writes all of them or none.

New text is written with plain line feeds and four spaces; it gets the line ends, indentation and encoding of its file.
"""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass
from typing import Callable, Dict, Generic, Iterator, List, Optional, Sequence, Tuple, Type, TypeVar

from fork.errors import StepError
from fork.syntax import Definition, N, alike, code, definitions, expression, own_nodes
from fork.text import BLANK, CLOSED, POSITIONED, Positioned, Text
from fork.tree import Tree

T = TypeVar("T")
M = TypeVar("M", bound=ast.AST, covariant=True)


@dataclass(frozen=True)
class Outcome:
    """What a step did.

    Attributes:
        applied: Number of places edited; 0 means *not needed*.
        reason: Why it was not needed, or a remark on what was edited.
        where: The edited places, ``file: definition`` each.
    """

    applied: int
    reason: str = ""
    where: Tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"applied {self.applied}" if self.applied else "not needed"
        return f"{text}: {self.reason}" if self.reason else text


ALREADY = Outcome(0, "already applied")


@dataclass(frozen=True)
class Step:
    """One step of the series.

    Attributes:
        name: File name of the step without ``.py``; starts with its number.
        section: Section of the articles that it carries out, or ``-`` for a step of our own.
        title: What it does, imperative, under 60 characters: the subject of its commit in an export.
        reason: Why it is needed, and why a release may not need it.
        files: The files of the tree it may edit.
        places: How many places it edits where it applies: fewest and most over all releases (equal for most steps).
        apply: Edits the tree in place and returns the outcome; raises StepError and must then leave the tree alone.
        not_needed_when: What a release would have to do for the step not to be needed; empty where that is
            what the title says.
        differs: For a step of the articles: how it differs from theirs, and why.
        brings_configs: Whether an export puts the files of ``cfg/`` into its commit.
    """

    name: str
    section: str
    title: str
    reason: str
    files: Tuple[str, ...]
    places: Tuple[int, int]
    apply: Callable[[Tree], Outcome]
    not_needed_when: str = ""
    differs: str = ""
    brings_configs: bool = False


class Source:
    """One Python file of a tree, open for edits by one step.

    Args:
        tree: The tree; changed only by ``save``.
        file: Path inside the tree.
        step: Name of the step, for messages.

    Attributes:
        text: The file's text and nodes (see ``fork.text``).
        edited: The definition of each edited place.

    Raises:
        StepError: The tree has no such file, or it is not valid Python.
    """

    def __init__(self, tree: Tree, file: str, step: str) -> None:
        self.tree, self.file, self.step = tree, file, step
        if file not in tree:
            raise self.fail("module", "the file", "no such file in this release")
        try:
            self.text = Text(tree[file])
        except SyntaxError as e:
            found = f"{e.msg} (line {e.lineno})" if e.lineno else str(e.msg)
            raise self.fail("module", "valid Python", found) from None
        except ValueError as e:
            raise self.fail("module", "valid Python", str(e)) from None
        self.edited: List[str] = []

    @property
    def module(self) -> Place[ast.Module]:
        """What stands outside functions and classes, as a place to search in and to edit."""
        return Place(self, "module", self.text.node)  # made anew: a circle would keep the nodes from being freed

    def places(self) -> List[Place[Definition]]:
        """Return every function and class of the file, in order."""
        return [Place(self, name, node) for name, node in definitions(self.text.node)]

    def has(self, definition: str) -> bool:
        """Return whether the file has a function or class of this qualified name."""
        return any(name == definition for name, _ in definitions(self.text.node))

    def find(self, definition: str) -> Place[Definition]:
        """Return the one function or class with this qualified name, for example ``BaseModel._predict_once``.

        Raises:
            StepError: There is none, or more than one.
        """
        found = [place for place in self.places() if place.name == definition]
        if len(found) != 1:
            raise self.fail(definition, "one definition of that name", f"{len(found)} of them")
        return found[0]

    def fail(self, definition: str, sought: str, found: str) -> StepError:
        """Return (not raise) the error for an anchor that does not fit."""
        return StepError(self.step, self.file, definition, sought, found)

    def save(self) -> Outcome:
        """Write the edited file into the tree and return the outcome, one count a place."""
        return _save([self])


class Sources:
    """The files that one step edits: ``sources[file]`` opens one, ``save`` writes all of them or none."""

    def __init__(self, tree: Tree, step: str) -> None:
        self._tree, self._step = tree, step
        self._open: Dict[str, Source] = {}

    def __getitem__(self, file: str) -> Source:
        if file not in self._open:
            self._open[file] = Source(self._tree, file, self._step)
        return self._open[file]

    def find(self, file: str, definition: str) -> Place[Definition]:
        """Return the one function or class of a file with this qualified name (see ``Source.find``)."""
        return self[file].find(definition)

    @property
    def edited(self) -> List[str]:
        """The places edited so far, ``file: definition`` each, by file in the order in which they were opened."""
        return [f"{source.file}: {name}" for source in self._open.values() for name in source.edited]

    def save(self) -> Outcome:
        """Write the edited files into the tree and return one outcome for all of them."""
        return _save(list(self._open.values()))


def _save(sources: Sequence[Source]) -> Outcome:
    new = {source.file: source.text.render() for source in sources if source.edited}
    if not new:  # a step has to say why it edits nothing
        raise sources[0].fail("whole file", "an edit, or a reason for none", "neither")
    sources[0].tree.update(new)
    where = tuple(f"{source.file}: {name}" for source in sources for name in source.edited)
    return Outcome(len(where), where=where)


@dataclass(frozen=True)
class Place(Generic[M]):
    """A definition of an open file, or a part of one: where a step searches, and what its edits count for.

    Attributes:
        source: The file.
        name: Qualified name of the definition, or ``module`` for what stands outside functions and classes.
        node: The definition, or the part of it.
    """

    source: Source
    name: str
    node: M

    def at(self, node: N) -> Place[N]:
        """Return a part of the place."""
        return Place(self.source, self.name, node)

    def nodes(self, kind: Type[N], *patterns: str) -> List[N]:
        """Return the place's own nodes of a kind, functions and classes inside left out, that fit a pattern, if any."""
        return own_nodes(self.node, kind, *patterns)

    def lines(self, kind: Type[N], *patterns: str) -> List[N]:
        """Return the place's own statements of a kind that are the first on their line, and fit a pattern, if any."""
        found = own_nodes(self.node, kind, *patterns)
        return [node for node in found if isinstance(node, ast.stmt) and self.source.text.begins_line(node)]

    def fail(self, sought: str, found: str) -> StepError:
        """Return (not raise) the error for an anchor that does not fit."""
        return self.source.fail(self.name, sought, found)

    def one(self, sought: str, found: Sequence[T]) -> T:
        """Return the only one of what was found.

        Raises:
            StepError: There is none, or more than one.
        """
        if len(found) != 1:
            raise self.fail(sought, f"{len(found)} such places" if found else "no such place")
        return found[0]

    def applied(self, *places: bool) -> bool:
        """Return whether the step's edit is there already, given for each of its places whether it is.

        Raises:
            StepError: Some places are edited and some are not.
        """
        if any(places) and not all(places):
            found = f"{sum(places)} of {len(places)} places edited"
            raise self.fail("the whole of this step's edit, or nothing of it", found)
        return all(places)

    def save(self) -> Outcome:
        """Write the edited file into the tree and return the outcome, one count a place."""
        return self.source.save()

    def code(self, node: Optional[Positioned] = None) -> str:
        """Return the source of a node, or of the whole place, as it stood in the file when that was opened."""
        if node is None and isinstance(self.node, POSITIONED):
            node = self.node
        return self.source.text.of(node) if node else self.source.text.data.decode()

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """Count the edits made within as one place."""
        count = len(self.source.edited)
        yield
        self.source.edited[count:] = [self.name]

    def replace(self, node: Positioned, new: str, comment: Optional[str] = None, bare: bool = False) -> None:
        """Put source in the place of an expression or a statement.

        Args:
            node: The node.
            new: The new source; several lines only for a statement that is the first on its line.
            comment: With a statement, the comment behind it: None leaves it as it is, an empty text takes it away.
                Where another statement follows on the line, the comment is that one's and stays.
            bare: Take the parentheses around an operand away with it.
        """
        text, (start, end) = self.source.text, self._span(node)
        if bare:
            start, end = text.around(start, end)
        if isinstance(node, ast.stmt) and "\n" in new:
            self._line(node)
        new = text.lay_out([new], text.indent_at(start)).lstrip(" \t")
        rest = text.match(rb"[ \t\f]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)", end)
        if comment is not None and rest >= 0:
            end, new = rest, f"{new}  # {comment}" if comment else new
        self._edit((start, end, f"({new})" if isinstance(node, ast.GeneratorExp) else new))

    def wrap(self, node: ast.expr, before: str, after: str) -> None:
        """Put source before and behind an expression, and parentheses around it where they make a difference."""
        start, end = self._span(node)
        old = self.code(node)
        bare, kept = (ast.dump(expression(f"{before}{each}{after}")) for each in (old, f"({old}\n)"))
        if bare != kept:
            before, after = f"{before}(", f"){after}"
        if isinstance(node, ast.GeneratorExp):  # its parentheses may be those of a call
            before, after = f"({before}", f"{after})"
        self._edit((start, start, before), (end, end, after))

    def append(self, node: ast.expr, new: str) -> None:
        """Put source behind an expression and all parentheses that close behind it, be they a call's."""
        end = self.source.text.match(CLOSED, self._span(node)[1])
        self._edit((end, end, new))

    def insert_before(self, node: ast.stmt, *lines: str) -> None:
        """Put lines right before a statement, below the comments that stand over it."""
        self._insert(self._line(node), lines, node)

    def insert_above(self, node: ast.stmt, *lines: str) -> None:
        """Put lines above a statement and the comments and blank lines that stand over it."""
        self._insert(self.source.text.top_of(self._line(node)), lines, node)

    def insert_after(self, node: ast.stmt, *lines: str, level: Optional[ast.stmt] = None) -> None:
        """Put lines behind a statement and the comment on its line, indented as the statement ``level`` is (or it)."""
        text = self.source.text
        rest = text.match(rb"[ \t\f]*;?[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)", text.span(node)[1])
        if rest < 0:
            raise self.fail("a statement that is the last on its line", f"`{self.code(node)[:67]}`")
        self._line(level or node)
        self._insert(rest, lines, level or node)

    def insert_argument(self, call: ast.Call, argument: str, after: int = -1) -> None:
        """Add an argument to a call, by default behind the others, else behind the one with this number.

        Where the next argument stands on a line of its own, so does the new one, below the comment on the line above.
        """
        text = self.source.text
        given = sorted([*map(text.span, call.args), *map(text.span, call.keywords)])
        close = text.span(call)[1] - 1
        if not given:
            return self._edit((close, close, argument))
        after %= len(given)
        end, last = given[after][1], after + 1 == len(given)
        if end > close:
            raise self.fail("a call whose arguments have parentheses of their own", f"`{self.code(call)[:67]}`")
        following = close if last else given[after + 1][0]
        end = text.match(CLOSED, end, following)
        if last:
            return self._edit((end, end, f", {argument}"))
        comma = text.match(BLANK + rb",[ \t\f]*(?:#[^\r\n]*)?", end)
        between = text.break_between(comma, following)
        self._edit((end, comma, f", {argument}, ") if between == " " else (comma, comma, f"{between}{argument},"))

    def redirect(self, call: ast.Call, to: str, *first: str) -> None:
        """Let a call call something else, with these arguments before its own."""
        text, start = self.source.text, self._span(call)[0]
        end = text.match(CLOSED, text.span(call.func)[1])
        begin = text.match(BLANK + rb"\(" + (BLANK if first else b""), end)
        comma = ", " if first and (call.args or call.keywords) else ""
        self._edit((start, end, to), (begin, begin, ", ".join(first) + comma))

    def insert_entry(self, display: ast.Dict, key: str, value: str) -> None:
        """Add an entry before the others of a dict display (not an empty one), on a line of its own if they are."""
        start = self._span(display)[0] + 1
        first = self.source.text.match(BLANK, start)
        self._edit((first, first, f'"{key}": {value},{self.source.text.break_between(start, first)}'))

    def replace_in(self, literal: ast.expr, old: str, new: str) -> None:
        """Replace a text that stands once in the source of a string, f-strings included."""
        start, text = self._span(literal)[0], self.code(literal)
        if text.count(old) != 1:
            raise self.fail(f"`{old}` once in the text", f"{text.count(old)} of them")
        at = start + len(text.partition(old)[0].encode())
        self._edit((at, at + len(old.encode()), new))

    def prepend(self, literal: ast.expr, new: str) -> None:
        """Put text before all else that stands in the quotes of a string."""
        at = self.source.text.match(rb"""[A-Za-z]*(?:\"{3}|'{3}|\"|')""", self._span(literal)[0])
        self._edit((at, at, new))

    def _span(self, node: Positioned) -> Tuple[int, int]:
        """Return a node's span, having looked that the node is what stands there."""
        if isinstance(node, ast.expr) and not isinstance(node, ast.Starred):
            there = self.code(node)
            try:
                fits = alike(node, expression(there))
            except SyntaxError:
                fits = False
            if not fits:
                raise self.fail(f"`{code(node)[:67]}` outside f-strings", f"`{there[:67]}`")
        return self.source.text.span(node)

    def _line(self, node: ast.stmt) -> int:
        if not self.source.text.begins_line(node):
            raise self.fail("a statement that is the first on its line", f"`{self.code(node)[:67]}`")
        return self.source.text.line_at(self.source.text.span(node)[0])

    def _insert(self, at: int, lines: Sequence[str], beside: ast.stmt) -> None:
        text = self.source.text
        new = text.lay_out(lines, text.indent_at(text.span(beside)[0]))
        ended = not at or text.data[at - 1 : at] in (b"\n", b"\r")
        self._edit((at, at, new + text.newline if ended else text.newline + new))

    def _edit(self, *parts: Tuple[int, int, str]) -> None:
        """Splice text (start, end, new), all of it as one edited place."""
        for part in parts:
            try:
                self.source.text.splice(*part)
            except ValueError as e:
                raise self.fail("a place that no other edit of the step changes", f"`{str(e)[:67]}`") from None
        self.source.edited.append(self.name)
