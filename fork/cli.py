"""The command line: ``python -m fork COMMAND``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict, List, Optional

from fork import build as builder
from fork import patch
from fork.arguments import Parser
from fork.errors import ForkError
from fork.pin import ROOT, load_pin
from fork.review import cli as cli_review
from fork.review.explain import names_of
from fork.state import look
from fork.tree import TARGETS, ULTRALYTICS, Target, Tree

EXIT_CODES = """\
exit codes:
  0  done; for verify: the tree is exactly pin + series (+ saved edits)
  1  verify or status found a difference, or the command could not be carried out
  2  the command line is wrong
  3  pin.toml or tree.lock is missing or malformed
  4  a package could not be fetched
  5  a file is not the pinned one, or an archive is unsafe
  6  a step does not fit the release
  7  generated files were edited by hand
  8  another build is running, or a file is in use
  9  a saved edit no longer applies
"""


TARGETED = {"build", "status", "verify", "diff", "export", "lock", "save", "drop"}
"""The verbs that are for YOLOv5 as well."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main = Parser(
        prog="python -m fork",
        description="The fork as a program: a pinned Ultralytics release plus an ordered series of source edits.",
        epilog=EXIT_CODES,
    )
    verbs = main.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, help_: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help_, description=help_, epilog=EXIT_CODES)
        sub.add_argument(
            "--upstream",
            metavar="VERSION|PATH",
            help="a version (through pip; default: the pinned one), or a local wheel or a folder that holds it",
        )
        if name in TARGETED:
            sub.add_argument(
                "--target",
                choices=sorted(TARGETS),
                default=ULTRALYTICS.name,
                help="which package: ultralytics (default), or yolov5, which has its own folder",
            )
        return sub

    sub = verb("build", "write the patched package into the checkout")
    sub.add_argument("--discard", action="store_true", help="overwrite generated files that were edited by hand")
    sub = verb("status", "say which release and revision, built or stale, edited or clean, and each step's outcome")
    sub = verb("verify", "check that the tree is exactly pin + series (+ saved edits) and matches tree.lock")
    sub = verb("diff", "print the fork against pristine upstream as a unified diff")
    sub.add_argument("--step", metavar="N", help="one step only, by number, name or section: 7, s07, b05, 4.7")
    sub.add_argument("--stat", action="store_true", help="changed lines of each file instead of the diff")
    sub = verb("export", "write a git repository (pristine upstream, then one commit per step), or a series of patches")
    cli_review.add_export(sub)
    verb("lock", "rewrite tree.lock from pin and series")
    sub = verb("save", "keep hand edits of generated files as a patch that every later build replays")
    sub.add_argument("name", nargs="?", default="edits", metavar="NAME", help="name of the patch (default: edits)")
    sub.add_argument("--deleted", action="store_true", help="also record that missing generated files are deleted")
    _add_bump(verb("bump", "move the pin to another release, and say what that changes"))
    _add_sweep(verb("sweep", "run the series over many upstream releases and print what came of it"))
    cli_review.add_verbs(verb)
    return main


