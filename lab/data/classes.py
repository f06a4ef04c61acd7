"""Class names: their order, the user's list, renaming, and those that differ too little to be two."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from lab.data.problems import Problems
from lab.data.records import Page, decode
from lab.launch import UsageError


def given_names(text: Optional[str]) -> Optional[List[str]]:
    """Return the classes of ``--names``: a list with commas, a text file of a name a line, or a data YAML.

    Raises:
        UsageError: The file cannot be read, there is no name in it, or one is there twice.
    """
    if text is None:
        return None
    path = Path(text).expanduser()
    names: List[str] = []
    if path.is_file():
        try:
            content = decode(path.read_bytes()).text
        except (ValueError, OSError) as e:
            raise UsageError(f"--names {text}: the file cannot be read as text: {e}") from None
        names = _yaml_names(text, content) if path.suffix.lower() in (".yaml", ".yml") else content.splitlines()
    elif path.suffix.lower() in (".txt", ".names", ".yaml", ".yml") or "/" in text:
        raise UsageError(f"--names {text}: there is no such file; a list of classes is written cat,dog")
    else:
        names = re.split("[,，]", text)
    names = [name.strip() for name in names if name.strip()]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice or not names:
        raise UsageError(f"--names {text}: {twice[0] + ' is there twice' if twice else 'there is no name in it'}")
    return names


def _yaml_names(text: str, content: str) -> List[str]:
    import yaml

    try:
        data = yaml.safe_load(content)
        found = data["names"] if isinstance(data, dict) else data
        return [str(name) for name in (found.values() if isinstance(found, dict) else found)]
    except (yaml.YAMLError, KeyError, TypeError) as e:
        raise UsageError(f"--names {text}: no list `names` in it ({' '.join(str(e).split())[:80]})") from None


def renames(words: Sequence[str]) -> Dict[str, str]:
    """Return old -> new of ``--rename OLD=NEW``.

    Raises:
        UsageError: A word has no ``=``, or a side of it is empty.
    """
    result = {}
    for word in words:
        old, _, new = (side.strip() for side in word.rpartition("="))
        if not old or not new:
            raise UsageError(f"--rename {word}: write OLD=NEW, in quotes where there are spaces")
        result[old] = new
    return result


def settle(
    pages: List[Page], own: List[str], given: Optional[List[str]], new: Dict[str, str], problems: Problems
) -> List[str]:
    """Settle the classes, strip and rename those of the pages in place, and leave out objects of unknown ones.

    Args:
        pages: What was read; changed.
        own: Classes in the order of the annotations' own list; empty where they have none.
        given: Classes of ``--names``.
        new: Old name -> new.
        problems: Is added to.

    Returns:
        The classes in the order of their numbers.

    Raises:
        UsageError: There is no class, ``--rename`` names one that is not there, or no object has one of ``--names``.
    """
    used: Counter[str] = Counter()
    spaced: Counter[str] = Counter()
    for n, page in enumerate(pages):
        things = []
        for thing in page.things:
            name = thing.name.strip()
            if name != thing.name:
                spaced[thing.name] += 1
            if not name:
                problems.add("class-none", page.source, thing.place)
                continue
            used[name] += 1
            things.append(thing._replace(name=new.get(name, name)))
        pages[n] = page._replace(things=things)
    for name, count in spaced.items():
        problems.add("class-space", repr(name), detail=f"{count} objects")
    everything = list(dict.fromkeys([*own, *sorted(used)]))
    for old in new:
        if old not in everything:
            raise UsageError(f"--rename {old}={new[old]}: there is no class {old!r}{_near(old, everything)}")
    note_similar(everything, new, used, problems)
    there = list(dict.fromkeys(new.get(name, name) for name in everything if name))
    there = there if own else sorted(there)
    names = given or there
    if not names:
        raise UsageError("no object has a class name: nothing to convert")
    if given and used and not set(given) & set(there):
        raise UsageError(
            f"no object is of a class in --names ({', '.join(given[:5])}); there are {', '.join(there[:20])}"
        )
    _leave_unknown(pages, names, problems)
    for name in names:
        if not any(count and new.get(old, old) == name for old, count in used.items()):
            problems.add(
                "class-unused", name, detail=_near(name, [one for one in there if one not in names]).lstrip("; ")
            )
    return names


def _leave_unknown(pages: List[Page], names: List[str], problems: Problems) -> None:
    known = set(names)
    hints: Dict[str, str] = {}
    for n, page in enumerate(pages):
        for thing in page.things:
            if thing.name not in known:
                if thing.name not in hints:
                    hints[thing.name] = _near(thing.name, names)
                problems.add("class-unknown", page.source, thing.place, thing.name + hints[thing.name])
        if any(thing.name not in known for thing in page.things):
            pages[n] = page._replace(things=[thing for thing in page.things if thing.name in known])


def _near(name: str, names: Sequence[str]) -> str:
    folded = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"; is it {folded[found[0]]!r}?" if found else ""


def note_similar(names: Sequence[str], new: Dict[str, str], used: Dict[str, int], problems: Problems) -> None:
    """Note names that are the same but for case, width, spaces, hyphens and underscores, unless they are merged."""
    groups: Dict[str, List[str]] = {}
    for name in names:
        plain = re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name)).casefold()
        groups.setdefault(plain, []).append(name)
    for alike in groups.values():
        if len({new.get(name, name) for name in alike}) > 1:
            problems.add("class-similar", " and ".join(f"{name!r} ({used.get(name, 0)} objects)" for name in alike))
