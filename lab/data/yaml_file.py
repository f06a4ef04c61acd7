"""Reads a data YAML as upstream's trainer will, without fetching, running or writing anything, and lists its images."""

from __future__ import annotations

import difflib
import glob
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Set, Tuple

from lab.data.findings import Issue
from lab.data.listing import list_images

if TYPE_CHECKING:
    from ultralytics.nn.Addmodules._check.yamltext import Document, Problem

SPLITS = ("train", "val", "test")
MOST_CLASSES = 100_000
"""A larger `nc` is a slip; without `names` upstream would make up a name for each."""


class Plan(NamedTuple):
    """What a data YAML says.

    Attributes:
        file: The YAML.
        root: The folder that its paths count from.
        names: Class number -> name; None where that is wrong.
        channels: Channels of the images.
        points: Numbers of keypoints behind each box, 0 for none.
        sources: Split -> the folders and lists that it names.
        images: Split -> the images there, sorted.
        issues: What lists and folders hold besides: (file, issue).
    """

    file: str
    root: str
    names: Optional[Dict[int, str]]
    channels: int
    points: int
    sources: Dict[str, List[str]]
    images: Dict[str, List[str]]
    issues: List[Tuple[str, Issue]]


def find_yaml(given: str, problems: List[Problem]) -> Optional[str]:
    """Return the file that upstream would read for ``--data``; None, with a problem, where there is none here."""
    from ultralytics.data.utils import find_dataset_yaml
    from ultralytics.utils.checks import check_file

    low = given.lower()
    if "://" in low or low.endswith((".ndjson", ".zip", ".tar", ".gz", ".tgz")):
        what = "an address, which upstream would fetch" if "://" in low else "an archive, which upstream would unpack"
        problems.append(problem_at(f"{given} is {what}; nothing was checked", "fetch or unpack it and name its YAML"))
        return None
    try:
        if os.path.isdir(given):
            return str(find_dataset_yaml(Path(given)))
        if not os.path.exists(given) and Path(given).suffix.lower() not in {".yaml", ".yml"}:
            tries = (check_file(given + suffix, download=False, hard=False) for suffix in (".yaml", ".yml"))
            given = next((str(found) for found in tries if found), given)
        found = str(check_file(given, download=False))
    except (AssertionError, FileNotFoundError, OSError, ValueError) as e:
        message, advice = f"{given} does not exist", _near(Path(given))
        if os.path.isdir(given) or "Multiple" in str(e):
            message, advice = " ".join(str(e).split()), "name the YAML itself"
        problems.append(problem_at(message, advice or "give the path of a data YAML"))
        return None
    if not found.lower().endswith((".yaml", ".yml")):
        problems.append(problem_at(f"{found} does not end with .yaml, and upstream refuses it", "rename it"))
        return None
    return found


def read_plan(file: str, nc: Optional[int], problems: List[Problem]) -> Optional[Plan]:
    """Read the YAML, append what is wrong with it to ``problems``, and list the images of each split.

    Returns:
        What could be read, None where it is not a mapping.
    """
    from ultralytics.nn.Addmodules._check.yamltext import read_document

    document = read_document(file)
    problems += document.problems
    if not document.data or not isinstance(document.data, dict):
        if not any(problem.severe for problem in document.problems):
            problems.append(problem_at(f"{file} is empty or no mapping", "it needs `train:`, `val:` and `names:`"))
        return None
    reader = _Reader(document, dict(document.data), problems)
    reader.types()
    names = reader.names(nc)
    channels, points, root = reader.channels(), reader.points(), reader.root()
    plan = Plan(file, str(root), names, channels, points, {}, {}, [])
    for split in SPLITS:
        sources = reader.split(split, root)
        if sources:
            plan.sources[split] = sources
            plan.images[split] = list_images(split, sources, reader.add, plan.issues)
    if sorted(plan.sources.get("val", [])) == sorted(plan.sources.get("train", ["-"])):
        reader.add(("val",), "val is train itself", "figures on it say nothing about new images", severe=False)
    return plan


def problem_at(message: str, advice: str = "", line: int = 0, column: int = 0, severe: bool = True) -> Problem:
    """Return a problem of the data YAML, of it as a whole unless a place is given."""
    from ultralytics.nn.Addmodules._check.yamltext import Problem

    return Problem(line, column, message, advice, severe=severe)


def _near(path: Path) -> str:
    """Say what is named like a path that does not exist: its first missing part against what is there."""
    missing = path
    while not os.path.isdir(missing.parent) and missing.parent != missing:
        missing = missing.parent
    try:
        there = {name.lower(): name for name in sorted(os.listdir(missing.parent))}
    except OSError:
        return ""
    found = difflib.get_close_matches(missing.name.lower(), there, n=3, cutoff=0.6)
    return f"in {missing.parent} there is {' and '.join(there[name] for name in found)}" if found else ""


