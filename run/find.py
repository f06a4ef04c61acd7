"""Finds what a command line names: models, data sets, checkpoints, runs."""

from __future__ import annotations

import contextlib
import difflib
import re
import traceback
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

from fork.pin import ROOT
from run import crowns as crowns_set
from run.arguments import UsageError
from run.links import find_loops
from run.start import say

CONFIGS = ROOT / "cfg" / "models"


RUNS_IN = ROOT
"""Folder whose ``runs/`` is searched where the current one has none."""


CROWNS = "tree-crowns.yaml"


def find_model(name: str) -> Tuple[str, Path]:
    """Find a model YAML given by path or bare name.

    Returns:
        The name to build it by (upstream reads the scale from it: yolo11s.yaml), and the file that is read: that of
        the head for a name like ``rtdetr-efficientvit_m0.yaml``, which is derived from it.

    Raises:
        UsageError: There is none; names the ones that come near.
    """
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._rows.derive import derive
    from ultralytics.utils.checks import check_yaml

    if not Path(name).name:
        raise UsageError(f"--cfg {name!r} is not a file name: give a model YAML, by path or bare name")
    path = Path(name).expanduser()
    if path.suffix not in {".yaml", ".yml"}:
        path = path.with_name(path.name + ".yaml")
    if path.is_file():
        return str(path.resolve()), path.resolve()
    unified = re.sub(
        r"(\d+)([nslmx])(.+)?$", r"\1\3", path.name
    )  # upstream's rule: yolo11s.yaml is yolo11.yaml, scale s
    for wanted in (path.name, unified) if path.parent == Path(".") else ():
        if (CONFIGS / wanted).is_file():
            return str(CONFIGS / wanted), CONFIGS / wanted
        found = check_yaml(wanted, hard=False)
        if found:
            return path.name, Path(found[0] if isinstance(found, list) else found).resolve()
    try:
        derived = derive(path.name) if path.parent == Path(".") else None
    except BackboneError as e:
        raise UsageError(str(e)) from None
    if derived is not None:
        return path.name, Path(derived.base).resolve()
    ours = sorted(p.name for p in CONFIGS.glob("*.yaml"))
    near = difflib.get_close_matches(path.name, ours, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(ours)}"
    raise UsageError(f"no model YAML {name!r} in this folder or in {CONFIGS}: {hint}")


def model_class(path: Path) -> Any:
    """Return RTDETR or YOLO, whichever the head of a model YAML belongs to.

    Raises:
        UsageError: The YAML is not one of a model.
    """
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._check import report as preflight

    try:
        rows = preflight.check_text(path).data["head"]
    except BackboneError as e:
        raise UsageError(str(e)) from None
    return RTDETR if rows[-1][2] == "RTDETRDecoder" else YOLO


def load_checkpoint(path: Path) -> Tuple[Any, Dict[str, Any]]:
    """Return the model in a checkpoint, as RTDETR or YOLO, and the checkpoint's content (``train_args``, ``epoch``).

    Raises:
        UsageError: The file is damaged, is not a checkpoint, needs a module that this fork does not have, or is not
            trusted.
    """
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn import tasks
    from ultralytics.nn.Addmodules.contract import BackboneError, told

    if not path.is_file():
        raise UsageError(f"{path} is a folder, not a checkpoint (.pt)" if path.is_dir() else f"{path} does not exist")
    try:
        inner, content = tasks.load_checkpoint(path)
    except (BackboneError, TypeError, ModuleNotFoundError, AttributeError, AssertionError) as e:
        if isinstance(told(e), BackboneError):
            raise UsageError(str(told(e))) from None
        what = _other_than_model(path)
        if what:
            raise UsageError(
                f"{path} holds {what}, not a model\n  to do: give best.pt or last.pt of a run; the weights of a "
                f"backbone alone are an argument of its row: [{{pretrained: PATH}}]"
            ) from None
        raise UsageError(f"{path} is not a checkpoint that can be used here: {' '.join(str(e).split())}") from None
    cls = RTDETR if isinstance(inner, tasks.RTDETRDetectionModel) else YOLO
    return cls(str(path)), content


