"""The structure of a model YAML, checked before anything is built: keys, rows, names and indices."""

from __future__ import annotations

import difflib
import numbers
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._rows.lookup import activation
from ..contract import SLOTS, BackboneError
from .yamltext import Problem

Where = Callable[..., Tuple[int, int]]

SECTIONS = ("backbone", "head")
KNOWN_KEYS = {"nc", "scales", "scale", "backbone", "head", "activation", "depth_multiple", "width_multiple"}
KNOWN_KEYS |= {
    "kpt_shape",
    "end2end",
    "reg_max",
    "channels",
    "ch",
    "anchors",
    "yaml_file",
    "inplace",
    "names",
    "task",
    "weights_follow",
}
HEADS = {"Classify", "Depth", "Detect", "OBB", "OBB26", "Pose", "Pose26", "RTDETRDecoder", "Segment", "Segment26"}
HEADS |= {"SemanticSegment", "WorldDetect", "YOLOEDetect", "YOLOESegment", "YOLOESegment26", "v10Detect"}
ROW_FORM = "[from, repeats, module, arguments]"
MOST_REPEATS = 1000


class Place(NamedTuple):
    """Where a row stands in the YAML: its section, and its position there and in both sections together."""

    section: str
    position: int
    row: int


class Structure(NamedTuple):
    """What is known of a model YAML before anything is built.

    Attributes:
        problems: What is wrong with it.
        places: A place for each row; empty where the sections are not two lists.
        bad: Positions of rows that cannot be built as they stand.
        instead: For some of these, the names that were probably meant.
        shift: How far indices run ahead of positions: 4 behind a backbone in row 0, else 0.
    """

    problems: List[Problem]
    places: List[Place]
    bad: Set[int]
    instead: Dict[int, List[str]]
    shift: int

    def index(self, row: int) -> int:
        """Return the index of a row as the YAML must use it (for a backbone that of its last map)."""
        return row + self.shift


class Names(NamedTuple):
    """The names that a row may use.

    Attributes:
        modules: Upstream's own.
        backbones: Those of this folder.
        is_backbone: Tells whether a row's name, with its arguments, is a backbone's.
        explain: Says what is wrong with a name and which names are like it, or returns None.
        is_broken: Tells whether a name is that of a file of this folder that could not be imported.
    """

    modules: Set[str]
    backbones: Set[str]
    is_backbone: Callable[[str, Any], bool]
    explain: Callable[[str, Any], Optional[Tuple[str, List[str]]]]
    is_broken: Callable[[str], bool]


def nearest(name: str, known: Iterable[str], count: int = 3, cutoff: float = 0.6) -> List[str]:
    """Return the names that are most like ``name``, letters' case aside, the best first."""
    plain = {key.lower(): key for key in sorted(known)}
    return [plain[key] for key in difflib.get_close_matches(name.lower(), plain, n=count, cutoff=cutoff)]


