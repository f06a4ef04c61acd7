"""Runs the tools of the lab: ``python -m lab check MODEL.yaml``."""

import importlib
import sys

COMMANDS = {
    "check": "check a model YAML, and a data set, before anything is trained",
    "compare": "train several models on one data set, and say which is better by how much",
    "zoo": "list every model YAML with its parameters, GFLOPs and maps",
    "speed": "measure models: eager, fused, channels_last, exported",
    "heatmap": "show where a detector looks: class-activation maps",
    "curves": "draw the training curves of several runs in one picture",
    "data": "convert annotations to YOLO, split, count, draw a sample",
}


def main(argv=None):
    """Run the command that the first word names; return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in COMMANDS:
        return importlib.import_module(f"lab.{words[0]}.command").main(words[1:])
    lines = "".join(f"  {name:12} {what}\n" for name, what in COMMANDS.items())
    usage = f"usage: python -m lab COMMAND [options]; each has --help\n\n{lines}"
    if not words or words[0] in ("-h", "--help"):
        print(usage, end="")
        return 0 if words else 2
    print(f"error: there is no command {words[0]!r}\n\n{usage}", file=sys.stderr, end="")
    return 2


if __name__ == "__main__":
    sys.exit(main())
