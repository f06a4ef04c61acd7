"""Words for what is wrong with a YAML's text: the usual mistakes behind a syntax error, and values that surprise."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from itertools import takewhile
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import yaml

TAG = "tag:yaml.org,2002:"
WIDTH = 64  # longest piece of a line that a message shows, in characters
SIGNS: Dict[Any, Any] = {chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F) if not chr(c).isalpha()}
SIGNS.update(zip("、【】“”‘’\u3000\u00a0\u200b\ufeff", [*",[]\"\"''  ", "", ""]))
"""Sign of a Chinese keyboard or a word processor -> the sign it is mistaken for."""
_DIVIDES = "，、：［］【】｛｝"
_BREAKS = re.compile("[\n\x85\u2028\u2029]")
_CHINESE = re.compile("[\u2e80-\u2fff\u3005-\ufdff]")
_WORDS = [
    ("single document", "a second document begins here: a model or data file holds one"),
    ("undefined alias", "a star refers to an anchor, and none of that name comes before it"),
    ("duplicate anchor", "this anchor is given twice"),
    ("node content", "a value is missing before this"),
    ("", "this does not belong to what stands above it: its indentation does not fit, or a sign is missing"),
]
"""Part of what the parser says -> the same in plain words."""
Place = Tuple[int, int]


class Problem(NamedTuple):
    """What is wrong at one place of a file."""

    line: int  # 1-based; 0: the file as a whole
    column: int  # 1-based; 0: none
    message: str  # what is wrong, what was found
    advice: str = ""  # what to do, or what would fit
    row: Optional[int] = None  # index of a model row as the YAML must use it; set by later checks
    severe: bool = True  # False: a warning, the file can be used as it is


class Spot(NamedTuple):
    """Where a scalar stands."""

    role: str  # key, value (of a mapping), item (of a list) or root
    flow: bool = False  # within brackets or braces
    below: bool = False  # a value that begins in a line below its key; a key that has none
    named: bool = False  # under the key `names`


def render(problem: Problem, path: Any) -> str:
    """Put a problem into words: ``my.yaml:12:5: index 7: message``, as far as it has these, and the advice below."""
    place = ":".join(str(part) for part in (path, problem.line, problem.column if problem.line else 0) if part)
    kind = "" if problem.severe else "warning: "
    row = "" if problem.row is None else f"index {problem.row}: "
    advice = "".join(f"\n    {line}" for line in problem.advice.splitlines())
    return f"{place}: {kind}{row}{problem.message}{advice}"


def shown(text: str, column: int = 1) -> str:
    """Return a line for a message: on one line, printable, and cut down to what stands around a 1-based column."""
    start = max(0, min(column - 1 - WIDTH // 2, len(text) - WIDTH))
    before, after = ("..." if part.strip() else "" for part in (text[:start], text[start + WIDTH :]))
    piece = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[start : start + WIDTH].strip())
    return f"{before}{piece}{after}"


def explain(text: str, error: Any, loader: Any) -> Problem:
    """Name the mistake behind a syntax error: the first usual one that fits what stands where the parser stopped."""
    lines, mark, words = _BREAKS.split(text), error.problem_mark, f"{error.context or ''} {error.problem}".strip()
    n, column = (mark.line, mark.column) if mark.line < len(lines) else (len(lines) - 1, len(lines[-1]))
    above = next((m for m in range(n - 1, -1, -1) if lines[m].strip() and lines[m].lstrip()[0] != "#"), n)
    began = error.context_mark or mark
    line, sign = lines[n], lines[n][column : column + 1]
    tokens: List[Any] = []
    with suppress(yaml.MarkedYAMLError):
        end = mark.line, mark.column
        tokens.extend(takewhile(lambda t: (t.start_mark.line, t.start_mark.column) < end, yaml.scan(text, loader)))

    def at(m: int, column: int, message: str, advice: str) -> Problem:
        return Problem(m + 1, column + 1, f"{message}: {shown(lines[m], column + 1)}", advice)

    general = next(said for part, said in _WORDS if part in words), f"the parser says: {words}"
    if isinstance(error, yaml.composer.ComposerError):
        return at(n, column, *general)
    near = [(m, lines[m], len(lines[m]) - len(lines[m].lstrip())) for m in sorted({min(began.line, n), above, n})]
    for m, here, _ in near:
        code, tab = re.split(r"(?:^|\s)#", here)[0], here.find("\t")
        for k in (k for k, c in enumerate(code) if c in SIGNS and not _CHINESE.search(code[max(0, k - 1) : k + 2])):
            return at(m, k, *_about(code[k]))
        if tab >= 0 and (not here[:tab].strip() or (m == n and "any token" in words)):
            return at(m, tab, "a tab stands where YAML wants spaces", "use spaces; most editors can convert tabs")
    if "escape" in words or "hexdec" in words:
        advice = "write / for \\ in a path, or put it between single quotes"
        column = max(line.rfind("\\", 0, column + 1), 0)
        return at(n, column, "no sign that YAML knows begins with this backslash", advice)
    last: Any = tokens[-1] if tokens else None
    unclosed = began if "quoted scalar" in words else None
    if getattr(last, "style", None) in ("'", '"'):
        unclosed = unclosed or (last.start_mark if last.start_mark.line < last.end_mark.line else None)
        if not unclosed and last.end_mark.line == n and sign not in ("", *",]}:#'\""):
            advice = "put quotes of the other kind around the text"
            return at(n, last.end_mark.column - 1, "this quote ends the text, and more follows", advice)
    if unclosed:
        return at(unclosed.line, unclosed.column, "this quote is not closed", "close it in the same line")
    m, start = (began.line, began.column) if re.search("alias|anchor|tag", words) else (n, column)
    if lines[m][start : start + 1] in tuple("@`%*&!") and lines[m][:start].strip():
        value = re.split(r"\s#|[,\]}]", lines[m][start:])[0].rstrip()
        return at(m, start, f"no text can begin with {lines[m][start]}", f"put it into quotes: '{shown(value)}'")
    opened: List[Any] = []
    for token in tokens:
        if token.id in ("[", "{"):
            opened.append(token.start_mark)
        elif token.id in ("]", "}") and opened:
            opened.pop()
    if sign in ("]", "}") and not opened:
        return at(n, column, f"this {sign} closes nothing", "delete it, or open it before")
    if opened and ("node content" not in words or not sign):
        begin = next(bracket for bracket in opened if bracket.line == opened[-1].line)
        if begin.line == n and sign not in ("", "]", "}"):
            return at(n, column, "a comma is missing before this", "put one there")
        advice = "close it at the end of the entry, or put a comma between its lines"
        return at(begin.line, begin.column, "this bracket is not closed", advice)
    for m, here, indent in near:
        if key := re.match(r"(\s*(?:- +)?[\w.-]+:)(?=[^\s:/\\])|(\s*-)(?=[\[{\w'\"])", here):
            message = f"no space stands after the {'colon' if key[1] else 'dash'}"
            return at(m, key.end() - 1, message, f"write {shown(f'{key[0]} {here[key.end() :]}')}")
        if m and here[indent:].startswith("[") and lines[m - 1].startswith(f"{' ' * indent}- "):
            return at(m, indent, "no dash stands before this entry of the list", "put '- ' before it")
    key = re.match(r"\s*(?:- +)?[^\s:]+:\s+(?=[^\s'\"\[{])", line)
    if "mapping values" in words and key and column >= key.end():
        return at(n, column, "a second colon stands in this line", "put the value into quotes")
    for m, here, _ in near if "':'" in words or "mapping values" in words else []:
        if key := re.match(r"(\s*\w[\w.-]*)(\s*=\s*|\s+|$)(?!:)", re.split(r"\s#", here)[0].rstrip()):
            advice = f"write {shown(f'{key[1]}: {here[key.end() :]}')}"
            return at(m, len(key[1]), "a colon is missing after the key", advice)
    have = near[-1][2]
    if sign and (column == have or "mapping values" in words) and any(m == above and i != have for m, _, i in near):
        message = f"the line is indented by {have} space{'s'[: have != 1]}, which does not fit the lines above"
        return at(n, have, message, "give all entries of a list, and all keys of a mapping, the same indentation")
    return at(*((n, column) if line.strip() else (above, 0)), *general)


def traps(raw: str, node: Any, value: Any, spot: Spot, resolve: Callable[[str], str]) -> Iterator[Problem]:
    """Give what is doubtful about a scalar: signs of another keyboard in ``raw``, or a ``value`` that surprises."""
    place, text = (node.start_mark.line + 1, node.start_mark.column + 1), shown(node.value)
    message, advice = "", f"put it into quotes if text is meant: '{text}'"
    signs = [n for n, c in enumerate(raw) if c in SIGNS and (n == 0 or c not in "“”‘’")]
    if node.style == '"' and re.match(r'"[A-Za-z]:\\', raw) and not node.value.isprintable():
        message = f"the backslashes of this path stand for other characters: it is read as {shown(repr(value))}"
        advice = "write / for \\, or put the path between single quotes"
    elif node.style or raw.startswith(("!", "&")):
        return
    elif signs and isinstance(value, str):
        divides = [n for n in signs if raw[n] in _DIVIDES and spot.flow]
        severe = resolve(value.translate(str.maketrans(SIGNS)).strip()) != TAG + "str" or spot.role == "root"
        severe = severe or (spot.below and bool(re.match(r"[\w-]+：", raw)))
        if _CHINESE.search(raw) and not severe:
            signs = divides  # elsewhere such signs belong to a sentence
        for n in signs[:1]:
            above = _BREAKS.split(raw[:n])
            column = len(above[-1]) + (place[1] if len(above) == 1 else 1)
            message, advice = _about(raw[n])
            message = f"{message}: {shown(_BREAKS.split(raw)[len(above) - 1], len(above[-1]) + 1)}"
            severe = severe or (bool(divides) and not _CHINESE.search(raw))
            yield Problem(place[0] + len(above) - 1, column, message, advice, severe=severe)
        return
    elif not isinstance(value, str):
        word = node.value.lower() in ("yes", "no", "on", "off") and (spot.role in ("key", "item") or spot.named)
        if word or re.search(r"[:_]|^[-+]?0[0-7]+$|^\d{4}-", node.value):
            kind = {bool: "boolean", int: "number", float: "number"}.get(type(value), "date")
            message = f"{text} is read as the {kind} {value}"
    elif spot.role != "key" and re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+", value):
        message = f"{text} is read as text, not as a number: YAML 1.1 wants a decimal point and a signed exponent"
        advice = "write them, as in 1.0e-3"
    elif re.match(r"-[\[{]", value) or re.search(r"\n *-\s", raw):
        message = f"this is read as one text, {shown(repr(value))}: a dash in it begins no entry of a list"
        advice = "write '- ' before each entry, all with the same indentation"
    elif spot.below and (spot.flow or spot.role != "key") and re.match(r"[\w-]+:[^\s/\\]", value):
        message = f"{text} is read as one text: no space stands after the colon"
        advice = "write " + shown(_BREAKS.split(raw)[0].replace(":", ": ", 1))
    elif spot.flow and re.fullmatch(r"[-+]?[\d.]+(\s+([-+]?[\d.]+|True|False|None))+", value) and spot.role == "item":
        message, advice = f"{text} is read as one text: no comma stands in between", "put commas between the values"
    if message:
        yield Problem(*place, message, advice, severe=False)


def _about(sign: str) -> Tuple[str, str]:
    """Return message and advice for a sign that only looks like one of YAML's."""
    plain, name = SIGNS[sign], unicodedata.name(sign).lower().replace("fullwidth", "full-width")
    drawn = f" {sign}" if sign.isprintable() else ""
    keyboard = "switch the keyboard to English and type the signs , : [ ] again"
    advice = "delete it" if not plain else "use an ordinary space" if plain == " " else f"write {plain}; {keyboard}"
    return f"a{'n' * (name[0] in 'aeiou')} {name}{drawn} (U+{ord(sign):04X}) is a letter to YAML", advice
