"""The usual mistakes in a YAML file, each looked for around the place where the parser stopped.

A guess gives what may be the mistake, and lines that mend it, to be tried (see ``_yamlfaults.py``); it may be wrong.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

from ._yamllines import code_of, content_after, content_before, indent, is_content, scan
from ._yamlproblem import Problem, listed, shown
from ._yamltraps import LOOKALIKES, PLAIN, about_sign

_ENTRY = re.compile(r"\s*(- |-$|[^\s\[\]{},#:'\"]+:(\s|$))")


class Fault(NamedTuple):
    """Where the parser stopped; lines and columns count from 0."""

    line: int
    column: int
    words: str
    began: int
    """Line in which the thing began that it was reading."""


class Try(NamedTuple):
    """A mistake that may be the one, and the lines, by number from 0, that mend it."""

    problem: Problem
    lines: Dict[int, str]


def _near(lines: List[str], fault: Fault) -> List[int]:
    """Return the lines in which the mistake may be: the one above the fault first, where it mostly is."""
    above = content_before(lines, fault.line)
    near = [above, fault.began, fault.line]
    return [n for at, n in enumerate(near) if n not in near[:at]]


def _at(n: int, column: int, message: str, line: str, advice: str, mended: str) -> Try:
    return Try(Problem(n + 1, column + 1, f"{message}: {shown(line, column + 1)}", advice), {n: mended})


def _full_width(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A sign of a Chinese keyboard; the other lines with such signs go with the first."""
    found: Dict[int, Tuple[int, str]] = {}
    for n, line in enumerate(lines):
        if line.isascii():
            continue
        code = code_of(line)
        at = [c for c, sign in enumerate(code) if sign in LOOKALIKES]
        if at:
            found[n] = at[0], _spaced(code.translate(PLAIN))
    first = next((n for n in sorted(_near(lines, fault)) if n in found), None)
    if first is None:
        return
    column, mended = found[first]
    message, advice = about_sign(lines[first][column], shown(lines[first], column + 1))
    others = [n + 1 for n in found if n > first and not _is_chinese(lines[n], found[n][0])]
    if others:
        all_lines = {n: line for n, (_, line) in found.items() if n >= first}
        more = f"{message} (such signs in line {listed(others)}, too)"
        yield Try(Problem(first + 1, column + 1, more, advice), all_lines)
    yield Try(Problem(first + 1, column + 1, message, advice), {first: mended})


def _spaced(code: str) -> str:
    return re.sub(r"^(\s*(?:- )?[\w-]+):(?=[^\s])", r"\1: ", code)


def _is_chinese(line: str, column: int) -> bool:
    """Tell whether a sign stands between Chinese words, where it belongs."""
    return any(0x2E80 <= ord(c) < 0xFE00 and c.isalpha() for c in line[max(0, column - 1) : column + 2])


