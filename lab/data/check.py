"""Checks a data set before it is trained on: the data YAML, every image and every label file, all reported together.

Nothing is written, fetched or run: the check only reads. It follows the pinned release's own rules, so that what it
calls left out is what the training would leave out.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Deque, Dict, Iterator, List, NamedTuple, Optional, Tuple

from lab.data.between import names_in, note_leaks, note_orphans
from lab.data.files import Labels, Look, Rule, look_at_image, read_labels
from lab.data.findings import Finding, Issue, Tally, lines, printable
from lab.data.listing import label_paths
from lab.data.yaml_file import Plan, find_yaml, read_plan
from lab.terminal import Progress

if TYPE_CHECKING:
    from ultralytics.nn.Addmodules._check.yamltext import Problem

SAMPLE = 100
"""How many images of a split are decoded, evenly spaced, where not all are."""

CHUNK = 64
"""Images that a thread takes at a time; after Ctrl-C each thread ends its own."""

TINY = 2
"""Pixels that an object must exceed in width and height at the training size: upstream's augmentation drops others."""


class SplitCount(NamedTuple):
    """What upstream's scan of a split will count.

    Attributes:
        images: Images listed.
        found: Readable ones with a label file, be it empty or refused; ``missing``: without.
        empty: Label files without a row.
        corrupt: Images that are left out, for themselves or for their labels.
        boxes: Objects that are trained on or measured.
    """

    images: int = 0
    found: int = 0
    missing: int = 0
    empty: int = 0
    corrupt: int = 0
    boxes: int = 0


class ClassCount(NamedTuple):
    """A class's name, and its objects by split."""

    name: str
    boxes: Dict[str, int]


class DataReport(NamedTuple):
    """All that was found.

    Attributes:
        path: The data YAML.
        problems: What is wrong with the YAML, each with its place there.
        findings: What is wrong with images and labels.
        splits: Split -> counts.
        classes: Class number -> name and counts.
        seconds: How long the check took.
        root: The folder that the YAML's paths count from.
    """

    path: str
    problems: List[Problem]
    findings: List[Finding]
    splits: Dict[str, SplitCount]
    classes: Dict[int, ClassCount]
    seconds: float
    root: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing severe was found."""
        return not any(item.severe for item in (*self.problems, *self.findings))

    def lines(self) -> List[str]:
        """Return the report for a terminal."""
        return _lines(self)


def check_data(
    path: str, nc: Optional[int] = None, imgsz: Optional[int] = None, task: str = "detect", full: bool = True
) -> DataReport:
    """Check a data set.

    Args:
        path: What ``--data`` names: a data YAML, by path or bare name, or a folder that holds one.
        nc: Number of classes in the model's YAML, to say where the data has another.
        imgsz: Side in pixels that images are trained at, to count objects that are too small then.
        task: detect or segment.
        full: Decode every image; otherwise ``SAMPLE`` of a split, and read the headers of the others.

    Returns:
        The report; also where there is no such file.
    """
    start = time.perf_counter()
    problems: List[Problem] = []
    found = find_yaml(str(path).strip(), problems)
    plan = read_plan(found, nc, problems) if found else None
    if plan is None:
        return DataReport(found or str(path), problems, [], {}, {}, time.perf_counter() - start)
    tally = Tally(plan.root)
    for file, issue in plan.issues:
        tally.add(file, issue)
    splits, classes = _scan(plan, task, imgsz, full, tally)
    note_orphans(plan, tally.add)
    note_leaks(plan, tally.add, tally.short)
    severe_first = sorted(problems, key=lambda problem: (not problem.severe, problem.line, problem.column))
    seconds = time.perf_counter() - start
    return DataReport(plan.file, severe_first, tally.findings(), splits, classes, seconds, plan.root)


def _scan(
    plan: Plan, task: str, imgsz: Optional[int], full: bool, tally: Tally
) -> Tuple[Dict[str, SplitCount], Dict[int, ClassCount]]:
    """Look at the images and labels of all splits."""
    rule = Rule(task, None if plan.names is None else len(plan.names), plan.points)
    shown = Progress("checking", sum(map(len, plan.images.values())))
    boxes: Dict[str, Counter[int]] = {}
    splits: Dict[str, SplitCount] = {}
    owners: Dict[str, str] = {}
    for split, images in plan.images.items():
        count, previous = Counter(images=len(images)), ""
        per_class: Counter[int] = Counter()
        bare: List[Tuple[str, str]] = []  # images without labels
        step = 1 if full else max(1, len(images) // SAMPLE)
        for image, label, look, labels in looks(images, plan.channels, rule, step):
            shown.step()
            for issue in look.issues:
                tally.add(image, issue)
            if image == previous:
                tally.add(image, Issue("twice"))
            elif owners.setdefault(label, image) != image and labels is not None:
                tally.add(image, Issue("label-shared", detail=os.path.basename(owners[label])))
            previous = image
            count.update(_upstreams_count(look, labels))
            if labels is None and not look.refused:
                bare.append((image, label))
            if labels is not None:
                _note_labels(label, look, labels, task, imgsz, tally)
                if not look.refused:
                    per_class.update(box[1] for box in labels.boxes)
        splits[split] = SplitCount(**count, boxes=sum(per_class.values()))
        boxes[split] = per_class
        _note_split(split, bare, splits[split], tally)
    shown.end()
    names = plan.names or {}
    classes = {i: ClassCount(name, {split: boxes[split][i] for split in boxes}) for i, name in sorted(names.items())}
    for split in ("train", "val"):
        if splits.get(split, SplitCount()).boxes:
            for i, one in classes.items():
                if not one.boxes[split]:
                    tally.add(f"{i} {one.name}", Issue("class-none", detail=f"none in {split}"))
    return splits, classes


def looks(images: List[str], channels: int, rule: Rule, step: int) -> Iterator[Tuple[str, str, Look, Optional[Labels]]]:
    """Yield each image, its label file, and what they are; in order, worked out by threads, which decoding lets run."""
    labels = label_paths(images)

    def work(first: int) -> List[Tuple[str, str, Look, Optional[Labels]]]:
        numbers = range(first, min(first + CHUNK, len(images)))
        return [
            (images[n], labels[n], look_at_image(images[n], channels, n % step == 0), read_labels(labels[n], rule))
            for n in numbers
        ]

    workers = min(8, os.cpu_count() or 1)
    executor = ThreadPoolExecutor(workers)
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # Pillow's on huge images and odd EXIF
        try:
            waiting: Deque[Future[Any]] = deque()
            for first in range(0, len(images), CHUNK):
                waiting.append(executor.submit(work, first))
                if len(waiting) > 2 * workers:  # so that results do not pile up
                    yield from waiting.popleft().result()
            for chunk in waiting:
                yield from chunk.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from printing its own lines on each damaged image."""
    import cv2

    logging = getattr(getattr(cv2, "utils", None), "logging", None)
    level = logging.getLogLevel() if logging else 0
    if logging:
        logging.setLogLevel(0)
    try:
        yield
    finally:
        if logging:
            logging.setLogLevel(level)


