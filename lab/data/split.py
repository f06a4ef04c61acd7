"""Divides a data set into parts: stratified by class, images of one source kept together, the same on every machine."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Hashable, List, NamedTuple, Tuple

from lab.data.common import PARTS, Entry, check_new, entries, new_folder, open_set, write_yaml
from lab.data.findings import Issue, Tally
from lab.data.findings import lines as finding_lines
from lab.data.groups import group, rule_of, suggestion
from lab.data.stratify import divide
from lab.files import write_json
from lab.terminal import pad, width
from run import start
from run.arguments import UsageError
from run.start import say


class Division(NamedTuple):
    """A data set divided.

    Attributes:
        entries: Its images, sorted by path.
        parts: The part of each.
        groups: The group of each.
    """

    entries: List[Entry]
    parts: List[str]
    groups: List[int]


def read_parts(text: str) -> Dict[str, float]:
    """Read ``train=0.8,val=0.2``.

    Raises:
        UsageError: It is not of that form, lacks train or val, or does not sum to 1.
    """
    advice = "write --parts train=0.8,val=0.1,test=0.1"
    result: Dict[str, float] = {}
    for word in text.split(","):
        name, _, value = (side.strip() for side in word.partition("="))
        try:
            share = float(value)
        except ValueError:
            raise UsageError(f"--parts {text}: {word!r} is not NAME=FRACTION; {advice}") from None
        if name not in PARTS or name in result:
            why = "is there twice" if name in result else f"is none of {', '.join(PARTS)}"
            raise UsageError(f"--parts {text}: {name!r} {why}; {advice}")
        if not 0 < share < 1:
            raise UsageError(f"--parts {text}: {name} is {value}, which is not between 0 and 1; {advice}")
        result[name] = share
    missing = [name for name in ("train", "val") if name not in result]
    if missing:
        raise UsageError(f"--parts {text}: there is no {missing[0]}, without which upstream does not train; {advice}")
    if abs(sum(result.values()) - 1) > 1e-6:
        raise UsageError(f"--parts {text}: the fractions sum to {sum(result.values()):g}, not to 1")
    return {name: result[name] for name in PARTS if name in result}


def main(options: Any) -> int:
    """Run ``split``; return the exit code."""
    check_new(options.to)
    shares = read_parts(options.parts)
    if options.group_by:
        rule_of(options.group_by)
    start.load_quietly()
    plan, content = open_set(options.data)
    tally = Tally(plan.root, most=None)
    division = split(plan, shares, options.seed, options.group_by, options.stratify, tally)
    table = count(division, plan.names, shares)
    note_missing(table, plan.names, tally)
    with new_folder(options.to) as work:
        sources = _lists(work, division, shares)
        keep = {key: content[key] for key in ("kpt_shape", "flip_idx", "channels") if key in content}
        comment = f"Divided by `python -m lab data split`, seed {options.seed}, from {plan.file}"
        write_yaml(work / "data.yaml", {**sources, **keep, "names": dict(plan.names)}, comment)
        record = {"source": plan.file, "images": len(division.entries), "groups": len(set(division.groups))}
        record["options"] = {key: value for key, value in vars(options).items() if key != "verb"}
        record["parts"] = {part: {str(k): n for k, n in one.items()} for part, one in table.items()}
        write_json(work / "report.json", {**record, "findings": tally.record()})
    for line in lines(table, plan.names, division):
        say(line)
    found = tally.findings()
    for line in finding_lines(found, "warning"):
        say(line)
    hint = None if options.group_by else suggestion([entry.image for entry in division.entries])
    if hint:
        say(f"warning: {hint}")
    say(f"written   {Path(options.to) / 'data.yaml'}" + " and its lists; no image was copied")
    return 1 if options.strict and (hint or any(one.kind != "same-bytes" for one in found)) else 0


def split(plan: Any, shares: Dict[str, float], seed: int, rule: Any, by_class: bool, tally: Tally) -> Division:
    """Divide the images of a data set.

    Raises:
        UsageError: There are fewer groups than parts.
    """
    found: Dict[str, Entry] = {}
    unique = {os.path.abspath(path): (part, path) for part, paths in plan.images.items() for path in paths}
    images: Dict[str, List[str]] = {part: [] for part in plan.images}
    for part, path in unique.values():  # where val is train itself, an image counts once
        images[part].append(path)
    for entry in entries(plan._replace(images=images)):
        if entry.look.refused:
            tally.add(entry.image, entry.look.issues[0])
            continue
        if entry.labels is not None and entry.labels.refused:
            for issue in entry.labels.issues:
                tally.add(entry.label, issue)
        found.setdefault(os.path.abspath(entry.image), entry)
    items = [found[path] for path in sorted(found, key=tally.short)]
    numbers = group([entry.image for entry in items], rule, tally)
    members: Dict[int, List[int]] = {}
    for n, number in enumerate(numbers):
        members.setdefault(number, []).append(n)
    if len(members) < len(shares):
        why = f"--group-by {rule}" if rule else "images alike to the byte stay together"
        raise UsageError(
            f"{len(items)} images in {len(members)} groups cannot be divided into {len(shares)} parts ({why})"
        )
    labels: List[Dict[Hashable, int]] = []
    for some in members.values():
        one: Counter[Hashable] = Counter()
        for n in some:
            one.update({box[1] for box in items[n].labels.boxes} if items[n].labels else ())
            one.update([] if items[n].labels and items[n].labels.boxes else ["background"])
        labels.append(one)
    chosen = divide(labels, [len(some) for some in members.values()], list(shares.values()), seed, by_class)
    names = list(shares)
    part_of_group = {number: names[part] for number, part in zip(members, chosen)}
    return Division(items, [part_of_group[number] for number in numbers], numbers)


def count(division: Division, names: Dict[int, str], shares: Dict[str, float]) -> Dict[str, Counter[Any]]:
    """Return part -> images, background and objects of each class (by number)."""
    table: Dict[str, Counter[Any]] = {part: Counter(images=0, background=0) for part in shares}
    for entry, part in zip(division.entries, division.parts):
        boxes = entry.labels.boxes if entry.labels else ()
        table[part].update(images=1, background=int(not boxes))
        table[part].update(box[1] for box in boxes)
    return table


def note_missing(table: Dict[str, Counter[Any]], names: Dict[int, str], tally: Tally) -> None:
    """Note parts without an image, and classes that a part lacks though the set has them."""
    for part, one in table.items():
        if not one["images"]:
            tally.add(part, Issue("no-images"))
            continue
        for number, name in names.items():
            there = sum(other[number] for other in table.values())
            if there and not one[number]:
                tally.add(name, Issue("class-none", detail=f"none of {there} in {part}"))


def lines(table: Dict[str, Counter[Any]], names: Dict[int, str], division: Division, most: int = 40) -> List[str]:
    """Return the counts for a terminal, the share of each part beside them."""
    wide = max([10, *(width(name) for name in list(names.values())[:most])])
    rows: List[Tuple[str, Any]] = [("images", "images"), ("background", "background")]
    rows += [(name, number) for number, name in list(names.items())[:most]]
    result = [f"{'':{wide}}  " + "  ".join(f"{part:>15}" for part in table)]
    for title, key in rows:
        total = sum(one[key] for one in table.values())
        cells = (f"{one[key]:,} ({one[key] / total:.1%})" if total else "0" for one in table.values())
        result.append(pad(title, wide) + "  " + "  ".join(f"{cell:>15}" for cell in cells))
    if len(names) > most:
        result.append(f"and {len(names) - most} more classes: see report.json")
    groups = len(set(division.groups))
    if groups < len(division.entries):
        result.append(f"{len(division.entries)} images in {groups} groups, none of which is in two parts")
    return result


def _lists(work: Path, division: Division, shares: Dict[str, float]) -> Dict[str, str]:
    """Write a list of absolute paths for each part."""
    for part in shares:
        paths = [os.path.abspath(e.image) for e, p in zip(division.entries, division.parts) if p == part]
        (work / f"{part}.txt").write_bytes("".join(f"{path}\n" for path in paths).encode())
    return {part: f"{part}.txt" for part in shares}
