"""The verb ``sweep`` of the command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Callable, Dict

from fork.errors import ForkError
from fork.pin import load_pin
from fork.releases import index as releases
from fork.releases import sweep, sweep_report
from fork.tree import write_files


def run(options: argparse.Namespace, root: Path, say: Callable[[str], None]) -> int:
    """Sweep, print the table, and return 1 if any release is not served, else 0."""
    if options.every < 0:
        raise ForkError(f"--every {options.every}: expected a whole number from 1")
    if options.record and options.record.suffix != ".json":
        raise ForkError(f"--record {options.record}: name a file that ends in .json; the table is written beside it")
    record = sweep_report.read_record(options.record)
    name = load_pin(root).upstream.name
    source = Path(options.upstream).expanduser() if options.upstream else None
    if source is not None and not source.is_dir():
        raise ForkError(f"--upstream {options.upstream}: sweep takes a folder with wheels")
    if options.versions:
        versions = releases.listed(options.versions)
    else:
        known = releases.in_folder(name, source) if source else releases.on_index(name, say)
        versions = releases.select(known, options.first, options.last, options.every)
    prober = sweep.prober(options.transform_only)
    say(f"{len(versions)} releases from {versions[0]} to {versions[-1]}; stopped, the same command goes on")
    earlier = {row["version"]: row for row in record["rows"]}
    hashes = {version: row["sha256"] for version, row in earlier.items() if "sha256" in row}
    rows = sweep.sweep(name, versions, prober, root, say, source, options.fresh, hashes)
    print(sweep_report.terminal(rows), end="")
    if options.record:
        for row in rows:
            earlier[row["version"]] = sweep.merged(earlier.get(row["version"], row), row)
        ordered = [earlier[version] for version in sorted(earlier, key=releases.number)]
        versions_of = {**record["environment"], **sweep.environment(prober is not None)}
        write_record(options.record, {"environment": versions_of, "rows": ordered})
        print(f"wrote {options.record} and {options.record.with_suffix('.md')}: {len(ordered)} releases")
    return 1 if any(sweep.failed(row) for row in rows) else 0


def write_record(path: Path, record: Dict[str, Any]) -> None:
    """Write a record and its table, each whole or not at all."""
    rows = ",\n".join(json.dumps(row) for row in record["rows"])  # one line per release
    texts = {
        path.name: f'{{"environment": {json.dumps(record["environment"])}, "rows": [\n{rows}\n]}}\n',
        path.with_suffix(".md").name: sweep_report.markdown(record),
    }
    write_files(path.parent, {name: text.encode() for name, text in texts.items()})
