"""What is found in a data set, by the checker and by the tools: counted by kind, with the places."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from lab.data.kinds import KINDS

EXAMPLES = 5
"""How many places of a kind are printed."""


class Issue(NamedTuple):
    """One thing found in a file: its kind (see ``lab.data.kinds``), the line (0: the file as a whole) and details."""

    kind: str
    line: int = 0
    detail: str = ""


class Finding(NamedTuple):
    """All issues of one kind.

    Attributes:
        kind: A key of ``lab.data.kinds.KINDS``.
        count: How often.
        examples: The first few places, ``file: detail`` or ``file:line: detail``, relative to the data set's folder.
        message: What it is, how often, and what comes of it.
        advice: What to do.
        severe: Upstream stops or leaves images out, or there is nothing to learn from or to measure by.
    """

    kind: str
    count: int
    examples: Tuple[str, ...]
    message: str
    advice: str
    severe: bool


class Tally:
    """Counts issues by kind and keeps the first places of each.

    Args:
        root: Folder that places are relative to.
        most: How many places to keep; None for all.
    """

    def __init__(self, root: str, most: Optional[int] = EXAMPLES):
        self.root, self.most = os.path.join(root, ""), most
        self.counts: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self.last: Dict[str, str] = {}
        self.examples: Dict[str, List[str]] = {}

    def add(self, file: str, issue: Issue) -> None:
        """Note an issue."""
        kind = issue.kind
        self.counts[kind] += 1
        if self.last.get(kind) != file:
            self.last[kind] = file
            self.files[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if self.most is None or len(examples) < self.most:
            place = self.short(file) + (f":{issue.line}" if issue.line else "")
            examples.append(place + (f": {issue.detail}" if issue.detail else ""))

    def short(self, file: str) -> str:
        """Return a path relative to the root, with slashes, where it is below it."""
        return file[len(self.root) :].replace(os.sep, "/") if file.startswith(self.root) else file

    def findings(self) -> List[Finding]:
        """Return what was noted, in the order of ``KINDS``."""
        result = []
        for kind, text in KINDS.items():
            count, files = self.counts[kind], self.files[kind]
            if count:
                total = str(count) if count == files else f"{count} in {files} file{'s'[: files > 1]}"
                message = f"{text.title}: {total}; {text.effect}"
                result.append(Finding(kind, count, tuple(self.examples[kind]), message, text.advice, text.severe))
        return result

    def record(self) -> Dict[str, Dict[str, Any]]:
        """Return kind -> count, message and all places that were kept, for a file."""
        return {f.kind: {"count": f.count, "message": f.message, "places": f.examples} for f in self.findings()}


def lines(findings: Sequence[Finding], severe: str) -> List[str]:
    """Return findings for a terminal, the severe ones first and called ``severe``."""
    result = []
    for finding in sorted(findings, key=lambda f: not f.severe):
        shown = finding.examples[:EXAMPLES]
        result.append(f"{severe if finding.severe else 'note'}: {finding.message}")
        result += [f"    {example}" for example in shown]
        result += [f"    and {finding.count - len(shown)} more"] if finding.count > len(shown) else []
        result.append(f"    to do: {finding.advice}")
    return printable(result)


def printable(texts: Sequence[str]) -> List[str]:
    """Return lines without line breaks and escape sequences: names of files and words of labels are others'."""
    return ["".join(c if c.isprintable() else "?" for c in text) for text in texts]