def either(names: Sequence[str]) -> str:
    """Return names as a choice: ``A, B or C``."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def check_structure(model: Any, where: Where, names: Names) -> Structure:
    """Check the keys and rows of a model YAML.

    Args:
        model: Its content.
        where: Gives line and column of an entry.
        names: What rows may be called.
    """
    problems: List[Problem] = []

    def add(
        path: Sequence[Any], message: str, advice: str = "", row: Optional[int] = None, severe: bool = True
    ) -> None:
        line, column = where(*path)
        problems.append(Problem(line, column, message, advice, row, severe))

    if not isinstance(model, dict):
        add((), f"a model YAML holds keys and values, this is a {type(model).__name__}", "see cfg/models/ for examples")
        return Structure(problems, [], set(), {}, 0)
    _check_keys(model, add)
    if not all(isinstance(model.get(section), list) and model[section] for section in SECTIONS):
        return Structure(problems, [], set(), {}, 0)
    places = [
        Place(section, position, row)
        for row, (section, position) in enumerate((s, p) for s in SECTIONS for p in range(len(model[s])))
    ]
    rows = [model[place.section][place.position] for place in places]
    shift = SLOTS - 1 if _is_multi_map(rows, names) else 0
    depth = _depth(model)
    bad: Set[int] = set()
    misplaced = False  # True behind a backbone in a later row, whose five indices rows may count with
    instead: Dict[int, List[str]] = {}
    for place, row in zip(places, rows):
        before = len(problems)
        index = place.row + shift

        def report(part: Tuple[int, ...], message: str, advice: str = "", severe: bool = True) -> None:
            add((place.section, place.position, *part), message, advice, index, severe)  # noqa: B023

        if _check_form(row, report):
            known = _check_source(row, place.row, index, shift, SLOTS - 1 if misplaced else 0, report)
            meant = _check_module(row, place.row, depth, names, report)
            if meant:
                instead[place.row] = meant
            misplaced = misplaced or (place.row > 0 and not shift and names.is_backbone(row[2], row[3]))
            if not known:
                bad.add(place.row)
        if any(problem.severe for problem in problems[before:]):
            bad.add(place.row)
    return Structure(problems, places, bad, instead, shift)


def _check_keys(model: Dict[Any, Any], add: Callable[..., None]) -> None:
    if not set(SECTIONS) & set(model) and ({"train", "val", "names"} & set(model)):
        add((), "this is a data YAML: it has train, val or names, and no rows", "give it as --data, and a model YAML")
        return
    for key in ("nc", *SECTIONS):
        if key not in model:
            near = nearest(key, (str(k) for k in model if k not in KNOWN_KEYS), count=1, cutoff=0.5)
            advice = f"is {near[0]!r} meant to be it?" if near else _WHAT[key]
            add((near[0],) if near else (), f"the key `{key}` is missing", advice)
    for key in model:
        near = nearest(str(key), KNOWN_KEYS, count=1, cutoff=0.8)
        if key not in KNOWN_KEYS and near and near[0] not in model and near[0] not in ("nc", *SECTIONS):
            add((key,), f"the key `{key}` is not known", f"did you mean `{near[0]}`?", severe=False)
    number = model.get("nc")
    if "nc" in model and not _is_count(number):
        add(("nc",), f"`nc` is {number!r}, expected the number of classes", "write for example `nc: 80`")
    for section in SECTIONS:
        if section in model and not (isinstance(model[section], list) and model[section]):
            found = _shown(model[section])
            add(
                (section,), f"`{section}` is {found}, expected a list of rows", _section_advice(section, model[section])
            )
    _check_scales(model, add)
    activation = model.get("activation")
    if activation is not None and not _is_activation(activation):
        add(
            ("activation",),
            f"`activation` is {activation!r}, expected an activation of torch",
            "write for example `activation: torch.nn.ReLU()`; other code is not run",
        )


_WHAT = {
    "nc": "write `nc: 80`, the number of classes; training takes it from the data set",
    "backbone": "write `backbone:` with a row such as `- [-1, 1, MobileNetV3, []]` below it",
    "head": "write `head:` with its rows below it, the last one a head such as `Detect`; cfg/models/ has four to copy",
}


def _section_advice(section: str, value: Any) -> str:
    if section == "backbone" and isinstance(value, str):
        if value.endswith((".pt", ".pth", ".safetensors")):
            return "write `- [-1, 1, NAME, [{pretrained: " + value + "}]]`: the file is an argument of a backbone"
        return f"write `- [-1, 1, {value}, []]` below it" if value.isidentifier() else _WHAT[section]
    return _WHAT[section]


def _check_scales(model: Dict[Any, Any], add: Callable[..., None]) -> None:
    scales, scale = model.get("scales"), model.get("scale")
    if not scales:
        for key in ("depth_multiple", "width_multiple"):
            if key in model and not _is_number(model[key]) and (key != "depth_multiple" or _repeats(model)):
                add((key,), f"`{key}` is {model[key]!r}, expected a number", "1.0 leaves the rows as they are")
        return
    if not isinstance(scales, dict):
        add(("scales",), f"`scales` is {_shown(scales)}, expected names with [depth, width, max_channels]", "")
        return
    chosen = scale or next(iter(scales))
    for name, values in scales.items():
        if not _is_scale(values):
            message = f"the scale {name!r} is {_shown(values)}"
            add(("scales", name), message, "expected [depth, width, max_channels]", severe=name == chosen)
    if scale and scale not in scales:
        add(
            ("scales",),
            f"the file's name asks for the scale {scale!r}, which is not under `scales`",
            f"there are {', '.join(map(str, scales))}: a letter behind the version number names the scale "
            f"(yolo11s.yaml); add it, or rename the file",
        )


def _repeats(model: Dict[Any, Any]) -> bool:
    """Return whether any row is repeated; without one the depth has no effect."""
    rows = [row for section in SECTIONS if isinstance(model.get(section), list) for row in model[section]]
    return any(isinstance(row, list) and len(row) > 1 and _is_number(row[1]) and row[1] > 1 for row in rows)


def usable(model: Dict[Any, Any]) -> Dict[Any, Any]:
    """Return a copy in which wrong keys beside the rows are set to something harmless, so that rows can be built."""
    result = dict(model)
    number = model.get("nc")
    if not _is_count(number):
        result["nc"] = 80
    if not _is_activation(model.get("activation", "nn.SiLU()")):
        result["activation"] = None
    scales, chosen = model.get("scales"), model.get("scale")
    if isinstance(scales, dict) and scales:
        values = scales.get(chosen) if chosen else next(iter(scales.values()))
        if not _is_scale(values):
            result["scales"], result["scale"] = {"n": [1.0, 1.0, 1024]}, "n"
    elif scales:
        result["scales"] = None
    for key in ("depth_multiple", "width_multiple"):
        if key in model and not _is_number(model[key]):
            result[key] = 1.0
    return result


def _check_form(row: Any, report: Callable[..., None]) -> bool:
    if not isinstance(row, list) or len(row) != 4:
        found = f"{len(row)} entries" if isinstance(row, list) else _shown(row)
        report((), f"a row is {ROW_FORM}, this one has {found}", "a module without arguments gets an empty list: []")
        return False
    source, repeats, module, arguments = row
    good = True
    sources = source if isinstance(source, list) else [source]
    if not sources or not all(isinstance(s, int) and not isinstance(s, bool) for s in sources):
        report((0,), f"the row reads from {source!r}, expected an index or a list of indices", "-1 is the row before")
        good = False
    if not _is_number(repeats):
        report((1,), f"the number of repeats is {repeats!r}, expected a whole number", "1 builds the module once")
        good = False
    elif repeats > MOST_REPEATS:
        report((1,), f"the row asks for {repeats} repeats, more than {MOST_REPEATS}", "are the entries in order?")
        good = False
    elif repeats < 1:
        report((1,), f"the number of repeats is {repeats}, which builds the module once", "write 1", severe=False)
    if not isinstance(module, str) or not module:
        report((2,), f"the module is {module!r}, expected its name", f"a row is {ROW_FORM}")
        good = False
    if not isinstance(arguments, list):
        report((3,), f"the arguments are {_shown(arguments)}, expected a list", "no arguments are an empty list: []")
        good = False
    return good


def _check_source(
    row: List[Any], position: int, index: int, shift: int, slack: int, report: Callable[..., None]
) -> bool:
    """Check what a row reads; return False where it reads an index that a misplaced backbone would give."""
    source, known = row[0], True
    if position == 0:
        if source != -1:
            report((0,), f"the first row reads from {source!r}", "it reads the image: write -1")
        return True
    first = position + shift  # entries that exist before this row
    for n, s in enumerate(source if isinstance(source, list) else [source]):
        part = (0, n) if isinstance(source, list) else (0,)
        known = known and s < first
        if s >= first + slack:
            what = "itself" if s == index else "a row that comes later, or not at all"
            report(
                part,
                f"the row has index {index} and reads from {s}, {what}",
                f"the indices before it are 0 to {first - 1}",
            )
        elif s < -first:
            report(part, f"the row reads from {s}, {-s} rows back, and there are {first} indices before it", _COUNT)
    return known


_COUNT = "-1 is the row before; a backbone in row 0 counts as five"


def _depth(model: Dict[Any, Any]) -> float:
    """Return by what upstream multiplies the repeats of a row that has more than one."""
    model = usable(model)
    scales = model.get("scales")
    if scales:
        return float(scales[model.get("scale") or next(iter(scales))][0])
    return float(model.get("depth_multiple", 1.0))


def _check_module(row: List[Any], position: int, depth: float, names: Names, report: Callable[..., None]) -> List[str]:
    """Check a row's module; return the names that were probably meant where it is unknown."""
    _, repeats, name, arguments = row
    once = repeats <= 1 or round(repeats * depth) <= 1
    backbone = names.is_backbone(name, arguments)
    if backbone and position:
        report((2,), f"the backbone {name} is not in the first row", "a backbone is the first row under `backbone:`")
    elif not once and (backbone or name in HEADS):
        kind = "backbone" if backbone else "head"
        report((1,), f"the {kind} {name} has {repeats} repeats", f"a {kind} is built once: write 1")
    wrong = None if backbone else names.explain(name, arguments)
    if wrong is None:
        return []
    message, near = wrong
    if not message:
        message = f"there is no module {name!r}"
        near = nearest(name, {*names.modules, *names.backbones} if position == 0 else names.modules)
    others = "" if position or wrong[0] else f"the backbones are {', '.join(sorted(names.backbones))}"
    report((2,), message, f"did you mean {either(near)}?" if near else others)
    return near


