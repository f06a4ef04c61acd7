"""The command line: ``python -m tools.upstream_tests``."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from pathlib import Path
from typing import List, Optional

from fork.errors import ForkError
from fork.pin import ROOT, load_pin
from tools.upstream_tests import choice, report, suite
from tools.upstream_tests.run import Options, Run, run

EXIT_CODES = """\
exit codes:
  0  every test has the same outcome on both trees, or a reviewed reason not to
  1  a test differs, is gone, or fails on both trees; or the command could not be carried out
  2  the command line is wrong
  3  pin.toml or gate.toml is missing or malformed
  4  a package could not be fetched
  5  a file is not the pinned one, or an archive is unsafe
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main = argparse.ArgumentParser(
        prog="python -m tools.upstream_tests",
        description="Run upstream's own tests on the pristine release and on the fork: the same outcome for each test.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sets = main.add_mutually_exclusive_group()
    sets.add_argument("--quick", dest="chosen", action="store_const", const="quick", help="minutes; nothing to install")
    sets.add_argument("--full", dest="chosen", action="store_const", const="full", help="the slow tests, too")
    main.add_argument("--shards", type=int, default=2, metavar="N", help="processes at a time (default: 2)")
    main.add_argument("--fresh", action="store_true", help="use no results and no stand-ins of an earlier run")
    main.add_argument("--only", action="append", default=[], metavar="TEST", help="a test of the set, or a file")
    main.add_argument("--wheel", type=Path, metavar="PATH", help="the pinned wheel, or a folder that holds it")
    main.add_argument("--sdist", type=Path, metavar="PATH", help="the pinned source distribution, or its folder")
    main.add_argument("--report", type=Path, metavar="FILE", help="write the report there as Markdown, too")
    main.add_argument("--keep", action="store_true", help="leave the folders of the run, with pytest's output")
    main.add_argument("--pin", metavar="SHA256", help="write the source distribution of that hash into pin.toml")
    main.add_argument("--list", type=Path, default=choice.LIST, metavar="FILE", help=argparse.SUPPRESS)
    main.add_argument("--no-stand-ins", action="store_true", help=argparse.SUPPRESS)
    main.set_defaults(chosen="gate")
    return main


def main(arguments: Optional[List[str]] = None, root: Path = ROOT) -> int:
    """Run the command and return its exit code; a mistake is printed as a message, never as a traceback."""
    for name in ("stdout", "stderr"):
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")
    args = parser()
    given = args.parse_args(arguments)
    if given.shards < 1:
        args.error("--shards is a whole number from 1")
    missing = [name for name in ("pytest", "pytest_timeout", "pip") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: {', '.join(missing)} missing: python -m pip install -e '.[test]'", file=sys.stderr)
        return 1
    options = Options(root, given.chosen, given.shards, given.fresh, given.wheel, given.sdist, given.list, given.only)
    options = options._replace(keep=given.keep, stand_ins=not given.no_stand_ins)
    try:
        pin = load_pin(root)
        if given.pin:
            package = suite.write_pin(root, pin, given.pin, given.sdist, say)
            print(f"pin.toml: [tests] is {package.file}, {package.size} bytes, sha256 {package.sha256}")
            return 0
        done = run(options, pin, say)
        verdict = report.compare(done.rules, done.pristine, done.fork, partial=bool(options.only))
        heads = _heads(options, done, pin.upstream.version, pin.version)
        lines = report.lines(done.rules, options.chosen, done.pristine, done.fork, verdict, heads)
        print("\n".join(lines))
        if given.report:
            given.report.parent.mkdir(parents=True, exist_ok=True)
            given.report.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 1 if verdict.errors else 0
    except choice.ListError as e:
        print(f"error: {e}", file=sys.stderr)
        return 3
    except ForkError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("stopped; nothing of the checkout was changed", file=sys.stderr)
        return 130
    except OSError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1


def say(line: str) -> None:
    """Print progress beside the report."""
    print(line, file=sys.stderr, flush=True)


def _heads(options: Options, done: Run, release: str, version: str) -> List[str]:
    what = {"quick": "the quick set", "gate": "the gate", "full": "the gate and the slow tests"}[options.chosen]
    what += f", of it {', '.join(options.only)}" if options.only else ""
    came = "from an earlier run" if done.cached else "run just now"
    return [
        f"Upstream's tests of {release}: {what} (set `{options.chosen}`, {len(done.fork.outcomes)} tests)",
        f"Fork {version}; the pristine release's results are {came}; {options.shards} processes at a time;",
        f"Python {platform.python_version()}, {done.seconds:.0f} s in all.",
    ]


if __name__ == "__main__":
    sys.exit(main())
