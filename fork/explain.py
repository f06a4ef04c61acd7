"""Explains a place of the release: which steps edit it, why, and how. Reads the user's own copy of the release."""

from __future__ import annotations

import ast
import difflib
import functools
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from fork.build import LOCAL, Plan, replay, saved_edits
from fork.edit import Step
from fork.errors import ForkError
from fork.notes import article, names_of, note
from fork.printer import Printer, printer
from fork.tree import OVERLAY, Tree

MODULE = "module"
"""What the lines outside functions and classes are called, here and in the outcomes of steps."""

CONTEXT = 3


class Span(NamedTuple):
    """A function or class of a file: its qualified name, and its first and last line from 1, decorators included."""

    name: str
    first: int
    last: int


class Change(NamedTuple):
    """What one step, or one saved edit, does to one file.

    Attributes:
        step: The step; None for a saved edit.
        label: Its short name, for example ``s06``, or ``local/mine.patch``.
        file: The file.
        before: The file's text before it.
        after: The file's text after it.
        where: Definition -> number of its edited places.
    """

    step: Optional[Step]
    label: str
    file: str
    before: str
    after: str
    where: Dict[str, int]


_NO_BLOCKS = (ast.expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Import, ast.ImportFrom)


@functools.lru_cache(maxsize=256)
def spans(text: str) -> Tuple[Span, ...]:
    """Return every function and class of a source, methods as ``Class.method``; empty where it is no Python."""
    result: List[Span] = []

    def collect(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                first = min([child.lineno, *(mark.lineno for mark in child.decorator_list)])
                result.append(Span(f"{prefix}{child.name}", first, child.end_lineno or child.lineno))
                inner = f"{prefix}{child.name}."
            if not isinstance(child, _NO_BLOCKS):
                collect(child, inner)

    try:
        collect(ast.parse(text), "")
    except (SyntaxError, ValueError):
        return ()
    return tuple(result)


def around(found: Sequence[Span], line: int) -> str:
    """Return the name of the innermost function or class that has this line, or ``module``."""
    inside = [span for span in found if span.first <= line <= span.last]
    return min(inside, key=lambda span: span.last - span.first).name if inside else MODULE


def changes(work: Plan, root: Path) -> List[Change]:
    """Return everything that the steps and the saved edits do, in their order."""
    result: List[Change] = []
    tree: Tree = work.pristine
    for item in work.results:
        before, tree = tree, item.tree
        for file in item.step.files:
            if before.get(file) != tree.get(file):
                places = [place[len(file) + 2 :] for place in item.outcome.where if place.startswith(f"{file}: ")]
                counts = {name: places.count(name) for name in dict.fromkeys(places)}
                label = item.step.name.split("_")[0]
                result.append(Change(item.step, label, file, _text(before, file), _text(tree, file), counts))
    for path in saved_edits(root):
        if path.stem in work.local:
            before, tree = tree, replay(tree, path)
            for file in sorted({*before, *tree}):
                if before.get(file) != tree.get(file):
                    old, new = _text(before, file), _text(tree, file)
                    where = _edited_names(old, new)
                    result.append(Change(None, f"{LOCAL}/{path.name}", file, old, new, where))
    return result


def _text(tree: Tree, file: str) -> str:
    return tree.get(file, b"").decode("utf-8", errors="replace")


def _lines(text: str) -> List[str]:
    return text.split("\n")


def _edited_names(before: str, after: str) -> Dict[str, int]:
    """Return how many pieces differ in each definition: for a saved edit, which declares no places."""
    old, new = spans(before), spans(after)
    names: List[str] = []
    for tag, i1, i2, j1, _ in _opcodes(_lines(before), _lines(after)):
        if tag != "equal":
            names.append(around(new, j1 + 1) if tag == "insert" or i1 == i2 else around(old, i1 + 1))
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _opcodes(before: List[str], after: List[str]) -> List[Tuple[str, int, int, int, int]]:
    """Return difflib's opcodes; what is equal at both ends is not searched, which is most of a file."""
    short = min(len(before), len(after))
    head = next((n for n in range(short) if before[n] != after[n]), short)
    tail = next((n for n in range(short - head) if before[-1 - n] != after[-1 - n]), short - head)
    end, new_end = len(before) - tail, len(after) - tail
    middle = difflib.SequenceMatcher(None, before[head:end], after[head:new_end], False).get_opcodes()
    result = [("equal", 0, head, 0, head)] if head else []
    result += [(tag, i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in middle]
    return [*result, ("equal", end, len(before), new_end, len(after))] if tail else result


def edit(change: Change, name: str = "") -> str:
    """Return the edit as a diff with line numbers; with ``name`` only what is in that function, class or ``module``."""
    before, after = _lines(change.before), _lines(change.after)
    old, new = spans(change.before), spans(change.after)
    opcodes = _opcodes(before, after)

    def wanted(opcode: Tuple[str, int, int, int, int]) -> bool:
        tag, i1, i2, j1, j2 = opcode
        if tag == "equal":
            return False
        if not name:
            return True
        names = {around(old, line + 1) for line in range(i1, i2)} | {around(new, line + 1) for line in range(j1, j2)}
        return any(found == name or found.startswith(f"{name}.") for found in names)

    text = ""
    shown = 0  # lines of `before` that were printed as context already
    for number, opcode in enumerate(opcodes):
        if not wanted(opcode):
            continue
        _, i1, i2, j1, j2 = opcode
        above = opcodes[number - 1][2] - opcodes[number - 1][1] if number else 0
        start = max(i1 - min(CONTEXT, above), shown)
        if start > shown or not text:
            text += f"@@ line {j1 - (i1 - start) + 1} @@\n"
        below = opcodes[number + 1][2] - i2 if number + 1 < len(opcodes) else 0
        stop = min(i2 + min(CONTEXT, below), len(before) - (not before[-1]))
        text += "".join(f"  {line}".rstrip() + "\n" for line in before[start:i1])
        text += "".join(f"- {line}".rstrip() + "\n" for line in before[i1:i2])
        text += "".join(f"+ {line}".rstrip() + "\n" for line in after[j1:j2])
        text += "".join(f"  {line}".rstrip() + "\n" for line in before[i2:stop])
        shown = max(stop, i2)
    return text


def explain(work: Plan, place: Optional[str], root: Path, out: Optional[Printer] = None) -> str:
    """Return what is to be said about a place, or the list of all edited places.

    Args:
        work: The finished plan of a build.
        place: ``FILE:DEFINITION``, ``FILE``, ``FILE:LINE``, ``DEFINITION``, a step or a section of the articles.
        root: The checkout.
        out: Where it is collected (default: for standard output).

    Raises:
        ForkError: There is no such place; names those that come near.
    """
    out = out or printer()
    found = changes(work, root)
    if place is None:
        _list(found, work, out)
        return out.text
    text = re.sub(r"^addmodules\.(?=\w)", f"{OVERLAY}hooks.py:", place.strip().lstrip("§"))  # as the edits call it
    steps = [item for item in work.results if text.lower() in names_of(item.step) and text != "-"]
    if steps:
        for number, item in enumerate(steps):
            if number:
                out.gap()
            _step(item.step, str(item.outcome), [c for c in found if c.step is item.step], out)
        return out.text
    files, name = _split(text, work, root)
    targets = _targets(files, name, work, found)
    if not targets:
        raise ForkError(_nothing(place, files, name, work, found))
    for number, (file, definition) in enumerate(targets):
        if number:
            out.gap()
        _place(file, definition, work, found, out)
    return out.text


def _split(text: str, work: Plan, root: Path) -> Tuple[List[str], str]:
    """Return the files that the first part of a place may mean (all of them if there is none), and the definition."""
    path, colon, name = text.replace("\\", "/").rpartition(":")
    if not colon or not re.fullmatch(r"\s*[\w.]*", name):
        path, name = text.replace("\\", "/"), ""
    path = path.strip().removeprefix("./")
    prefix = f"{root.as_posix()}/"
    path = path[len(prefix) :] if path.startswith(prefix) else path
    files = sorted(file for file in {*work.pristine, *work.results[-1].tree, *work.final})
    hits = [file for file in files if file == path] or [file for file in files if file.endswith(f"/{path}")]
    if not hits and not colon and re.fullmatch(r"[\w.]+", path) and not path.endswith(".py"):
        return files, path  # a definition by its name alone
    return hits, name.strip().replace("<module>", MODULE)


def _targets(files: List[str], name: str, work: Plan, found: List[Change]) -> List[Tuple[str, str]]:
    """Return the (file, definition) pairs that are meant; edited ones where there are any."""
    edited = {change.file for change in found}
    if not name:
        return [(file, "") for file in files if file in edited] or [(file, "") for file in files][:1]
    if name.isdigit():
        tree = {**work.results[-1].tree, **work.final}
        texts = {file: _text(tree, file) for file in files if file in edited or len(files) == 1}
        return [(f, around(spans(text), int(name))) for f, text in texts.items() if int(name) <= text.count("\n") + 1]
    result: List[Tuple[str, str]] = []
    for change in found:
        if change.file in files:
            names = [outer for where in change.where for outer in _outer(where)]
            result += [(change.file, full) for full in names if full == name or full.endswith(f".{name}")]
    if result:
        exact = [pair for pair in result if pair[1] == name]
        return list(dict.fromkeys(exact or result))
    last = name.rpartition(".")[2]
    for file in files:
        tree = work.pristine if file in work.pristine else work.results[-1].tree
        if file.endswith(".py") and re.search(rb"\b(def|class)\s+%s\b" % re.escape(last).encode(), tree.get(file, b"")):
            names = [span.name for span in spans(_text(tree, file))]
            result += [(file, full) for full in names if full == name or full.endswith(f".{name}")]
    return result if len(files) == 1 or len(result) <= 8 else result[:8]


def _outer(name: str) -> List[str]:
    """Return a definition's name and those of the definitions around it, outermost first."""
    pieces = name.split(".")
    return [".".join(pieces[: count + 1]) for count in range(len(pieces))]


def _nothing(place: str, files: List[str], name: str, work: Plan, found: List[Change]) -> str:
    known = {f"{change.file}:{where}" for change in found for where in change.where}
    short = {text.rpartition(":")[2] for text in known} | {span.rpartition(".")[2] for span in known}
    files_known = {change.file for change in found} | {Path(change.file).name for change in found}
    steps = {item.step.name for item in work.results} | {item.step.name.split("_")[0] for item in work.results}
    inside = {span.name for file in files[:3] for span in spans(_text(work.pristine, file))} if name else set()
    candidates = sorted({*known, *short, *files_known, *steps, *inside})
    near: List[str] = []
    for text in (place, name, place.rpartition("/")[2], place.rpartition(":")[2]):
        near += difflib.get_close_matches(text, candidates, 4, 0.6) if text else []
    if files and name:
        what = f"{files[0]} has no {name!r}" if len(files) == 1 else f"no file has a {name!r}"
    else:
        what = f"{place!r} is no file, definition, step or section of the articles here"
    tail = "; near it: " + ", ".join(dict.fromkeys(near)) if near else ""
    return f"{what}{tail}\n  to do: `python -m fork explain` lists every edited place"


def _list(found: List[Change], work: Plan, out: Printer) -> None:
    release = work.pin.upstream
    steps = {change.label for change in found if change.step}
    out.head(f"What the fork edits in {release.name} {release.version}")
    out.say(
        f"{len(steps)} of {len(work.results)} steps edit {len({c.file for c in found})} files. "
        f"`python -m fork explain PLACE` says why, and shows the edit."
    )
    for file in sorted({change.file for change in found}):
        out.gap()
        out.head(file)
        places: Dict[str, List[str]] = {}
        for change in found:
            if change.file == file:
                for name in change.where:
                    places.setdefault(name, []).append(change.label)
        width = max(map(len, places))
        for name in sorted(places, key=lambda n: (n != MODULE, n)):
            out.say(f"{name:<{width}}  {' '.join(places[name])}", 2, width + 2)
    idle = [item for item in work.results if not item.outcome.applied]
    if idle:
        out.gap()
        out.head("Steps that edit nothing here")
        for item in idle:
            out.say(f"{item.step.name}: {item.outcome.reason}", 2, 2)


def _step(step: Step, outcome: str, found: List[Change], out: Printer) -> None:
    out.head(f"{step.name.split('_')[0]}  {step.title}")
    out.say(f"{article(step)} | {outcome} | fork/steps/{step.name}.py", 5)
    _texts(step, out)
    for change in found:
        out.gap()
        out.say(f"{change.file}: {_counted(change.where)}", 5, 2)
        out.diff(edit(change), 5)


def _counted(where: Dict[str, int]) -> str:
    return ", ".join(name if count == 1 else f"{name} ({count} places)" for name, count in where.items())


def _texts(step: Step, out: Printer) -> None:
    texts = note(step)
    out.gap()
    out.say(step.reason, 5)
    for words, text in (("", texts.more), ("Differs from the articles: ", texts.differs)):
        if text and text != "None.":
            out.gap()
            out.say(words + text, 5)
    out.gap()
    out.say(f"Not needed when {texts.unless}", 5)


def _place(file: str, name: str, work: Plan, found: List[Change], out: Printer) -> None:
    title = f"{file}: {name}" if name else file
    if file.startswith(OVERLAY):
        out.head(title)
        out.say("Ours, tracked by git: no step edits it. The edited places of upstream's files call into this folder.")
        call = f"addmodules.{name}("
        calls = [c for c in found if name and c.after.count(call) > c.before.count(call)]
        if calls and file == f"{OVERLAY}hooks.py":
            out.say(f"Called from what these steps write: {', '.join(f'{c.label} in {c.file}' for c in calls)}.")
        return
    here = [c for c in found if c.file == file and (not name or any(_within(w, name) for w in c.where))]
    out.head(title)
    release = f"{work.pin.upstream.name} {work.pin.upstream.version}"
    if not here:
        out.say(f"No step edits it: it is as in {release}.")
        others = [w for c in found if c.file == file for w in c.where]
        if others:
            out.say(f"Edited in that file: {', '.join(dict.fromkeys(others))}.")
        return
    steps = sum(change.step is not None for change in here)
    of = f"{steps} of the {len(work.results)} steps" if steps else "No step"
    saved = f", and {len(here) - steps} of your saved edits," if len(here) > steps else ""
    out.say(f"{of}{saved} {'edits' if len(here) == 1 else 'edit'} it in {release}:")
    out.say(", ".join(change.label for change in here) + ".")
    for change in here:
        out.gap()
        if change.step is None:
            out.head(f"{change.label}  a saved edit of yours")
        else:
            out.head(f"{change.label}  {change.step.title}")
            count = sum(n for where, n in change.where.items() if not name or _within(where, name))
            places = f"{count} place{'s' * (count != 1)} here"
            out.say(f"{article(change.step)} | {places} | fork/steps/{change.step.name}.py", 5)
            _texts(change.step, out)
        out.gap()
        out.diff(edit(change, name), 5)


def _within(where: str, name: str) -> bool:
    return where == name or where.startswith(f"{name}.")