def _other_than_model(path: Path) -> str:
    """Name what a file holds that opens and has no model, or return an empty text."""
    from torch import Tensor, nn

    from ultralytics.utils.patches import torch_load

    try:
        content = torch_load(path, map_location="cpu")
    except Exception:  # then it holds something else that is wrong
        return ""
    if not isinstance(content, dict):
        return f"a {type(content).__name__}" if content is not None else "nothing (None)"
    inside = [content.get("ema"), content.get("model"), content]
    tensors = next((item for item in inside if isinstance(item, dict) and item), {})
    if tensors and all(isinstance(item, Tensor) for item in tensors.values()):
        return f"a state dict of {len(tensors)} tensors"
    has = any(isinstance(item, nn.Module) for item in inside)
    return "" if has else f"a dict with {', '.join(map(str, list(content)[:4]))}" if content else "an empty dict"


def trained_on(path: Path, content: Dict[str, Any]) -> Optional[str]:
    """Return the data set that a checkpoint was trained on, None where it names none.

    Raises:
        UsageError: It would have to be fetched; a checkpoint does not decide from where.
    """
    arguments = content.get("train_args")
    data = arguments.get("data") if isinstance(arguments, dict) else None
    if "://" in str(data):
        raise UsageError(f"{path} names the data set {data!a}, which is not fetched unasked: give --data")
    return str(data) if data else None


def is_crowns(name: str) -> bool:
    """Return whether ``--data`` means the tree crowns that come with the project."""
    return name in {CROWNS, Path(CROWNS).stem} and not Path(name).is_file()


def find_data(name: str, fetch: bool = True) -> str:
    """Return the data YAML to hand to upstream, checked; the tree crowns are fetched and cut if need be.

    Args:
        name: Path or bare name.
        fetch: Whether anything may be fetched at all.

    Raises:
        ForkError: It does not exist, is not a data set's, or its images are missing and are not fetched.
    """
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.nn.Addmodules import BackboneError

    crowns = is_crowns(name)
    if not fetch and ("://" in name or (crowns and crowns_set.check(crowns_set.FOLDER))):
        todo = "run `python -m run.crowns` first" if crowns else "fetch it by hand"
        raise UsageError(f"the data set {name!r} is not here, and nothing is fetched in a dry run: {todo}")
    if crowns:
        return str(crowns_set.prepare(say=say))
    try:
        found = check_det_dataset(name, autodownload=fetch)
    except BackboneError as e:  # it is not in UTF-8, or `download` is not allowed
        raise UsageError(str(e)) from None
    except Exception as e:  # whatever upstream finds wrong with it: missing, unreadable, malformed, out of reach
        text = " ".join(f"{type(e).__name__}: {e}".split())
        raise UsageError(
            f"the data set {name!r} cannot be used: {text}\n"
            f"  to do: give --data a YAML with path, train, val and names, like cfg/datasets/tree-crowns.yaml"
        ) from None
    for split in ("train", "val"):
        for loop in find_loops(found.get(split)):
            raise UsageError(f"the data set {name!r} cannot be used: {loop.message}\n  to do: {loop.advice}")
    return name


@contextlib.contextmanager
def building(path: Path) -> Iterator[None]:
    """Turn what building a wrong model YAML raises into a message that names the file.

    Raises:
        UsageError: The contract is broken, a file is out of reach, or upstream could not build the model.
    """
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._check.report import ModelError

    try:
        yield
    except ModelError as e:  # names the file itself
        raise UsageError(str(e)) from None
    except (BackboneError, ConnectionError) as e:  # the latter: a file out of reach
        raise UsageError(f"{path}: {e}") from None
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        frame = traceback.extract_tb(e.__traceback__)[-1]
        raise UsageError(
            f"{path} could not be built: {type(e).__name__}: {e}\n"
            f"  raised in {frame.filename}, line {frame.lineno}\n"
            f"  to do: compare rows and indices with cfg/models/; a backbone row stands for the indices 0 to 4"
        ) from e


def newest(pattern: str) -> Optional[Path]:
    """Return the file under ``runs/`` (here, then in the checkout) that was written last, or None."""
    for base in (Path.cwd(), RUNS_IN):
        found = sorted((base / "runs").rglob(pattern), key=lambda p: p.stat().st_mtime)
        if found:
            return found[-1]
    return None