def _exists(path: Any) -> bool:
    return os.path.exists(str(path))  # unlike Path.exists it does not raise for one that may not be read


class _Reader:
    """The keys of one data YAML, and what is wrong with them."""

    def __init__(self, document: Document, data: Dict[Any, Any], problems: List[Problem]):
        self.document, self.data, self.problems = document, data, problems
        self.wrong: Set[str] = set()  # keys that types() has reported
        if "val" not in data and "validation" in data:
            data["val"] = data["validation"]
            self.add(("validation",), "`validation:` is taken as `val:`", "write `val:`", severe=False)

    def add(self, keys: Tuple[Any, ...], message: str, advice: str = "", severe: bool = True) -> None:
        """Note a problem at the value of a key."""
        self.problems.append(problem_at(message, advice, *self.document.where(*keys), severe))

    def types(self) -> None:
        """Check the types that upstream checks first."""
        from ultralytics.data.utils import DATASET_KEY_TYPES

        for key, types in DATASET_KEY_TYPES.items():
            value = self.data.get(key)
            if value is not None and not isinstance(value, types):
                kinds = " or ".join({"str": "text", "dict": "mapping"}.get(t.__name__, t.__name__) for t in types)
                self.add((key,), f"`{key}` must be a {kinds}, not {type(value).__name__} ({str(value)[:40]})")
                self.wrong.add(key)

    def names(self, model: Optional[int]) -> Optional[Dict[int, str]]:
        """Return the classes, None where `names` and `nc` are wrong."""
        names, nc = self.data.get("names"), self._nc()
        if "names" in self.wrong:
            return None
        if names is None and nc is None:
            if "nc" not in self.data:
                self.add((), "`names` is missing", "list the classes, in the order of their numbers")
            return None
        if names is None:
            names = [f"class_{i}" for i in range(nc or 0)]
            self.add((), f"`names` is missing: the classes are called class_0 to class_{len(names) - 1}", severe=False)
        if isinstance(names, list):
            names = dict(enumerate(names))
        if nc is not None and nc != len(names):
            advice = f"write `nc: {len(names)}`, or leave it out, or mend the names"
            self.add(("nc",), f"`nc` is {nc}, and `names` has {len(names)}", advice)
        result = self._numbered(names)
        if result is not None and nc in {None, len(names)}:
            self._words(names)
            if model is not None and model != len(result):
                message = (
                    f"the number of classes is {len(result)} here and {model} in the model's YAML: "
                    f"upstream builds the model with {len(result)}"
                )
                self.add(("names",), message, "nothing: the data decide", severe=False)
        return result

    def _nc(self) -> Optional[int]:
        if "nc" not in self.data:
            return None
        try:
            number = float(self.data["nc"])
            if number == int(number) and 0 < number <= MOST_CLASSES:
                return int(number)
        except (TypeError, ValueError, OverflowError):
            pass
        self.add(
            ("nc",),
            f"`nc: {self.data['nc']}` is not a whole number of classes",
            "leave it out: the number of names is taken",
        )
        return None

    def _numbered(self, names: Dict[Any, Any]) -> Optional[Dict[int, str]]:
        """Return names by number; None where the numbers are not 0, 1, 2 and so on."""
        if not names:
            self.add(("names",), "`names` is empty", "list the classes, in the order of their numbers")
            return None
        try:
            numbered = {int(key): str(name) for key, name in names.items()}
        except (TypeError, ValueError, OverflowError):
            wrong = next((key for key in names if not re.fullmatch(r"\s*[-+]?\d+\s*", str(key))), None)
            swapped = all(isinstance(value, int) for value in names.values())
            advice = "write `number: name`, not `name: number`" if swapped else "write `0: first`, `1: second`, ..."
            self.add(("names", wrong), f"`names` has {wrong!r} where a class number is needed", advice)
            return None
        missing = [i for i in range(len(names)) if i not in numbered]
        if missing:
            wrong_numbers = sorted(set(numbered) - set(range(len(names))))
            there = ", ".join(map(str, wrong_numbers[:5])) or "a number twice"
            text = (
                f"`names` has {len(names)} classes but no {', '.join(map(str, missing[:5]))} (it has {there} instead)"
            )
            self.add(("names",), text, "number the classes from 0 without gaps, the labels alike")
            return None
        return numbered

    def _words(self, names: Dict[Any, Any]) -> None:
        """Mention names that YAML has read as something else, and those that are there twice."""
        is_list = isinstance(self.data.get("names"), list)
        seen: Dict[str, Any] = {}
        for key, name in names.items():
            where = ("names", int(key) if is_list else key)
            if name is None or isinstance(name, (bool, list, dict)):
                place = self.document.where(*where)
                if not any((problem.line, problem.column) == place for problem in self.problems):  # said by the reader
                    text = f"class {key} is called {name!s}: YAML does not read it as text"
                    self.add(where, text, "put it into quotes", severe=False)
            elif str(name) in seen:
                message = f"classes {seen[str(name)]} and {key} are both called {name}"
                self.add(where, message, "give each its own name, or merge them in the labels", severe=False)
            seen.setdefault(str(name), key)

    def channels(self) -> int:
        """Return the channels of the images, 3 where that is wrong."""
        channels = self.data.get("channels", 3)
        if isinstance(channels, int) and not isinstance(channels, bool) and channels > 0:
            return channels
        self.add(
            ("channels",), f"`channels: {channels}` is not a whole number from 1", "write 3 for colour, 1 for grey"
        )
        return 3

    def points(self) -> int:
        """Return how many numbers of keypoints follow each box in the labels of a pose set."""
        shape = self.data.get("kpt_shape")
        if isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape):
            return int(shape[0] * shape[1])
        if "kpt_shape" in self.data and "kpt_shape" not in self.wrong:
            message = f"`kpt_shape: {shape}` is not a number of keypoints and 2 or 3"
            self.add(("kpt_shape",), message, "write `kpt_shape: [17, 3]`, or leave it out where there are none")
        return 0

    def root(self) -> Path:
        """Return the folder that paths count from, by upstream's rules; it may not exist."""
        from ultralytics.data import utils

        given = self.data.get("path")
        here = Path(self.document.path).resolve().parent
        if not given or not isinstance(given, str):
            return here
        root = Path(given)
        if _exists(root):
            return root.resolve()
        if not root.is_absolute():
            root = (Path(utils.DATASETS_DIR) / given).resolve()
        if not _exists(root) and not self._control("path", given):
            tried = f"{root}" if Path(given).is_absolute() else f"{Path.cwd() / given} and {root}"
            advice = self._windows(given) or _near(root) or "correct it, or leave it out: the YAML's folder is taken"
            if not Path(given).is_absolute() and _exists(here / given):
                advice = (
                    f"{here / given} exists, but upstream does not look there: leave `path` out, or write it in full"
                )
            needed = any(
                isinstance(x, str) and not Path(x).is_absolute()
                for split in SPLITS
                for x in (self.data.get(split) if isinstance(self.data.get(split), list) else [self.data.get(split)])
            )
            advice += self._download()
            self.add(("path",), f"`path: {given}` does not exist (looked for {tried})", advice, severe=needed)
        return root

    def _control(self, key: str, text: str) -> bool:
        if not re.search(r"[\x00-\x1f]", text):
            return False
        advice = "in double quotes YAML reads \\n, \\t and \\b as control characters: use / or single quotes"
        self.add((key,), f"`{key}` holds a control character: {text!r}", advice)
        return True

    @staticmethod
    def _windows(text: str) -> str:
        if os.sep == "\\":
            return ""
        if re.match(r"[A-Za-z]:[\\/]", text):
            return "this is a path of Windows: write the path on this machine"
        return "write / in place of \\" if "\\" in text else ""

    def split(self, split: str, root: Path) -> List[str]:
        """Return the folders and lists that a split names, where all exist."""
        value = self.data.get(split)
        if split in self.wrong:
            return []
        if not value:
            if split != "test":
                what = f"`{split}` is {'empty' if split in self.data else 'missing'}"
                self.add((split,) if split in self.data else (), what, f"write `{split}:` and the folder of its images")
            return []
        found = []
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            keys = (split, number) if isinstance(value, list) else (split,)
            if not isinstance(item, str):
                self.add(keys, f"`{split}` has {item!r} where a path is needed", "write folders or lists of images")
                continue
            if self._control(split, item):
                continue
            path = (root / item).resolve()
            if isinstance(value, str) and not _exists(path) and item.startswith("../"):
                path = (root / item[3:]).resolve()
            if _exists(path):
                found.append(str(path))
            elif _exists(root) or Path(item).is_absolute():  # root() has reported a missing root
                self._missing(split, keys, item, path)
        return found

    def _missing(self, split: str, keys: Tuple[Any, ...], item: str, path: Path) -> None:
        if re.search(r"[*?\[]", item) and glob.glob(str(path), recursive=True):
            advice = "upstream does not expand * and ?: name the folder (all below it is read), or a .txt list"
        else:
            advice = self._windows(item) or _near(path) or "correct it, or `path` above it"
        advice += self._download() if split == "val" else ""
        self.add(keys, f"`{split}: {item}` does not exist (looked for {path})", advice, severe=split != "test")

    def _download(self) -> str:
        """Say what upstream would do where val is missing."""
        script = self.data.get("download")
        if not script:
            return ""
        address = re.match(r"https?://\S+$", str(script).strip())
        what = f"fetch {address.group()}" if address else "run the script in `download`"
        return f"; upstream would {what} here, this check does not"
