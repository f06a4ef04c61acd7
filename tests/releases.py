"""Small releases for tests: wheels of a few files, and two steps that fit some of them."""

import re
import zipfile

from fork.edit import Outcome, Step
from fork.errors import StepError

NAME = "ultralytics"
TASKS = "ultralytics/nn/tasks.py"
PARTS = "ultralytics/nn/parts.py"


def make_wheel(folder, version, files=None):
    """Write the wheel of a release that consists of these files, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}-{version}-py3-none-any.whl"
    content = {f"{NAME}/__init__.py": f'__version__ = "{version}"\n', TASKS: "x = 1\n", **(files or {})}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return path


def _step(name, old, new, absent):
    def apply(tree):
        text = tree[TASKS].decode()
        if new in text:
            return Outcome(0, "already applied")
        if absent and absent in text:
            return Outcome(0, f"this release has {absent}")
        if text.count(old) != 1:
            raise StepError(name, TASKS, "module", f"`{old}`", f"{text.count(old)} such places")
        tree[TASKS] = text.replace(old, new).encode()
        return Outcome(1, where=(f"{TASKS}: module",))

    return Step(name, "4.1" if name.startswith("s") else "-", f"Replace {old}", "It shows.", (TASKS,), (1, 1), apply)


STEPS = (_step("s01_one", "x = 1", "x = 2", ""), _step("x02_two", "y = 1", "y = 2", "z = 1"))


def relabel(wheel, target, version, changes):
    """Copy the pinned wheel as another release, with each (file, pattern, text) replaced once."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            for file, pattern, text in changes:
                if name == file:
                    data, hits = re.subn(pattern.encode(), text.encode(), data, flags=re.MULTILINE)
                    assert hits == 1, (file, pattern, hits)
            new.writestr(name, data.replace(b"8.4.190", version.encode()) if name == f"{NAME}/__init__.py" else data)
    return target
