"""The structure of a YAML file: what must not be loaded, where everything stands, and keys given twice.

``outline`` goes through the parser's events, which costs no memory and runs no code, and refuses what would do harm;
``Walk`` then composes PyYAML's nodes, notes the place of each and makes the values, as upstream's loader does.
"""

from __future__ import annotations

import itertools
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import yaml

from ._yamlproblem import Problem, shown
from ._yamltraps import TAG, Spot, lone_key, traps

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Upstream's choice: the one in C where PyYAML has it."""

MAX_DEPTH = 100
"""Brackets within brackets, aliases followed; model files have four."""

MAX_ALIASED = 20_000
"""Most values that the aliases of a file may stand for, taken together."""

MAX_DIGITS = 1000
"""Longest number in characters: Python's conversion takes time with the square of the length."""

Path = Tuple[Any, ...]
Place = Tuple[int, int]

_PLAIN_TAGS = frozenset(TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map"))
_MERGE, _VALUE = TAG + "merge", TAG + "value"


class Outline(NamedTuple):
    """What the events tell."""

    problems: List[Problem]
    aliases: List[Place]
    """In the order of the file."""
    documents: int
    loadable: bool
    """False: making values of it must not be tried."""
    walkable: bool
    """False: not even nodes."""


def place_of(mark: Any) -> Place:
    """Return a mark of PyYAML as 1-based line and column."""
    return mark.line + 1, mark.column + 1


def events(text: str) -> Iterator[Any]:
    """Give the parser's events; raises ``yaml.MarkedYAMLError`` where the syntax breaks.

    libyaml 0.2.6 (in PyYAML 6.0.4) gives up at 1000 brackets within each other, and before it has given the events of
    the first hundred. PyYAML's own parser has no such limit and goes on from there, so that ``outline`` comes to say
    what it says with every release.
    """
    given = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            given += 1
            yield event
    except yaml.MarkedYAMLError as e:
        if "maximum nesting depth" not in str(e.problem):
            raise
        yield from itertools.islice(yaml.parse(text, Loader=yaml.SafeLoader), given, None)


def outline(text: str) -> Outline:
    """Go through a file without loading it: tags, anchors and aliases, depth, size, documents.

    Raises:
        yaml.MarkedYAMLError: The syntax is broken.
    """
    problems: List[Problem] = []
    aliases: List[Place] = []
    anchors: Dict[str, Tuple[int, int, Place]] = {}
    opened: List[List[Any]] = []  # anchor, values before it, depth below it, place
    documents = values = aliased = 0
    loadable = True

    def close() -> None:
        anchor, before, below, place = opened.pop()
        if anchor is not None:
            anchors[anchor] = (values - before, below + 1, place)
        if opened:
            opened[-1][2] = max(opened[-1][2], below + 1)

    def refuse(place: Place, message: str, advice: str = "") -> Outline:
        problems.append(Problem(*place, message, advice))
        return Outline(problems, aliases, documents, False, False)

    for event in events(text):
        place = place_of(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                message = "a second document begins here: a model or data file holds one"
                problems.append(Problem(*place, message, "delete this line, or move what follows to a file of its own"))
                return Outline(problems, aliases, documents, False, loadable)
        elif isinstance(event, yaml.AliasEvent):
            name = event.anchor
            if any(item[0] == name for item in opened):
                return refuse(place, f"the alias *{shown(name)} stands within what it refers to, which has no end")
            if name not in anchors:
                return refuse(
                    place,
                    f"*{shown(name)} refers to an anchor, and no &{shown(name)} comes before it",
                    "put it into quotes if the star is meant as a star",
                )
            size, below, _ = anchors[name]
            aliases.append(place)
            values, aliased = values + size, aliased + size
            opened[-1][2] = max(opened[-1][2], below)
            if aliased > MAX_ALIASED:
                return refuse(
                    place,
                    f"the aliases up to here stand for more than {MAX_ALIASED} values",
                    "write the values themselves; a model or data file needs few aliases",
                )
            if len(opened) + below > MAX_DEPTH:
                return refuse(place, f"the aliases lead more than {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.NodeEvent):
            loadable = _check_tag(event, place, problems) and loadable
            if event.anchor in anchors or any(item[0] == event.anchor for item in opened if item[0] is not None):
                first = next(
                    (item[3] for item in opened if item[0] == event.anchor),
                    anchors.get(event.anchor, (0, 0, place))[2],
                )
                return refuse(
                    place,
                    f"the anchor &{shown(event.anchor)} is given twice: here and in line {first[0]}",
                    "give one of them another name",
                )
            opened.append([event.anchor, values, 0, place])
            values += 1
            if len(opened) > MAX_DEPTH:
                return refuse(place, f"the file goes more than {MAX_DEPTH} levels deep; a model file needs four")
            if isinstance(event, yaml.ScalarEvent):
                close()
        elif isinstance(event, yaml.CollectionEndEvent):
            close()
    return Outline(problems, aliases, documents, loadable, True)


def _check_tag(event: Any, place: Place, problems: List[Problem]) -> bool:
    tag = event.tag
    if tag is None or tag == "!" or tag in _PLAIN_TAGS:
        return True
    written = shown(f"!!{tag[len(TAG) :]}" if tag.startswith(TAG) else tag)
    if tag.startswith(TAG + "python"):
        message, advice = f"the tag {written} asks for Python code to be run, which is not done", "delete the tag"
    elif tag.startswith(TAG):
        message, advice = (
            f"the tag {written} is not used in model and data files",
            "delete the tag; write a list or text",
        )
    else:
        message, advice = (
            f"the tag {written} is unknown",
            "delete it, or put the text into quotes if the ! belongs to it",
        )
    problems.append(Problem(*place, message, advice))
    return False


class Walk:
    """One walk over the nodes of a file: ``problems``, ``marks`` and ``data`` (None where they cannot be made)."""

    def __init__(self, text: str, found: Outline):
        """Walk over ``text``, of which ``found`` is the outline."""
        self.text = text
        self.problems: List[Problem] = []
        self.marks: Dict[Path, Place] = {}
        self.data: Any = None
        self.root: Optional[Place] = None
        self._loadable = found.loadable
        self._aliases = iter(found.aliases)
        self._seen: Set[int] = set()
        self._loader = LOADER(text)
        try:
            self._loader.check_node()
            node = self._loader.get_node()
            if node is not None:
                self.root = place_of(node.start_mark)
                self._visit(node, (), self.root, True, Spot("root", False))
                if self._loadable:
                    self._make(node)
        finally:
            self._loader.dispose()

    def _make(self, node: Any) -> None:
        try:
            self.data = self._loader.construct_document(node)
        except Exception as e:
            place = place_of(e.problem_mark) if getattr(e, "problem_mark", None) else (0, 0)
            self._refuse(place, f"no value can be made of this: {getattr(e, 'problem', None) or e}")

    def _refuse(self, place: Place, message: str, advice: str = "") -> None:
        self._loadable = False
        self.problems.append(Problem(*place, message, advice))

    def _enter(self, node: Any, first: bool) -> Tuple[Place, bool]:
        """Return a node's place, an alias's own where it is one, and whether it is met for the first time."""
        if id(node) in self._seen:
            return next(self._aliases) if first else place_of(node.start_mark), False
        self._seen.add(id(node))
        return place_of(node.start_mark), first

    def _visit(self, node: Any, path: Optional[Path], place: Place, first: bool, spot: Spot) -> None:
        """Note the places of a node and of all below; a path of None notes none (what a merge key brings in)."""
        if path is not None:
            self.marks[path] = place
        if isinstance(node, yaml.ScalarNode):
            if first:
                self._check(node, spot)
        elif isinstance(node, yaml.MappingNode):
            self._mapping(node, path, first, spot)
        else:
            inner = Spot("item", bool(node.flow_style), named=spot.named)
            for index, item in enumerate(node.value):
                where, new = self._enter(item, first)
                self._visit(item, None if path is None else (*path, index), where, new, inner)

    def _mapping(self, node: Any, path: Optional[Path], first: bool, spot: Spot) -> None:
        flow = bool(node.flow_style)
        keys: Dict[Any, Place] = {}
        for key_node, item in node.value:
            key_place, new = self._enter(key_node, first)
            known, key = self._key(key_node, new, Spot("key", flow, named=spot.named))
            if known and first:
                if key in keys:
                    line, column = keys[key]
                    message = f"the key {shown(str(key))} is given twice: here and in line {line}, column {column}"
                    self.problems.append(
                        Problem(*key_place, message, "delete one of the two: only the last would count")
                    )
                keys.setdefault(key, key_place)
            place, new = self._enter(item, first)
            absent = isinstance(item, yaml.ScalarNode) and item.start_mark.index == item.end_mark.index
            beside = not absent and place[0] == key_place[0]
            inner = Spot("value", flow, not beside, spot.named or (known and key == "names"))
            below = (*path, key) if known and path is not None else None
            self._visit(item, below, place if beside else key_place, new, inner)
            if first and flow and isinstance(item, yaml.ScalarNode) and not (item.value or item.style):
                lone = lone_key(key_node) if isinstance(key_node, yaml.ScalarNode) else None
                self.problems.extend([lone] if lone else [])

    def _key(self, node: Any, first: bool, spot: Spot) -> Tuple[bool, Any]:
        """Return whether a key stands in the data, and the key."""
        if not isinstance(node, yaml.ScalarNode):
            if first:
                place = place_of(node.start_mark)
                advice = "put text with braces into quotes, as '{name}'"
                self._refuse(place, "a list or a mapping stands where a key is expected", advice)
                self._visit(node, None, place, first, spot)
            return False, None
        if node.tag == _MERGE:
            return False, None
        if node.tag == _VALUE:
            return True, node.value
        if first and not self._check(node, spot):
            return False, None
        try:
            return True, self._loader.construct_object(node)
        except Exception:  # reported when it was met first
            return False, None

    def _check(self, node: Any, spot: Spot) -> bool:
        """Report what is wrong with a scalar; return False if no value can be made of it."""
        before = len(self.problems)
        kind = node.tag[len(TAG) :] if node.tag.startswith(TAG) else ""
        place = place_of(node.start_mark)
        if node.tag in (_VALUE, _MERGE):
            self._refuse(place, f"{node.value} alone cannot be read as a value", f"put it into quotes: '{node.value}'")
        elif kind in ("int", "float") and len(node.value) > MAX_DIGITS:
            self._refuse(place, f"a number of {len(node.value)} characters: {shown(node.value)}")
        elif kind in ("int", "float", "bool", "timestamp"):
            try:
                self._loader.construct_object(node)
            except Exception as e:
                name = {"int": "a number", "float": "a number", "bool": "a boolean", "timestamp": "a date"}[kind]
                what = f"{shown(node.value)} looks like {name} and is none: {e}"
                self._refuse(place, what, f"put it into quotes if text is meant: '{shown(node.value)}'")
        if len(self.problems) > before:
            return False
        self.problems.extend(traps(self.text, node, spot, self._tag_of))
        return True

    def _tag_of(self, text: str) -> str:
        return self._loader.resolve(yaml.ScalarNode, text, (True, False))
