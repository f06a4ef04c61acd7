"""Runs the series over many upstream releases, and records what came of it: ``python -m fork sweep``.

For each release: fetch its wheel (one at a time, kept in the cache), run every step, check that the postconditions
hold and that a second run changes nothing, then compare the unmodified package with the transformed one on stock
models, and build and run two detectors with a backbone of ours. Each release is a row; rows are kept in the checkout's
``.fork/sweep/``, so a sweep that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import re
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from fork import fetch, patch, series
from fork.edit import Step
from fork.errors import ForkError, StepError
from fork.pin import ROOT, Package
from fork.releases import probe
from fork.review.export import read_configs
from fork.state import WORK
from fork.tree import OVERLAY, Tree, digest, read_overlay, read_wheel, sha256, write_files

Row = Dict[str, Any]
"""One release: a plain dict, as it stands in the JSON (see ``measure``)."""

Say = Callable[[str], None]
Probe = Callable[[Path], Dict[str, Any]]

FOLDER = f"{WORK}/sweep"

RUNS_ON = ("torch", "torchvision", "numpy", "scipy", "pandas", "hub-sdk", "seaborn", "py-cpuinfo")
"""What the models of one release or another run on; the newest needs the first three alone."""


class Transformed(NamedTuple):
    """The tree after every step that fitted, what became of each step, and the postconditions that do not hold."""

    tree: Tree
    steps: Dict[str, Dict[str, Any]]
    problems: List[str]


def transform(pristine: Tree, overlay: Tree, steps: Optional[Sequence[Step]] = None) -> Transformed:
    """Run every step of the series (or ``steps``), also behind one that fails, and check what must hold after them."""
    order = series.ORDER if steps is None else steps
    cells: Dict[str, Dict[str, Any]] = {step.name: {} for step in order}
    failures: Dict[str, Dict[str, Any]] = {}
    results = series.run(
        pristine, overlay, order, on_failure=lambda step, e: failures.update({step.name: {"failed": e.brief}})
    )
    for step, outcome, *_ in results:
        cells[step.name] = {"applied": outcome.applied, "reason": outcome.reason, "where": list(outcome.where)}
    tree = results[-1].tree if results else {**pristine, **overlay}
    return Transformed(tree, {**cells, **failures}, [] if failures else problems(results))


def problems(results: Sequence[series.Result]) -> List[str]:
    """Return, in words, what does not hold after the series: loops through the hook, a second run."""
    found: List[str] = []
    try:
        series.check_finished(results)
    except StepError as e:
        found.append(e.brief)
    again = series.run(
        results[-1].tree,
        {},
        [result.step for result in results],
        on_failure=lambda step, e: found.append(f"a second run of {step.name} fails: {e.brief}"),
    )
    twice = [result for result in again if result.outcome.applied]
    return found + [f"a second run of {r.step.name} edits {r.outcome.applied} places again" for r in twice]


def measure(package: Package, wheel: Path, overlay: Tree, configs: Tree, run: Optional[Probe]) -> Row:
    """Return the row of one release.

    Args:
        package: The release, with the hash of its wheel.
        wheel: The file.
        overlay: Our own folder.
        configs: The checkout's model YAMLs, as they lie beside the package.
        run: Called with a folder that holds a tree (see ``fork.releases.probe``); None to run nothing.

    Returns:
        ``version``, ``sha256``, ``size``; ``steps`` (see ``Transformed``), ``problems``; ``digest`` of the tree;
        ``added`` and ``removed`` lines and ``files``, the overlay left out; ``seconds`` of the series; ``pristine`` and
        ``patched``: what the probe found, where it ran.
    """
    pristine = read_wheel(wheel)
    began = time.perf_counter()
    done = transform(pristine, overlay)
    seconds = time.perf_counter() - began
    ours = {path: data for path, data in done.tree.items() if not path.startswith(OVERLAY)}
    changed = patch.stat(patch.diff(pristine, ours))
    row: Row = {
        "version": package.version,
        "sha256": package.sha256,
        "size": package.size,
        "steps": done.steps,
        "problems": done.problems,
        "digest": digest(done.tree),
        "files": len(changed),
        "added": sum(item[1] for item in changed),
        "removed": sum(item[2] for item in changed),
        "seconds": round(seconds, 1),
    }
    if run is not None and not any("failed" in cell for cell in done.steps.values()):
        row["pristine"], row["patched"] = run_models(pristine, {**done.tree, **configs}, run)
        row["problems"] += compare(row["pristine"], row["patched"])
    return row


def run_models(pristine: Tree, patched: Tree, run: Probe) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Return what the probe finds in a release's unmodified and transformed package, each in a folder of its own."""
    found = []
    for tree in (pristine, patched):
        with tempfile.TemporaryDirectory(prefix="addmodules-sweep-") as folder:
            write_files(Path(folder), tree)
            report = run(Path(folder))
            found.append({key: value for key, value in report.items() if key != "tree"})  # it is gone by then
    return found[0], found[1]


def compare(pristine: Dict[str, Any], patched: Dict[str, Any]) -> List[str]:
    """Return, in words, how the transformed package differs from the unmodified one, and what of ours fails.

    Stock models must come out alike; what only today's torch and numpy break must work after the series.
    """
    if does_not_run(pristine):
        return []  # the release itself does not run here; the transformed one can do no worse
    if does_not_run(patched):
        return [f"does not run any more: {does_not_run(patched)}"]
    found = []
    theirs, ours = pristine["models"], patched["models"]
    for name in sorted({*theirs, *ours}):
        a, b = theirs.get(name, {}), ours.get(name, {})
        for key in ("parameters", "keys", "saved", "strides", "outputs", "error"):
            if a.get(key) != b.get(key):
                found.append(f"{name}: {key} {a.get(key)} in the unmodified package, {b.get(key)} in ours")
    for name, result in sorted(patched["checks"].items()):
        if result != "ok" and name != "scipy":  # a package that the release needs, and that may not be installed
            found.append(f"{name}: {result}")
    for name, result in sorted(patched.get("ours", {}).items()):
        if "error" in result:
            found.append(f"{name}: {explained(result['error'])}")
    return found


