"""Validate a trained detector on the validation images of a data set.

python val.py                                       the newest best.pt under runs/, on the data it was trained on
python val.py --weights runs/train/exp/weights/best.pt --data my.yaml --imgsz 640
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    from fork.arguments import Parser
    from run import find, start
    from run.arguments import UsageError, add_trust, check_arguments, split_arguments
except ModuleNotFoundError as missing:
    if missing.name in {"run", "fork"}:
        sys.exit("error: val.py needs the folders fork/ and run/ beside it: run it where it lies, from any folder")
    sys.exit(f"error: the package {missing.name} is missing: run `python -m pip install -e .` first")


def parse(argv=None):
    """Read the command line: (options, key=value arguments)."""
    parser = Parser(
        prog="val.py",
        description=__doc__,
        epilog="Any other validation argument of upstream goes behind as key=value.",
    )
    parser.add_argument("--weights", help="checkpoint (.pt); default: the newest best.pt under runs/")
    parser.add_argument("--data", help="data YAML, path or bare name; default: the one the model was trained on")
    parser.add_argument("--imgsz", type=int, help="side of the images in pixels; default: as in training")
    parser.add_argument("--batch", type=int, help="images per step; default: as in training")
    parser.add_argument("--device", help="cpu, 0, mps; default: the first GPU, else the CPU")
    parser.add_argument("--project", help="folder of runs (runs/val)")
    parser.add_argument("--name", help="folder of this run; a number is added to a taken one (exp)")
    add_trust(parser, data=True)
    return split_arguments(parser, argv, aliases={"model": "weights"})


def main(argv=None):
    """Run the command line; return the exit code."""
    with start.messages():
        options, given = parse(argv)
        start.load_ultralytics()
        weights = Path(options.weights) if options.weights else find.newest("best.pt")
        if weights is None or not weights.is_file():
            wanted = "no best.pt under runs/" if weights is None else f"--weights {weights}: no such file"
            raise UsageError(f"nothing to validate: {wanted}; train first (python train.py)")
        start.say(f"validating {weights}")
        model, content = find.load_checkpoint(weights)
        trained = content.get("train_args") or {}
        arguments = {"project": str(Path(options.project or "runs/val").resolve()), "name": options.name or "exp"}
        for key in ("imgsz", "batch", "device"):
            value = getattr(options, key)
            arguments[key] = trained.get(key) if value is None and key != "device" else value
        arguments.update({"plots": True, **given})
        check_arguments({key: value for key, value in arguments.items() if value is not None})
        arguments["data"] = find.find_data(options.data or find.trained_on(weights, content) or find.CROWNS)
        start.use_all_cores(model)
        metrics = model.val(**arguments)
        print(f"mAP50 {metrics.box.map50:.4f}  mAP50-95 {metrics.box.map:.4f}  plots {metrics.save_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
