"""Values of a YAML file that are read as something else than they look like, and signs that only look like YAML's.

YAML 1.1 takes ``no`` for a boolean and ``1e-3`` for text, and a full-width comma from a Chinese keyboard for a letter
like any other. None of these is an error to the loader.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator, NamedTuple, Optional, Tuple

from ._yamlbytes import position
from ._yamlproblem import Problem, in_words, shown

TAG = "tag:yaml.org,2002:"

LOOKALIKES = {
    "，": (",", "full-width comma"),
    "、": (",", "ideographic comma"),
    "：": (":", "full-width colon"),
    "；": (";", "full-width semicolon"),
    "［": ("[", "full-width bracket"),
    "］": ("]", "full-width bracket"),
    "【": ("[", "Chinese bracket"),
    "】": ("]", "Chinese bracket"),
    "（": ("(", "full-width parenthesis"),
    "）": (")", "full-width parenthesis"),
    "｛": ("{", "full-width brace"),
    "｝": ("}", "full-width brace"),
    "＃": ("#", "full-width number sign"),
    "－": ("-", "full-width dash"),
    "．": (".", "full-width point"),
    "\u201c": ('"', "curly quotation mark"),
    "\u201d": ('"', "curly quotation mark"),
    "\u2018": ("'", "curly quotation mark"),
    "\u2019": ("'", "curly quotation mark"),
    "\u3000": (" ", "full-width space"),
    "\u00a0": (" ", "no-break space"),
    "\u200b": ("", "zero-width space"),
    "\ufeff": ("", "byte order mark"),
    **{chr(0xFF10 + digit): (str(digit), "full-width digit") for digit in range(10)},
}
"""Sign -> the sign it is mistaken for, and its name."""

PLAIN = str.maketrans({sign: plain for sign, (plain, _) in LOOKALIKES.items()})
"""For ``str.translate``: full-width signs become those that YAML knows."""

STRUCTURE = frozenset("，、：［］【】｛｝")
"""Signs that divide a text where their plain forms would."""

USE_PLAIN = "switch the keyboard to English and type the signs , : [ ] again"

_WORD_AND_COLON = re.compile(r"[\w-]+[:：](?![\s/\\])")
_NO_POINT = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))[eE]([-+]?)(\d+)")
_NUMBERS = re.compile(r"[-+]?[\d.]+(\s+([-+]?[\d.]+|[Tt]rue|[Ff]alse|None))+")
_TAGGED = re.compile(r"(&\S+\s+)?!")
_DRIVE = re.compile(r'(&\S+\s+)?"[A-Za-z]:\\')


class Spot(NamedTuple):
    """Where a scalar stands."""

    role: str
    """``key``, ``value`` (of a mapping), ``item`` (of a list) or ``root``."""
    in_flow: bool
    """Within brackets or braces."""
    below: bool = False
    """A value that begins in a line below its key."""
    named: bool = False
    """An entry under the key ``names``."""


def traps(text: str, node: Any, spot: Spot, resolve: Callable[[str], str]) -> Iterator[Problem]:
    """Give what is doubtful about one scalar.

    Args:
        text: The file.
        node: PyYAML's scalar node.
        spot: Where it stands.
        resolve: From a plain scalar's text to its tag.
    """
    raw = text[node.start_mark.index : node.end_mark.index]
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if node.style:
        if node.style == '"' and _DRIVE.match(raw) and not node.value.isprintable():
            yield _warning(
                line,
                column,
                f"the backslashes of this path stand for other characters: it is read as {in_words(node.value)}",
                "write / for \\, or put the path between single quotes",
            )
        return
    if _TAGGED.match(raw):
        return
    sign = _lookalike(node, raw, spot, resolve)
    if sign:
        yield sign
    elif node.tag == TAG + "str":
        found = _text(node.value, raw, spot)
    else:
        found = _typed(node.value, node.tag[len(TAG) :], spot)
    if not sign and found:
        yield _warning(line, column, *found)


def lone_key(node: Any) -> Optional[Problem]:
    """Warn of ``{0:person}``, which is a key without a value; ``node`` is the key."""
    if node.style or not re.match(r"[^\s:]+:[^\s/]", node.value):
        return None
    name, _, rest = node.value.partition(":")
    return _warning(
        node.start_mark.line + 1,
        node.start_mark.column + 1,
        f"{shown(node.value)} is read as a name without a value: no space stands after the colon",
        f"write {shown(name + ': ' + rest)}",
    )


def _warning(line: int, column: int, message: str, advice: str) -> Problem:
    return Problem(line, column, message, advice, severe=False)


def _text(value: str, raw: str, spot: Spot) -> Optional[Tuple[str, str]]:
    """Return message and advice for what is read as text."""
    power = _NO_POINT.fullmatch(value)
    if power and spot.role != "key":
        digits = power[1] if "." in power[1] else f"{power[1]}.0"
        return (
            f"{shown(value)} is read as text, not as a number: YAML 1.1 wants a decimal point and a signed exponent",
            f"write {digits}e{power[2] or '+'}{power[3]}",
        )
    if re.fullmatch(r"[-+]?0\d+", value):
        return (
            f"{shown(value)} is read as text, where 07 would be a number: a leading 0 marks an octal one",
            f"write {shown(value.lstrip('+-0'))}, or put it into quotes if text is meant",
        )
    if re.match(r"-[\[{]", value):
        return "the dash is read as part of the text: no space stands after it", "write '- ' before each entry"
    lines = raw.splitlines()
    if any(re.match(r"\s*-\s", line) for line in lines[1:]):
        return (
            f"these {len(lines)} lines are read as one text, {in_words(value)}: the dashes stand too far to the right",
            "give all entries of a list the same indentation",
        )
    if spot.role in ("value", "root") and (spot.below or spot.role == "root") and _WORD_AND_COLON.match(value):
        return (
            f"this is read as a text, {in_words(value)}: no space stands after the colon",
            f"write {shown(_spaced(raw.splitlines()[0]))}",
        )
    if spot.in_flow and spot.role == "item" and _NUMBERS.fullmatch(value):
        return f"{shown(value)} is read as one text: no comma stands in between", "put commas between the values"
    if spot.in_flow and value[-1] in "'\"" and value.count(value[-1]) == 1:
        return f"the quote at the end belongs to the text {shown(value)}: none opens it", "put one before the text, too"
    return None


def _typed(value: str, kind: str, spot: Spot) -> Optional[Tuple[str, str]]:
    """Return message and advice for what is read as a number, a boolean or a date."""
    quoted = f"put it into quotes if text is meant: '{shown(value)}'"
    if kind == "bool" and value.lower() in ("yes", "no", "on", "off"):
        meant = str(value.lower() in ("yes", "on"))
        if spot.role in ("key", "item") or spot.named:
            return f"{value} is read as the boolean {meant}", f"{quoted}; or write {meant}"
    elif kind == "timestamp":
        return f"{shown(value)} is read as a date", quoted
    elif kind in ("int", "float") and ":" in value:
        return f"{shown(value)} is read as a number to the base of 60, as in hours and minutes", quoted
    elif kind in ("int", "float") and "_" in value:
        return f"{shown(value)} is read as the number {shown(value.replace('_', ''))}", quoted
    elif kind == "int" and re.fullmatch(r"[-+]?0[0-7]+", value):
        number = int(value, 8)
        return f"{shown(value)} is read as the octal number {number}", f"write {number}, or {quoted}"
    return None


def _spaced(line: str) -> str:
    return re.sub(r"^([\w-]+)[:：]", r"\1: ", line)


def _lookalike(node: Any, raw: str, spot: Spot, resolve: Callable[[str], str]) -> Optional[Problem]:
    """Report a plain scalar with signs of a Chinese keyboard: an error where they take the place of YAML's own."""
    signs = [n for n, c in enumerate(raw) if c in LOOKALIKES and (c not in "\u201c\u201d\u2018\u2019" or n == 0)]
    if not signs or node.tag != TAG + "str":
        return None
    chinese = any(c.isalpha() and 0x2E80 <= ord(c) < 0xFE00 for c in raw)
    divides = [n for n in signs if raw[n] in STRUCTURE]
    severe = (
        resolve(node.value.translate(PLAIN).strip()) != TAG + "str"
        or (spot.in_flow and not chinese and bool(divides))
        or (spot.below and bool(re.match(r"[\w-]+：", raw)))
        or spot.role == "root"
    )
    if chinese and not severe:
        if not (spot.in_flow and divides):
            return None  # a name or a sentence in Chinese, with the signs that belong there
        signs = divides
    index = signs[0]
    line, column = position(raw, index)
    column += node.start_mark.column if line == 1 else 0
    line += node.start_mark.line
    here = next((piece for piece in raw.splitlines() if raw[index] in piece), raw)
    return Problem(line, column, *about_sign(raw[index], shown(here, column)), severe=severe)


def about_sign(sign: str, place: str) -> Tuple[str, str]:
    """Return message and advice for a sign that only looks like one of YAML's."""
    plain, name = LOOKALIKES[sign]
    drawn = f" {sign}" if sign.isprintable() else ""
    instead = "delete it" if not plain else "use an ordinary space" if plain == " " else f"write {plain}; {USE_PLAIN}"
    return f"a {name}{drawn} (U+{ord(sign):04X}) is a letter to YAML: {place}", instead
