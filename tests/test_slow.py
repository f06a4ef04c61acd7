"""What takes minutes: learning on real tiles, and the figure that only the classic thop gives."""

import csv
import os
import subprocess
import sys

import pytest
from conftest import ROOT, run_python

from run import crowns as tree_crowns


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_model_overfits_a_handful_of_real_tiles(tmp_path):
    """A network whose features or gradients are wrong cannot reach mAP50 0.5 on the tiles that it trains on."""
    tree_crowns.prepare(tmp_path / "crowns", say=lambda _: None)
    tiles = sorted((tmp_path / "crowns" / "images" / "train").glob("*.png"))
    counts = {
        t: len((tmp_path / "crowns" / "labels" / "train" / f"{t.stem}.txt").read_text().splitlines()) for t in tiles
    }
    few = sorted(tiles, key=lambda t: -counts[t])[:4]
    for name, times in (("train", 25), ("val", 1)):  # 25 updates an epoch: the epochs' own cost is spread
        (tmp_path / f"{name}.txt").write_text("".join(f"{t}\n" for t in few) * times, encoding="utf-8")
    yaml = f"path: {tmp_path.as_posix()}\ntrain: train.txt\nval: val.txt\nnames: [tree]\n"
    (tmp_path / "few.yaml").write_text(yaml, encoding="utf-8")
    arguments = ["--data", tmp_path / "few.yaml", "--epochs", "12", "--imgsz", "256", "--batch", "4"]
    plain = [
        "lr0=5e-4",
        "fliplr=0",
        "scale=0",
        "translate=0",
        "hsv_h=0",
        "hsv_s=0",
        "hsv_v=0",
        "erasing=0",
        "val=False",
    ]
    run = run_python(
        ROOT / "train.py",
        *[*arguments, *plain, "--project", tmp_path / "runs", "plots=False"],
        cwd=tmp_path,
        env={"OMP_NUM_THREADS": ""},
        timeout=1500,
    )
    assert run.returncode == 0, run.stderr
    with (tmp_path / "runs" / "exp" / "results.csv").open(encoding="utf-8") as f:
        last = list(csv.DictReader(f, skipinitialspace=True))[-1]
    print("mAP50 on the training tiles:", last["metrics/mAP50(B)"])
    assert float(last["metrics/mAP50(B)"]) >= 0.5


@pytest.mark.net
def test_the_classic_counter_gives_the_articles_gflops(tmp_path):
    """27.772 by thop 0.1.1; the article's screenshot says 27.8."""
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "thop")]
    subprocess.run([*fetch, "thop==0.1.1.post2209072238"], check=True)
    code = (
        "import torch, thop; from ultralytics.nn.tasks import RTDETRDetectionModel\n"
        "m = RTDETRDetectionModel('rtdetr-mobilenetv3.yaml', nc=1, verbose=False).eval()\n"
        "print(thop.profile(m, inputs=[torch.zeros(1, 3, 640, 640)], verbose=False)[0] / 1e9 * 2)"
    )
    run = run_python("-c", code, cwd=ROOT, env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "thop"), str(ROOT)])})
    assert run.returncode == 0, run.stderr
    assert float(run.stdout.split()[-1]) == pytest.approx(27.772, abs=0.0005)
