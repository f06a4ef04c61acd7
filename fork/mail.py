"""Exports the fork as a numbered series of patches in mail format, for ``git am`` on the unpacked release.

The bytes depend on the pin, the series, the overlay and ``cfg/`` alone: author, date and order are fixed, git is not
run and no configuration is read. Each message says where the patch is from, which section of the articles it carries
out, why, and when it would not be needed.

A patch with a carriage return in it (CRLF files) is sent as quoted-printable, since ``git am`` takes carriage returns
off plain lines; a file that is not UTF-8 text is sent as git's binary form. Modes are named for new files only, so that
a release whose files were committed with other modes takes the patches, too.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import textwrap
import zlib
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

from fork import patch
from fork.build import LOCAL, Plan, replay, saved_edits
from fork.errors import ForkError
from fork.export import AUTHOR, read_configs
from fork.notes import note
from fork.pin import ROOT
from fork.tree import OVERLAY, Tree, write_files

DATE = "Thu, 1 Jan 2026 00:00:00 +0000"
MAGIC = "Mon Sep 17 00:00:00 2001"
"""The date by which git tells a patch in mail format."""

SERIES, README = "series", "README.md"
WIDTH = 76


class Part(NamedTuple):
    """One patch to be: subject, trailers, and the trees before and after it."""

    subject: str
    trailers: List[Tuple[str, str]]
    before: Tree
    after: Tree


class Mail(NamedTuple):
    """One file of the series: its name and bytes."""

    name: str
    data: bytes


def parts(work: Plan, configs: Tree, saved: List[Path]) -> List[Part]:
    """Return what each patch does: our own files first, then the steps that edit something, then saved edits."""
    version = work.pin.version
    overlay = {path: data for path, data in work.results[-1].tree.items() if path.startswith(OVERLAY)}
    release = work.pin.upstream
    ours = [
        ("Origin", f"ultralytics-addmodules {version}, {OVERLAY} and cfg/"),
        ("Article-Section", "4.1, 4.2"),
        ("Reason", "The backbones, the hooks that the edits of the following patches call, and the model YAMLs."),
        ("Not-needed-when", "never: the following patches import it."),
        ("Files", f"{OVERLAY} ({len(overlay)}), cfg/ ({len(configs)})"),
        ("Applies-to", f"{release.name} {release.version}, {release.file}, sha256 {release.sha256}"),
    ]
    before: Tree = {**work.pristine}
    after: Tree = {**before, **overlay, **configs}
    result = [Part("Add nn/Addmodules and cfg", ours, before, after)]
    for item in work.results:
        before, after = after, {**item.tree, **configs}
        step, outcome = item.step, item.outcome
        if before != after:
            trailers = [
                ("Origin", f"ultralytics-addmodules {version}, fork/steps/{step.name}.py"),
                ("Article-Section", step.section if step.section != "-" else "none"),
                ("Reason", step.reason),
                ("Not-needed-when", note(step).unless),
                *(("Files", f"{place} ({count})") for place, count in counted(outcome.where)),
            ]
            result.append(Part(f"{step.name.split('_')[0]}: {step.title}", trailers, before, after))
    for path in saved:
        before, after = after, replay(after, path)
        trailers = [
            ("Origin", f"{LOCAL}/{path.name}, a saved edit"),
            ("Article-Section", "none"),
            ("Reason", "An edit made by hand in the generated tree, see `python -m fork save`."),
            ("Not-needed-when", "whoever saved it knows."),
            *(("Files", name) for name, _, _ in patch.stat(patch.read(path))),
        ]
        result.append(Part(f"{LOCAL}: {path.stem}", trailers, before, after))
    return result


def counted(where: Tuple[str, ...]) -> List[Tuple[str, int]]:
    """Return each edited place once, with how many times it is edited, in order."""
    return [(place, where.count(place)) for place in dict.fromkeys(where)]


def mails(work: Plan, configs: Tree, saved: List[Path]) -> List[Mail]:
    """Return the patches in order."""
    found = parts(work, configs, saved)
    result = []
    for number, part in enumerate(found, 1):
        slug = re.sub(r"[^A-Za-z0-9]+", "-", part.subject).strip("-").lower()[:56].rstrip("-")
        result.append(Mail(f"{number:04}-{slug}.patch", mail(part, number, len(found))))
    return result


def mail(part: Part, number: int, total: int) -> bytes:
    """Return one patch in mail format."""
    changed = sorted(p for p in {*part.before, *part.after} if part.before.get(p) != part.after.get(p))
    edits = b"".join(_edit(path, part.before.get(path), part.after.get(path)) for path in changed)
    trailers = "".join(_trailer(name, text) for name, text in part.trailers)
    body = f"{trailers}---\n{_stat(part, changed)}\n".encode() + edits
    encoding = "8bit"
    if b"\r" in body:
        encoding, body = "quoted-printable", _quoted_printable(body)
    head = (
        f"From {hashlib.sha1(body).hexdigest()} {MAGIC}\nFrom: {AUTHOR}\nDate: {DATE}\n"
        f"Subject: [PATCH {number:0{len(str(total))}}/{total}] {_header(part.subject)}\n"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: {encoding}\n\n"
    )
    return head.encode() + body


def _trailer(name: str, text: str) -> str:
    return (
        textwrap.fill(f"{name}: {text}", WIDTH, subsequent_indent=" ", break_long_words=False, break_on_hyphens=False)
        + "\n"
    )


def _header(text: str) -> str:
    return text if text.isascii() else f"=?UTF-8?b?{base64.b64encode(text.encode()).decode()}?="


def _stat(part: Part, changed: List[str]) -> str:
    lines, added, removed = [], 0, 0
    for path in changed:
        old, new = part.before.get(path), part.after.get(path)
        if not (_is_text(old) and _is_text(new)):
            lines.append(f" {path} | binary\n")
            continue
        rows = patch.stat(_unified(path, old, new)) or [(path, 0, 0)]
        added, removed = added + rows[0][1], removed + rows[0][2]
        lines.append(f" {path} | +{rows[0][1]} -{rows[0][2]}\n")
    return "".join(lines) + f" {len(changed)} file(s), {added} lines added, {removed} removed\n"


def _edit(path: str, old: Optional[bytes], new: Optional[bytes]) -> bytes:
    """Return the edit of one file as git writes it, with whole object names, so that ``git am -3`` works as well."""
    mode = "new file mode 100644\n" if old is None else "deleted file mode 100644\n" if new is None else ""
    head = f"diff --git {_path('a/' + path)} {_path('b/' + path)}\n{mode}index {_blob(old)}..{_blob(new)}\n"
    if not (_is_text(old) and _is_text(new)):
        return head.encode() + b"GIT binary patch\n" + _literal(new or b"") + _literal(old or b"")
    text = _unified(path, old, new)
    hunks = text.split("\n", 2)[2]  # the two lines of file names are written anew, since git quotes odd ones
    if not hunks:
        return head.encode()
    names = (
        "/dev/null" if old is None else _path(f"a/{path}"),
        "/dev/null" if new is None else _path(f"b/{path}"),
    )
    return f"{head}--- {names[0]}\n+++ {names[1]}\n{hunks}".encode()


def _unified(path: str, old: Optional[bytes], new: Optional[bytes]) -> str:
    return patch.diff({} if old is None else {path: old}, {} if new is None else {path: new})


def _is_text(data: Optional[bytes]) -> bool:
    try:
        return data is None or "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _path(path: str) -> str:
    """Return a path as git writes it: in quotes, with octal escapes, where it has more than plain characters."""
    if re.fullmatch(r"[A-Za-z0-9_./+@=,~-]+", path):
        return path
    plain = (chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03o}" for c in path.encode())
    return f'"{"".join(plain)}"'


def _blob(data: Optional[bytes]) -> str:
    return "0" * 40 if data is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _literal(data: bytes) -> bytes:
    """Return one side of a binary patch. The data are stored, not packed: packers differ in what they make."""
    blocks = [data[at : at + 65535] for at in range(0, len(data), 65535)] or [b""]
    packed = b"\x78\x01"
    for number, block in enumerate(blocks, 1):
        size = len(block)
        packed += bytes([number == len(blocks)]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
        packed += block
    packed += zlib.adler32(data).to_bytes(4, "big")
    lines = [packed[at : at + 52] for at in range(0, len(packed), 52)]
    text = b"".join(_length(len(line)) + base64.b85encode(line, pad=True) + b"\n" for line in lines)
    return b"literal %d\n" % len(data) + text + b"\n"


def _length(count: int) -> bytes:
    return bytes([ord("A") + count - 1 if count <= 26 else ord("a") + count - 27])


def _quoted_printable(data: bytes) -> bytes:
    def encode(line: bytes) -> bytes:
        text = "".join(chr(c) if (32 <= c < 127 and c != 61) or c == 9 else f"={c:02X}" for c in line)
        if text.endswith((" ", "\t")):
            text = f"{text[:-1]}={ord(text[-1]):02X}"
        return text.encode()

    return b"\n".join(encode(line) for line in data.split(b"\n"))


def series(work: Plan, files: List[Mail]) -> str:
    """Return the file ``series``: the patches in order, and the steps that edit nothing with their reasons."""
    release = work.pin.upstream
    lines = [f"# {work.pin.version}: patches for {release.name} {release.version}, in order; see {README}", "#"]
    lines += [f"# {name}: {reason}" for name, reason in _left_out(work)]
    return "\n".join([*lines, *(file.name for file in files)]) + "\n"


def _left_out(work: Plan) -> Iterator[Tuple[str, str]]:
    for item in work.results:
        if not item.outcome.applied:
            yield item.step.name, str(item.outcome)


def readme(work: Plan, files: List[Mail]) -> str:
    """Return README.md of the folder."""
    release = work.pin.upstream
    digest = work.stamp().digest
    rows = "".join(f"| {file.name} |\n" for file in files)
    left = "".join(f"| `{name}` | {reason} |\n" for name, reason in _left_out(work))
    return f"""\
