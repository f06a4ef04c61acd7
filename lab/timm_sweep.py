"""Tries a network of every family of timm, and every classifier of torchvision, as a backbone, and writes docs/timm.md.

Each network is built through the project's own wrapper in a process of its own, which is ended when it hangs; what it
gave is kept in a JSON file after each, so that a run that was broken off goes on where it stopped::

    python -m lab.timm_sweep                     all that the file does not have yet, then the document
    python -m lab.timm_sweep --only 'swin*'      those families again, then the document
"""

from __future__ import annotations

import fnmatch
import json
import multiprocessing
import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from fork.arguments import Parser

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "timm.md"
RESULTS = ROOT / "docs" / "timm.json"

SIZES = ((256, 256), (320, 192))
"""Heights and widths of the images that are run in evaluation mode."""

ONE_SIZE = (256, 224)
"""Sides of the image for which a network that takes one size only is built; the first that it can be built for."""

FIXED = "one image size, given as `img_size`"
"""Note of such a network."""

LIMIT = 600
"""Seconds that a network may take before it is given up."""

LARGE = 100_000_000
"""Parameters of a network behind which the process is replaced, to give its memory back."""

Row = Dict[str, Any]


def choose() -> Dict[str, Tuple[str, int]]:
    """Return for each family (module) of timm its network of the fewest parameters, and how many it has.

    Counted on the meta device, without memory; timm's tiny ``test_*`` networks are left out.
    """
    import timm
    import torch

    smallest: Dict[str, Tuple[str, int]] = {}
    for family in timm.list_modules():
        for name in timm.list_models(module=family):
            if name.startswith("test_"):
                continue
            with torch.device("meta"):
                count = sum(p.numel() for p in timm.create_model(name).parameters())
            if family not in smallest or count < smallest[family][1]:
                smallest[family] = (name, count)
    return smallest


def try_network(kind: str, name: str) -> Row:
    """Build one network through its wrapper, run it, train it for a step, and return what it gave.

    Args:
        kind: ``timm`` or ``torchvision``.
        name: The network.

    Returns:
        ``channels``, ``strides``, ``parameters`` and ``notes``, or ``reason`` alone where it cannot serve.
    """
    import torch

    from ultralytics.nn.Addmodules.contract import BackboneError
    from ultralytics.nn.Addmodules.timm_wrapper import Timm
    from ultralytics.nn.Addmodules.torchvision_wrapper import TorchVisionFeatures

    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    sizes, notes = SIZES, []
    try:
        backbone = Timm(name) if kind == "timm" else TorchVisionFeatures(name)
    except BackboneError as e:
        backbone, side = _for_one_size(name, str(e))
        if backbone is None:
            return {"reason": _plain(e)}
        sizes = ((side, side),)
        notes.append(f"{FIXED} (tried: {side})")
    strides = getattr(backbone, "strides", None) or backbone.body.feature_info.reduction()
    row = {
        "channels": backbone.width_list,
        "strides": strides,
        "parameters": sum(p.numel() for p in backbone.parameters()),
    }
    backbone.eval()
    with torch.no_grad():
        for height, width in sizes:
            shapes = [tuple(m.shape) for m in backbone(torch.rand(1, 3, height, width))]
            wanted = [(1, c, height // s, width // s) for c, s in zip(backbone.width_list, strides)]
            if shapes != wanted:
                return {"reason": f"at {height}x{width} its maps are {shapes}, stated are {wanted}"}
    notes += _copies(backbone, sizes[-1])
    notes += _in_place(backbone, sizes[-1])
    notes += _step(backbone, sizes[-1])
    if len(set(strides)) == 1 < len(strides):
        notes.append("maps of one stride: for heads that read one map")
    row["notes"] = notes
    return row


def _for_one_size(name: str, said: str) -> Tuple[Any, int]:
    """Return the network built for one image size, and that size's side; None where the wrapper knows no such size."""
    from ultralytics.nn.Addmodules.contract import BackboneError
    from ultralytics.nn.Addmodules.timm_wrapper import Timm

    for side in ONE_SIZE if "img_size: " in said else ():
        try:
            return Timm(name, img_size=side), side
        except BackboneError:
            continue
    return None, 0


def _plain(error: Exception) -> str:
    """Return the reason in one line, without the hint and the network's name."""
    line = str(error).split("\n")[0]
    for start in ("cannot be a backbone: ", "Timm: ", "TorchVision: "):
        line = line.split(start, 1)[-1]
    return line.replace("|", "/")[:260]


def _copies(backbone: Any, size: Tuple[int, int]) -> List[str]:
    """Copy, pickle and trace the backbone, and say what fails or gives other maps."""
    import copy
    import io

    import torch

    def reload() -> Any:
        buffer = io.BytesIO()
        torch.save(backbone, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=False)

    x, notes = torch.rand(1, 3, *size), []
    with torch.no_grad():
        expected = backbone(x)
        ways = {
            "copy": lambda: copy.deepcopy(backbone),
            "pickle": reload,
            "torch.jit.trace": lambda: torch.jit.trace(backbone, x, strict=False, check_trace=False),
        }
        for way, make in ways.items():
            try:
                found = make()(x)
                if not all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(expected, found)):
                    notes.append(f"{way}: other maps")
            except Exception as e:
                notes.append(f"{way}: {type(e).__name__}")
    return notes


def _in_place(backbone: Any, size: Tuple[int, int]) -> List[str]:
    """Switch activations to work in place, as upstream does with every model, and say whether the maps change."""
    import torch
    from torch import nn

    x = torch.rand(1, 3, *size)
    with torch.no_grad():
        before = [m.clone() for m in backbone(x)]
        for module in backbone.modules():
            if type(module) in {nn.Hardswish, nn.LeakyReLU, nn.ReLU, nn.ReLU6, nn.SiLU}:
                module.inplace = True
        after = backbone(x)
    same = all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(before, after))
    return [] if same else ["other maps with activations in place"]


