"""What is to be compared: models, seeds and the one schedule of all of them, checked before anything starts."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from fork.errors import ForkError
from lab.compare.state import JOB
from lab.files import read_json
from run import defaults, find, start
from run.arguments import UsageError, check_arguments

VERSION = 1
# RT-DETR's, whatever the models are, so that adding one of the other kind later changes nothing: a YOLO head learns
# with them, RT-DETR does not learn with upstream's.
SCHEDULE = {**defaults.RTDETR, "plots": False}

FREE = {"device", "workers", "cache", "plots", "verbose", "save_period"}
"""Training arguments that may differ between two commands in one folder: they do not change what is compared."""

OWN = {"seed": "use --seeds", "resume": "the same command goes on by itself", "time": "give --epochs"}
OWN["model"] = "models go behind --cfg"
OWN.update(dict.fromkeys(("mode", "task", "project", "name", "exist_ok"), "the comparison sets it itself"))
OWN.update(dict.fromkeys(("save", "save_dir", "val", "split", "single_cls"), "the comparison sets it itself"))


class Given(NamedTuple):
    """What the user gave; None for what was left out.

    Attributes:
        data: Name of the data set.
        models: (label or None, name) of each model.
        baseline: A label, or the name of a model.
        seeds: The seeds.
        train: Training arguments.
    """

    data: Optional[str]
    models: Optional[List[Tuple[Optional[str], str]]]
    baseline: Optional[str]
    seeds: Optional[List[int]]
    train: Dict[str, Any]


def read_seeds(value: Any) -> List[int]:
    """Read seeds: ``3`` is 0, 1, 2; ``0,5`` or ``[0, 5]`` names them; ``5,`` is the one seed 5.

    Raises:
        UsageError: They are not whole numbers from 0, all different.
    """
    if isinstance(value, str) and "," in value:
        value = [word.strip() for word in value.split(",") if word.strip()]
    wanted = "give how many (--seeds 3) or which (--seeds 0,1,2), whole numbers from 0, each once"
    many = not isinstance(value, list)
    numbers = []
    for one in [value] if many else value:
        if isinstance(one, bool) or not re.fullmatch(r"\d{1,9}", str(one)):
            raise UsageError(f"--seeds {one!r} is not a seed: {wanted}")
        numbers.append(int(one))
    if many:
        numbers = list(range(numbers[0]))
    if not numbers or len(set(numbers)) < len(numbers):
        raise UsageError(f"--seeds {value!r}: {'one is there twice' if numbers else 'there is none'}; {wanted}")
    return numbers


def resolve(
    given: Given, known: Optional[Dict[str, Any]], say: Callable[[str], None] = start.say, fetch: bool = True
) -> Dict[str, Any]:
    """Return the plan: what was given, completed from the plan that the folder has or else by defaults, and checked.

    Args:
        given: What the user gave.
        known: ``plan.json`` of the folder; None where it is new.
        say: Called with notes on the data set.
        fetch: Whether a data set that is not here may be fetched.

    Raises:
        UsageError: Something is wrong; names all that was found.
    """
    known = known or {}
    data = given.data or (known and repeatable(known)) or None
    models = given.models or [(m["label"], m["cfg"]) for m in known.get("models", [])]
    if not data or not models:
        raise UsageError(f"--{'cfg' if data else 'data'} is missing: name a data set and the models; see --help")
    problems: List[str] = []
    train = _settings(given.train, known, find.is_crowns(data), problems)
    seeds = given.seeds or known.get("seeds") or [0, 1, 2]
    plan: Dict[str, Any] = {"version": VERSION, "data": data, "data_given": data}
    plan.update(models=[], baseline=None, seeds=list(seeds), train=train)
    channels = _add_data(plan, train.get("imgsz"), problems, say, fetch)
    for label, name in models:
        _add_model(plan, label, name, channels, problems)
    _add_baseline(plan, given.baseline or known.get("baseline"), bool(given.baseline), problems)
    if problems:
        count = f"{len(problems)} things are wrong; nothing was started:\n  " if len(problems) > 1 else ""
        raise UsageError(count + "\n  ".join(problems))
    kinds = {model["kind"] for model in plan["models"]}
    if len(kinds) > 1 and not known:
        say("note: RT-DETR and YOLO heads are compared; one schedule serves both, which may suit one of them better")
    return plan


def _settings(given: Dict[str, Any], known: Dict[str, Any], crowns: bool, problems: List[str]) -> Dict[str, Any]:
    import torch

    on_gpu = torch.cuda.is_available() and given.get("device") != "cpu"
    result: Dict[str, Any] = {**(defaults.GPU if on_gpu else defaults.CPU), **SCHEDULE}
    if crowns:
        result.update(defaults.CROWNS, **({} if on_gpu else defaults.CROWNS_CPU))
    if known:
        there = dict(known["train"])
        if there.get("device") not in (None, "", "cpu") and not torch.cuda.is_available():
            there.pop("device")  # this machine has no GPU, that one had
        result = there
    for key, value in given.items():
        if key in OWN:
            problems.append(f"{key}={value}: {OWN[key]}")
            continue
        try:
            check_arguments({key: value})
        except UsageError as e:
            problems.append(str(e))
    result.update({key: value for key, value in given.items() if key not in OWN})
    if not known and "nbs" not in given:
        result["nbs"] = result["batch"]
    for key in ("epochs", "imgsz", "batch"):
        value = result.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            problems.append(f"{key}={value}: a comparison needs a whole number from 1, the same for all models")
    if isinstance(result["imgsz"], int):
        result["imgsz"] = -(-result["imgsz"] // 32) * 32  # as upstream would, for each run
    return result


def _add_data(plan: Dict[str, Any], imgsz: Any, problems: List[str], say: Callable[[str], None], fetch: bool) -> int:
    """Check the data set and note its file, names and digest in the plan; return the channels of its images."""
    from lab.data.check import check_data
    from lab.data.digest import data_digest
    from ultralytics.nn.Addmodules._check.yamltext import read_document

    try:
        file = find.find_data(plan["data"], fetch)
    except ForkError as e:
        problems.append(str(e))
        return 3
    report = check_data(file, imgsz=imgsz if isinstance(imgsz, int) else None, full=False)
    problems += [f"{report.path}: {problem.message}" for problem in report.problems if problem.severe]
    if any(problem.severe for problem in report.problems):
        return 3
    path = str(Path(report.path).resolve())
    plan.update(data=path, names={str(i): one.name for i, one in report.classes.items()})
    plan["data_digest"] = data_digest(path)
    plan["data_notes"] = [item.message for item in report.findings if item.severe or item.kind in ("leak", "same-name")]
    for line in plan["data_notes"]:
        say(f"note: {plan['data_given']}: {line}")
    content = read_document(path).data
    channels = content.get("channels") if isinstance(content, dict) else None
    return channels if isinstance(channels, int) else 3


def _add_model(plan: Dict[str, Any], label: Optional[str], name: str, channels: int, problems: List[str]) -> None:
    from lab.check import command as check
    from ultralytics.nn.Addmodules._check import report as preflight

    try:
        build, path = find.find_model(name)
        model = check.load(name)
        content = model.content
        if isinstance(content, dict) and plan.get("names") and isinstance(content.get("nc"), int):
            content = {**content, "nc": len(plan["names"])}
        size = plan["train"]["imgsz"]
        report = preflight.check(content, channels, size if isinstance(size, int) else None, *model[1:])
        if not report.ok:
            problems += report.faults()
            return
        kind = find.model_class(path).__name__
    except UsageError as e:
        problems.append(str(e))
        return
    label = label or re.sub(r"[^\w.+-]+", "_", Path(build).stem)
    if not re.fullmatch(r"\w[\w.+-]{0,79}", label) or label.endswith(".") or label == "conditions":
        problems.append(
            f"the label {label!r} names a folder: give letters, digits and . + - _, at most 80, other than conditions"
        )
    twin = next((m for m in plan["models"] if m["label"].lower() == label.lower()), None)
    if twin:
        problems.append(
            f"two models are called {label}: {twin['given']} and {name}; name one of them another way, like "
            f"--cfg {label}-2={name}"
        )
    told = {key: value for key, value in content.items() if key != "yaml_file"}  # where it lies is ignored
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    entry = {"label": label, "cfg": build, "given": name, "kind": kind, "digest": digest}
    entry["fetches"] = "pretrained" in json.dumps(content, default=str)  # weights, which takes the network
    plan["models"].append(entry)


def _add_baseline(plan: Dict[str, Any], baseline: Optional[str], asked: bool, problems: List[str]) -> None:
    models = plan["models"]
    labels = [model["label"] for model in models]
    if baseline is None:
        plan["baseline"] = labels[0] if len(labels) > 1 else None
        return
    wanted = {baseline, Path(baseline).stem if baseline.endswith((".yaml", ".yml")) else baseline}
    found = next((m["label"] for m in models if m["label"] in wanted or m["given"] == baseline), None)
    if found is None and asked and not (problems and len(models) == 0):
        near = difflib.get_close_matches(Path(baseline).stem, labels, n=1) or labels
        problems.append(f"--baseline {baseline} is none of the models: did you mean {' or '.join(near)}?")
    plan["baseline"] = found if found or asked or len(labels) < 2 else labels[0]


def repeatable(plan: Dict[str, Any]) -> str:
    """Return the name that finds a plan's data set again, from any folder."""
    return plan["data_given"] if find.is_crowns(plan["data_given"]) else plan["data"]


