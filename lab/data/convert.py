"""Converts Pascal VOC, COCO and LabelMe to YOLO: finds images, mends or refuses boxes, names what it did.

The readers are the project's own; ``voc``, ``coco`` and ``labelme`` say what libraries did with the same files.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from lab import launch
from lab.data import classes, coco, labelme, voc
from lab.data.common import Names, Progress, check_new, new_folder, put, write_yaml
from lab.data.objects import Row, aligned, line, outlined, rows_of
from lab.data.pictures import Picture, Pictures, key, walk
from lab.data.problems import Problems
from lab.data.records import Page, Reading, part_of
from lab.launch import UsageError, say

ORDER = ("train", "val", "test")


class Job(NamedTuple):
    """An image to write: its file (None where the annotation holds it), its path from the root, and its annotation."""

    picture: Optional[Picture]
    relative: PurePosixPath
    page: Page


def main(options: Any) -> int:
    """Run ``convert``; return the exit code."""
    check_new(options.to)
    source = Path(options.source).expanduser()
    if not source.exists():
        raise UsageError(f"{options.source} does not exist: name the folder of the annotations, or a COCO file")
    images = Path(options.images).expanduser() if options.images else None
    if images is not None and not images.is_dir():
        raise UsageError(f"--images {options.images}: there is no such folder")
    given, new = classes.given_names(options.names), classes.renames(options.rename)
    problems = Problems()
    base = source if source.is_dir() else source.parent
    kind, reading = read(options, source, base, problems)
    if not reading.pages:
        say("\n".join(problems.lines()))
        raise UsageError(f"{options.source}: none of the {len(reading.failed)} annotation files can be read")
    launch.load_quietly()
    names = classes.settle(reading.pages, reading.names, given, new, problems)
    root = images or (base.parent if source.is_file() and base.name.lower() in ("annotations", "labels") else base)
    jobs = match(reading, Pictures(root), base, problems)
    if not jobs:
        say("\n".join(problems.lines()))
        raise UsageError(f"not one image of the annotations was found in {root}: name their folder with --images")
    task = options.task if options.task != "auto" else _task(jobs)
    with new_folder(options.to) as work:
        counts = _write(work, jobs, names, task, options, problems)
        record = {
            "source": str(source.resolve()),
            "format": kind,
            "task": task,
            "names": names,
            "parts": {part: dict(one) for part, one in counts.items()},
            "options": {k: v for k, v in vars(options).items() if k != "verb"},
        }
        problems.write(work, record)
    total: Counter[str] = sum(counts.values(), Counter())
    say(f"read      {len(reading.pages):,} annotated images of format {kind} below {source}")
    for text in reading.lines:
        say(f"          {text}")
    for part, one in counts.items():
        say(
            f"{part or 'images':9} {one['images']:,} images, {one['objects']:,} objects, {one['empty']:,} of background"
        )
    shown = ", ".join(f"{n} {name}" for n, name in enumerate(names[:20]))
    say(f"classes   {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else ""))
    choice = {"segment": "all objects have polygons; --task detect writes boxes", "detect": ""}[task]
    say(f"task      {task}" + (f" ({choice})" if choice and options.task == "auto" else ""))
    for text in problems.lines():
        say(text)
    say(f"written   {Path(options.to) / 'data.yaml'}; all problems in report.json and problems.csv beside it")
    if not total["objects"]:
        say("warning: there is not one object in it")
    if len(counts) == 1:
        quoted = [f'"{name}"' if " " in name else name for name in (options.to, f"{options.to}-split")]
        say(f"next      python -m lab data split {quoted[0]} --to {quoted[1]}")
    return 1 if options.strict and (problems.warned or not total["objects"]) else 0


def read(options: Any, source: Path, base: Path, problems: Problems) -> Tuple[str, Reading]:
    """Read the annotations by the format that was given or found.

    Raises:
        UsageError: There are none, or of more than one format.
    """
    found: Dict[str, List[Path]] = {"voc": [], "coco": [], "labelme": []}
    unknown = []
    for path in [source] if source.is_file() else walk(source, {"xml", "json"}):
        if path.suffix.lower() == ".xml":
            found["voc"].append(path)
            continue
        answer = coco.is_coco(path) if path.suffix.lower() == ".json" else None
        found["labelme" if answer is False else "coco"].append(path) if answer is not None else unknown.append(path)
    kind = options.kind
    if kind == "auto":
        kinds = [name for name, files in found.items() if files]
        if len(kinds) > 1:
            there = ", ".join(f"{len(found[name])} {name}" for name in kinds)
            raise UsageError(f"{source} has annotations of more than one format ({there}): name one with --from")
        if not kinds:
            there = f"; {len(unknown)} JSON files are of neither, such as {unknown[0]}" if unknown else ""
            raise UsageError(f"{source} has no annotation of Pascal VOC (.xml), COCO or LabelMe (.json){there}")
        kind = kinds[0]
    files = found[kind] or ([path for path in unknown if kind != "voc"])
    if not files:
        raise UsageError(f"{source} has no annotation of the format {kind}")
    lines: List[str] = []
    boxed = [path for path in files if path.name.startswith("instances_")]
    if kind == "coco" and 0 < len(boxed) < len(files):  # COCO's own captions and keypoints are of the same images
        others = [path.name for path in files if path not in boxed]
        lines.append(f"only instances_*.json is read; not {', '.join(others[:5])}" + " ..." * (len(others) > 5))
        files = boxed
    for path in unknown if kind != "voc" and found[kind] else ():
        problems.add("annotation-unreadable", path, detail="it is of no known format")
    shown = Progress("reading", len(files)).over(files)
    if kind == "voc":
        return kind, voc.read(shown, base, problems, options.origin, not options.skip_difficult)
    return kind, coco.read(shown, problems)._replace(lines=lines) if kind == "coco" else labelme.read(shown, problems)


def match(reading: Reading, pictures: Pictures, base: Path, problems: Problems) -> List[Job]:
    """Bring annotations and images together; images without an annotation become background."""
    jobs: Dict[Any, Job] = {}
    claimed = {key(page.source.stem) for page in reading.pages}
    for page in reading.pages:
        picture = pictures.find(page, base, claimed, problems)
        if picture is None:
            if page.embedded:
                relative = PurePosixPath(page.source.relative_to(base).as_posix())
                jobs[page.source] = Job(None, relative, page)
            continue
        twin = jobs.get(picture.file)
        if twin is None:
            jobs[picture.file] = Job(picture, picture.relative, page)
            continue
        both = f"{twin.page.source} and {page.source}" if twin.page.source != page.source else str(page.source)
        problems.add("image-twice", picture.relative, detail=both)
        if twin.page.part != page.part:
            problems.add("image-part", picture.relative, detail=f"{twin.page.part or 'none'} and {page.part or 'none'}")
        things, lost = [*twin.page.things, *page.things], twin.page.lost + page.lost
        jobs[picture.file] = twin._replace(page=twin.page._replace(things=things, lost=lost))
    failed = {path.stem.casefold() for path in reading.failed}
    for picture in pictures.all:
        if picture.file in jobs:
            continue
        if reading.complete:
            problems.add("image-unlisted", picture.relative)
        elif picture.file.stem.casefold() not in failed and _is_image(picture):
            problems.add("no-annotation", picture.relative)
            jobs[picture.file] = Job(picture, picture.relative, Page(picture.file, "", None, []))
    return sorted(jobs.values(), key=lambda job: job.relative.as_posix())


def _is_image(picture: Picture) -> bool:
    """Tell whether a file is likely to be of the set: VOC's masks are in folders of their own."""
    return not {"segmentationclass", "segmentationobject"} & {name.lower() for name in picture.relative.parts}


