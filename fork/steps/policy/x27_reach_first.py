"""Not in the articles: before a file is fetched, its server is asked once whether it can be reached."""

from __future__ import annotations

import ast
from typing import List, NamedTuple, Tuple

from fork.edit import ALREADY, Outcome, Place, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, UTILS
from fork.syntax import Definition, matches, within
from fork.tree import Tree

NAME = "x27_reach_first"
DOWNLOADS = "ultralytics/utils/downloads.py"
BLOCK = "ultralytics/nn/modules/block.py"
BUILDER = "TorchVision.__init__"
ONLINE = "ONLINE = is_online()"
NEW_ONLINE = "AUTOINSTALL and is_online()"


class Fetch(NamedTuple):
    """A place that fetches a file: where it is, what is sought there, in words, and what is called before it."""

    file: str
    definition: str
    line: str
    sought: str
    call: str


FETCHES: Tuple[Fetch, ...] = (
    Fetch(DOWNLOADS, "is_url", "", "`return requests.head(url, ...)`", "reach(url)"),
    Fetch(
        DOWNLOADS,
        "safe_download",
        "gdrive = ...",
        "the line `gdrive = ...`",
        'reach(url, Path(dir or ".") / (file or url2file(url)))',
    ),
    Fetch(
        DOWNLOADS,
        "attempt_download_asset",
        "tag, assets = get_github_assets(repo, release)",
        "`tag, assets = get_github_assets(repo, release)`",
        'reach("https://api.github.com", file)',
    ),
    Fetch(
        BLOCK,
        BUILDER,
        "self.m = torchvision.models.get_model(model, ...)",
        "`self.m = torchvision.models.get_model(model, ...)`",
        "reach_torchvision(model, weights)",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.reach`` before whatever fetches a file, and ask for no name server at import."""
    sources = Sources(tree, NAME)
    utils, _, _ = sources[UTILS].module, sources[DOWNLOADS], sources[BLOCK]
    fetches = [fetch for fetch in FETCHES if fetch.definition != BUILDER or _wraps(sources, tree)]
    online = utils.one(f"the line `{ONLINE}`", utils.lines(ast.Assign, ONLINE, f"ONLINE = {NEW_ONLINE}")).value
    places = [(sources.find(fetch.file, fetch.definition), fetch) for fetch in fetches]
    done = [bool(place.nodes(ast.Call, f"{HOOKS}.{fetch.call}")) for place, fetch in places]
    if utils.applied(matches(online, NEW_ONLINE), *done):
        return ALREADY
    utils.replace(online, NEW_ONLINE)
    for place, fetch in places:
        place.insert_before(place.one(fetch.sought, _lines(place, fetch)), LATE_IMPORT, f"{HOOKS}.{fetch.call}")
    return sources.save()


def _lines(place: Place[Definition], fetch: Fetch) -> List[ast.stmt]:
    """Return the lines that fetch, or in ``is_url`` ask a server: by requests, or in earlier releases by urllib."""
    if fetch.line:
        return place.lines(ast.stmt, fetch.line)
    opens = "request.urlopen(...)"
    found: List[ast.stmt] = [*place.lines(ast.Return)]
    found = [line for line in found if within(line, ast.Call, "requests.head(url, ...)")]
    found += [line for line in place.lines(ast.Assign) if within(line, ast.Call, opens)]
    return found + [n for n in place.lines(ast.With) if any(matches(item.context_expr, opens) for item in n.items)]


def _wraps(sources: Sources, tree: Tree) -> bool:
    """Return whether the release has a module for torchvision's networks; earlier ones build none in a YAML."""
    if sources[BLOCK].has(BUILDER):
        return True
    words = ("torchvision.models", f"{BUILDER.partition('.')[0]}(")
    others = [file for file in tree if file.startswith("ultralytics/nn/modules/")]
    signs = [file for file in others if any(word.encode() in tree[file] for word in words)]
    if signs:
        sought, found = "one definition of that name", f"0 of them, and such a module in {signs[0]}"
        raise sources[BLOCK].fail(BUILDER, sought, found)
    return False


STEP = Step(
    name=NAME,
    section="-",
    title="Try a server once before fetching from it",
    reason=(
        "Behind a closed network upstream waits out connections and tries again, for a minute and more, and looks up "
        "two names at each import, to be refused in the end. One quick connection tells; the error then says where "
        "the file belongs. A server that answers is used as before."
    ),
    files=(UTILS, DOWNLOADS, BLOCK),
    places=(4, 5),
    apply=apply,
)