# {work.pin.version} as patches

Made by `python -m fork export --patches`. They apply to {release.name} {release.version} as released
({release.file}, sha256 {release.sha256}), with `ultralytics/` at the root of the repository:

```
git am DIR/*.patch
git am (Get-Item DIR\\*.patch)      # the same in PowerShell
```

Each message tells the patch's origin, its section of the articles, the reason, and when it would not be needed.
Afterwards the tree's digest, over everything in `ultralytics/` but `nn/Addmodules/`, is
`{digest}`.

| in order |
|---|
{rows}
| step without a patch | why |
|---|---|
{left}"""


def write(work: Plan, target: Path, root: Path = ROOT) -> int:
    """Write the series into ``target`` and return the number of patches.

    Args:
        work: The finished plan of a build.
        target: A new or empty folder.
        root: The checkout that ``cfg/`` and saved edits are taken from.

    Raises:
        ForkError: ``target`` exists and is not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ForkError(f"{target} exists and is not an empty folder: name a new one")
    files = mails(work, read_configs(root), saved_edits(root))
    written = {file.name: file.data for file in files}
    written.update({SERIES: series(work, files).encode(), README: readme(work, files).encode()})
    made = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    try:
        write_files(target, written)
    except BaseException:
        for item in target.iterdir():  # it was empty or new before: leave no half series
            item.unlink()
        if made:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return len(files)
