"""What a comparison was made with: versions, hardware, data, arguments; and what of it can be repeated to the bit."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from fork.pin import ROOT, load_pin
from fork.state import look
from lab.compare.plan import differences
from lab.files import read_json, write_json
from lab.speed.latency import cpu_name
from run.arguments import UsageError

RECORD = "record.json"
VERSION = 1
PACKAGES = ("torch", "torchvision", "numpy", "opencv-python", "pillow", "polars", "timm", "ray")
DETERMINISM = [
    "CPU: the same run, uninterrupted, in the same versions and with the same number of threads, gives the same "
    "weights to the bit; another number of threads adds up sums in another order.",
    "A run that was stopped and went on is not bit-equal to an uninterrupted one: upstream stores the optimizer and "
    "the averaged weights in half precision, and seeds the random numbers anew. It is as good a run, but another one; "
    "the number of attempts of each run is in its state.json.",
    "CUDA: not bit-repeatable. Upstream asks for deterministic algorithms with a warning only, and the backward pass "
    "of grid_sample (RT-DETR's deformable attention) has none.",
]


def environment(threads: int, device: Optional[str]) -> Dict[str, Any]:
    """Return the versions and the hardware of this machine."""
    import torch

    pin = load_pin()
    state = look(ROOT, pin)
    stamp = state.stamp
    result: Dict[str, Any] = {
        "fork": {
            "release": stamp.version if stamp else pin.version,
            "revision": stamp.revision if stamp else pin.revision,
            "tree": state.digest,
            "edited": state.edited,
        },
        "git": _git(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES for found in [_version(name)] if found},
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "device": device,
        "gpus": [],
    }
    if torch.cuda.is_available():
        result["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        result["cuda"], result["cudnn"] = torch.version.cuda, torch.backends.cudnn.version()
    return result


def _version(package: str) -> Optional[str]:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> Optional[Dict[str, Any]]:
    """Return the commit of the checkout and whether files differ from it; None outside git."""
    if not (ROOT / ".git").exists():  # an unpacked archive below some other repository
        return None
    outputs = []
    for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, timeout=30)
            if done.returncode == 0:
                outputs.append(done.stdout.strip())
    return {"commit": outputs[0], "dirty": bool(outputs[1])} if len(outputs) == 2 else None


def write(out: Path, plan: Dict[str, Any], now: Dict[str, Any], argv: List[str]) -> List[str]:
    """Write ``record.json``, or add this command to it; return what differs from the commands before, as text."""
    from ultralytics.cfg import DEFAULT_CFG_DICT

    record = read_json(out / RECORD) or {}
    commands = record.get("commands", [])
    mixed = list(dict.fromkeys(line for one in commands for line in compare(one["environment"], now)))
    command = "python -m lab compare " + " ".join(map(shlex.quote, argv))
    commands.append({"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "command": command, "environment": now})
    record = {
        "version": VERSION,
        "plan": plan,
        "arguments": {**DEFAULT_CFG_DICT, **plan["train"]},
        "environment": commands[0]["environment"],
        "data": {"file": plan["data"], "digest": plan["data_digest"], "notes": plan.get("data_notes", [])},
        "seeds": plan["seeds"],
        "determinism": DETERMINISM,
        "mixed": list(dict.fromkeys([*record.get("mixed", []), *mixed])),
        "commands": commands,
    }
    write_json(out / RECORD, record)
    return mixed


def compare(then: Dict[str, Any], now: Dict[str, Any], name: str = "") -> List[str]:
    """Say what differs between two environments, key by key."""
    result = []
    for key in sorted({*then, *now}):
        a, b, full = then.get(key), now.get(key), f"{name}{key}"
        if isinstance(a, dict) and isinstance(b, dict):
            result += compare(a, b, f"{full} ")
        elif a != b:
            result.append(f"{full}: {a} then, {b} now")
    return result


def read(path: Path) -> Dict[str, Any]:
    """Read a record for ``--again``.

    Raises:
        UsageError: It is none.
    """
    path = path / RECORD if path.is_dir() else path
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("plan"), dict) or "environment" not in record:
        state = "is not a record of a comparison" if path.is_file() else "does not exist"
        raise UsageError(f"--again {path} {state}: name the record.json in a comparison's folder")
    if record.get("version") != VERSION:
        raise UsageError(f"--again {path}: its version is {record.get('version')}, this program knows {VERSION}")
    return record


def changed(record: Dict[str, Any], plan: Dict[str, Any], now: Dict[str, Any]) -> List[str]:
    """Say what differs between a record and a plan that repeats it."""
    return [*differences(record["plan"], plan), *compare(record["environment"], now)]
