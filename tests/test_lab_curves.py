"""``lab curves``: results.csv of many releases and accidents, groups, the picture, the table, and wrong input."""

import math
import time

import numpy as np
import pytest

from lab.curves import command as curves
from lab.curves import draw, read
from run.arguments import UsageError

NEW = "epoch,time,train/box_loss,metrics/mAP50(B),metrics/mAP50-95(B),val/box_loss,lr/pg0"


def write(folder, rows, header=NEW, arguments=None):
    """Write a run's results.csv, a row a tuple, and its args.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [header, *(row if isinstance(row, str) else ",".join(map(str, row)) for row in rows)]
    (folder / "results.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if arguments is not None:
        (folder / "args.yaml").write_text("".join(f"{k}: {v}\n" for k, v in arguments.items()), encoding="utf-8")
    return folder / "results.csv"


def plain(epochs, top=0.5, first=1):
    """Return rows whose mAP50 rises to ``top`` at two thirds of the way, and falls again."""
    peak = first + 2 * epochs // 3
    rows = []
    for epoch in range(first, first + epochs):
        value = top - 0.01 * abs(epoch - peak)
        rows.append((epoch, 10.0 * epoch, 2 - 0.01 * epoch, round(value, 5), round(value / 2, 5), 3.0, 1e-3))
    return rows


def test_headers_of_releases(tmp_path):
    old = "                  epoch,         train/box_loss,       metrics/mAP50(B),    metrics/mAP50-95(B)"
    eight_zero = write(tmp_path / "a", ["  0,  1.5,  0.1,  0.05", "  1,  1.4,  0.2,  0.1"], old)
    five = write(tmp_path / "b", [(0, 1, 0.3, 0.1)], "epoch,train/box_loss,metrics/mAP_0.5,metrics/mAP_0.5:0.95")
    run = read.read(eight_zero)
    assert run.epochs.tolist() == [1, 2]  # counted from 0 there
    assert run.values["metrics/mAP50(B)"].tolist() == [0.1, 0.2]
    runs = [run, read.read(five), read.read(write(tmp_path / "c", plain(3)))]
    assert read.columns(runs, "mAP50") == ["metrics/mAP50(B)"]
    assert read.columns(runs, "metrics/mAP_0.5,map50-95") == ["metrics/mAP50(B)", "metrics/mAP50-95(B)"]
    assert read.columns(runs, "losses") == ["train/box_loss", "val/box_loss"]
    assert read.columns(runs, "box_loss,train/box_loss") == ["train/box_loss", "val/box_loss"]
    assert runs[1].values["metrics/mAP50(B)"].tolist() == [0.3]


def test_accidents(tmp_path):
    rows = [*plain(6), *plain(3, top=0.9, first=5)]  # resumed at 5
    rows[1] = (2, 20, "nan", "inf", "", 3.0, 1e-3)
    rows.insert(3, NEW)
    rows.append("8,1")  # cut off
    run = read.read(write(tmp_path / "a", rows))
    assert run.epochs.tolist() == [1, 2, 3, 4, 5, 6, 7]
    values = run.values["metrics/mAP50(B)"]
    assert math.isnan(values[1])
    assert math.isnan(run.values["train/box_loss"][1])
    assert values[4] == plain(3, top=0.9, first=5)[0][3]  # the later one counts
    text = " ".join(run.notes)
    assert "1 row cut off" in text
    assert "2 epochs are written twice" in text
    assert "3 values are nan" in text
    missing = read.read(write(tmp_path / "b", [plain(9)[0], plain(9)[8]]))
    assert "7 epochs are missing" in missing.notes


def test_find(tmp_path):
    for name in ("exp", "exp2", "exp10"):
        write(tmp_path / name, plain(2))
    write(tmp_path / "deep" / "m" / "s0", plain(2))
    files = read.find([str(tmp_path / "exp*"), str(tmp_path / "exp"), str(tmp_path / "deep")])
    assert [path.parent.name for path in files] == ["exp", "exp2", "exp10", "s0"]
    assert read.names(files) == ["exp", "exp2", "exp10", "s0"]
    twins = [write(tmp_path / kind / "s0", plain(2)) for kind in ("a", "b")]
    assert read.names(twins) == ["a/s0", "b/s0"]


def test_groups_by_arguments(tmp_path):
    files = [
        write(tmp_path / f"{n}", plain(2), arguments={"model": model, "seed": seed, "lr0": lr, "name": n})
        for n, (model, seed, lr) in enumerate(
            [("x/a.yaml", 0, 1), ("x/a.yaml", 1, 1), ("x/a.yaml", 0, 2), ("b.yaml", 0, 1)]
        )
    ]
    assert read.groups(files) == ["a", "a", "a (2)", "b"]
    bare = [write(tmp_path / name, plain(2)) for name in ("yolo11-seed0", "yolo11-seed1", "yolo12")]
    assert read.groups(bare) == ["yolo11", "yolo11", "yolo12"]


def test_mean_and_band_go_as_far_as_the_shortest(tmp_path):
    runs = [
        read.read(write(tmp_path / str(n), plain(count, top))) for n, (count, top) in enumerate([(9, 0.5), (6, 0.7)])
    ]
    column = "metrics/mAP50(B)"
    curve = draw.together(runs, column)
    assert curve.x.tolist() == [1, 2, 3, 4, 5, 6]
    assert curve.count == 2
    first = np.array([run.values[column][0] for run in runs])
    assert curve.y[0] == pytest.approx(first.mean())
    assert curve.deviation[0] == pytest.approx(first.std(ddof=1))
    assert draw.together(runs[:1], column).deviation is None  # one run has no spread


def test_best_is_highest_metric_and_lowest_loss():
    values = np.array([np.nan, 2.0, 1.0, 3.0, 1.0, 3.0])
    assert draw.best(values, "metrics/mAP50(B)") == 3
    assert draw.best(values, "val/box_loss") == 2
    assert draw.best(np.array([np.nan]), "val/box_loss") == -1


def test_picture_and_table(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    for seed, top in enumerate((0.5, 0.6)):
        write(tmp_path / f"树冠-seed{seed}", plain(9, top))
    write(tmp_path / "one", [(1, 10, 1, 0.4, "nan", 1, 1)])
    words = ["树冠-seed0", "树冠-seed1", "one", "--group", "--metrics", "mAP50,mAP50-95"]
    assert curves.main(words) == 0
    out = capsys.readouterr().out
    assert "0.5500 ± 0.0707" in out
    assert "no finite value" in out
    first = (tmp_path / "curves.png").read_bytes()
    assert first[:4] == b"\x89PNG"
    assert (tmp_path / "curves.pdf").read_bytes()[:4] == b"%PDF"
    assert curves.main(words) == 0  # another number, nothing replaced
    assert (tmp_path / "curves-2.pdf").is_file()
    assert (tmp_path / "curves.png").read_bytes() == first
    assert curves.main([*words, "--out", "curves.png"]) == 0
    assert "curves.png is replaced" in capsys.readouterr().out
    assert not list(tmp_path.glob(".*"))


def test_column_that_one_run_lacks(tmp_path, capsys):
    write(tmp_path / "a", plain(3))
    write(tmp_path / "b", [(1, 0.5)], "epoch,metrics/mAP50(B)")
    out = str(tmp_path / "c")
    assert curves.main([str(tmp_path / "a"), str(tmp_path / "b"), "--metrics", "mAP50-95", "--out", out]) == 0
    text = capsys.readouterr().out
    assert "no such column" in text


def test_ten_thousand_rows(tmp_path, capsys):
    path = write(tmp_path / "long", plain(10_000))
    start = time.process_time()
    assert curves.main([str(path), "--out", str(tmp_path / "c")]) == 0
    assert time.process_time() - start < 10
    assert "10000" in capsys.readouterr().out


WRONG = [
    (["{tmp}/exq"], "did you mean"),
    (["{tmp}/*nothing*"], "does not exist"),
    (["{tmp}/empty"], "no results.csv in"),
    (["{tmp}/other.csv"], "no column epoch"),
    (["{tmp}/header"], "holds no epoch"),
    (["{tmp}/exp", "--metrics", "mAP5O,losess"], "did you mean mAP50"),
    (["{tmp}/exp", "--metrics", ","], "names nothing"),
    (["{tmp}/exp", "--labels", "a", "b"], "--labels gives 2 for 1 runs"),
    (["{tmp}/exp", "--out", "{tmp}/empty"], "is a folder"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[w[1] for w in WRONG])
def test_wrong_input(tmp_path, capsys, words, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "exp", plain(3))
    write(tmp_path / "header", [])
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(SystemExit) as e:
        curves.main([word.format(tmp=tmp_path) for word in words])
    assert e.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("curves*"))


def test_faults_come_together(tmp_path):
    with pytest.raises(UsageError) as e:
        read.find([str(tmp_path / "a"), str(tmp_path / "b")])
    assert str(tmp_path / "a") in str(e.value)
    assert str(tmp_path / "b") in str(e.value)
