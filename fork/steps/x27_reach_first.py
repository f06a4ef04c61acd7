"""Not in the articles: before a file is fetched, its server is asked once whether it can be reached."""

from __future__ import annotations

from typing import Callable, List, Tuple

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, expression, own_nodes, statement, with_value
from fork.steps._places import HOOKS, UTILS, import_here, value_of
from fork.tree import Tree

NAME = "x27_reach_first"
DOWNLOADS = "ultralytics/utils/downloads.py"
BLOCK = "ultralytics/nn/modules/block.py"
ONLINE = "ONLINE = is_online()"
NEW_ONLINE = "AUTOINSTALL and is_online()"

Line = cst.SimpleStatementLine


def _asks(line: Line) -> bool:
    return isinstance(line.body[0], cst.Return) and code(line).startswith("return requests.head(url,")


def _lists(line: Line) -> bool:
    return assigns(line, "tag, assets", "get_github_assets(repo, release)")


def _builds(line: Line) -> bool:
    return assigns(line, "self.m") and code(line).startswith("self.m = torchvision.models.get_model(model,")


PLACES: Tuple[Tuple[str, str, str, Callable[[Line], bool], str], ...] = (
    (DOWNLOADS, "is_url", "`return requests.head(url, ...)`", _asks, "reach(url)"),
    (
        DOWNLOADS,
        "safe_download",
        "the line `gdrive = ...`",
        lambda line: assigns(line, "gdrive"),
        'reach(url, Path(dir or ".") / (file or url2file(url)))',
    ),
    (
        DOWNLOADS,
        "attempt_download_asset",
        "`tag, assets = get_github_assets(repo, release)`",
        _lists,
        'reach("https://api.github.com", file)',
    ),
    (
        BLOCK,
        "TorchVision.__init__",
        "`self.m = torchvision.models.get_model(model, ...)`",
        _builds,
        "reach_torchvision(model, weights)",
    ),
)
"""File, definition, what is sought there, how it is known, and what is called before it."""


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.reach`` before whatever fetches a file, and ask for no name server at import."""
    sources = {file: Source(tree, file, NAME) for file in (UTILS, DOWNLOADS, BLOCK)}
    utils = sources[UTILS]
    online = utils.one("module", f"the line `{ONLINE}`", [line for line in utils.module.body if _is_online(line)])
    done = [code(value_of(cst.ensure_type(online, Line))) == NEW_ONLINE]
    done += [
        any(code(line) == f"{HOOKS}.{call}" for line in _lines(sources[file], definition))
        for file, definition, _, _, call in PLACES
    ]
    if utils.applied("module", *done):
        return Outcome(0, "already applied")
    utils.replace("module", online, with_value(cst.ensure_type(online, Line), expression(NEW_ONLINE)))
    for file, definition, sought, fits, call in PLACES:
        source = sources[file]
        line = source.one(definition, sought, [line for line in _lines(source, definition) if fits(line)])
        first = statement(f"{HOOKS}.{call}")
        source.replace(definition, line, import_here(first, line))
    outcomes = [source.save() for source in sources.values()]
    return Outcome(
        sum(outcome.applied for outcome in outcomes), where=tuple(w for outcome in outcomes for w in outcome.where)
    )


def _is_online(line: cst.CSTNode) -> bool:
    return isinstance(line, Line) and code(line) in (ONLINE, f"ONLINE = {NEW_ONLINE}")


def _lines(source: Source, definition: str) -> List[Line]:
    return [line for line in own_nodes(source.find(definition), Line) if isinstance(line, Line)]


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
    places=(5, 5),
    apply=apply,
)
