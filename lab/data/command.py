"""Converts annotations to YOLO, splits a data set, counts it, and draws a sample of it.

    python -m lab data convert VOC_FOLDER --to my-data          Pascal VOC, COCO or LabelMe -> YOLO
    python -m lab data split my-data --to my-split              lists for train, val and test; no image is copied
    python -m lab data stats my-split --out my-stats            classes, sizes, leaks; a table, and JSON
    python -m lab data sample my-split --out sample.jpg         a sheet of labelled images

Originals are never written to. Each verb has --help. Exit code: 0; 1 with --strict where something was found;
2 where the command line or the data cannot be used.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import List, Optional

from fork.arguments import Parser
from run import start
from run.arguments import UsageError

VERBS = ("convert", "split", "stats", "sample")


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab data", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{" + ",".join(VERBS) + "}")
    _convert(verbs.add_parser("convert", help="Pascal VOC XML, COCO JSON or LabelMe JSON to YOLO"))
    _split(verbs.add_parser("split", help="divide the images into train, val and test"))
    _stats(verbs.add_parser("stats", help="count classes and sizes, look for leaks"))
    _sample(verbs.add_parser("sample", help="draw a sheet of labelled images"))
    return parser.parse_args(argv)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Convert Pascal VOC XML, COCO JSON or LabelMe JSON to YOLO by the package supervision "
        "(`pip install supervision`), and check the result. "
        "Whatever cannot be converted is named, and nothing is written then. "
        "Images without an annotation are background; COCO's crowds are left out; each of several folders of "
        "annotations, or COCO files, becomes a folder of images, in train, val or test if its name says so."
    )
    add = parser.add_argument
    add("source", help="folder of annotations, or one COCO file")
    add("--to", required=True, metavar="DIR", help="folder to write; must be new or empty")
    add("--images", metavar="DIR", help="folder of the images; default: the annotations', and those around it")
    add(
        "--task",
        choices=("detect", "segment"),
        default="detect",
        help="boxes (default), or outlines, all of which are held in memory as masks",
    )


def _split(parser: argparse.ArgumentParser) -> None:
    parser.description = "Divide the images of a YOLO data set into parts, as text lists; no image is copied."
    add = parser.add_argument
    add("data", help="data YAML, or the folder that holds it; all its images are divided anew")
    add("--to", required=True, metavar="DIR", help="folder to write; must be new or empty")
    add("--parts", default="train=0.8,val=0.1,test=0.1", help="default: %(default)s")
    add("--seed", type=int, default=0, help="another seed, another division; default: 0")
    add(
        "--group-by",
        metavar="RULE",
        help="keep images of one source together: parent (their folder), roboflow, copies, "
        "tiles, frames (by their names), or a regular expression on the file's stem, whose first (...) is the source",
    )
    add("--no-stratify", dest="stratify", action="store_false", help="divide without regard to classes")
    add("--strict", action="store_true", help="exit with 1 if anything was wrong")


def _stats(parser: argparse.ArgumentParser) -> None:
    parser.description = "Count a YOLO data set: classes, box and image sizes, background, leaks between its parts."
    add = parser.add_argument
    add("data", help="data YAML, or the folder that holds it")
    add("--out", metavar="DIR", help="write stats.json there")
    add("--imgsz", type=int, default=640, help="training size for small, medium and large; default: 640")
    add("--strict", action="store_true", help="exit with 1 if images leak between parts")


def _sample(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw a sheet of labelled images."
    add = parser.add_argument
    add("data", help="data YAML, or the folder that holds it")
    add("--count", type=int, default=16, help="number of images; default: 16")
    add("--split", choices=("train", "val", "test"), default="train", help="default: train")
    add("--seed", type=int, default=0, help="another seed, other images; default: 0")
    add("--class", dest="name", metavar="NAME", help="only images with this class, by name or number")
    add("--out", metavar="FILE", default="sample.jpg", help=".jpg or .png; default: sample.jpg")
    add("--size", type=int, default=320, help="side of a picture on the sheet in pixels; default: 320")


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    os.environ.setdefault("YOLO_OFFLINE", "true")
    with start.messages():
        try:
            return importlib.import_module(f"lab.data.{options.verb}").main(options)
        except KeyboardInterrupt:
            print("\nstopped; nothing was written", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the output went to `head`, which has seen enough; files are written before it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as e:  # a full disk, a folder that may not be written
            where = " and ".join(str(name) for name in (e.filename, e.filename2) if name)
            raise UsageError(f"{where or 'the file system'}: {e.strerror or e}") from None
