"""The verb ``sweep`` of the command line."""

from __future__ import annotations

import argparse
import importlib.util
import json
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from fork import releases, sweep, sweep_report
from fork.errors import ForkError
from fork.pin import load_pin
from fork.tree import write_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
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


def run(options: argparse.Namespace, root: Path, say: Callable[[str], None]) -> int:
    """Sweep, print the table, and return 1 if any release is not served, else 0."""
    if options.every < 0:
        raise ForkError(f"--every {options.every}: expected a whole number from 1")
    record = sweep_report.read_record(options.record) if options.record else sweep_report.record_of([], {})
    name = load_pin(root).upstream.name
    source = Path(options.upstream).expanduser() if options.upstream else None
    if source is not None and not source.is_dir():
        raise ForkError(f"--upstream {options.upstream}: sweep takes a folder with wheels")
    if options.versions:
        versions = releases.listed(options.versions)
    else:
        known = releases.in_folder(name, source) if source else releases.on_index(name, say)
        versions = releases.select(known, options.first, options.last, options.every)
    probe: Optional[sweep.Probe] = None
    if not options.transform_only:
        if importlib.util.find_spec("torch") is None:
            raise ForkError("torch is not installed here, so no model can run: install it, or add --transform-only")
        from fork import probe as prober

        probe = prober.probe
    say(f"{len(versions)} releases from {versions[0]} to {versions[-1]}; stopped, the same command goes on")
    earlier = {row["version"]: row for row in record["rows"]}
    hashes = {version: row["sha256"] for version, row in earlier.items() if "sha256" in row}
    rows = sweep.sweep(sweep.Plan(name, versions, source, options.fresh, hashes), probe, root, say)
    print(sweep_report.terminal(rows), end="")
    if options.record:
        merged = {**earlier, **{row["version"]: row for row in rows}}
        ordered = [merged[version] for version in sorted(merged, key=releases.number)]
        write_record(options.record, sweep_report.record_of(ordered, environment(probe is not None)))
        print(f"wrote {options.record} and {options.record.with_suffix('.md')}: {len(ordered)} releases")
    return 1 if any(sweep.failed(row) for row in rows) else 0


def write_record(path: Path, record: Dict[str, Any]) -> None:
    """Write a record and its table, each whole or not at all."""
    rows = ",\n".join(json.dumps(row) for row in record["rows"])  # a line a release
    texts = {
        path.name: f'{{"environment": {json.dumps(record["environment"])}, "rows": [\n{rows}\n]}}\n',
        path.with_suffix(".md").name: sweep_report.markdown(record),
    }
    write_files(path.parent, {name: text.encode() for name, text in texts.items()})


def environment(ran: bool) -> Dict[str, str]:
    """Return the packages that a table names."""
    import platform

    found = {"Python": platform.python_version()}
    names: List[str] = ["libcst", *(["torch", "torchvision", "numpy"] if ran else [])]
    for name in names:
        found[name] = metadata.version(name).split("+")[0]
    return found
