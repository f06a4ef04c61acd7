"""The verb ``bump`` of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable

from fork import lock
from fork.errors import ForkError, IntegrityError
from fork.pin import Package, load_pin
from fork.releases import bump, changes, sweep
from fork.review.export import read_configs


def run(options: argparse.Namespace, root: Path, say: Callable[[str], None]) -> int:
    """Move the pin, print what changed, and return 0; 1 where the user says no."""
    source = Path(options.upstream).expanduser() if options.upstream else None
    if source is not None and not source.exists():
        raise ForkError(f"--upstream {options.upstream}: bump takes a wheel or a folder with wheels; there is none")
    old = load_pin(root)
    package, wheel = bump.package_of(root, options.version, source, say)
    if package.version == old.upstream.version:
        if package.sha256 != old.upstream.sha256:
            raise IntegrityError(
                f"{wheel} is not the file that pin.toml pins for {package.version}; nothing was written.\n"
                f"  sha256: expected {old.upstream.sha256}, got {package.sha256}"
            )
        print(f"the pin is {package.version} already")
        return 0
    if not confirmed(options, package):
        print("not confirmed: nothing was written")
        return 1
    work = bump.prepare(root, package, wheel, say)
    prober = sweep.prober(options.transform_only)
    if prober is not None:
        say("running stock models in both packages, and two with backbones of ours")
        patched = {**work.results[-1].tree, **read_configs(root)}
        problems = sweep.compare(*sweep.run_models(work.pristine, patched, prober))
        if problems:
            raise ForkError("models do not come out right; nothing was written:\n  " + "\n  ".join(problems))
    done = bump.finish(root, work, wheel, say)
    if done.changes is not None:
        print(f"what changed in the fork's own edits from {old.upstream.version} to {package.version}:\n")
        print(changes.report(done.changes))
    stamp = done.work.stamp()
    print(f"pin.toml, {lock.FILE} and the tree are {stamp.version} now, digest {stamp.digest[:16]}")
    print(f"for the changelog:\n{done.entry}")
    if done.new.tests is not None:
        print("pin.toml: [tests] is for the old release: python -m tools.upstream_tests --pin SHA256 (of the .tar.gz)")
    print('next: pip install --editable ".[test]" (upstream\'s requirements may have moved), then the tests; for')
    print("upstream's own tests of this release: python -m tools.upstream_tests --pin SHA256, that of the .tar.gz")
    return 0


def confirmed(options: argparse.Namespace, package: Package) -> bool:
    """Show the hash of what was fetched, and tell whether it is confirmed.

    Raises:
        IntegrityError: It is another one than ``--sha256`` says.
        ForkError: Nobody is there to ask.
    """
    page = f"https://pypi.org/project/{package.name}/{package.version}/#files"
    print(f"{package.name} {package.version}\n  file    {package.file}\n  size    {package.size} bytes")
    print(f"  sha256  {package.sha256}\n  compare with {page}", flush=True)
    if options.sha256:
        if options.sha256.strip().lower() != package.sha256:
            raise IntegrityError(f"the hash is not the one of --sha256, {options.sha256}; nothing was written")
        return True
    if options.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise ForkError("the hash is not confirmed: add --sha256 HEX from that page, or --yes; nothing was written")
    return input("Is that the published hash? [y/N] ").strip().lower() in ("y", "yes")