def _task(jobs: Sequence[Job]) -> str:
    things = [thing for job in jobs for thing in job.page.things]
    return "segment" if things and all(thing.parts or thing.mask for thing in things) else "detect"


def _write(
    work: Path, jobs: List[Job], names: List[str], task: str, options: Any, problems: Problems
) -> Dict[str, Counter[str]]:
    """Write images, labels and data.yaml into a folder; return counts by part."""
    numbers = {name: n for n, name in enumerate(names)}
    parts = [job.page.part or next((part_of(x) for x in job.relative.parts[:-1] if part_of(x)), "") for job in jobs]
    if any(parts):
        for n, (job, part) in enumerate(zip(jobs, parts)):
            if not part:
                problems.add("part-unknown", job.relative)
                parts[n] = "train"
    places, counts = Names(), {part: Counter() for part in (*ORDER, "") if part in parts}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's on huge images and odd EXIF
        for job, part in zip(Progress("writing", len(jobs)).over(jobs), parts):
            rows = _one(work, job, part, numbers, task, options, problems, places)
            if rows is not None:
                counts[part].update(images=1, objects=len(rows), empty=int(not rows))
    counts = {part: one for part, one in counts.items() if one["images"]}
    if not counts:
        say("\n".join(problems.lines()))
        raise UsageError("no image is left to write: see above")
    folders = {part: f"images/{part}" if part else "images" for part in counts}
    first = next(iter(folders.values()))
    content = {"train": folders.get("train", first), "val": folders.get("val", folders.get("test", first))}
    if "test" in folders:
        content["test"] = folders["test"]
    comment = f"Converted by `python -m lab data convert`; task {task}. Paths count from this file's folder."
    if content["val"] == content["train"]:
        comment += "\nNot divided yet: val is train. `python -m lab data split` divides it."
    write_yaml(work / "data.yaml", {**content, "names": dict(enumerate(names))}, comment)
    return counts


