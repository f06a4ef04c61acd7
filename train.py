"""Train a detector whose backbone is one line of YAML.

python train.py                                             RT-DETR + MobileNetV3 on the tree crowns
python train.py --cfg rtdetr-mobilenetv3-small.yaml --data my.yaml --epochs 100 lr0=1e-4
python train.py --resume                                    carry on the newest run
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    from lab.launch import (
        CROWNS,
        UsageError,
        building,
        check_arguments,
        find_data,
        find_model,
        load_checkpoint,
        load_ultralytics,
        messages,
        model_class,
        newest,
        say,
        split_arguments,
        use_all_cores,
    )
except ModuleNotFoundError as missing:
    if missing.name in {"lab", "fork"}:
        sys.exit("error: train.py needs the folders fork/ and lab/ beside it: run it where it lies, from any folder")
    sys.exit(f"error: the package {missing.name} is missing: run `python -m pip install -e .` first")

# RT-DETR needs many small updates when it starts from nothing: one for each batch (nbs = batch), at the learning rate
# of the tree-crown run in README.md; upstream's default gathers 64 images for an update.
RTDETR_DEFAULTS = {"optimizer": "AdamW", "lr0": 2e-4, "weight_decay": 1e-4, "mosaic": 0.0}
GPU_DEFAULTS = {"imgsz": 640, "epochs": 72, "batch": 4, "workers": 4}
CPU_DEFAULTS = {"imgsz": 320, "epochs": 10, "batch": 4, "workers": 0}


def parse(argv=None):
    """Read the command line: (options, key=value arguments)."""
    parser = argparse.ArgumentParser(
        prog="train.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any other training argument of upstream goes behind as key=value (`yolo cfg` lists them).",
    )
    parser.add_argument("--cfg", default="rtdetr-mobilenetv3.yaml", help="model YAML, path or bare name (%(default)s)")
    parser.add_argument("--data", default=CROWNS, help="data YAML, path or bare name (%(default)s)")
    parser.add_argument("--epochs", type=int, help="default: 72 with a GPU, 10 without")
    parser.add_argument("--imgsz", type=int, help="side of the images in pixels; default: 640 with a GPU, 320 without")
    parser.add_argument("--batch", type=int, help="images a step; default: 4")
    parser.add_argument("--device", help="cpu, 0, 0,1, mps; default: the first GPU, else the CPU")
    parser.add_argument("--workers", type=int, help="data-loading processes; default: 4 with a GPU, 0 without")
    parser.add_argument("--weights", help="checkpoint (.pt) to start from")
    parser.add_argument(
        "--resume", nargs="?", const=True, metavar="LAST.PT", help="carry on this run, or the newest one under runs/"
    )
    parser.add_argument("--project", default="runs/train", help="folder of runs (%(default)s)")
    parser.add_argument(
        "--name", default="exp", help="folder of this run; a number is added to a taken one (%(default)s)"
    )
    return split_arguments(parser, argv)


def settings(options, given, rtdetr):
    """Return the training arguments: the user's, then the defaults for this machine and model."""
    import torch

    device = options.device if options.device is not None else given.get("device")
    on_gpu = torch.cuda.is_available() and str(device) != "cpu"
    result = {**(GPU_DEFAULTS if on_gpu else CPU_DEFAULTS), **(RTDETR_DEFAULTS if rtdetr else {})}
    result.update(project=str(Path(options.project).resolve()), name=options.name, plots=True)
    named = {key: getattr(options, key) for key in ("epochs", "imgsz", "batch", "device", "workers")}
    result.update({key: value for key, value in named.items() if value is not None})
    result.update(given)
    if rtdetr and "nbs" not in given and isinstance(result["batch"], int) and result["batch"] > 0:
        result["nbs"] = result["batch"]
    return result


def resume(options, given):
    """Carry on a run from its last.pt."""
    path = newest("last.pt") if options.resume is True else Path(options.resume)
    if path is None or not path.is_file():
        wanted = "no last.pt under runs/" if path is None else f"{path} does not exist"
        raise UsageError(f"nothing to resume: {wanted}. A run writes it at the end of its first epoch")
    say(f"resuming {path}")
    model, content = load_checkpoint(path)
    if content.get("optimizer") is None:  # upstream would start a new run on its own sample data
        raise UsageError(f"nothing to resume: {path} is from a run that has finished (or holds no state of one)")
    return model, {**given, "resume": True}


def start(options, given):
    """Build the model of --cfg and the arguments of a new run."""
    path = find_model(options.cfg)
    cls = model_class(path)
    arguments = settings(options, given, cls.__name__ == "RTDETR")
    check_arguments(arguments)
    if options.weights:
        load_checkpoint(Path(options.weights))  # says what is wrong with the file
        # Not model.load(): that would fill a model of the YAML's own nc, and lose the class scores on the way
        arguments["pretrained"] = options.weights
    arguments["data"] = find_data(options.data)
    with building(path):
        model = cls(str(path))
    return model, arguments


def main(argv=None):
    """Run the command line; return the exit code."""
    with messages():
        options, given = parse(argv)
        load_ultralytics()
        model, arguments = resume(options, given) if options.resume else start(options, given)
        use_all_cores(model)
        model.train(**arguments)
        from lab.report import report

        report(model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
