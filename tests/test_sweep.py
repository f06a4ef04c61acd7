"""The sweep over releases: which, what a row says, and that it goes on where it was stopped."""

import json

import pytest
from conftest import ROOT
from releases import STEPS, TASKS, make_wheel

from fork import cli, fetch, series
from fork.edit import Outcome, Step
from fork.errors import FetchError, ForkError
from fork.releases import index as releases
from fork.releases import sweep, sweep_report

KNOWN = [f"8.{minor}.{patch}" for minor, last in ((1, 12), (2, 3), (3, 41)) for patch in range(last)] + ["8.5.0rc1"]


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Three small releases, one of which a step does not fit, with a series of two steps."""
    monkeypatch.setattr(series, "ORDER", STEPS)
    monkeypatch.setattr(sweep_report, "ORDER", STEPS)
    folder = tmp_path / "wheels"
    make_wheel(folder, "8.1.0", {TASKS: "x = 1\nz = 1\n"})
    make_wheel(folder, "8.1.1", {TASKS: "x = 1\ny = 1\n"})
    make_wheel(folder, "8.1.2", {TASKS: "x = 1\n"})
    return folder


def run(checkout, wheels, *arguments):
    return cli.main(["sweep", "--upstream", str(wheels), "--transform-only", *arguments], root=checkout)


def test_the_default_is_the_first_release_of_each_decade_and_the_newest():
    assert releases.select(KNOWN, "8.1.3") == [
        "8.1.3",
        "8.1.10",
        "8.2.0",
        "8.3.0",
        "8.3.10",
        "8.3.20",
        "8.3.30",
        "8.3.40",
    ]
    assert releases.select(KNOWN, "8.3.0", "8.3.5", every=2) == ["8.3.0", "8.3.2", "8.3.4", "8.3.5"]
    assert releases.select(reversed(KNOWN), "8.2.0", "8.2.9", every=1) == ["8.2.0", "8.2.1", "8.2.2"]


@pytest.mark.parametrize("bounds", [("newest", ""), ("", "8.3"), ("9.0.0", ""), ("8.3.0", "8.2.0")])
def test_a_range_without_a_release_is_an_error(bounds):
    with pytest.raises(ForkError, match=r"is not a version of the form|none of the 57 known releases"):
        releases.select(KNOWN, *bounds)


def test_without_an_index_the_cache_says_which_releases_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(tmp_path))

    def no_index(name):
        raise FetchError("no network")

    monkeypatch.setattr(fetch, "versions", no_index)
    with pytest.raises(FetchError, match="no network"):
        releases.on_index("ultralytics", print)
    make_wheel(tmp_path, "8.3.9")
    make_wheel(tmp_path, "8.3.10")
    said = []
    assert releases.on_index("ultralytics", said.append) == ["8.3.9", "8.3.10"]
    assert "2 releases" in said[0]


def test_the_index_is_asked_through_pip(monkeypatch):
    answer = type(
        "Run", (), {"returncode": 0, "stdout": "demo (1.2)\nAvailable versions: 1.2.0, 1.1.0\n", "stderr": ""}
    )
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: answer)
    assert fetch.versions("demo") == ["1.2.0", "1.1.0"]
    answer.returncode, answer.stdout, answer.stderr = 1, "", "ERROR: No matching distribution found for demo\n"
    with pytest.raises(FetchError, match="No matching distribution"):
        fetch.versions("demo")


def test_each_step_of_each_release_is_told_apart(checkout, wheels, capsys):
    assert run(checkout, wheels, "--every", "1") == 1
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines()[:4]]
    assert table == [["s01", "x02"], ["8.1.0", "1", "-"], ["8.1.1", "1", "1"], ["8.1.2", "1", "X"]]
    assert "x02_two: not needed: this release has z = 1" in out
    assert "3 releases, 1 with failures" in out
    assert f"8.1.2: x02_two: {TASKS}: module: sought `y = 1`, found 0 such places" in out
    assert "[3/3] 8.1.2: FAILED" in err


def test_a_sweep_goes_on_where_it_was_stopped(checkout, wheels, capsys, monkeypatch):
    real = sweep.measure

    def stop_at_the_second(package, *rest):
        if package.version == "8.1.1":
            raise KeyboardInterrupt
        return real(package, *rest)

    monkeypatch.setattr(sweep, "measure", stop_at_the_second)
    assert run(checkout, wheels, "--to", "8.1.1", "--every", "1") == 130
    monkeypatch.setattr(sweep, "measure", real)
    capsys.readouterr()
    assert run(checkout, wheels, "--to", "8.1.1", "--every", "1") == 0
    err = capsys.readouterr().err
    assert "[1/2] 8.1.0: 1 steps applied, 1 not needed, +1 -1, 0.0 s (measured before)" in err
    assert "[2/2] 8.1.1: 2 steps applied, 0 not needed, +2 -2, 0.0 s\n" in err
    assert run(checkout, wheels, "--to", "8.1.1", "--every", "1", "--fresh") == 0
    assert "measured before" not in capsys.readouterr().err


def test_a_changed_step_is_measured_again(checkout, wheels, capsys):
    run(checkout, wheels, "--versions", "8.1.0")
    with open(checkout / "fork" / "steps" / "s01_create_folder.py", "a", encoding="utf-8") as f:
        f.write("# changed\n")
    capsys.readouterr()
    run(checkout, wheels, "--versions", "8.1.0")
    assert "measured before" not in capsys.readouterr().err


def test_a_record_is_merged_and_rendered(checkout, wheels, tmp_path, capsys):
    record = tmp_path / "upstream.json"
    assert run(checkout, wheels, "--versions", "8.1.1", "--record", str(record)) == 0
    assert run(checkout, wheels, "--versions", "8.1.0", "--record", str(record)) == 0
    rows = json.loads(record.read_text(encoding="utf-8"))["rows"]
    assert [row["version"] for row in rows] == ["8.1.0", "8.1.1"]
    text = record.with_suffix(".md").read_text(encoding="utf-8")
    assert "2 releases from 8.1.0 to 8.1.1" in text
    assert "| `x02_two` | 8.1.0 | not needed: this release has z = 1 |" in text
    assert "| `s01_one` | 8.1.0 - 8.1.1 | applied 1 |" in text


def test_what_was_measured_is_not_lost_to_less(checkout, wheels, tmp_path, capsys):
    old = {"version": "8.1.1", "digest": "d", "problems": [], "pristine": {"models": {}}, "patched": {"models": {}}}
    less = {"version": "8.1.1", "digest": "d", "problems": [], "seconds": 1.0}
    assert sweep.merged(old, less) == {**less, "pristine": {"models": {}}, "patched": {"models": {}}}
    assert sweep.merged(old, {**less, "digest": "e"}) == {**less, "digest": "e"}
    record = tmp_path / "upstream.json"
    assert run(checkout, wheels, "--versions", "8.1.1", "--record", str(record)) == 0
    before = record.read_bytes()
    (wheels / "ultralytics-8.1.1-py3-none-any.whl").unlink()
    assert run(checkout, wheels, "--versions", "8.1.1", "--record", str(record), "--fresh") == 1
    assert "expected ultralytics-8.1.1-py3-none-any.whl there" in capsys.readouterr().out
    assert record.read_bytes() == before


def test_a_wheel_that_is_not_the_recorded_one_is_a_failure(checkout, wheels, tmp_path, capsys):
    record = tmp_path / "upstream.json"
    run(checkout, wheels, "--versions", "8.1.1", "--record", str(record))
    make_wheel(wheels, "8.1.1", {TASKS: "x = 1\ny = 1\n# another file under the same name\n"})
    assert run(checkout, wheels, "--versions", "8.1.1", "--record", str(record), "--fresh") == 1
    assert "the record" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["not json", "[]", '{"rows": 1}'])
def test_a_file_that_is_no_record_is_refused_and_left_alone(checkout, wheels, tmp_path, capsys, text):
    record = tmp_path / "upstream.json"
    record.write_text(text, encoding="utf-8")
    assert run(checkout, wheels, "--record", str(record)) == 1
    assert "is not a record of a sweep" in capsys.readouterr().err
    assert record.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--versions", "8.1"], "'8.1' is not a version"),
        (["--versions", ","], "names none"),
        (["--every", "-2"], "--every -2"),
        (["--from", "8.2.0"], "none of the 3 known releases"),
        (["--record", "upstream.md"], "name a file that ends in .json"),
    ],
)
def test_a_wrong_argument_is_named(checkout, wheels, capsys, arguments, said):
    assert run(checkout, wheels, *arguments) == 1
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(checkout, tmp_path, capsys):
    assert run(checkout, tmp_path / "nowhere") == 1
    assert "takes a folder with wheels" in capsys.readouterr().err


def test_a_second_run_that_edits_again_is_a_problem():
    def apply(tree):
        tree[TASKS] += b"more = 1\n"
        return Outcome(1)

    grows = Step("s01_grow", "4.1", "Grow", "It does.", (TASKS,), (1, 1), apply)
    done = sweep.transform({TASKS: b"x = 1\n"}, {}, [grows])
    assert done.problems == ["a second run of s01_grow edits 1 places again"]


def test_models_that_come_out_differently_are_problems():
    alike = {"parameters": 1, "keys": "k", "outputs": "o"}
    pristine = {"models": {"yolov8": alike}, "checks": {"average_precision": "no np.trapz"}}
    good = {
        "models": {"yolov8": alike},
        "checks": {"average_precision": "ok", "scipy": "no module"},
        "ours": {"yolo": {}},
    }
    assert sweep.compare(pristine, good) == []
    absent = {"import_error": "ModuleNotFoundError: No module named 'pandas'"}
    assert sweep.compare(absent, absent) == []
    assert "the release needs pandas: pip install '.[sweep]'" in sweep.does_not_run(absent)
    assert sweep.compare(pristine, {"crash": "exit code 139"}) == ["does not run any more: exit code 139"]
    assert sweep.compare(pristine, {**good, "models": {}})[0].startswith("yolov8: parameters 1 in the unmodified")
    bad = {**good, "models": {"yolov8": {**alike, "outputs": "p"}}, "checks": pristine["checks"]}
    bad["ours"] = {"rtdetr": {"error": "forward: ValueError: no"}}
    assert sweep.compare(pristine, bad) == [
        "yolov8: outputs o in the unmodified package, p in ours",
        "average_precision: no np.trapz",
        "rtdetr: forward: ValueError: no",
    ]


def test_the_page_is_that_of_the_record_and_of_this_series(results):
    path = ROOT / "docs" / "upstream.json"
    record = sweep_report.read_record(path)
    assert path.with_suffix(".md").read_text(encoding="utf-8") == sweep_report.markdown(record)
    rows = {row["version"]: row for row in record["rows"]}
    assert rows["8.4.190"]["digest"] == results[-1].digest, "python -m fork sweep --record docs/upstream.json"
    assert [version for version, row in rows.items() if sweep.failed(row)] == []
    assert len(rows) >= 40
    assert {f"8.4.{n}" for n in range(0, 200, 10)} <= set(rows)
    ran = [row for row in rows.values() if "patched" in row]  # the others were transformed only
    assert "8.4.190" in {row["version"] for row in ran}
    assert all(row["patched"]["models"] and set(row["patched"]["ours"]) == {"rtdetr", "yolo"} for row in ran)
    assert {row["patched"]["torch"].split("+")[0] for row in ran} == {record["environment"]["torch"]}