def _one(
    work: Path,
    job: Job,
    part: str,
    numbers: Dict[str, int],
    task: str,
    options: Any,
    problems: Problems,
    places: Names,
) -> Optional[List[Row]]:
    """Write an image and its labels; return its objects, None where it is left out."""
    from lab.data.files import look_at_image

    held = b"" if job.picture else _embedded(job, problems)
    if held is None:
        return None
    file = job.picture.file if job.picture else work / "embedded.part"
    if job.picture is None:
        file.write_bytes(held)
    try:
        look = look_at_image(str(file))
        if look.refused or look.size is None:
            issue = look.issues[0]
            problems.add(issue.kind, job.relative, detail=issue.detail)
            return None
        page = outlined(job.page, task, problems)
        page = aligned(page, file, look.size, options.rescale, problems)
        rows = rows_of(page, look.size, numbers, task, problems)
        if not rows:
            if job.page.things or job.page.lost:
                problems.add("objects-lost", job.relative)
                return None
            if options.drop_empty:
                problems.add("empty-dropped", job.relative)
                return None
            if page.source != file:
                problems.add("no-object", page.source, page.at)
        suffix = _suffix(file)
        target, changed = places.place(job.relative, part, suffix)
        if changed:
            problems.add("renamed", job.relative, detail=f"images/{target}")
        rewritten = any(issue.kind == "image-rewritten" for issue in look.issues)
        if options.link and rewritten:
            problems.add("not-linked", job.relative)
        put(file, work / "images" / target, options.link and job.picture is not None and not rewritten)
    finally:
        if job.picture is None:
            file.unlink()
    if rows or page.source != file:
        label = (work / "labels" / target).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_bytes("".join(line(row, look.size, task) for row in rows).encode())
    return rows


def _embedded(job: Job, problems: Problems) -> Optional[bytes]:
    try:
        return labelme.image_in(job.page.source)
    except (ValueError, OSError) as e:
        problems.add("image-unreadable", job.page.source, "imageData", e)
        return None


def _suffix(file: Path) -> str:
    """Return the suffix to write where upstream would not read the file's own: .jfif is .jpg to it."""
    from PIL import Image

    from ultralytics.data.utils import IMG_FORMATS

    if file.suffix[1:].lower() in IMG_FORMATS:
        return ""
    with Image.open(file) as image:
        return {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}.get(image.format or "", f".{image.format}".lower())
