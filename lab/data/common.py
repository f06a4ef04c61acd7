"""What the verbs share: progress, a folder that appears whole or not at all, and a data set's images."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from lab.terminal import Progress
from run import find, start
from run.arguments import UsageError

PARTS = ("train", "val", "test")

GENERIC = {"images", "jpegimages", "annotations", "labels", "image", "imgs", "img", "xml", "json", "ann", "anns"}
"""Folders' names that say what lies in them and not which of it."""


@contextlib.contextmanager
def new_folder(target: str, option: str = "--to") -> Iterator[Path]:
    """Give a folder to fill that takes its place under ``target`` at the end, if nothing goes wrong.

    Raises:
        UsageError: ``target`` is a file, or a folder with something in it.
    """
    place = check_new(target, option)
    place.parent.mkdir(parents=True, exist_ok=True)
    work = place.with_name(f".{place.name}.{os.getpid()}.part")
    work.mkdir()
    try:
        yield work
        if place.is_dir():
            place.rmdir()
        os.replace(work, place)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def check_new(target: str, option: str = "--to") -> Path:
    """Return the absolute path of a folder to write.

    Raises:
        UsageError: It is a file, or a folder with something in it.
    """
    place = Path(os.path.abspath(Path(target).expanduser()))
    if place.is_dir() and any(place.iterdir()):
        raise UsageError(f"{option} {target}: {place} is not empty: name a new folder, or empty it")
    if not place.is_dir() and os.path.lexists(place):
        raise UsageError(f"{option} {target}: {place} is a file: name a new folder")
    if place == Path.cwd():
        raise UsageError(f"{option} {target}: the current folder cannot be replaced: name one in it")
    return place


def part_of(text: str) -> str:
    """Return train, val or test where a name says so, otherwise an empty text."""
    found = re.search(r"(?:^|[^a-z])(train|valid(?:ation)?|val|test)(?![a-z])", text.lower())
    return {"t": found.group(1), "v": "val"}[found.group(1)[0]] if found else ""


def write_yaml(path: Path, content: Dict[str, Any], comment: str) -> None:
    """Write a data YAML that upstream reads, class names quoted where YAML would read them as something else."""
    import yaml

    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None, width=1000)
    path.write_text("".join(f"# {line}\n" for line in comment.splitlines()) + text, encoding="utf-8")


class Entry(NamedTuple):
    """An image of a data set.

    Attributes:
        split: The part it is in.
        image: Its path.
        label: Where upstream looks for its labels.
        look: What it is (``lab.data.files.Look``).
        labels: What its label file holds (``lab.data.files.Labels``), None where there is none.
    """

    split: str
    image: str
    label: str
    look: Any
    labels: Any


def open_set(name: str) -> Tuple[Any, Dict[str, Any]]:
    """Read a data YAML by the rules of ``lab check``.

    Returns:
        The plan (``lab.data.yaml_file.Plan``), and what the YAML holds.

    Raises:
        UsageError: There is none, it names no classes, or it leads to no image; says all that is wrong with it.
    """
    from lab.data.yaml_file import find_yaml, read_plan
    from ultralytics.nn.Addmodules._check.yamltext import read_document, render

    problems: List[Any] = []
    given = find.find_data(find.CROWNS) if find.is_crowns(name) else name
    found = find_yaml(given.strip(), problems)
    plan = read_plan(found, None, problems) if found else None
    if plan is None or plan.names is None or not any(plan.images.values()):
        bad = [problem for problem in problems if problem.severe] or problems
        raise UsageError("\n".join(render(problem, found or given) for problem in bad))
    for problem in problems:
        start.say("note: " + render(problem._replace(severe=True), found))
    return plan, dict(read_document(found).data)


def rule_of(plan: Any) -> Any:
    """Return what the set's label files are measured by."""
    from lab.data.files import Rule

    return Rule("detect", len(plan.names), plan.points)


def entries(plan: Any, only: Optional[str] = None) -> Iterator[Entry]:
    """Yield every image of a data set, its header and its labels read; by split, sorted."""
    from lab.data.check import looks

    chosen = {split: images for split, images in plan.images.items() if only in (None, split)}
    progress = Progress("reading", sum(map(len, chosen.values())))
    try:
        for split, images in chosen.items():
            # no image number is a multiple of that but the first, so that one image is decoded
            for image, label, look, labels in looks(images, plan.channels, rule_of(plan), len(images) + 1):
                yield Entry(split, image, label, look, labels)
                progress.step()
    finally:
        progress.end()