def does_not_run(found: Dict[str, Any]) -> str:
    """Return why a tree does not run here, from what the probe found; an empty string where it does."""
    return explained(str(found.get("import_error") or found.get("crash") or ""))


def explained(error: str) -> str:
    """Return an error with what to do about it, where a package is missing that the release itself requires."""
    missing = re.search(r"No module named '(\w+)", error)
    return f"{error} (the release needs {missing.group(1)}: pip install '.[sweep]')" if missing else error


def failed(row: Row) -> List[str]:
    """Return, in words, everything of a row that went wrong; empty where the release is served."""
    if "failed" in row:
        return [str(row["failed"])]
    steps = [f"{name}: {cell['failed']}" for name, cell in row["steps"].items() if "failed" in cell]
    return [*steps, *row["problems"]]


def merged(earlier: Row, row: Row) -> Row:
    """Return the row to keep of two of one release: the new one, unless the old one says more of the same tree."""
    if "failed" in row and "failed" not in earlier:
        return earlier  # that it cannot be fetched today takes nothing from what was measured
    same = "patched" in earlier and "patched" not in row and row.get("digest") == earlier["digest"]
    return {**row, **{key: earlier[key] for key in ("pristine", "patched", "problems")}} if same else row


def prober(transform_only: bool) -> Optional[Probe]:
    """Return what runs models in a tree, or None where none is to run.

    Raises:
        ForkError: torch is not installed.
    """
    if transform_only:
        return None
    if importlib.util.find_spec("torch") is None:
        raise ForkError("torch is not installed here, so no model can run: install it, or add --transform-only")
    return probe.probe


def key_of(root: Path, with_probe: bool) -> str:
    """Return what the rows of a sweep depend on: the steps, the overlay and, where models run, the environment."""
    parts: List[bytes] = [f"{with_probe} {environment(with_probe)}".encode()]
    engine = ("edit", "syntax", "text", "swaps", "names", "series", "probe", "probed")
    files = [root / "fork" / folder / f"{name}.py" for name in engine for folder in ("", "releases")]
    files += sorted((root / "fork" / "steps").rglob("*.py"))
    sources = {path.relative_to(root).as_posix(): path.read_bytes() for path in files if path.is_file()}
    for path, data in [*sources.items(), *sorted(read_overlay(root).items())]:
        parts.append(f"{path} {sha256(data)}".encode())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]


def environment(with_probe: bool) -> Dict[str, str]:
    """Return the versions of what a row may depend on: Python and, where models run, what these import."""
    found = {"Python": platform.python_version()}
    for name in RUNS_ON if with_probe else ():
        try:
            found[name] = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def sweep(
    name: str,
    versions: Sequence[str],
    run: Optional[Probe],
    root: Path = ROOT,
    say: Say = lambda _: None,
    source: Optional[Path] = None,
    fresh: bool = False,
    known: Optional[Mapping[str, str]] = None,
) -> List[Row]:
    """Measure releases and return their rows; what was measured before is read, not measured again.

    A release that cannot be fetched, or is not the file that the record knows, becomes a row with ``failed``.

    Args:
        name: Distribution name.
        versions: Releases, oldest first.
        run: What runs models (see ``measure``).
        root: The checkout.
        say: Called with lines of progress.
        source: A folder with wheels instead of cache and index.
        fresh: Measure also what an earlier sweep has measured.
        known: Version -> SHA-256 that an earlier record gives.
    """
    folder = root / FOLDER / key_of(root, run is not None)
    overlay, configs, known = read_overlay(root), read_configs(root), known or {}
    rows: List[Row] = []
    began, measured = time.monotonic(), 0
    for number, version in enumerate(versions, 1):
        kept = folder / f"{version}.json"
        row = None if fresh else _read(kept)
        note = "" if row is None else " (measured before)"
        if row is None:
            try:
                package, wheel = fetch.discover(name, version, source, say)
                if known.get(version, package.sha256) != package.sha256:
                    raise ForkError(f"{wheel.name} has sha256 {package.sha256}, the record {known[version]}")
                row = measure(package, wheel, overlay, configs, run)
            except ForkError as e:
                row = {"version": version, "failed": str(e)}
            else:
                write_files(root, {kept.relative_to(root).as_posix(): (json.dumps(row, indent=1) + "\n").encode()})
                measured += 1
        rows.append(row)
        left = (len(versions) - number) * (time.monotonic() - began) / max(measured, 1) / 60
        note = note or (f"; about {left:.0f} min left" if left >= 1 else "")
        say(f"[{number}/{len(versions)}] {version}: {summary(row)}{note}")
    return rows


def summary(row: Row) -> str:
    """Return one line on a row."""
    wrong = failed(row)
    if wrong:
        return f"FAILED: {wrong[0].splitlines()[0]}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
    applied = sum(1 for cell in row["steps"].values() if cell["applied"])
    text = f"{applied} steps applied, {len(row['steps']) - applied} not needed, +{row['added']} -{row['removed']}"
    if "patched" in row:
        error = does_not_run(row["patched"])
        text += f", does not run here ({error})" if error else f", {' and '.join(row['patched']['ours'])} of ours run"
    return f"{text}, {row['seconds']} s"


def _read(path: Path) -> Optional[Row]:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return row if isinstance(row, dict) else None