def _is_multi_map(rows: List[Any], names: Names) -> bool:
    """Return whether row 0 is a backbone, or is probably meant to be one."""
    row = rows[0]
    if not isinstance(row, list) or len(row) < 3 or not isinstance(row[2], str):
        return _counts_from_five(rows)
    arguments = row[3] if len(row) > 3 else []
    if names.is_backbone(row[2], arguments):
        return True
    if names.explain(row[2], arguments) is None:  # upstream's, or a function that somebody has added
        return row[2] not in names.modules and "." not in row[2] and _counts_from_five(rows)
    if names.is_broken(row[2]):  # asked last: what a broken file defines too is there nevertheless
        return True
    near = nearest(row[2], {*names.modules, *names.backbones}, count=1)
    return near[0] in names.backbones if near else _counts_from_five(rows)


def _counts_from_five(rows: List[Any]) -> bool:
    """Return whether a row reads an index that there is only behind a backbone."""
    for position, row in enumerate(rows):
        source = row[0] if isinstance(row, list) and row else None
        for s in source if isinstance(source, list) else [source]:
            if isinstance(s, int) and not isinstance(s, bool) and position <= s < position + SLOTS - 1:
                return position > 0
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real)


def _is_scale(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and len(values) == 3 and all(_is_number(v) for v in values)


def _is_count(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1


def _is_activation(text: Any) -> bool:
    try:
        activation(text)
    except BackboneError:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value)
    kind = {dict: "a mapping", list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "")
    return f"{kind}: {text[:60]}{'…' if len(text) > 60 else ''}" if kind and value is not None else kind or text[:60]
