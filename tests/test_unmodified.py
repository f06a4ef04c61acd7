"""Models without a backbone of ours: the fork builds and computes what pristine upstream does, to the bit."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import run_python

from fork.releases.probe import probe
from fork.tree import write_files

SAMPLE = [
    "rtdetr-l",
    "yolo11",
    "yolo11-cls-resnet18",
    "yolo12",
    "yolo26",
    "yolo26-sem",
    "yolo26-depth",
    "yoloe-v8",
    "yoloe-v8-seg",
    "yolov10n",
    "yolov3-tiny",
    "yolov5",
    "yolov6",
    "yolov8",
    "yolov8-cls",
    "yolov8-ghost",
    "yolov8-obb",
    "yolov8-p6",
    "yolov8-pose",
    "yolov8-rtdetr",
    "yolov8-seg",
    "yolov8-worldv2",
    "yolov9e",
    "yolov9e-seg",
    "yolov9t",
]
"""At least one of each family and task that the release ships, and all that the articles' own edits break; ``make
slow`` builds every YAML."""


def fingerprint(root, models, outputs=True):
    report = probe(root, limit=500, ours=False, models=models, outputs=outputs, side=64)
    assert report["tree"] == str(root / "ultralytics")  # each run really used its own tree
    assert [stem for stem, found in report["models"].items() if "error" in found] == []
    return {stem: {**found, "seconds": 0} for stem, found in report["models"].items()}


@pytest.fixture(scope="module")
def patched_root(results, tmp_path_factory):
    root = tmp_path_factory.mktemp("patched")
    write_files(root, results[-1].tree)
    return root


def both(pristine_root, patched_root, *arguments):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda root: fingerprint(root, *arguments), (pristine_root, patched_root)))


@pytest.mark.slow
def test_every_yaml_of_upstream_builds_the_same_model(pristine_root, patched_root):
    """Parameters, state-dict keys and shapes, rows, saved indices and strides, of all YAMLs of the release."""
    pristine, patched = both(pristine_root, patched_root, [], False)
    assert len(pristine) == 66
    assert patched == pristine
    assert patched["rtdetr-l"]["parameters"] == 32_970_476


def test_outputs_are_equal_to_the_bit(pristine_root, patched_root):
    pristine, patched = both(pristine_root, patched_root, SAMPLE)
    assert set(pristine) == set(SAMPLE)
    assert all("outputs" in found for found in pristine.values())
    assert patched == pristine


@pytest.mark.slow
def test_the_comparison_notices_a_lost_block(pristine_root, results, tmp_path):
    """Take upstream's handling of older SPPF rows out, as the articles' replacement does: yolov8 must differ."""
    import ast

    tree = results[-1].tree
    source = tree["ultralytics/nn/tasks.py"].decode()
    parse = next(n for n in ast.parse(source).body if getattr(n, "name", "") == "parse_model")
    block = [n for n in ast.walk(parse) if isinstance(n, ast.If) and ast.unparse(n.test).startswith("m is SPPF")]
    assert len(block) == 1
    lines = source.splitlines(keepends=True)
    del lines[block[0].lineno - 1 : block[0].end_lineno]
    write_files(tmp_path, {**tree, "ultralytics/nn/tasks.py": "".join(lines).encode()})
    before, after = (fingerprint(root, ["yolov8", "yolo26"]) for root in (pristine_root, tmp_path))
    assert after["yolov8"] != before["yolov8"]
    assert after["yolo26"] == before["yolo26"]


def test_the_fork_is_imported_without_timm_or_other_extras(patched_root):
    code = "import sys, ultralytics.nn.tasks; print([m for m in ('timm', 'fork', 'lab') if m in sys.modules])"
    environment = {"PYTHONPATH": str(patched_root)}
    run = run_python("-c", code, env=environment, cwd=patched_root)
    assert run.stdout.strip().splitlines()[-1] == "[]", run.stderr


def test_importing_the_folder_first_works(patched_root):
    """No import order may end in a circle."""
    for statement in ("from ultralytics.nn.Addmodules import MobileNetV3", "import ultralytics.nn.Addmodules.hooks"):
        run = subprocess.run(
            [sys.executable, "-c", statement], cwd=patched_root, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
