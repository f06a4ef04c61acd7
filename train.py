"""Train a detector whose backbone is one line of YAML.

python train.py                                             RT-DETR + MobileNetV3 on the tree crowns
python train.py --cfg rtdetr-efficientvit_m0.yaml --data my.yaml --epochs 100 lr0=1e-4
python train.py --cfg yolo11-mobilenetv4convsmall-pretrained.yaml     any HEAD-BACKBONE[-pretrained].yaml
python train.py --resume                                    carry on the newest run
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    from fork.arguments import Parser
    from run import defaults, find
    from run.arguments import UsageError, add_trust, check_arguments, split_arguments
    from run.start import load_ultralytics, messages, say, training, use_all_cores
except ModuleNotFoundError as missing:
    if missing.name in {"run", "fork"}:
        sys.exit("error: train.py needs the folders fork/ and run/ beside it: run it where it lies, from any folder")
    sys.exit(f"error: the package {missing.name} is missing: run `python -m pip install -e .` first")

RESUMABLE = {"imgsz", "batch", "device", "workers", "cache", "patience", "plots", "val", "save_period", "close_mosaic"}
"""What a resumed run may change; everything else is the run's own."""


def parse(argv=None):
    """Read the command line: (options, key=value arguments). An option may be given as key=value too."""
    parser = Parser(
        prog="train.py",
        description=__doc__,
        epilog="Any other training argument of upstream goes behind as key=value (`yolo cfg` lists them).",
    )
    parser.add_argument("--cfg", help="model YAML, path or bare name (rtdetr-mobilenetv3.yaml)")
    parser.add_argument("--data", help=f"data YAML, path or bare name ({find.CROWNS})")
    parser.add_argument("--epochs", type=int, help="default: 72 with a GPU, 20 without")
    parser.add_argument("--imgsz", type=int, help="side of the images in pixels; default: 640 with a GPU, 320 without")
    parser.add_argument("--batch", type=int, help="images per step; default: 4")
    parser.add_argument("--device", help="cpu, 0, 0,1, mps; default: the first GPU, else the CPU")
    parser.add_argument("--workers", type=int, help="data-loading processes; default: 4 with a GPU, 0 without")
    parser.add_argument("--weights", help="checkpoint (.pt) to start from")
    parser.add_argument(
        "--resume", nargs="?", const=True, metavar="LAST.PT", help="carry on this run, or the newest one under runs/"
    )
    parser.add_argument("--project", help="folder of runs (runs/train)")
    parser.add_argument("--name", help="folder of this run; a number is added to a taken one (exp)")
    add_trust(parser, data=True)
    return split_arguments(parser, argv, aliases={"model": "cfg", "pretrained": "weights"})


def given_options(options):
    """Return the options that were given and are training arguments of the same name."""
    named = {key: getattr(options, key) for key in ("epochs", "imgsz", "batch", "device", "workers")}
    return {key: value for key, value in named.items() if value is not None}


def settings(options, given, rtdetr, crowns):
    """Return the training arguments: the defaults for this machine, model and data, then what the user gave."""
    import torch

    on_gpu = torch.cuda.is_available() and options.device != "cpu"
    result = {**(defaults.GPU if on_gpu else defaults.CPU), **(defaults.RTDETR if rtdetr else {})}
    if crowns:
        result.update(defaults.CROWNS, **({} if on_gpu else defaults.CROWNS_CPU))
        if not rtdetr:
            result.update(defaults.YOLO_CROWNS, **({} if on_gpu else {"epochs": 30}))
    project = Path(options.project or "runs/train").resolve()
    result.update(project=str(project), name=options.name or "exp", plots=True)
    result.update(given_options(options), **given)
    if (rtdetr or crowns) and "nbs" not in given and result["batch"] > 0:
        result["nbs"] = result["batch"]
    return result


def resume(options, given):
    """Carry on a run from its last.pt."""
    changes = {**given_options(options), **given}
    fixed = [key for key in ("cfg", "data", "weights", "project", "name") if getattr(options, key) is not None]
    fixed += [key for key in changes if key not in RESUMABLE]
    if fixed:
        raise UsageError(
            f"a resumed run keeps its own {', '.join(fixed)}; it may change {', '.join(sorted(RESUMABLE))}"
        )
    check_arguments(changes)
    path = find.newest("last.pt") if options.resume is True else Path(options.resume)
    if path is None or not path.is_file():
        wanted = "no last.pt under runs/" if path is None else f"{path} does not exist"
        raise UsageError(f"nothing to resume: {wanted}. A run writes it at the end of its first epoch")
    say(f"resuming {path}")
    model, content = find.load_checkpoint(path)
    find.trained_on(path, content)
    if content.get("optimizer") is None:  # upstream would start a new run on its own sample data
        raise UsageError(f"nothing to resume: {path} is from a run that has finished (or holds no state of one)")
    return model, {**changes, "resume": True}


def start(options, given):
    """Build the model of --cfg and the arguments of a new run."""
    name, path = find.find_model("rtdetr-mobilenetv3.yaml" if options.cfg is None else options.cfg)
    cls = find.model_class(path)
    data = find.CROWNS if options.data is None else options.data
    arguments = settings(options, given, cls.__name__ == "RTDETR", find.is_crowns(data))
    check_arguments(arguments)
    source = None
    if options.weights:
        source, _ = find.load_checkpoint(Path(options.weights))  # says what is wrong with the file
        # Not model.load(): that would fill a model of the YAML's own nc, and lose the class scores on the way
        arguments["pretrained"] = options.weights
    arguments["data"] = find.find_data(data)
    from ultralytics.nn.Addmodules._rows.matching import match_rows

    with find.building(Path(name)):
        model = cls(name)
    if source is not None:
        with training():  # refuses weights of which nothing fits before a folder is made
            match_rows(model.model, source.model, source.model.state_dict())
    return model, arguments


def main(argv=None):
    """Run the command line; return the exit code."""
    with messages("stopped; carry on with: python train.py --resume"):
        options, given = parse(argv)
        load_ultralytics()
        model, arguments = resume(options, given) if options.resume else start(options, given)
        use_all_cores(model)
        with training():
            model.train(**arguments)
        from run.report import report

        report(model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