def _step(backbone: Any, size: Tuple[int, int]) -> List[str]:
    """Do a training step and say which parameters it does not reach."""
    import torch

    backbone.train()
    optimizer = torch.optim.SGD(backbone.parameters(), lr=1e-4)
    maps = backbone(torch.rand(2, 3, *size))
    sum((m.float() * torch.randn_like(m, dtype=torch.float)).mean() for m in maps).backward()
    missing = [name for name, p in backbone.named_parameters() if p.requires_grad and p.grad is None]
    optimizer.step()
    if not missing:
        return []
    shown = ", ".join(f"`{name.partition('.')[2]}`" for name in missing[:3])
    return [f"no gradient: {shown}{f' and {len(missing) - 3} more' if len(missing) > 3 else ''}"]


def _serve(pipe: Any) -> None:
    """Try what comes through the pipe, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            kind, name = pipe.recv()
        except EOFError:  # all is done
            return
        try:
            row = try_network(kind, name)
        except Exception as e:
            row = {"reason": f"{type(e).__name__}: {' '.join(str(e).split())[:240]}".replace("|", "/")}
        pipe.send(row)


class Worker:
    """A process that tries networks one after the other, and is replaced when it dies or hangs."""

    def __init__(self) -> None:
        self.process: Optional[Any] = None

    def run(self, kind: str, name: str) -> Row:
        """Return what ``try_network`` gives, or why it gave nothing."""
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        try:
            self.pipe.send((kind, name))
            row = self.pipe.recv() if self.pipe.poll(LIMIT) else {"reason": f"took more than {LIMIT} s"}
        except (EOFError, OSError):
            self.process.join(5)
            row = {"reason": f"its process ended with code {self.process.exitcode}"}
        if row.get("parameters", LARGE) >= LARGE:  # a process that died, hangs, or holds much memory
            self.process.kill()
            self.process = None
        return row


def sweep(results: Path, only: str, jobs: int) -> Dict[str, Any]:
    """Try what ``results`` lacks, or what ``only`` matches, and return everything known."""
    import timm
    import torch
    import torchvision
    from torchvision import models

    versions = {"timm": timm.__version__, "torch": torch.__version__, "torchvision": torchvision.__version__}
    known: Dict[str, Any] = json.loads(results.read_text()) if results.is_file() else {}
    if known.get("versions") != versions:
        known = {"versions": versions, "families": choose(), "rows": {}}
    todo = [("timm", family, name) for family, (name, _) in known["families"].items()]
    todo += [("torchvision", name, name) for name in models.list_models(module=models)]
    if only:
        todo = [job for job in todo if fnmatch.fnmatch(job[1], only) or fnmatch.fnmatch(job[2], only)]
        if not todo:
            raise SystemExit(f"error: --only {only}: no family of timm and no network tried has such a name")
    else:
        todo = [job for job in todo if f"{job[0]}:{job[2]}" not in known["rows"]]
    lock = threading.Lock()

    def work() -> None:
        worker = Worker()
        while True:
            with lock:
                if not todo:
                    return
                kind, family, name = todo.pop(0)
            row = worker.run(kind, name)
            with lock:
                known["rows"][f"{kind}:{name}"] = row
                results.parent.mkdir(parents=True, exist_ok=True)
                results.write_text(json.dumps(known, indent=1))
                print(f"{kind} {family} {name}: {row.get('reason') or row}", flush=True)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return known


def document(known: Dict[str, Any]) -> str:
    """Return docs/timm.md."""
    rows, versions = known["rows"], known["versions"]
    tried = [(family, name) for family, (name, _) in known["families"].items() if f"timm:{name}" in rows]
    families = [(family, name, rows[f"timm:{name}"]) for family, name in tried]
    vision = [(key[12:], row) for key, row in rows.items() if key.startswith("torchvision:")]
    able = [item for item in families if "reason" not in item[2]]
    sizes = " and ".join(f"{h}x{w}" for h, w in SIZES)
    some = [item for item in vision if "reason" not in item[1]]
    fixed = sum(any(note.startswith(FIXED) for note in row["notes"]) for _, _, row in able)
    flat = sum(len(set(row["strides"])) == 1 < len(row["strides"]) for _, _, row in able)
    lines = [
        "# Networks of timm and torchvision as backbones",
        "",
        "Generated by `python -m lab.timm_sweep`; edit that program, not this file.",
        "",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "",
        f"Each network was built without weights through `Timm` or `TorchVision`, run at {sizes} (height x width), "
        "copied, pickled, traced, and trained for one step with its activations in place, as upstream trains. The last "
        "column names what differs from the ordinary: every size divisible by 32 (and by the last stride) is taken, "
        "every parameter gets a gradient, and copies give the same maps. Parameters are those of the backbone, without "
        "a classifier.",
        "",
        f"## timm: {len(able)} of {len(families)} families",
        "",
        "A family is a module of timm; tried is its network of the fewest parameters. Others of a family mostly "
        f"behave like it: a row in a YAML says at once if not. {len(able) - fixed} take any size, {fixed} the one that "
        f"they are built for (`[-1, 1, Timm, [NAME, {{img_size: 640}}]]`). {flat} give all maps at one stride.",
        "",
        "| family | network | parameters | channels | strides | notes |",
        "|---|---|---|---|---|---|",
        *(f"| {family} | `{name}` | {_cells(row)} |" for family, name, row in able),
        "",
        "### Families whose smallest network cannot be a backbone",
        "",
        "| family | network | reason |",
        "|---|---|---|",
        *(f"| {family} | `{name}` | {row['reason']} |" for family, name, row in families if "reason" in row),
        "",
        f"## torchvision: {len(some)} of {len(vision)} classifiers",
        "",
        "| network | parameters | channels | strides | notes |",
        "|---|---|---|---|---|",
        *(f"| `{name}` | {_cells(row)} |" for name, row in sorted(some)),
        "",
        "### Classifiers that cannot be a backbone",
        "",
        "| network | reason |",
        "|---|---|",
        *(f"| `{name}` | {row['reason']} |" for name, row in sorted(vision) if "reason" in row),
        "",
    ]
    return "\n".join(lines)


def _cells(row: Row) -> str:
    channels, strides = ("/".join(map(str, row[key])) for key in ("channels", "strides"))
    return f"{row['parameters']:,} | {channels} | {strides} | {'; '.join(row['notes'])}"


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the sweep from the command line; return 0."""
    parser = Parser(description="try timm's and torchvision's networks as backbones; write docs/timm.md")
    parser.add_argument("--out", type=Path, default=OUT, help="the document (docs/timm.md)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept (docs/timm.json)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="these families or networks alone, and again")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (1)")
    given = parser.parse_args(arguments)
    known = sweep(given.results, given.only, given.jobs)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(document(known), encoding="utf-8")
    print(f"{given.out}: {len(known['rows'])} networks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
