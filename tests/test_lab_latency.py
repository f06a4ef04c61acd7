"""What may be called faster: the turns, intervals, the noise, and how often chance is taken for a difference."""

import math
import random
import statistics

import pytest
from conftest import ROOT, run_python

from lab.speed import latency
from run.arguments import UsageError


def lognormal(rng, median, spread):
    return median * math.exp(rng.gauss(0, spread))


def simulated(rng, factors, rounds=30, spread=0.03, spells=True):
    """Return times of candidates whose medians are ``factors``: noise of each pass, and spells that a round shares."""
    times, spell = [[] for _ in factors], 1.0
    for _ in range(rounds):
        if spells and rng.random() < 0.2:
            spell = rng.choice([1.0, 1.4, 2.5])
        for own, factor in zip(times, factors):
            outlier = 3.0 if rng.random() < 0.03 else 1.0
            own.append(lognormal(rng, factor * spell, spread) * outlier)
    return times


def test_everybody_has_a_turn_in_every_round_and_every_place_and_neighbour():
    for count in (1, 2, 3, 5):
        rounds = [latency.order(number, count) for number in range(2 * count)]
        assert all(sorted(turn) == list(range(count)) for turn in rounds)
        for place in range(count):
            assert sorted(turn[place] for turn in rounds) == sorted(list(range(count)) * 2)
        follows = {pair for turn in rounds for pair in zip(turn, turn[1:])} if count > 1 else set()
        assert {(b, a) for a, b in follows} == follows  # nobody always comes behind the same one


def test_turns_warm_up_settle_and_are_told():
    calls, told = [], []
    runs = [lambda n=n: calls.append(n) for n in range(3)]
    times = latency.take_turns(
        runs, 4, warm=2, settle=2, timed=lambda run: (run(), len(calls))[1], on_round=told.append
    )
    assert told == [1, 2, 3, 4]
    assert [len(own) for own in times] == [4, 4, 4]
    assert len(calls) == (4 + 2) * 3 * (2 + 1)
    assert all(len(set(calls[at : at + 3])) == 1 for at in range(0, len(calls), 3))  # three passes in a row each
    assert min(min(own) for own in times) > 2 * 3 * 3  # what was timed came after the warm-up


def test_wall_time_is_in_milliseconds(monkeypatch):
    clock = iter([10.0, 10.25])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    assert latency.wall(lambda: None) == 250.0


def test_quantiles_are_linear_between_neighbours():
    assert latency.quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert latency.quantile([1.0], 0.95) == 1.0
    assert latency.quantile(list(range(101)), 0.95) == 95


def test_the_interval_of_a_median_is_the_sign_tests():
    assert latency.interval([1.0] * 7) is None  # 2 / 2**7 is more than a hundredth
    assert latency.interval(list(range(8))) == (0, 7)
    assert latency.interval(list(range(30))) == (7, 22)  # tables of the sign test: places 8 and 23 of 30 at 99 %
    assert latency.interval(list(range(100))) == (36, 63)  # places 37 and 64 of 100


def test_the_interval_covers_the_median_as_often_as_it_says():
    rng = random.Random(1)
    missed = 0
    for _ in range(2000):
        low, high = latency.interval([lognormal(rng, 1, 0.5) for _ in range(30)])
        missed += not low <= 1 <= high
    assert missed / 2000 < 0.015  # 0.0052 by theory; 0.01 is promised


@pytest.mark.parametrize("rounds", [8, 15, 30])
@pytest.mark.parametrize("spread", [0.005, 0.1])
def test_the_same_model_is_hardly_ever_called_faster_or_slower(rounds, spread):
    """One in a hundred is the promise; that the noise counts too makes it less."""
    rng, called = random.Random(rounds), 0
    for _ in range(700):
        model, reference, twin = simulated(rng, [1, 1, 1], rounds, spread)
        called += latency.compare(model, reference, twin).verdict != latency.ALIKE
    assert called <= 3, f"{called} of 700"


def test_without_the_noise_the_rate_would_be_higher():
    """Where every candidate has a lasting offset (memory it happened to get), intervals alone take it for speed."""
    rng, alone, called = random.Random(2), 0, 0
    for _ in range(300):
        offsets = [math.exp(rng.gauss(0, 0.02)) for _ in range(3)]
        found = latency.compare(*simulated(rng, offsets, spread=0.005))
        alone += found.high < 1 or found.low > 1
        called += found.verdict != latency.ALIKE
    assert alone > 200
    assert called < alone * 0.75


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_a_real_difference_is_found_through_slow_spells(factor):
    rng = random.Random(3)
    for _ in range(100):
        found = latency.compare(*simulated(rng, [factor, 1, 1], spread=0.02))
        assert found.verdict == (latency.FASTER if factor < 1 else latency.SLOWER)
        assert found.ratio == pytest.approx(factor, rel=0.05)
        assert found.low <= found.ratio <= found.high
        assert 1 <= found.noise < 1.06


