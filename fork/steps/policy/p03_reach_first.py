"""Not in the articles: before a file is fetched, its server is tried once and quickly."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, LATE_IMPORT
from fork.tree import Tree

NAME = "p03_reach_first"
FILE = "ultralytics/utils/downloads.py"
FETCH, LINE = "safe_download", "gdrive = ..."
NEW = f'{HOOKS}.reach(url, Path(dir or ".") / (file or url2file(url)))'


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.reach`` before a file is fetched."""
    place = Source(tree, FILE, NAME).find(FETCH)
    if place.nodes(ast.Call, NEW):
        return ALREADY
    place.insert_before(place.one(f"the line `{LINE}`", place.lines(ast.Assign, LINE)), LATE_IMPORT, NEW)
    return place.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Try a server once before fetching from it",
    reason=(
        "Behind a closed network upstream waits for connections to time out and retries, for a minute and more, before "
        "it gives up. One quick connection settles it, and the error says where the file belongs. A server that "
        "answers is used as before."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
    not_needed_when="upstream gives up on a server that cannot be reached within seconds.",
)
