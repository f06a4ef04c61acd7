"""Not in the articles: before a file is fetched, its server is asked once whether it can be reached."""

from __future__ import annotations

from typing import Callable, List, Tuple, Union

import libcst as cst

from fork.edit_cst import (
    Outcome,
    Source,
    Step,
    assigns,
    code,
    definitions,
    expression,
    own_nodes,
    statement,
    with_value,
)
from fork.steps._places_cst import HOOKS, HOOKS_IMPORT, UTILS, value_of
from fork.tree import Tree

NAME = "x27_reach_first"
DOWNLOADS = "ultralytics/utils/downloads.py"
BLOCK = "ultralytics/nn/modules/block.py"
BUILDER = "TorchVision.__init__"
ONLINE = "ONLINE = is_online()"
NEW_ONLINE = "AUTOINSTALL and is_online()"

Line = cst.SimpleStatementLine
Statement = Union[cst.SimpleStatementLine, cst.With]


def _asks(line: Statement) -> bool:
    """Tell whether a statement is the one that asks a server: by requests, or in earlier releases by urllib."""
    if isinstance(line, cst.With):
        return any(code(item.item).startswith("request.urlopen(") for item in line.items)
    if not isinstance(line, Line):
        return False
    return code(line).startswith("return requests.head(url,") or (assigns(line) and "request.urlopen(" in code(line))


def _lists(line: Statement) -> bool:
    return assigns(line, "tag, assets", "get_github_assets(repo, release)")


def _builds(line: Statement) -> bool:
    return (
        isinstance(line, Line)
        and assigns(line, "self.m")
        and code(line).startswith("self.m = torchvision.models.get_model(model,")
    )


PLACES: Tuple[Tuple[str, str, str, Callable[[Statement], bool], str], ...] = (
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
        BUILDER,
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
    places = [place for place in PLACES if place[1] != BUILDER or _wraps(sources[BLOCK], tree)]
    online = utils.one("module", f"the line `{ONLINE}`", [line for line in utils.module.body if _is_online(line)])
    done = [code(value_of(cst.ensure_type(online, Line))) == NEW_ONLINE]
    done += [
        any(code(line) == f"{HOOKS}.{call}" for line in _lines(sources[file], definition))
        for file, definition, _, _, call in places
    ]
    if utils.applied("module", *done):
        return Outcome(0, "already applied")
    utils.replace("module", online, with_value(cst.ensure_type(online, Line), expression(NEW_ONLINE)))
    for file, definition, sought, fits, call in places:
        source = sources[file]
        found = source.one(definition, sought, [line for line in _lines(source, definition) if fits(line)])
        hooks = statement(HOOKS_IMPORT, "here, since nn imports this module").with_changes(
            leading_lines=found.leading_lines
        )
        new = [hooks, statement(f"{HOOKS}.{call}"), found.with_changes(leading_lines=[])]
        source.replace(definition, found, cst.FlattenSentinel(new))
    outcomes = [source.save() for source in sources.values() if source.edited]
    return Outcome(
        sum(outcome.applied for outcome in outcomes), where=tuple(w for outcome in outcomes for w in outcome.where)
    )


def _is_online(line: cst.CSTNode) -> bool:
    return isinstance(line, Line) and code(line) in (ONLINE, f"ONLINE = {NEW_ONLINE}")


def _wraps(source: Source, tree: Tree) -> bool:
    """Tell whether the release has a module for torchvision's networks; earlier ones build none in a YAML."""
    if BUILDER in [name for name, _ in definitions(source.module)]:
        return True
    words = ("torchvision.models", f"{BUILDER.partition('.')[0]}(")
    others = [file for file in tree if file.startswith("ultralytics/nn/modules/")]
    signs = [file for file in others if any(word.encode() in tree[file] for word in words)]
    if signs:
        raise source.fail(BUILDER, "one definition of that name", f"0 of them, and such a module in {signs[0]}")
    return False


def _lines(source: Source, definition: str) -> List[Statement]:
    found = source.find(definition)
    nodes = [*own_nodes(found, Line), *own_nodes(found, cst.With)]
    return [node for node in nodes if isinstance(node, (Line, cst.With))]


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
