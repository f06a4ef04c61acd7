"""What ``lab compare`` writes of finished, failed and missing runs."""

import csv
import json
import os
import statistics
import time

import pytest
from support.comparisons import MODELS, NASTY, curve, make, write

from lab import plotting
from lab.compare import pictures, results, rows, table, tex
from run.arguments import UsageError

NAMES = [
    "accuracy-parameters",
    "accuracy-gflops",
    "accuracy-latency",
    "curves",
    "precision-recall",
    "class-differences",
]


def no_fault(line):
    """Take notes of the time left, which come where it takes long, and no others."""
    assert line.startswith("intervals: "), line


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of four models with three seeds, one of which failed, and what was written of it."""
    out = tmp_path_factory.mktemp("比较") / "out"
    plan = make(out, MODELS, names=("tree", NASTY, "树冠"))
    failed = out / "runs" / "rtdetr-mobilenetv3-s2"
    write(
        failed / "state.json", {"state": "failed", "reason": "CUDA out of memory\n(2 GiB)", "epochs": 7, "attempts": 3}
    )
    said = []
    return out, plan, results.write(out, plan, said.append), said


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def test_all_is_written(compared):
    out, _, written, said = compared
    assert said == []
    names = ["results.csv", "per_class.csv", "differences.csv", "table.md", "table.tex", "report.html"]
    names += [f"pictures/{name}.{kind}" for name in NAMES for kind in ("png", "pdf")]
    assert [path.relative_to(out).as_posix() for path in written] == names
    assert {p for p in out.rglob("*") if p.is_file() and "runs" not in p.parts} == {*written, out / "latency.json"}


def test_a_row_a_run(compared):
    out, *_ = compared
    runs = read_csv(out / "results.csv")
    assert [(r["label"], r["seed"]) for r in runs] == [(m, str(s)) for m in MODELS for s in range(3)]
    found = json.loads((out / "runs" / "rtdetr-r18vd-s1" / "eval.json").read_text(encoding="utf-8"))
    assert float(runs[1]["map50_95"]) == found["map50_95"]
    failed = runs[5]
    assert (failed["state"], failed["reason"], failed["map50_95"]) == ("failed", "CUDA out of memory (2 GiB)", "")
    assert len(read_csv(out / "per_class.csv")) == 11 * 3
    assert {r["class"] for r in read_csv(out / "differences.csv")} == {"", "tree", NASTY, "树冠"}


def test_the_table_has_mean_spread_difference_and_verdict(compared):
    out, *_ = compared
    lines = (out / "table.md").read_text(encoding="utf-8").splitlines()
    values = [float(r["map50_95"]) for r in read_csv(out / "results.csv")[-3:]]
    mean, spread = 100 * statistics.fmean(values), 100 * statistics.stdev(values)
    best = next(line for line in lines if line.startswith("| rtdetr-mobilenetv4convsmall"))
    assert f"| {mean:.1f} ± {spread:.1f} |" in best
    assert best.endswith("| higher |")
    assert "| 3 | 10.20 | 27.1 | 21.4 | 55.0 |" in best
    worse = next(line for line in lines if line.startswith("| rtdetr-mobilenetv3"))
    assert "| 2 of 3 |" in worse
    assert worse.endswith("| lower |")
    same = next(line for line in lines if line.startswith(r"| rtdetr-efficientvit\_m0"))
    assert same.endswith("| no difference shown |")
    text = "\n".join(lines)
    assert "1 of 12 runs have no result (1 failed)" in text
    assert "CUDA out of memory (2 GiB)" in text
    assert "1,000 paired bootstrap draws of the 40 validation images" in text
    assert "not of seeds" in text
    assert "threads 2" in text
    assert "rough" not in text


def test_again_is_the_same(compared):
    out, plan, written, _ = compared
    before = {path: path.read_bytes() for path in written}
    (out / "pictures" / "mine.png").write_bytes(b"mine")
    assert results.write(out, plan) == written
    assert {path: path.read_bytes() for path in written} == before
    assert (out / "pictures" / "mine.png").exists()
    (out / "pictures" / "mine.png").unlink()


def test_one_seed_has_no_spread(tmp_path):
    plan = make(tmp_path, dict(list(MODELS.items())[:2]), seeds=(7,), images=20, latency=False)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "accuracy-latency.png").write_bytes(b"of an earlier command")
    results.write(tmp_path, plan)
    for name in ("table.md", "report.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "±" not in text
        assert "One seed each" in text
        assert "With 20 validation images the intervals are rough" in text
    assert r"\pm" not in (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert "Latency" not in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert not (tmp_path / "pictures" / "accuracy-latency.png").exists()


def test_nothing_is_done_yet(tmp_path):
    plan = {
        "data": "d.yaml",
        "models": [{"label": "a", "cfg": "a.yaml"}],
        "seeds": [0, 1],
        "baseline": "a",
        "train": {},
    }
    written = results.write(tmp_path, plan)
    assert [path.name for path in written][-1] == "report.html"
    assert "| a | 0 of 2 | – | – | – | – | – |" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "no run of the baseline a is done" in (tmp_path / "table.md").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("baseline", ["rtdetr-r18vd", None])
def test_no_objects_in_validation(tmp_path, baseline):
    plan = make(tmp_path, dict(list(MODELS.items())[:2]), seeds=(0, 1), objects=0)
    results.write(tmp_path, {**plan, "baseline": baseline}, no_fault)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "No mAP: the validation set has no objects" in text
    assert "nan" not in text.lower()
    assert "| – | – |" in text
    assert "nan" not in (tmp_path / "results.csv").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("classes", [1, 80])
def test_one_class_and_eighty(tmp_path, classes):
    names = [f"class {n}" for n in range(classes)]
    models = dict(list(MODELS.items())[:2])
    plan = make(tmp_path, models, seeds=(0,), names=names, images=30, objects=12, latency=False)
    results.write(tmp_path, plan, no_fault)
    text = (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert ("longtable}{" in text) == (classes > tex.LONG)
    assert len(read_csv(tmp_path / "per_class.csv")) == 2 * classes


def test_what_is_damaged_or_old_does_not_count(tmp_path):
    plan = make(tmp_path, dict(list(MODELS.items())[:2]), latency=False)
    runs = tmp_path / "runs"
    (runs / "rtdetr-r18vd-s0" / "eval.json").write_text('{"map50": 0.', encoding="utf-8")
    write(runs / "rtdetr-r18vd-s1" / "state.json", {"state": "running", "epochs": 3})
    (runs / "rtdetr-mobilenetv3-s1" / "eval.npz").write_bytes(b"PK")
    (runs / "rtdetr-mobilenetv3-s2" / "results.csv").write_text("epoch,time\n1,", encoding="utf-8")
    found = rows.gather(tmp_path, plan)
    assert [(len(m.done), m.values["map50"].count) for m in found.models] == [(1, 1), (3, 3)]
    assert found.runs[0].reason == "it has no evaluation (eval.json)"
    assert results.write(tmp_path, plan, no_fault)


def test_a_file_that_is_open_elsewhere(tmp_path, monkeypatch):
    plan = make(tmp_path, dict(list(MODELS.items())[:1]), seeds=(0,))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UsageError, match="close the program that has it open"):
        results.write(tmp_path, plan)
    assert not list(tmp_path.rglob("*part*"))


def test_the_front_is_of_those_that_no_other_beats():
    assert pictures.front([(3, 5), (1, 2), (2, 2), (2, 4), (4, 5), (5, 9)]) == [1, 3, 0, 5]
    assert pictures.front([]) == []


@pytest.mark.slow
def test_a_thousand_runs_of_ten_thousand_epochs_are_quick(tmp_path):
    models = {f"model-{n:03}": (0.5 + n / 2000, 1e6 * (5 + n), 10.0 + n, 5.0 + n) for n in range(334)}
    plan = make(tmp_path, models, names=("tree",), epochs=20)
    long = curve(0.5, 10_000, 0)
    for folder in (tmp_path / "runs").iterdir():
        (folder / "results.csv").write_text(long, encoding="utf-8")
    start = time.monotonic()
    results.write(tmp_path, plan, no_fault)
    assert time.monotonic() - start < 120
    assert len(read_csv(tmp_path / "results.csv")) == 1002


# The look


def luminance(colour):
    red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_series_differ_without_their_colour():
    looks = [plotting.look(n) for n in range(60)]
    shapes = [(look["marker"], str(look["linestyle"])) for look in looks]
    assert len(set(shapes)) == 60
    assert len({(look["color"], look["marker"]) for look in looks}) == 60
    assert all(1.05 / (luminance(c) + 0.05) > 2 for c in [*plotting.COLOURS, plotting.BLACK])  # seen on white
    assert plotting.look(3, baseline=True)["color"] == plotting.BLACK


def test_without_a_font_the_substitute_is_drawn(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(plotting, "chinese_fonts", lambda: ())
    assert plotting.text("树冠", "class 3") == "class 3"
    assert plotting.text("tree $5", "class 3") == r"tree \$5"
    plan = make(tmp_path, dict(list(MODELS.items())[:2]), seeds=(0,), latency=False)
    results.write(tmp_path, plan, no_fault)
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_pictures_need_no_display_and_are_the_same_each_time(tmp_path, monkeypatch):
    import matplotlib
    from matplotlib import pyplot

    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    before, open_ = matplotlib.rcParams["font.size"], pyplot.get_fignums()

    def drawn(stem):
        with plotting.style() as plt:
            figure, axes = plt.subplots()
            axes.plot([1, 2], [3, 4], **plotting.look(1))
            return [path.read_bytes() for path in plotting.save(figure, tmp_path / stem)]

    first, second = drawn("a.b"), drawn("c")
    assert first == second
    assert {path.name for path in tmp_path.iterdir()} == {"a.b.png", "a.b.pdf", "c.png", "c.pdf"}
    assert b"Type3" not in first[1]
    assert b"CreationDate" not in first[1]
    assert (matplotlib.rcParams["font.size"], pyplot.get_fignums()) == (before, open_)


def test_numbers():
    assert [table.number(v) for v in (None, -0.04, 1234.5, -3.14)] == ["–", "0.0", "1,234.5", "−3.1"]
    assert table.number(0.0004, sign=True) == "0.0"
    assert table.number(0.31, sign=True) == "+0.3"
    assert rows.over_seeds([None, 0.5, float("nan")]) == rows.Value(0.5, None, 1)