def test_a_difference_within_the_noise_is_not_called():
    reference = [10.0] * 30
    assert latency.compare([9.7] * 30, reference, [10.0] * 30).verdict == latency.FASTER
    assert latency.compare([9.7] * 30, reference, [10.5] * 30).verdict == latency.ALIKE
    assert latency.compare([9.7] * 30, reference, [9.5] * 30).verdict == latency.ALIKE  # to either side
    assert latency.compare([10.3] * 30, reference, [9.5] * 30).verdict == latency.ALIKE
    assert latency.compare([10.6] * 30, reference, [9.5] * 30).verdict == latency.SLOWER


def test_too_few_rounds_are_said_to_be():
    found = latency.compare([1.0] * 7, [2.0] * 7, [2.0] * 7)
    assert found == latency.Comparison(0.5, None, None, None, latency.FEW)


def test_the_summary_counts_images():
    assert latency.summary([20.0, 10.0, 30.0], 8) == {
        "median_ms": 20.0,
        "p95_ms": 29.0,
        "images_per_s": 400.0,
        "rounds": 3,
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small detector of upstream's rows, as a YAML."""
    import yaml
    from support.small_models import stock_yaml

    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(yaml.safe_dump(stock_yaml()), encoding="utf-8")
    return path


def test_models_are_measured_fused_in_the_contracts_shape(tiny, tmp_path, monkeypatch):
    from run import start
    from ultralytics import YOLO

    start.load_ultralytics()
    import torch

    YOLO(str(tiny)).save(tmp_path / "tiny.pt")
    fused, said, before = [], [], torch.get_num_threads()
    own = latency.fused
    monkeypatch.setattr(latency, "fused", lambda module: fused.append(own(module)) or fused[-1])
    found = latency.measure(
        {"a": tiny, "b": tmp_path / "tiny.pt"}, imgsz=64, batch=2, threads=1, rounds=8, say=said.append
    )
    assert list(found) == ["a", "b", "conditions"]
    for label in ("a", "b"):
        row = found[label]
        assert 0 < row["median_ms"] <= row["p95_ms"]
        assert row["rounds"] == 8
        assert row["images_per_s"] == pytest.approx(2000 / row["median_ms"], rel=0.01)
        assert row["low"] <= row["ratio"] <= row["high"]
    assert found["a"]["verdict"] == latency.ALIKE  # the reference against its own copy, by definition
    conditions = found["conditions"]
    expected = {"device": "cpu", "threads": 1, "precision": "float32", "batch": 2, "imgsz": 64, "fused": True}
    assert {key: conditions[key] for key in expected} == expected
    assert conditions["reference"] == "a"
    assert conditions["noise"] >= 1
    assert all(module.is_fused() for module in fused)
    assert "latency: round 8 of 8, 0 s left" in said
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"imgsz": 65, "rounds": 0, "batch": 0, "threads": 0}, r"imgsz 65.*\nbatch 0.*\nrounds 0.*\nthreads 0"),
        ({"device": "tpu9"}, "device tpu9"),
        ({"reference": "x"}, "'x' is none of a"),
        ({"models": {}}, "no model"),
        ({"models": {"conditions": "a"}}, "'conditions'"),
        ({"models": {"a": "no-such.yaml"}}, "no model YAML 'no-such.yaml'"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_built(options, message):
    with pytest.raises(UsageError, match=message):
        latency.measure(**{"models": {"a": "yolo11n.yaml"}, **options})


def test_a_missing_gpu_is_said(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device 0: this torch .* sees no CUDA device"):
        latency.check_setting(64, 1, 1, None, "0", False)


def test_a_gpu_is_timed_by_its_events(monkeypatch):
    """No GPU here: the calls that are made, in their order."""
    import contextlib

    import torch

    log = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            log.append("record")

        def synchronize(self):
            log.append("wait for the end")

        def elapsed_time(self, end):
            return 1.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append("empty the queue"))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    assert latency.clock("cuda:0")(lambda: log.append("run")) == 1.5
    assert log == ["empty the queue", "record", "run", "record", "wait for the end"]


def test_importing_the_tools_imports_nothing_heavy():
    code = "import sys, lab.speed.command, lab.zoo.command, lab.speed.latency\n"
    code += "print(sorted({'torch', 'numpy', 'yaml'} & set(sys.modules)))"
    done = run_python("-c", code, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_median_of_ratios_is_not_the_ratio_of_medians():
    """Within a round both share a spell; across rounds they do not."""
    model, reference = [1.0, 10.0, 1.0], [2.0, 20.0, 20.0]
    assert latency.compare(model, reference, reference).ratio == 0.5
    assert statistics.median(model) / statistics.median(reference) == 0.05


@pytest.mark.gpu
def test_on_a_gpu(tiny):
    found = latency.measure({"a": tiny, "b": tiny}, imgsz=64, batch=4, device="0", rounds=8, say=lambda _: None)
    assert found["a"]["median_ms"] > 0
    assert found["conditions"]["device"] == "cuda:0"
