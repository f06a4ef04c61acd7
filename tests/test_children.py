"""Processes that one of our commands starts find the fork of the one that starts them."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, make_squares, run_python

from ultralytics.nn.Addmodules._policy import command

START = r"""
import subprocess, sys
from pathlib import Path
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command

class OnCPU(DetectionTrainer):  # upstream counts GPUs, and takes one for each process
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.world_size = 2

    def _setup_ddp(self):
        import torch, ultralytics
        torch.distributed.init_process_group("gloo")

        class Parallel(torch.nn.parallel.DistributedDataParallel):
            def __init__(self, module, device_ids, **options):
                super().__init__(module, **options)

        torch.nn.parallel.DistributedDataParallel = Parallel
        Path(self.args.project, f"child{torch.distributed.get_rank()}").write_text(ultralytics.__file__)

    def validate(self):  # upstream's asks CUDA for its device
        return {}, 0.0

    def final_eval(self):
        pass

def start(model, data, folder):
    overrides = dict(model=model, data=data, epochs=1, imgsz=64, batch=2, workers=0, device="cpu", plots=False,
                     amp=False, project=folder, name="run", exist_ok=True)
    trainer = OnCPU(overrides=overrides)
    trainer.model = YOLO(model).model  # as Model.train hands it over
    command, file = generate_ddp_command(trainer)
    try:
        run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    finally:
        ddp_cleanup(trainer, file)
    print("rc", run.returncode)
    print(run.stdout, run.stderr)
"""


def path_of(root):
    """Return the environment in which ultralytics is that of ``root``; other packages stay where they are."""
    cloudpickle = pytest.importorskip("cloudpickle")
    return {"PYTHONPATH": os.pathsep.join([str(root), str(Path(cloudpickle.__file__).parent.parent)])}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.mark.slow
def test_two_processes_train_with_the_fork(data, tmp_path):
    """With upstream's own file and command, over gloo: as far as that goes without a GPU."""
    script = tmp_path / "start.py"
    call = f"start('yolo11-mobilenetv3small.yaml', {str(data)!r}, {str(tmp_path)!r})"
    script.write_text(f"{START}\nif __name__ == '__main__':\n    {call}\n", encoding="utf-8")
    run = run_python(script, cwd=tmp_path, env=path_of(ROOT), timeout=500)
    assert "rc 0" in run.stdout, run.stdout + run.stderr
    for rank in (0, 1):
        assert (tmp_path / f"child{rank}").read_text() == str(ROOT / "ultralytics" / "__init__.py")
    content = torch.load(tmp_path / "run" / "weights" / "last.pt", weights_only=False)
    assert (content.get("ema") or content["model"]).model[0].addmodules_record["backbone"] == "MobileNetV3Small"


@pytest.mark.parametrize("folder", ["checkout", "site-packages"])
def test_the_environment_of_a_child(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "PACKAGE", tmp_path / folder / "ultralytics")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["one", "", "two"]))
    monkeypatch.delenv("ADDMODULES_RESTRICT", raising=False)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    first = [str(tmp_path / folder)] if folder == "checkout" else []  # packages there must not hide Python's own
    for _ in range(2):
        command.lead()
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [*first, "one", "two"]
    assert (os.environ["PYTHONSAFEPATH"], os.environ["ADDMODULES_RESTRICT"]) == ("1", "1")


TUNE = r"""
import sys
sys.path.insert(0, sys.argv.pop(1))  # known to this process only
from ultralytics.nn.Addmodules._policy.command import yolo
sys.exit(yolo())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="the working directory cannot be taken off the path before")
def test_a_tuning_trains_with_the_fork(data, tmp_path, pristine_root):
    """In a folder that holds a stock package, with a parent that knows another one."""
    stock = tmp_path / "ultralytics"
    shutil.copytree(pristine_root / "ultralytics", stock, ignore=shutil.ignore_patterns("__pycache__"))
    with (stock / "__init__.py").open("a", encoding="utf-8") as f:
        f.write("\nopen('stock', 'w').close()\n")
    (tmp_path / "tune.py").write_text(TUNE, encoding="utf-8")
    options = {"iterations": 1, "epochs": 1, "imgsz": 64, "batch": 2, "workers": 0, "plots": False, "val": False}
    options.update(model="yolo11-mobilenetv3small.yaml", data=data, device="cpu", project=tmp_path / "tuned")
    words = ["tune", *(f"{key}={value}" for key, value in options.items())]
    run = run_python("tune.py", ROOT, *words, cwd=tmp_path, env={"PYTHONPATH": ""}, timeout=500)
    assert run.returncode == 0, run.stderr
    content = torch.load(next((tmp_path / "tuned").rglob("best.pt")), weights_only=False)
    assert not (tmp_path / "stock").exists()
    assert content["ema" if content.get("ema") else "model"].model[0].addmodules_record["digest"]


SPAWN = r"""
import sys
sys.path.insert(0, sys.argv[1])  # known to this process only
import multiprocessing
from pathlib import Path

def note(worker):
    import ultralytics
    Path(f"worker{worker}").write_text(ultralytics.__file__)

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_yolo_dataset
    from ultralytics.data.build import InfiniteDataLoader
    from ultralytics.data.utils import check_det_dataset
    data = check_det_dataset(sys.argv[2])
    dataset = build_yolo_dataset(get_cfg(overrides={"imgsz": 64}), data["train"], 2, data)
    options = {"num_workers": 1, "worker_init_fn": note, "collate_fn": dataset.collate_fn}
    loader = InfiniteDataLoader(dataset, batch_size=2, **options)
    print("batch", tuple(next(iter(loader))["img"].shape))
    loader.__del__()
"""


@pytest.mark.slow
def test_loaders_that_are_spawned_get_the_same_ultralytics(data, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "ultralytics", copy / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "spawn.py").write_text(SPAWN, encoding="utf-8")
    run = run_python("spawn.py", copy, data, cwd=tmp_path, env={"PYTHONPATH": ""})
    assert "batch (2, 3, 64, 64)" in run.stdout, run.stderr
    assert (tmp_path / "worker0").read_text() == str(copy / "ultralytics" / "__init__.py")
