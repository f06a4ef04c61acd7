"""From the bytes of a YAML file to text: which encoding it is in, and what upstream would make of it.

Upstream opens every YAML as UTF-8 and drops, without a word, what does not fit. A comment suffers no harm from that; a
class name loses its characters. So a file in another encoding is read twice, as it was meant and as upstream reads it,
and may pass if both give the same values (see ``_yamltext.py``).
"""

from __future__ import annotations

import codecs
import re
from typing import List, NamedTuple, Optional, Tuple

from ._yamlproblem import Problem, shown

SAVE_AS_UTF8 = (
    "save it as UTF-8: VS Code, the name of the encoding in the bar at the bottom, then 'Save with Encoding';\n"
    "Notepad, 'Save as' with the encoding UTF-8"
)

ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]+")
"""Characters that no YAML may hold; upstream drops them and reads on."""

BREAKS = re.compile("[\n\x85\u2028\u2029]")
"""Where YAML 1.1 ends a line, once the line ends of Windows and of the old Mac are translated."""

_MARKS = [
    (codecs.BOM_UTF32_LE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
]
_BINARY = [
    (b"PK\x03\x04", "a ZIP archive, as a checkpoint (.pt) is"),
    (b"\x80\x02", "a pickle, as an old checkpoint (.pt) is"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
]


class Reading(NamedTuple):
    """One way to read the bytes."""

    encoding: str
    """Name for people; empty for UTF-8, which needs no mention."""
    text: Optional[str]
    """Without byte order mark and odd characters; every line ends in a line feed. None: this is no text."""
    problems: List[Problem]


def decode(data: bytes) -> Tuple[List[Reading], str]:
    """Return the ways in which a file can be read, the likeliest first, and the text that upstream reads.

    For what is no text at all there is one, which holds the problem.
    """
    upstream = _clean(data.decode("utf-8", errors="ignore"))
    binary = _binary(data)
    if binary:
        return [Reading("", None, [binary])], ""
    wide = _wide(data)
    if wide:
        name, codec = wide
        return [_reading(name, data.decode(codec, errors="replace"))], upstream
    try:
        return [_reading("", data.decode("utf-8"))], upstream
    except UnicodeDecodeError:
        pass
    readings = []
    if _is_damaged_utf8(data):
        readings.append(_reading("UTF-8 with damaged characters", data.decode("utf-8", errors="replace")))
    else:
        for name, codec in _likely(data):
            try:
                readings.append(_reading(name, data.decode(codec)))
            except UnicodeDecodeError:
                continue
    return readings, upstream


def lines_of(text: str) -> List[str]:
    """Return the lines of a text as YAML counts them, without their ends."""
    return BREAKS.split(text)


def position(text: str, index: int) -> Tuple[int, int]:
    """Return the 1-based line and column of an index into a text."""
    last = 0
    line = 1
    for match in BREAKS.finditer(text, 0, index):
        line, last = line + 1, match.end()
    return line, index - last + 1


def _clean(text: str) -> str:
    text = text[1:] if text.startswith("\ufeff") else text
    return ODD.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _reading(encoding: str, text: str) -> Reading:
    whole = text[1:] if text.startswith("\ufeff") else text
    whole = whole.replace("\r\n", "\n").replace("\r", "\n")
    return Reading(encoding, _clean(text), _odd_characters(whole))


def _odd_characters(text: str) -> List[Problem]:
    """Report the first character that YAML forbids; a NUL is a damaged file, others are dropped without harm."""
    found = list(ODD.finditer(text))
    if not found:
        return []
    first = next((match for match in found if "\0" in match.group()), found[0])
    nul = "\0" in first.group()
    line, column = position(text, first.start() + (first.group().index("\0") if nul else 0))
    character = "a NUL character" if nul else f"the control character U+{ord(first.group()[0]):04X}"
    where = shown(lines_of(text)[line - 1], column)
    rest = sum(len(match.group()) for match in found) - 1
    more = f" ({rest} more of such kind follow)" if rest else ""
    advice = "the file is damaged: write it anew" if nul else "delete it; it is dropped when the file is read"
    return [Problem(line, column, f"{character} stands in the text{more}: {where}", advice, severe=nul)]


def _binary(data: bytes) -> Optional[Problem]:
    for start, name in _BINARY:
        if data.startswith(start):
            return Problem(0, 0, f"the file is {name}, not a YAML", "give the .yaml file instead")
    if _wide(data) or not data:
        return None
    odd = len(data) - len(data.translate(None, bytes(set(range(32)) - {9, 10, 12, 13})))
    if odd > max(4, len(data) // 10):
        return Problem(0, 0, f"the file is binary, not text: {odd} of {len(data)} bytes are control characters")
    return None


def _wide(data: bytes) -> Optional[Tuple[str, str]]:
    """Recognise UTF-16 and UTF-32: by the mark, or by zeros in every other byte."""
    for mark, name, codec in _MARKS:
        if data.startswith(mark):
            return name, codec
    even, odd = data[0::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if half >= 4 and min(even, odd) == 0 and max(even, odd) > 0.7 * half:
        return "UTF-16", "utf-16-le" if odd else "utf-16-be"
    return None


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell UTF-8 with a few broken characters from another encoding, by which of the two there is more of."""
    kept = data.decode("utf-8", errors="ignore").encode("utf-8")
    whole = sum(1 for character in kept.decode("utf-8") if character > "\u07ff")
    return whole > len(data) - len(kept)


def _likely(data: bytes) -> List[Tuple[str, str]]:
    """Order the candidates: Chinese characters take two high bytes mostly, accented letters stand alone."""
    runs = re.findall(rb"[\x80-\xff]+", data)
    chinese = ("GB18030 (GBK)", "gb18030")
    western = [("Latin-1 (Windows-1252)", "cp1252"), ("Latin-1", "latin-1")]
    pairs, alone = sum(len(run) // 2 for run in runs), sum(len(run) == 1 for run in runs)
    return [chinese, *western] if pairs >= alone else [*western, chinese]