def differences(old: Dict[str, Any], new: Dict[str, Any]) -> List[str]:
    """Say in what a plan is another comparison than that of ``plan.json``: data, schedule, content of a model."""
    from ultralytics.cfg import DEFAULT_CFG_DICT

    result = []
    if old.get("data_digest") != new["data_digest"]:
        same = old.get("data") == new["data"]
        result.append(f"data: {'its content has changed since' if same else old.get('data')}, now {new['data']}")
    for key in sorted({*old["train"], *new["train"]} - FREE):
        before, now = (plan["train"].get(key, DEFAULT_CFG_DICT.get(key)) for plan in (old, new))
        if before != now:
            result.append(f"{key}: {before} there, {now} now")
    for model in new["models"]:
        twin = next((m for m in old["models"] if m["label"] == model["label"]), None)
        if twin and twin["digest"] != model["digest"]:
            result.append(f"model {model['label']}: {twin['given']} there, {model['given']} now, of another content")
    return result


def strangers(out: Path, plan: Dict[str, Any]) -> List[str]:
    """Name runs that an earlier command has made of a model of this label, but of another content."""
    result = []
    for model, _, name in runs(plan):
        job = read_json(out / "runs" / name / JOB)
        if isinstance(job, dict) and job.get("digest") != model["digest"]:
            result.append(f"model {model['label']}: {out / 'runs' / name} is of {job.get('cfg')}, of another content")
    return result


def runs(plan: Dict[str, Any]) -> List[Tuple[Dict[str, Any], int, str]]:
    """Return (model, seed, name of the run's folder), seed by seed: after the first round every model has a result."""
    return [(model, seed, f"{model['label']}-s{seed}") for seed in plan["seeds"] for model in plan["models"]]
