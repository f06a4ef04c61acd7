"""Prints, as JSON, what becomes of model YAMLs in the patched YOLOv5 that PYTHONPATH names.

Usage: python yolov5_cases.py FOLDER      for each FOLDER/*.yaml: [strides, parameters], or the error
"""

import json
import logging
import sys
from pathlib import Path

import torch


def main():
    """Run the command line."""
    from yolov5.models.yolo import DetectionModel

    logging.getLogger("yolov5").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    found = {}
    for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
        try:
            model = DetectionModel(str(path))
            found[path.stem] = [model.stride.tolist(), sum(p.numel() for p in model.parameters())]
        except Exception as e:
            found[path.stem] = f"{type(e).__name__}: {e}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
