"""Writes docs/procedure.md and docs/procedure.zh-CN.md: what the articles do, what our steps do, why, and where.

    python -m fork procedure            write them
    python -m fork procedure --check    exit with 1 if one is not current

Everything about a step is taken from the step itself and from what it edits in the pinned release.
The text around that is in ``pages/``, and so are the Chinese texts of the steps. Each of those has a short hash of the
English it was made from beside it, so that one that lags behind is found.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

from fork import patch
from fork.build import Plan
from fork.edit import Step
from fork.errors import ForkError
from fork.series import Result
from fork.tree import OVERLAY, sha256, write_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = Path(__file__).resolve().parent / "pages"
CHINESE = PAGES / "steps.zh-CN.toml"


class Texts(NamedTuple):
    """What is said about a step in one language."""

    title: str
    reason: str
    unless: str
    differs: str


class Words(NamedTuple):
    """The few words of a page that are not about one step."""

    page: str
    columns: Tuple[str, str, str, str]
    article: str
    ours: str
    where: str
    nowhere: str
    why: str
    differs: str
    unless: str
    times: str


ENGLISH_WORDS = Words(
    page="procedure.md",
    columns=("article", "our step", "what it does", "places"),
    article=" *(section {} of the articles)*",
    ours=" *(not in the articles)*",
    where="**Where:** ",
    nowhere="no edit in ultralytics {}: ",
    why="**Why:** ",
    differs="**Differs from the articles:** ",
    unless="**Not needed when** ",
    times=" ({})",
)
CHINESE_WORDS = Words(
    page="procedure.zh-CN.md",
    columns=("文章", "对应步骤", "做什么", "处数"),
    article="（文章 {} 节）",
    ours="（文章中没有）",
    where="**位置**：",
    nowhere="在 ultralytics {} 中不修改任何文件",
    why="**原因**：",
    differs="**与文章的差别**：",
    unless="**何时不需要**：",
    times="（{}）",
)


def english(step: Step) -> Texts:
    """Return what a step says of itself."""
    return Texts(step.title, step.reason, step.not_needed_when, step.differs)


def stamp(texts: Texts) -> str:
    """Return the short hash of English texts that stands beside their translation."""
    return sha256("\n".join(texts).encode())[:8]


def translations() -> Dict[str, Dict[str, str]]:
    """Read the Chinese texts: step -> ``of`` (the hash of the English), ``title``, ``reason``, ``unless`` and so on.

    Raises:
        ForkError: The file is no TOML, or an entry lacks a text.
    """
    try:
        table: Dict[str, Dict[str, str]] = tomllib.loads(CHINESE.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ForkError(f"{CHINESE} is not valid TOML: {e}") from None
    for name, entry in table.items():
        wrong = ({"of", "title", "reason"} - set(entry)) | (set(entry) - {"of", *Texts._fields})
        if wrong:
            raise ForkError(f"{CHINESE}: [{name}] lacks, or has but should not: {', '.join(sorted(wrong))}")
    return table


def problems(steps: List[Step]) -> List[str]:
    """Return what is wrong with the translations: missing, of an older English text, or of no step."""
    table = translations()
    result = []
    for step in steps:
        texts, entry = english(step), table.get(step.name)
        if entry is None:
            result.append(f'{CHINESE.name} has no [{step.name}]: translate it, with of = "{stamp(texts)}"')
        elif entry["of"] != stamp(texts):
            result.append(f'{CHINESE.name}: [{step.name}] is of an older text: renew it, with of = "{stamp(texts)}"')
        elif bool(entry.get("differs")) != bool(texts.differs):
            result.append(f"{CHINESE.name}: [{step.name}] has a text that the English lacks, or the other way round")
    known = {step.name for step in steps}
    return result + [f"{CHINESE.name} speaks of {name}, which is not a step" for name in table if name not in known]


def chinese(step: Step) -> Texts:
    """Return the Chinese texts of a step, or the English ones where there are none."""
    entry = translations().get(step.name)
    return english(step) if entry is None else Texts(*(entry.get(key, "") for key in Texts._fields))


def page(work: Plan, words: Words) -> str:
    """Return the text of a page."""
    frame = (PAGES / words.page).read_text(encoding="utf-8")
    texts_of = english if words is ENGLISH_WORDS else chinese
    generated = {path: data for path, data in work.results[-1].tree.items() if not path.startswith(OVERLAY)}
    rows = patch.stat(patch.diff(work.pristine, generated))
    overview = ["| {} | {} | {} | {} |".format(*words.columns), "|---|---|---|---:|"]
    sections: List[str] = []
    for result in work.results:
        step, texts = result.step, texts_of(result.step)
        section = step.section if step.section != "-" else "–"
        link = f"[`{step.name}`](#{step.name})"
        overview.append(f"| {section} | {link} | {_prose(texts.title)} | {result.outcome.applied or '–'} |")
        sections += _section(result, texts, words, work.pin.upstream.version)
    values = {
        "release": work.pin.upstream.version,
        "overview": "\n".join(overview),
        "steps": "\n".join(sections).rstrip(),
        "files": str(len(rows)),
        "added": str(sum(row[1] for row in rows)),
        "removed": str(sum(row[2] for row in rows)),
    }
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found.group(1), found.group()), frame)


def _section(result: Result, texts: Texts, words: Words, release: str) -> List[str]:
    step = result.step
    texts = Texts(*map(_prose, texts))
    article = words.article.format(step.section) if step.section != "-" else words.ours
    lines = [f"### {step.name}", "", texts.title + article, ""]
    lines += [f"- {words.where}{_places(result, words, release)}", f"- {words.why}{texts.reason}"]
    if texts.differs:
        lines.append(f"- {words.differs}{texts.differs}")
    return [*lines, *([f"- {words.unless}{texts.unless}"] if texts.unless else []), ""]


def _places(result: Result, words: Words, release: str) -> str:
    """Return the edited places by file, each with its count where that is more than one."""
    if not result.outcome.applied:
        return words.nowhere.format(release) + (result.outcome.reason if words is ENGLISH_WORDS else "")
    found: Dict[str, List[str]] = {}
    where = result.outcome.where
    for place in dict.fromkeys(where):
        file, _, name = place.partition(": ")
        count = where.count(place)
        found.setdefault(file, []).append(f"`{name}`" + (words.times.format(count) if count > 1 else ""))
    comma, colon = (", ", ": ") if words is ENGLISH_WORDS else ("、", "：")
    return ("; " if words is ENGLISH_WORDS else "；").join(
        f"`{file}`{colon}{comma.join(names)}" for file, names in found.items()
    )


def _prose(text: str) -> str:
    """Return a text with what Markdown would take for its own escaped, but for what is in backticks."""
    pieces = text.split("`")
    return "`".join(re.sub(r"(__|[*|<])", _escape, piece) if n % 2 == 0 else piece for n, piece in enumerate(pieces))


def _escape(found: re.Match[str]) -> str:
    return "".join(f"\\{sign}" for sign in found.group())


def write(root: Path, work: Plan, check: bool = False) -> int:
    """Write both pages, or with ``check`` only look; return 0 where all is current, translations included.

    Raises:
        ForkError: The plan is of another release than the pinned one.
    """
    if work.other:
        raise ForkError("procedure is for the pinned release: --upstream must be the pinned release's file")
    wrong = problems([result.step for result in work.results])
    for line in wrong:
        print(f"warning: {line}", file=sys.stderr)
    code = int(bool(wrong))
    for words in (ENGLISH_WORDS, CHINESE_WORDS):
        path, text = root / "docs" / words.page, page(work, words)
        current = path.is_file() and path.read_bytes() == text.encode()
        if check:
            print(f"docs/{words.page} is {'current' if current else 'not current: run `python -m fork procedure`'}")
            code |= int(not current)
            continue
        if not current:
            write_files(root, {f"docs/{words.page}": text.encode()})
        print(f"{'unchanged' if current else 'wrote'} docs/{words.page}")
    return code
