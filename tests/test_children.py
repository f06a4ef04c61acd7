"""Processes that a training starts run the fork of the one that starts them, or stop."""

import json
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, make_squares, run_python

from fork.state import read_stamp
from ultralytics.nn.Addmodules import BackboneError, hooks
from ultralytics.nn.Addmodules._policy import record as _record

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
    assert next(iter(content)) == "addmodules"
    assert content["addmodules"]["backbone"]["name"] == "MobileNetV3Small"


SWAP = r"""
import json, subprocess, sys
from types import SimpleNamespace
from ultralytics import YOLO
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_file

trainer = SimpleNamespace(args=SimpleNamespace(), model=YOLO("yolo11n.yaml").model, callbacks={})
mine, here, said = list(sys.path), sys.argv[1], []
for there in sys.argv[2:]:
    sys.path[:] = [there if path == here else path for path in mine]
    file = generate_ddp_file(trainer)
    try:
        run = subprocess.run([sys.executable, file], capture_output=True, text=True, encoding="utf-8", errors="replace")
    finally:
        ddp_cleanup(trainer, file)
    said.append("\n".join(run.stderr.strip().splitlines()[-2:]))
print(json.dumps(said))
"""
"""What a child does that finds another ultralytics than its parent; the trainer is none, and ends in AttributeError."""

WENT_ON = "object has no attribute 'train'"


def swapped(folder, here, *there):
    run = run_python("-c", SWAP, here, *there, cwd=folder, env=path_of(here))
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def copy_of_the_fork(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "ultralytics", folder / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_child_goes_on_with_the_fork_of_its_parent_only(copy_of_the_fork, pristine_root, tmp_path):
    same, other, stock = swapped(tmp_path, ROOT, ROOT, copy_of_the_fork, pristine_root)
    assert WENT_ON in same
    assert f"runs the fork in {ROOT / 'ultralytics'}," in other
    assert f"imports ultralytics from {copy_of_the_fork / 'ultralytics'}" in other
    assert "to do: install the fork" in other
    assert stock.endswith("ModuleNotFoundError: No module named 'ultralytics.nn.Addmodules'")


@pytest.mark.slow
def test_the_articles_steps_alone_let_it_go_on_with_the_stock_package(articles_root, pristine_root, tmp_path):
    (stock,) = swapped(tmp_path, articles_root, pristine_root)
    assert WENT_ON in stock


def test_a_tree_is_unpickled_where_it_runs_only(tmp_path):
    tree = _record.this_tree()
    assert tree == (str(ROOT / "ultralytics"), read_stamp(ROOT).digest)
    assert pickle.loads(pickle.dumps(tree)) == tree
    name, entries = f"{_record.__name__}.Tree", {}
    hooks.allow([name], entries)
    assert entries == {name: _record.Tree}  # a restricted load opens what a tuning gives to its processes
    with pytest.raises(BackboneError, match=r"was built anew .* \(its digest was 0123456789ab and is "):
        _record.Tree(tree.path, "0123456789abcdef")
    with pytest.raises(BackboneError, match="install the fork"):
        _record.Tree(str(tmp_path), tree.digest)
    link = tmp_path / "link"
    try:
        link.symlink_to(tree.path, target_is_directory=True)
    except OSError:
        return  # no such links here
    assert _record.Tree(str(link), tree.digest) == (str(link), tree.digest)


@pytest.mark.parametrize("folder", ["checkout", "site-packages"])
def test_the_environment_of_a_child(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(_record, "PACKAGE", tmp_path / folder / "ultralytics")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["one", "", "two"]))
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.chdir(tmp_path)
    found = _record.child_environment()
    first = [str(tmp_path / folder)] if folder == "checkout" else []  # packages there must not hide Python's own
    assert found["PYTHONPATH"].split(os.pathsep) == [*first, "one", "two", str(tmp_path)]
    assert (found["PYTHONSAFEPATH"], found["SOMETHING"]) == ("1", "else")


TUNE = r"""
import sys
sys.path.insert(0, sys.argv[1])  # known to this process only
from ultralytics import YOLO
YOLO(sys.argv[2]).tune(data=sys.argv[3], iterations=1, epochs=1, imgsz=64, batch=2, workers=0, plots=False,
                       device="cpu", val=False, project=sys.argv[4], name="tune")
"""


def tune(root, model, data, folder, stock):
    """Tune in a folder that holds a stock package, with a parent that knows another one; return the checkpoint."""
    shutil.copytree(stock / "ultralytics", folder / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "ultralytics" / "__init__.py").open("a", encoding="utf-8") as f:
        f.write("\nopen('stock', 'w').close()\n")
    (folder / "tune.py").write_text(TUNE, encoding="utf-8")
    project = folder / "tuned"
    run = run_python("tune.py", root, model, data, project, cwd=folder, env={"PYTHONPATH": ""}, timeout=500)
    assert run.returncode == 0, run.stderr
    return torch.load(next(project.rglob("best.pt")), weights_only=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="the working directory cannot be taken off the path before")
@pytest.mark.parametrize("model", ["yolo11-mobilenetv3small.yaml", "yolo11n.yaml"])
def test_a_tuning_trains_with_the_fork(model, data, tmp_path, pristine_root):
    content = tune(ROOT, model, data, tmp_path, pristine_root)
    assert not (tmp_path / "stock").exists()
    assert content["addmodules"]["digest"] == read_stamp(ROOT).digest
    assert (content["addmodules"]["backbone"] or {}).get("name") == (None if "n.y" in model else "MobileNetV3Small")


@pytest.mark.slow
def test_the_articles_steps_alone_tune_with_whatever_is_in_the_folder(data, tmp_path, pristine_root, articles_root):
    tune(articles_root, "yolo11n.yaml", data, tmp_path, pristine_root)
    assert (tmp_path / "stock").exists()


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
def test_loaders_that_are_spawned_get_the_same_ultralytics(data, copy_of_the_fork, tmp_path):
    (tmp_path / "spawn.py").write_text(SPAWN, encoding="utf-8")
    run = run_python("spawn.py", copy_of_the_fork, data, cwd=tmp_path, env={"PYTHONPATH": ""})
    assert "batch (2, 3, 64, 64)" in run.stdout, run.stderr
    assert (tmp_path / "worker0").read_text() == str(copy_of_the_fork / "ultralytics" / "__init__.py")
