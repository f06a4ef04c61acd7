"""Exports the fork as a numbered series of patches in mail format, for ``git am`` on the unpacked release.

The patches are the commits of ``export`` as ``git format-patch`` writes them, so their bytes, too, depend on the
pin, the series, the overlay and ``cfg/`` alone. A step that changes no file has a commit, but no patch.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import List

from fork.build import Plan
from fork.pin import ROOT
from fork.review.export import git, history, new_folder

FORMAT = ["--no-signature", "--zero-commit", "--full-index", "--binary", "--no-renames", "--no-stat"]
FORMAT += ["--no-numbered", "--quiet"]
QUOTED = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n"


def write(work: Plan, target: Path, root: Path = ROOT) -> int:
    """Write the series, and a README, into ``target``; return the number of patches.

    Args:
        work: The finished plan of a build.
        target: A new or empty folder.
        root: The checkout that ``cfg/`` is taken from.

    Raises:
        ForkError: git is missing or failed, or ``target`` exists and is not an empty folder.
    """
    with new_folder(target), tempfile.TemporaryDirectory(prefix="addmodules-") as folder:
        history(work, Path(folder), root)
        since = f"upstream-{work.pin.upstream.version}..HEAD"
        git(Path(folder), "format-patch", *FORMAT, f"--output-directory={target.resolve()}", since)
        for path in target.iterdir():
            if path.stat().st_size:
                path.write_bytes(safe(path.read_bytes()))
            else:
                path.unlink()  # git leaves a file of nothing for the empty commits at the end
        patches = sorted(target.iterdir())
        (target / "README.md").write_bytes(readme(work, [path.name for path in patches]).encode())
    return len(patches)


def safe(mail: bytes) -> bytes:
    """Return a patch as quoted-printable where a file has carriage returns: ``git am`` takes them off plain lines."""
    if b"\r" not in mail:
        return mail
    head, _, body = mail.partition(b"\n\n")
    head = re.sub(rb"(?m)^(MIME-Version|Content-).*\n", b"", head + b"\n")
    quote = re.compile(rb"[^\t\n -<>-~]|[\t ](?=\n)")
    return head + QUOTED + b"\n" + quote.sub(lambda match: b"=%02X" % ord(match[0]), body)


def readme(work: Plan, names: List[str]) -> str:
    """Return README.md of the folder: what the patches apply to, and which steps have none, and why."""
    release, listed = work.pin.upstream, "".join(f"- {name}\n" for name in names)
    left = "".join(f"- `{r.step.name}`: {r.outcome}\n" for r in work.results if not r.outcome.applied)
    return f"""\
# {work.pin.version} as patches

Made by `python -m fork export --patches`, for {release.name} {release.version} as released ({release.file},
sha256 {release.sha256}), with `ultralytics/` at the root of the repository:

    git am DIR/*.patch
    git am (Get-Item DIR\\*.patch)      # the same in PowerShell

Afterwards the digest of `ultralytics/` but `nn/Addmodules/` is
`{work.stamp().digest}`.

{listed}
Steps that edit nothing in this release:

{left}"""
