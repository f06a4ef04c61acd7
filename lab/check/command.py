"""Checks a model YAML, and a data set, before anything is trained.

    python -m lab check my-model.yaml                      a table of its rows, or everything that is wrong in it
    python -m lab check rtdetr-efficientvit_m0.yaml --imgsz 512 --graph model.svg
    python -m lab check my-model.yaml --data my-data.yaml  the data set too: labels, classes, images

Rows are built and run on the CPU, with random weights; none are fetched. Exit code: 0 if all is
well (warnings are ignored), 2 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from fork.arguments import Parser
from run import find, start
from run.arguments import UsageError


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab check", description=__doc__)
    parser.add_argument("model", nargs="?", help="model YAML, path or bare name; may be left out with --data")
    parser.add_argument("--data", help="data YAML to check as well")
    parser.add_argument("--imgsz", type=int, help="side of the image in pixels for map sizes; default: 640")
    parser.add_argument("--channels", type=int, help="channels of the images; default: those of the data set, or 3")
    parser.add_argument("--graph", metavar="FILE", help="draw the rows and who reads them: .svg, .png or .pdf")
    parser.add_argument("--quick", action="store_true", help="of the data set, read the labels but not every image")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args(argv)
    if options.model is None and options.data is None:
        parser.error("give a model YAML, --data, or both")
    for name, least in (("imgsz", 32), ("channels", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"--{name} {value}: the least is {least}")
    if options.imgsz and options.imgsz % 32:
        rounded = -(-options.imgsz // 32) * 32
        print(f"--imgsz {options.imgsz} becomes {rounded}: upstream takes multiples of 32", file=sys.stderr)
        options.imgsz = rounded
    if options.graph and not Path(options.graph).absolute().parent.is_dir():
        parser.error(f"--graph {options.graph}: there is no such folder")
    if options.graph and Path(options.graph).suffix.lower() not in (".svg", ".png", ".pdf"):
        parser.error(f"--graph {options.graph}: give a file that ends in .svg, .png or .pdf")
    return options


class Model(NamedTuple):
    """A model YAML as it was read.

    Attributes:
        content: What it holds.
        document: Its text's positions; None where its name is derived.
        path: The file, or the name.
    """

    content: Any
    document: Any
    path: str


def load(name: str) -> Model:
    """Read a model YAML.

    Raises:
        UsageError: There is no such file.
    """
    from ultralytics.nn import tasks
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.nn.Addmodules._check import report as preflight

    wanted, path = find.find_model(name)
    if path.parent == find.CONFIGS and Path(wanted).parent == Path(".") and Path(wanted).name != path.name:
        try:
            return Model(tasks.yaml_model_load(wanted), None, wanted)
        except BackboneError as e:
            raise UsageError(str(e)) from None
    document = preflight.read(path)
    content = document.data
    if isinstance(content, dict):
        content = {**content, "scale": tasks.guess_model_scale(wanted)}
    return Model(content, document, str(path))


def check_set(name: str, quick: bool, model: Optional[Model]) -> Tuple[Any, Dict[str, Any]]:
    """Check a data set; return the report, and what it says of the model: number of classes, channels."""
    from lab.data.check import check_data
    from ultralytics.nn.Addmodules._check.yamltext import read_document

    path = find.find_data(find.CROWNS) if find.is_crowns(name) else name
    own = model.content.get("nc") if model is not None and isinstance(model.content, dict) else None
    report = check_data(path, nc=own if isinstance(own, int) else None, full=not quick)
    given = read_document(report.path).data if report.classes else None
    channels = given.get("channels") if isinstance(given, dict) else None
    return report, {"nc": len(report.classes) or None, "channels": channels if isinstance(channels, int) else None}


def table(report: Any) -> List[str]:
    """Return the rows of a report as lines of text."""
    lines = [f"{'index':>5} {'slot':4} {'from':>14} {'n':>2} {'module':24} {'channels':>8} {'stride':>6} {'map':>9} "]
    lines[0] += f"{'params':>11}  {'arguments':34}  read by"
    for row in report.rows:
        if row.channels == 0:
            lines.append(f"{row.index:>5} {row.slot:4} {'':>14} {'':>2} {'(empty)':24}")
            continue
        shown = json.dumps(row.arguments, ensure_ascii=False).replace('"', "")
        last = not row.slot or row.slot == "P5"
        source, repeats, module = (str(row.source), str(row.repeats), row.module) if last else ("", "", "")
        lines.append(
            f"{row.index:>5} {row.slot:4} {source:>14} {repeats:>2} {module or row.module:24} "
            f"{'' if row.channels is None else row.channels:>8} {'' if row.stride is None else f'{row.stride:g}':>6} "
            f"{'' if row.size is None else f'{row.size[0]}x{row.size[1]}':>9} "
            f"{f'{row.parameters:,}' if last else '':>11}  {_short(shown) if last else '':34}  "
            f"{', '.join(map(str, row.readers))}".rstrip()
        )
    height, width = report.size
    lines.append(f"{report.parameters:,} parameters; sizes for an image of {height}x{width} pixels")
    return lines


def _count(faults: int) -> str:
    return {0: "no fault", 1: "one fault"}.get(faults, f"{faults} faults")


def _short(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    with start.messages():
        start.load_quietly()
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    from ultralytics.nn.Addmodules._check.yamltext import render

    result, good = {}, True
    model = load(options.model) if options.model else None
    data, of_data = check_set(options.data, options.quick, model) if options.data else (None, {})
    if model is not None:
        from ultralytics.nn.Addmodules._check import report as preflight

        content = model.content
        if isinstance(content, dict):
            channels = options.channels or of_data.get("channels") or content.get("channels") or 3
            if of_data.get("nc") and isinstance(content.get("nc"), int):
                content = {**content, "nc": of_data["nc"]}  # training takes the data set's
        report = preflight.check(content, channels if isinstance(content, dict) else 3, options.imgsz, *model[1:])
        good = report.ok
        result["model"] = {**report._asdict(), "ok": report.ok, "rows": [row._asdict() for row in report.rows]}
        result["model"]["problems"] = [problem._asdict() for problem in report.problems]
        if not options.json:
            if report.ok:
                print("\n".join(table(report)))
            for problem in report.problems:
                print(render(problem, report.path))
            print(f"{report.path}: {_count(len(report.faults()))}")
        if options.graph and report.rows:
            from lab.check.graph import draw

            draw(report, Path(options.graph))
            if not options.json:
                print(f"graph: {options.graph}")
    if data is not None:
        good = good and data.ok
        result["data"] = {"path": data.path, "ok": data.ok, "lines": data.lines()}
        if not options.json:
            print("\n".join(data.lines()))
    if options.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    return 0 if good else 2


if __name__ == "__main__":
    sys.exit(main())