def _upstreams_count(look: Look, labels: Optional[Labels]) -> Dict[str, int]:
    """Return what upstream's scan adds to its counters for an image."""
    if look.refused:
        return {"corrupt": 1}
    if labels is None:
        return {"missing": 1}
    return {"found": 1, "corrupt": int(labels.refused), "empty": int(labels.empty)}


def _note_labels(path: str, look: Look, labels: Labels, task: str, imgsz: Optional[int], tally: Tally) -> None:
    for issue in labels.issues:
        tally.add(path, issue)
    if labels.empty:
        tally.add(path, Issue("label-empty"))
    if labels.polygons and task == "detect" and not labels.refused:
        tally.add(path, Issue("label-polygons"))
    if imgsz and look.size:
        width, height = look.size
        scale = imgsz / max(look.size)
        for line, _, _, _, w, h in labels.boxes:
            w, h = w * width * scale, h * height * scale
            if w > 0 and h > 0 and min(w, h) <= TINY:
                tally.add(path, Issue("label-tiny", line, f"{w:.1f} x {h:.1f} pixels"))


def _note_split(split: str, bare: List[Tuple[str, str]], count: SplitCount, tally: Tally) -> None:
    """Note a split without labels or objects; otherwise its images without labels (``bare``, with where those go)."""
    if bare and not count.found and split != "test":  # sets for a contest keep the labels of their test split back
        tally.add(split, Issue("no-labels", detail=_where_labels(*bare[0])))
        return
    for image, _ in bare:
        tally.add(image, Issue("label-none"))
    if count.found and not count.boxes and not count.corrupt:
        tally.add(split, Issue("no-boxes"))


def _where_labels(image: str, label: str) -> str:
    """Say where labels are looked for, and whether there are any of another format nearby."""
    folder, beside = os.path.dirname(label), os.path.dirname(image)
    text = f"looked for {label}" + ("" if os.path.isdir(folder) else " (there is no such folder)")
    below, _, rest = image.rpartition(f"{os.sep}images{os.sep}")
    if not below:
        text += "; only below a folder named images does upstream look into the folder labels beside it"
    names = {os.path.basename(label), os.path.splitext(rest)[0] + ".txt"}
    near = (os.path.join(below, other, name) for other in names_in(below) for name in sorted(names))
    there = next((path for path in near if path != label and os.path.isfile(path)), "")
    if there:
        return f"{text}; there is {there}: rename or move its folder"
    above = [beside, os.path.dirname(beside), os.path.dirname(os.path.dirname(beside))]
    for place in [folder, *above, *(os.path.join(up, name) for up in above for name in ("Annotations", "annotations"))]:
        for ending, kind in ((".xml", "Pascal VOC"), (".json", "COCO or LabelMe")):
            if any(name.endswith(ending) for name in names_in(place)):
                how = f"convert them from {kind} with `python -m lab data convert`"
                return f"{text}; {place} has {ending} files: {how}"
    return text


def _lines(report: DataReport) -> List[str]:
    from ultralytics.nn.Addmodules._check.yamltext import render

    found = [f"data      {report.path}"]
    if report.root:
        found.append(f"folder    {report.root}")
    for split, n in report.splits.items():
        text = f"{n.images} images, {n.boxes} objects, {n.missing + n.empty} of background"
        found.append(f"{split:9} {text}" + (f", {n.corrupt} left out" if n.corrupt else ""))
    for i, one in list(report.classes.items())[:20]:
        counts = ", ".join(f"{split} {n}" for split, n in one.boxes.items())
        found.append(f"class {i:<3} {one.name}: {counts or 'not counted'}")
    if len(report.classes) > 20:
        found.append(f"          and {len(report.classes) - 20} more classes")
    for problem in report.problems:
        # render() marks a warning itself, by another word than the findings below
        text = render(problem._replace(severe=True), report.path)
        found += (("error: " if problem.severe else "note: ") + text).splitlines()
    found += lines(report.findings, "error")
    items = [*report.problems, *report.findings]
    errors = sum(item.severe for item in items)
    verdict = "no errors" if not errors else f"{errors} error{'s'[: errors > 1]}"
    notes = len(items) - errors
    found.append(f"data: {verdict}, {notes} note{'s'[: notes != 1]} ({report.seconds:.1f} s)")
    return printable(found)
