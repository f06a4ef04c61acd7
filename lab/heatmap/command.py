"""Shows where a detector looks: class-activation maps (CAM) over images.

    python -m lab heatmap best.pt --source photos                          P3, P4 and P5
    python -m lab heatmap best.pt --source a.jpg --layer N3 16 --method gradcam --class tree
    python -m lab heatmap rtdetr-mobilenetv3.yaml --list-layers

LAYER is P3, P4, P5 (the last map of that stride that the backbone gives to the head), N3, N4, N5 (the map of that
stride that the detection head itself reads), or an index as it is counted in the model YAML: a backbone of one row
has the indices 0 to 4, and 3 is its P4.

What is explained is one number: the sum of the raw class scores (before the sigmoid) of the detections with a
confidence of at least --conf, at most 100 of them, of one class or of all. For a YOLO head these are the cells'
scores before suppression, so that a large object, which many cells find, weighs more than a small one. A head with two
branches (YOLO26, YOLOv10) is explained by the one that upstream predicts with, one-to-many followed by suppression. For
RT-DETR they are the scores of the decoder's queries. The gradient at a layer is the whole one, through every later row
that reads it. Each layer's map is scaled to its own maximum.

Methods: hirescam (the default) multiplies gradient and activation cell by cell. gradcam gives a channel one weight for
the whole image. That is meant for a classifier's score; a detector's scores are local, so a channel that matters in one
corner lights up everywhere. eigencam knows neither class nor score: it shows the strongest pattern of the activations.

What such a map shows: where the activations of one layer, weighted by a local gradient, speak for that number. What it
does not: that the model needs these pixels, which object made which part, how sure the model is, or anything finer than
the layer's cells. Maps of two layers, models or images cannot be compared by brightness. The share of the heat in the
detections' boxes is printed beside the share of the image that the boxes cover, which is what a map without any
structure would have. "Empty" means that nothing in the layer speaks for the detections. RT-DETR's maps are scattered
more widely: a query gathers from a few points of all levels after attention over the whole P5.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from fork.arguments import Parser
from run import find, start
from run.arguments import UsageError, add_trust
from run.start import say

METHODS = {"hirescam": "HiResCAM", "gradcam": "GradCAM", "eigencam": "EigenCAM"}
"""Names of --method, and the classes of the library ``grad-cam``.

