"""Groups images that must stay together: tiles of one photograph, augmented copies, frames of one video."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from lab.data.between import twins
from lab.data.findings import Issue, Tally
from run.arguments import UsageError

RULES: Dict[str, Tuple[str, str]] = {
    "roboflow": ("copies made by Roboflow", r"^(.+)\.rf\.[^.]+$"),  # one image's differ in the hash alone
    "copies": ("augmented copies", r"(?i)^(.+?)[-_ ](?:aug|copy|flip|rot)[a-z]*[-_ ]?\d*$"),
    "tiles": ("tiles", r"(?i)^(.+?)[-_](?:x\d+[-_]?y\d+|r\d+[-_]?c\d+|row\d+[-_]?col\d+|tile[-_]?\d+|\d+[-_]\d+)$"),
    "frames": ("frames of a video", r"(?i)^(.+?)[-_]?(?:frame|f)[-_]?\d+$"),
}
"""Rules by name: what the images are called, and what the first group of gives their source."""


def rule_of(text: str) -> Callable[[str], Optional[str]]:
    """Return what gives an image's path its group; it returns None where the rule does not match.

    Raises:
        UsageError: It is not a regular expression.
    """
    if text == "parent":
        return lambda path: os.path.dirname(path)
    try:
        pattern = re.compile(RULES[text][1] if text in RULES else text)
    except re.error as e:
        raise UsageError(
            f"--group-by {text}: not a regular expression ({e}); or write parent, {', '.join(RULES)}"
        ) from None

    def of_stem(path: str) -> Optional[str]:
        found = pattern.search(os.path.splitext(os.path.basename(path))[0])
        return (found.group(1) if pattern.groups else found.group()) if found else None

    return of_stem


def group(images: Sequence[str], rule: Optional[str], tally: Tally) -> List[int]:
    """Return a group's number for each image; images alike to the byte are in one group, whatever the rule."""
    parent = list(range(len(images)))

    def top(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    if rule is not None:
        find = rule_of(rule)
        first: Dict[str, int] = {}
        for n, path in enumerate(images):
            name = find(path)
            if name is None:
                tally.add(path, Issue("group-unmatched"))
            else:
                parent[top(n)] = top(first.setdefault(name, n))
    for one, other in twins(images):
        tally.add(images[other], Issue("same-bytes", detail=f"is {tally.short(images[one])}"))
        parent[top(other)] = top(one)
    return [top(n) for n in range(len(images))]


def suggestion(images: Sequence[str]) -> Optional[str]:
    """Say what the names look like, where a fifth of the images share a source with another by one of ``RULES``."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in images]
    for name, (what, pattern) in RULES.items():
        found = (re.match(pattern, stem) for stem in stems)
        sources = Counter(match.group(1) for match in found if match)
        several = [source for source, count in sources.items() if count > 1]
        count = sum(sources[source] for source in several)
        if several and count >= len(stems) / 5:
            return (
                f"{count} of {len(stems)} images look like {what} of {len(several)} sources (such as {several[0]}); "
                f"to keep each source in one part, give --group-by {name}"
            )
    return None