def _add_bump(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bump``."""
    parser.add_argument("version", nargs="?", default="", metavar="VERSION", help="release (default: the newest)")
    parser.add_argument(
        "--sha256", default="", metavar="HEX", help="the hash that the index publishes: confirms by itself"
    )
    parser.add_argument("--yes", action="store_true", help="take the hash of what pip fetched as it is")
    parser.add_argument("--transform-only", action="store_true", help="run no models, compare no outputs")


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sweep``."""
    parser.add_argument("--from", dest="first", default="8.1.0", metavar="A", help="oldest release (default 8.1.0)")
    parser.add_argument("--to", dest="last", default="", metavar="B", help="newest release (default: the newest)")
    parser.add_argument(
        "--every", type=int, default=0, metavar="N", help="each N-th release (default: the first of each decade)"
    )
    parser.add_argument("--versions", default="", metavar="A,B,...", help="just these releases")
    parser.add_argument("--transform-only", action="store_true", help="run no models, compare no outputs")
    parser.add_argument("--fresh", action="store_true", help="measure again what an earlier sweep has measured")
    parser.add_argument(
        "--record", type=Path, metavar="FILE.json", help="merge the rows into this file, and write the table beside it"
    )


def main(arguments: Optional[List[str]] = None, root: Path = ROOT) -> int:
    """Run one command and return its exit code; a user's mistake is printed as a message, never as a traceback."""
    for name in ("stdout", "stderr"):  # a console in another code page must not stop a build
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.verb](options, root)
    except ForkError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("stopped; the next command recognises and repairs an unfinished build", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        return 0
    except OSError as e:  # a full disk, a read-only folder, a file where a folder should be
        print(f"error: {e}", file=sys.stderr)
        return 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _source(options: argparse.Namespace, root: Path) -> dict:  # type: ignore[type-arg]
    if options.upstream is None:
        return {"source": None, "pin": None}
    return builder.pin_of(options.upstream, load_pin(root, _target(options).table), _say)


def _target(options: argparse.Namespace) -> Target:
    return TARGETS[getattr(options, "target", ULTRALYTICS.name)]


def _plan(options: argparse.Namespace, root: Path) -> builder.Plan:
    return builder.plan(root, say=_say, target=_target(options), **_source(options, root))


def _build(options: argparse.Namespace, root: Path) -> int:
    target = _target(options)
    work = builder.build(root, discard=options.discard, say=_say, target=target, **_source(options, root))
    for result in work.results:
        print(f"{result.step.name:<26} {result.outcome}")
    for name in work.local:
        print(f"{builder.LOCAL + '/' + name + '.patch':<26} replayed")
    stamp = work.stamp()
    folder = root / target.home / target.package
    print(f"built {folder}: {stamp.version}, {len(stamp.files)} files, digest {stamp.digest[:16]}")
    return 0


def _status(options: argparse.Namespace, root: Path) -> int:
    from fork.releases import local

    target = _target(options)
    rebuild = f"python -m fork build{target.option}"
    pin = load_pin(root, target.table)
    state = look(root / target.home, pin, target)
    print(f"pin       {pin.upstream.name} {pin.upstream.version}, revision {pin.revision}: {pin.version}")
    words = {
        "absent": f"not built: run `{rebuild}`",
        "foreign": f"{target.package}/ holds files that no build of this program wrote",
        "interrupted": f"a build did not finish: run `{rebuild}` to repair it",
        "other": f"built from {state.stamp.version}, not from the pin, as asked" if state.stamp else "",
        "stale": f"stale: built from {state.stamp.version}: run `{rebuild}`" if state.stamp else "",
        "built": "built",
    }
    print(f"tree      {words[state.kind]}")
    if state.stamp:
        print(f"digest    {state.digest}" + ("" if state.digest == state.stamp.digest else "  (not as built)"))
        print(f"local     {', '.join(state.stamp.local) or 'no saved edits'}")
        kinds = {"edited": state.edited, "missing": state.missing, "damaged": state.damaged}
        hand = [f"{kind:<9} {path}" for kind, paths in kinds.items() for path in paths]
        print("\n".join(hand) or "edited    no file: clean")
        for name, outcome in state.stamp.steps.items():
            print(f"step      {name:<26} {outcome}")
    saved = local.check(root, pin, state, _say, target)
    for edit in saved:
        print(f"saved     {edit.name:<26} {edit.verdict}")
        for path, added, removed in edit.files:
            print(f"{'':<10}{path} (+{added} -{removed})")
    print(f"upgrade   `git pull`, then `{rebuild}`; the package of PyPI is the stock one")
    clean = state.kind == "built" and not state.edited and not state.missing and not state.damaged
    return 0 if clean and all(edit.applies is not False for edit in saved) else 1


def _verify(options: argparse.Namespace, root: Path) -> int:
    source = _source(options, root)
    if source["pin"]:
        raise ForkError("verify compares with the pin: --upstream must be the pinned release's file")
    work = builder.verify(root, source["source"], _say, _target(options))
    print(f"verified {work.pin.version}: {len(work.final)} files, digest {work.stamp().digest}")
    return 0


def _diff(options: argparse.Namespace, root: Path) -> int:
    work = _plan(options, root)
    before: Tree = work.pristine
    after: Tree = work.final
    if options.step:
        names = [result.step.name for result in work.results]
        wanted = options.step.lower()
        hits = [at for at, result in enumerate(work.results) if wanted in names_of(result.step)]
        if len(hits) != 1:
            raise ForkError(f"no step {options.step!r}: there are {', '.join(names)}")
        at = hits[0]
        overlay = {p: d for p, d in work.results[0].tree.items() if p not in work.pristine}
        before = work.results[at - 1].tree if at else {**work.pristine, **overlay}
        after = work.results[at].tree
    text = patch.diff(before, after)
    if not options.stat:
        sys.stdout.write(text)
        return 0
    rows = patch.stat(text)
    for path, added, removed in rows:
        print(f"{path:<50} +{added:<4} -{removed}")
    print(f"{len(rows)} files, {sum(r[1] for r in rows)} lines added, {sum(r[2] for r in rows)} removed")
    return 0


def _export(options: argparse.Namespace, root: Path) -> int:
    from fork.review.export import export

    if options.patches and _target(options) is not ULTRALYTICS:
        raise ForkError("export --patches is for ultralytics; for another target name a folder for a git repository")
    if options.patches:
        return cli_review.patches(options, root, _plan(options, root))
    work = _plan(options, root)
    count = export(work, options.dir, root)
    print(f"exported {work.pin.version} to {options.dir}: {count} commits, the first is pristine upstream")
    return 0


def _lock(options: argparse.Namespace, root: Path) -> int:
    source = _source(options, root)
    if source["pin"]:
        raise ForkError("lock is for the pinned release: --upstream must be the pinned release's file")
    changed = builder.write_lock(root, source["source"], _say, _target(options))
    print("tree.lock rewritten" if changed else "tree.lock is up to date")
    return 0


def _save(options: argparse.Namespace, root: Path) -> int:
    from fork.releases import local

    source = _source(options, root)["source"]
    path = local.save(root, options.name, source, _say, _target(options), options.deleted)
    print(f"saved {path}: every later build replays it; commit it to keep it with your work")
    return 0


def _bump(options: argparse.Namespace, root: Path) -> int:
    from fork.releases import cli_bump

    return cli_bump.run(options, root, _say)


def _sweep(options: argparse.Namespace, root: Path) -> int:
    from fork.releases import cli_sweep

    return cli_sweep.run(options, root, _say)


_COMMANDS: Dict[str, Callable[[argparse.Namespace, Path], int]] = {
    "build": _build,
    "status": _status,
    "verify": _verify,
    "diff": _diff,
    "export": _export,
    "lock": _lock,
    "save": _save,
    "bump": _bump,
    "sweep": _sweep,
    "drop": lambda options, root: cli_review.drop(options, root),
    "explain": lambda options, root: cli_review.explain(options, root, _plan(options, root)),
    "procedure": lambda options, root: cli_review.procedure(options, root, _plan(options, root)),
}