Those of its methods that run the network once per channel (ScoreCAM, AblationCAM) would not serve: a detector's answers
to a masked image are other detections, in RT-DETR by other queries, and their scores cannot be compared."""

RUNS = Path("runs") / "heatmap" / "exp"


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab heatmap", description=__doc__)
    parser.add_argument("model", help="checkpoint (best.pt); a model YAML has random weights and shows nothing real")
    parser.add_argument(
        "--source", nargs="+", metavar="IMAGES", help="image files, folders, or patterns like 'a/*.jpg'"
    )
    parser.add_argument("--layer", nargs="+", metavar="LAYER", help="default: those of P3 P4 P5 that there are")
    parser.add_argument("--list-layers", action="store_true", help="print the layers and stop")
    parser.add_argument("--method", choices=METHODS, default="hirescam", help="default: hirescam")
    parser.add_argument("--class", dest="class_", metavar="NAME", help="class to explain, name or number; default: all")
    parser.add_argument("--conf", type=float, default=0.25, help="least confidence of a detection; default: 0.25")
    parser.add_argument("--imgsz", type=int, help="side of the image in pixels; default: that of the training, or 640")
    parser.add_argument("--device", default="", help="cpu, 0, mps; default: the first GPU, else the CPU")
    parser.add_argument(
        "--out", type=Path, help=f"folder; a number is added to a taken one; default: {RUNS.as_posix()}"
    )
    add_trust(parser)
    options = parser.parse_args(argv)
    if options.source is None and not options.list_layers:
        parser.error("give --source IMAGES, or --list-layers")
    return options


def check(options: argparse.Namespace) -> None:
    """Check what can be checked without a model.

    Raises:
        UsageError: With every fault that was found.
    """
    import importlib.util

    faults = []
    if not 0 < options.conf < 1:
        faults.append(f"--conf {options.conf:g}: give a number between 0 and 1")
    if options.imgsz is not None and options.imgsz < 32:
        faults.append(f"--imgsz {options.imgsz}: the least is 32")
    if options.out is not None and options.out.is_file():
        faults.append(f"--out {options.out} is a file: name a folder")
    if not options.list_layers and importlib.util.find_spec("pytorch_grad_cam") is None:
        faults.append(f'the package grad-cam is missing: run `python -m pip install -e ".[lab]"` in {find.ROOT}')
    if faults:
        raise UsageError("\n  ".join(faults))
    if options.imgsz and options.imgsz % 32:
        options.imgsz = -(-options.imgsz // 32) * 32
        say(f"--imgsz becomes {options.imgsz}: upstream takes multiples of 32")


def load(name: str) -> Any:
    """Return a network, the image size that it was trained with (None for unknown), and whether its weights are random.

    Raises:
        UsageError: There is none, or it cannot be built.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() in (".yaml", ".yml") or not path.suffix:
        wanted, found = find.find_model(name)
        cls = find.model_class(found)
        with find.building(Path(wanted)):
            model = cls(wanted).model
        say(f"warning: {path.name} is a model without training: its weights are random, and its pictures mean nothing")
        return model, None, True
    if path.suffix.lower() != ".pt":
        raise UsageError(f"{name}: give a checkpoint (.pt) or a model YAML; an exported model has no gradients")
    model, content = find.load_checkpoint(path)
    trained = (content.get("train_args") or {}).get("imgsz")
    return model.model, trained if isinstance(trained, int) else None, False


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code: 1 where an image could not be read, 2 for a user's mistake."""
    os.environ["YOLO_OFFLINE"] = "true"
    options = parse(argv)
    with start.messages():
        check(options)
        start.load_quietly()
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    from lab.heatmap import images
    from lab.heatmap.net import Net, pick_device

    files = images.find(options.source) if options.source else []
    device = pick_device(options.device)
    model, trained, random = load(options.model)
    side = options.imgsz or trained or 640
    net = Net(model, device, options.model)
    if options.list_layers:
        print("\n".join(net.table(side)))
        return 0
    layers = net.find(options.layer, side)
    wanted = net.class_number(options.class_)

    from ultralytics.utils.files import increment_path

    chosen = options.out or RUNS
    folder = increment_path(chosen, mkdir=False)
    if folder != chosen and options.out is not None:
        say(f"{chosen} is taken: writing to {folder}")
    return run(net, files, layers, folder, side, {**vars(options), "class_": wanted, "random": random})


def run(net: Any, files: List[Path], layers: List[Any], folder: Path, side: int, how: Dict[str, Any]) -> int:
    """Draw every image; return the exit code.

    Raises:
        UsageError: A layer has no gradient, or none of the images can be read.
    """
    from lab.heatmap import draw, images
    from lab.heatmap.cam import explain

    broken, drawn, names = [], 0, set()
    for number, path in enumerate(files, 1):
        photo = images.read(path, net.channels)
        if photo is None:
            broken.append(path)
            print(f"skipped: {path} cannot be read as an image", file=sys.stderr, flush=True)
            continue
        seen = net.look(photo, side, how["conf"], how["class_"])
        maps = [explain(net, seen, layer, METHODS[how["method"]]) for layer in layers]
        stem = images.unique(path.stem, names)
        panels = draw.Panels(photo, seen, [layer.name for layer in layers], maps, net.names)
        start.make_folder(folder)
        draw.picture(panels, path.name, _title(how, net), folder / f"{stem}.png")
        drawn += 1
        say(f"{number}/{len(files)} {path.name}: {draw.summary(panels)}")
    if not drawn:
        raise UsageError(f"none of the {len(files)} images can be read")
    say(f"{drawn} pictures: {folder}")
    return 1 if broken else 0


def _title(how: Dict[str, Any], net: Any) -> str:
    which = "all classes" if how["class_"] is None else f"class {net.names[how['class_']]}"
    what = "strongest pattern, of no class" if how["method"] == "eigencam" else which
    meaning = "; random weights, of no meaning" if how["random"] else ""
    return f"{how['method']}, {what}, confidence from {how['conf']:g}{meaning}"


if __name__ == "__main__":
    sys.exit(main())
