"""The command line: ``python -m tools.upstream_tests``."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
import time
from pathlib import Path
from typing import List, Optional

from fork.errors import ForkError
from fork.pin import ROOT, load_pin
from tools.upstream_tests import judge, suite
from tools.upstream_tests.run import Options, run

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
    main.add_argument("--only", action="append", default=[], metavar="TEST", help="a test of the set, or a file")
    main.add_argument("--wheel", type=Path, metavar="PATH", help="the pinned wheel, or a folder that holds it")
    main.add_argument("--sdist", type=Path, metavar="PATH", help="the pinned source distribution, or its folder")
    main.add_argument("--keep", action="store_true", help="leave the folders of the run, with pytest's output")
    main.add_argument("--pin", metavar="SHA256", help="write the source distribution of that hash into pin.toml")
    main.add_argument("--list", type=Path, default=judge.LIST, metavar="FILE", help=argparse.SUPPRESS)
    main.add_argument("--no-stand-ins", dest="stand_ins", action="store_false", help=argparse.SUPPRESS)
    main.set_defaults(chosen="gate")
    return main


def main(arguments: Optional[List[str]] = None, root: Path = ROOT) -> int:
    """Run the command and return its exit code; a mistake is printed as a message, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    given = vars(parser().parse_args(arguments))
    missing = [name for name in ("pytest", "pytest_timeout", "pip") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: {', '.join(missing)} missing: python -m pip install -e '.[test]'", file=sys.stderr)
        return 1
    wanted, began = given.pop("pin"), time.time()
    options = Options(root, **given)
    try:
        pin = load_pin(root)
        if wanted:
            package = suite.write_pin(root, pin, wanted, options.sdist, say)
            print(f"pin.toml: [tests] is {package.file}, {package.size} bytes, sha256 {package.sha256}")
            return 0
        trees = run(options, pin, say)
        lines, errors = judge.compare(judge.load(options.list), trees, partial=bool(options.only))
        asked = f", of it {', '.join(options.only)}" if options.only else ""
        print(f"Upstream's tests of {pin.upstream.version}, the set `{options.chosen}`{asked}. Fork {pin.version},")
        print(f"Python {platform.python_version()}, {time.time() - began:.0f} s in all.\n")
        print("\n".join(lines))
        return 1 if errors else 0
    except judge.ListError as e:
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


if __name__ == "__main__":
    sys.exit(main())