def _tab(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A tab before or between what stands in a line."""
    indented = [n for n, line in enumerate(lines) if "\t" in line[: indent(line)]]
    first = next((n for n in sorted(_near(lines, fault)) if n in indented), None)
    if first is not None:
        others = [n + 1 for n in indented if n > first]
        more = f" (so are others: {listed(others)})" if others else ""
        column = lines[first].index("\t")
        advice = "use spaces, two for each level; most editors can convert tabs"
        message = f"the line is indented with a tab{more}: {shown(lines[first])}"
        if not lines[first].strip():
            message, advice = f"an empty line holds a tab{more}", "delete the tab"
        for size in (2, 4, 8):
            mended = {n: lines[n][: indent(lines[n])].expandtabs(size) + lines[n].lstrip() for n in indented}
            yield Try(Problem(first + 1, column + 1, message, advice), mended)
        flat = {n: lines[n][: indent(lines[n])].replace("\t", "") + lines[n].lstrip() for n in indented}
        yield Try(Problem(first + 1, column + 1, message, advice), flat)
    for n in _near(lines, fault):
        if "\t" in lines[n]:
            column = lines[n].index("\t")
            message = "a tab stands where a space is expected"
            yield _at(n, column, message, lines[n], "use spaces", lines[n].replace("\t", " "))


def _no_space(lines: List[str], fault: Fault) -> Iterator[Try]:
    """``nc:80`` or ``-[...]``."""
    dashes = [n for n, line in enumerate(lines) if re.match(r"\s*-[\[{]", line)]
    if len(dashes) > 1:
        n, mended = dashes[0], {n: lines[n].replace("-", "- ", 1) for n in dashes}
        message = f"no space stands after the dash (nor in line {listed(m + 1 for m in dashes[1:])})"
        trial = _at(n, lines[n].index("-"), message, lines[n], f"write {shown(mended[n])}", mended[n])
        yield Try(trial.problem, mended)
    for n in _near(lines, fault):
        line = lines[n]
        key = re.match(r"(\s*(?:- +)?[\w.-]+):(?=[^\s:/\\])", line)
        if key:
            mended = f"{key[1]}: {line[key.end() :]}"
            yield _at(n, key.end() - 1, "no space stands after the colon", line, f"write {shown(mended)}", mended)
        dash = re.match(r"(\s*)-(?=[\[{\w'\"])", line)
        if dash:
            mended = f"{dash[1]}- {line[dash.end() :]}"
            yield _at(n, dash.end() - 1, "no space stands after the dash", line, f"write {shown(mended)}", mended)


def _apostrophe(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A quote within a text in such quotes, which ends the text, or one that a text before has left open."""
    line, at = lines[fault.line], fault.column
    head = line[:at].rstrip()
    if not head or head[-1] not in "'\"" or head.count(head[-1]) % 2:
        return
    sign, column = head[-1], len(head) - 1
    if sign not in line[at:] or line[at] == sign:
        return
    early = re.search(rf"{sign}[^{sign}]*?(,\s*){sign}$", head)
    if early:  # ['one, 'two']: the second quote was to open a text
        mended = line[: early.start(1)] + sign + line[early.start(1) :]
        advice = f"close it with {sign} before the comma"
        yield _at(fault.line, early.start(), f"the quote {sign} is not closed", line, advice, mended)
    doubled = "''" if sign == "'" else '\\"'
    mended = line[:column] + doubled + line[column + 1 :]
    if sign == '"':  # the next one is within the text, too, if there are two more
        rest = mended[column + 2 :]
        if rest.count('"') > 1:
            mended = mended[: column + 2] + rest.replace('"', '\\"', 1)
    other = "double" if sign == "'" else "single"
    advice = f"put the text between {other} quotes, or write {doubled} for the one within it"
    yield _at(fault.line, column, f"this {sign} ends the text, and more follows", line, advice, mended)


def _quote(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A quote that is not closed in the line where it opens."""
    for n, (opened, _) in enumerate(scan(lines[: fault.line + 1])):
        if opened is None or opened.line != n:
            continue
        line = lines[n].rstrip()
        advice = f"close it with {opened.sign} in this line"
        ends = [len(line), *(m.start() for m in [re.search(r"\s*[\]},]+$", line), re.search(r"\s+#.*$", line)] if m)]
        for end in sorted({end for end in ends if end > opened.column}):
            mended = line[:end] + opened.sign + line[end:]
            message = f"the quote {opened.sign} is not closed"
            yield _at(n, opened.column, message, line, advice, mended)
        return


def _bracket(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A bracket too few or too many, or of the wrong kind."""
    last = fault.line
    at = lines[last][fault.column : fault.column + 1]
    if at and at in "]}":
        line = lines[last]
        other = "]" if at == "}" else "}"
        wrong = line[: fault.column] + other + line[fault.column + 1 :]
        opened = scan([*lines[:last], line[: fault.column]])[-1][1]
        if opened:
            message = f"the {opened[-1].sign} opened in line {opened[-1].line + 1} is closed by {at}"
            yield _at(last, fault.column, message, line, f"write {other}", wrong)
        surplus = line[: fault.column] + line[fault.column + 1 :]
        opening = "[" if at == "]" else "{"
        advice = f"delete it, or open it with {opening} before"
        yield _at(last, fault.column, f"this {at} closes nothing", line, advice, surplus)
    states = scan(lines)
    for n in range(min(fault.began, last), last + 1):
        if not states[n][1]:
            continue
        first = states[n][1][0]
        end = _end_of_entry(lines, first.line)
        opened = states[end][1]
        if not opened:
            continue
        closing = "".join("]" if item.sign == "[" else "}" for item in reversed(opened))
        code = code_of(lines[end])
        what = (
            f"the bracket {first.sign} is not closed" if len(opened) == 1 else f"{len(opened)} brackets are not closed"
        )
        where = "" if end == first.line else f" (line {end + 1})"
        problem = Problem(
            first.line + 1,
            first.column + 1,
            f"{what}: {shown(lines[first.line], first.column + 1)}",
            f"{closing} is missing, at the end of the entry{where} perhaps",
        )
        yield Try(problem, {end: code.rstrip(", ") + closing})
        return


def _end_of_entry(lines: List[str], start: int) -> int:
    """Return the last line of the entry that begins in line ``start``: what looks like the next one ends it."""
    for n in range(start + 1, len(lines)):
        if is_content(lines[n]) and _ENTRY.match(lines[n]) and indent(lines[n]) <= indent(lines[start]):
            return content_before(lines, n)
    return content_before(lines, len(lines))


def _comma(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A comma too few or too many within brackets."""
    line, at = lines[fault.line], fault.column
    if "',' or" in fault.words and line[:at].strip() and line[at : at + 1] not in ("]", "}", ":", ","):
        column = len(line[:at].rstrip())
        piece = shown(line[at : at + 12])
        yield _at(
            fault.line, at, f"a comma is missing before {piece}", line, "put one there", f"{line[:column]}, {line[at:]}"
        )
    if line[at : at + 1] == ",":
        mended = line[:at] + line[at + 1 :]
        yield _at(fault.line, at, "no value stands before this comma", line, "delete it, or write the value", mended)


def _line_comma(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A comma too few at the end of a line within brackets, which are closed further down."""
    if "',' or" not in fault.words or scan(lines)[-1][1]:
        return
    above = content_before(lines, fault.line)
    if above < fault.line and not lines[fault.line].lstrip().startswith("- "):
        code = code_of(lines[above])
        yield _at(above, len(code), "a comma is missing behind this line", lines[above], "put one there", f"{code},")


def _no_dash(lines: List[str], fault: Fault) -> Iterator[Try]:
    """An entry of a list without its dash, between two that have theirs, or a row in brackets."""
    for n in _near(lines, fault)[::-1]:
        line, above, below = lines[n], lines[content_before(lines, n)], content_after(lines, n)
        dashed = [above] if line.lstrip().startswith("[") else [above, "" if below is None else lines[below]]
        if line.lstrip().startswith("- ") or not all(re.match(rf" {{{indent(line)}}}- ", other) for other in dashed):
            continue
        mended = f"{line[: indent(line)]}- {line.lstrip()}"
        yield _at(n, indent(line), "no dash stands before this entry of the list", line, "put '- ' before it", mended)


def _escape(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A path with backslashes between double quotes."""
    if "escape" in fault.words or "hexdec" in fault.words:
        line = lines[fault.line]
        column = line.rfind("\\", 0, fault.column + 1)
        if column >= 0:
            advice = "write / for \\ in a path, or put it between single quotes"
            message = "between double quotes a backslash begins a special sign, and this is none"
            yield _at(fault.line, column, message, line, advice, line.replace("\\", "/"))


def _reserved(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A value that begins with ``@``, `````, ``%``, ``*``, ``&`` or ``!``."""
    line = lines[fault.line]
    for column in (fault.column, fault.column - 1):
        if 0 <= column < len(line) and line[column] in "@`%*&!" and line[:column].strip():
            end = re.compile(r"\s+#|\s*[,\]}]|\s*$").search(line, column)
            stop = end.start() if end else len(line)
            text = line[column:stop]
            mended = f"{line[:column]}'{text}'{line[stop:]}"
            yield _at(
                fault.line, column, f"no text can begin with {line[column]}", line, f"quote it: '{shown(text)}'", mended
            )


def _second_colon(lines: List[str], fault: Fault) -> Iterator[Try]:
    """``note: one: two``."""
    if "mapping values" not in fault.words:
        return
    line = code_of(lines[fault.line])
    key = re.match(r"\s*(- +)?[^\s:]+:\s+", line)
    if key and fault.column > key.end() and line[key.end()] not in "'\"[{":
        text = line[key.end() :]
        quoted = "'" + text.replace("'", "''") + "'"
        advice = f"put the value into quotes: {shown(quoted)}"
        message = "a second colon stands in this line"
        yield _at(fault.line, fault.column, message, line, advice, line[: key.end()] + quoted)


def _no_colon(lines: List[str], fault: Fault) -> Iterator[Try]:
    """``nc 80``, ``nc = 80``, or ``backbone`` alone."""
    if "expected ':'" not in fault.words and "mapping values" not in fault.words:
        return
    for n in dict.fromkeys([fault.began, content_before(lines, fault.line), fault.line]):
        code = code_of(lines[n])
        key = re.match(r"(\s*\w[\w.-]*)(\s*=\s*|\s+|$)(?!:)", code)
        if key:
            rest = code[key.end() :]
            mended = f"{key[1]}: {rest}".rstrip()
            message = "an = stands where a colon is expected" if "=" in key[2] else "a colon is missing after the key"
            yield _at(n, len(key[1]), message, lines[n], f"write {shown(mended)}", mended)


def _indentation(lines: List[str], fault: Fault) -> Iterator[Try]:
    """A line that stands a little too far to the left or to the right."""
    if "flow" in fault.words:
        return
    near = [fault.line, content_before(lines, fault.line)]
    for n in near[::-1] if "document start" in fault.words else near:
        if not is_content(lines[n]):
            continue
        have = indent(lines[n])
        above = [indent(lines[m]) for m in range(n) if is_content(lines[m])]
        below = content_after(lines, n)
        fits = dict.fromkeys([*above[:-9:-1], *([indent(lines[below])] if below is not None else [])])
        for size in sorted((size for size in fits if size != have), key=lambda size: abs(size - have)):
            spaces = f"{have} space" if have == 1 else f"{have} spaces"
            message = f"the line is indented by {spaces}, which does not fit the lines around it"
            advice = f"indent it by {size}" if size else "let it begin at the left edge"
            yield _at(n, have, message, lines[n], advice, " " * size + lines[n].lstrip())


GUESSES: List[Callable[[List[str], Fault], Iterator[Try]]] = [
    _full_width,
    _tab,
    _apostrophe,
    _no_space,
    _quote,
    _escape,
    _reserved,
    _line_comma,
    _bracket,
    _comma,
    _second_colon,
    _no_dash,
    _no_colon,
    _indentation,
]
"""The commonest and surest first."""
