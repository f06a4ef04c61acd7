"""Average precision of kept detections against upstream's own, and the intervals of differences."""

import numpy as np
import pytest
from support.comparisons import detections

from lab.compare import stats
from ultralytics.utils.metrics import ap_per_class, compute_ap


def upstreams(found, conf=None):
    """Return upstream's average precision, (C, 10)."""
    conf = found.conf if conf is None else conf
    return ap_per_class(found.tp, conf, found.pred_class, found.target_class)[5]


def ranks(found):
    """Return scores without ties in the order that the stable sort gives: upstream's leaves ties to chance."""
    conf = np.empty(len(found.conf))
    conf[np.argsort(-found.conf, kind="stable")] = np.linspace(1, 0.001, len(found.conf))
    return conf


def copied(found, weights):
    """Return the set in which each image is there as often as its weight says, copies side by side."""
    image = np.repeat(np.arange(len(weights)), weights)
    parts = {name: [] for name in ("pred_image", "pred_class", "conf", "tp", "target_image", "target_class")}
    for new, old in enumerate(image):
        p, t = found.pred_image == old, found.target_image == old
        parts["pred_image"].append(np.full(p.sum(), new))
        parts["target_image"].append(np.full(t.sum(), new))
        parts["target_class"].append(found.target_class[t])
        for name in ("pred_class", "conf", "tp"):
            parts[name].append(getattr(found, name)[p])
    joined = {name: np.concatenate(part) for name, part in parts.items()}
    return stats.Evaluation(**joined, images=np.array([f"{n:05}" for n in range(len(image))]))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [1, 3, 80])
def test_once_each_is_upstreams_figure(classes, ties):
    found = detections(0.6, 60, classes, seed=1, ties=ties)
    numbers, values = stats.ap(found)
    assert values.max() > 0.3
    np.testing.assert_allclose(values, upstreams(found, ranks(found)), atol=1e-12)
    assert numbers.tolist() == np.unique(found.target_class).tolist()


def draws(count=5, images=40):
    rng = np.random.default_rng(0)
    return [rng.multinomial(images, np.ones(images) / images) for _ in range(count)]


def test_a_weight_is_so_many_copies_of_the_image():
    found = detections(0.6, 40, 3, seed=2)
    for weights in draws():
        assert weights.min() == 0
        assert weights.max() > 2
        np.testing.assert_allclose(stats.ap(found, weights)[1], upstreams(copied(found, weights)), atol=1e-12)


def test_with_ties_the_copies_of_a_detection_stand_beside_each_other():
    found = detections(0.6, 40, 3, seed=2, ties=True)
    assert len(np.unique(found.conf)) < 12
    order = np.argsort(-found.conf, kind="stable")
    for weights in draws():
        many = np.repeat(order, weights[found.pred_image[order]])
        tp, kind, conf = found.tp[many], found.pred_class[many], np.linspace(1, 0.001, len(many))
        targets = np.repeat(found.target_class, weights[found.target_image])
        np.testing.assert_allclose(stats.ap(found, weights)[1], ap_per_class(tp, conf, kind, targets)[5], atol=1e-12)


def test_the_copies_of_a_prediction_go_one_by_one():
    # one wrong box, then a right one of the image that counts three times, then a wrong and a right one
    found = stats.Evaluation(
        np.array([0, 1, 0, 2]),
        np.zeros(4, int),
        np.array([0.9, 0.8, 0.7, 0.6], np.float32),
        np.repeat(np.array([[False], [True], [False], [True]]), 10, 1),
        np.array([0, 1, 2]),
        np.zeros(3, int),
        np.array(["a", "b", "c"]),
    )
    weights = np.array([2, 3, 1])
    np.testing.assert_allclose(stats.ap(found, weights)[1], upstreams(copied(found, weights)), atol=1e-12)


def test_without_a_mistake_it_is_upstreams_0995():
    found = detections(0.6, 10, 1, seed=0, each=0)
    found = found._replace(
        pred_image=found.target_image,
        pred_class=found.target_class,
        conf=np.linspace(0.9, 0.5, len(found.target_class)),
        tp=np.ones((len(found.target_class), 10), bool),
    )
    assert stats.ap(found)[1] == pytest.approx(0.995)


def test_precision_over_recall_is_what_upstream_integrates():
    found = detections(0.6, 60, 2, seed=3)
    curves = []
    for c in (0, 1):
        mine = np.flatnonzero(found.pred_class == c)
        mine = mine[np.argsort(-found.conf[mine], kind="stable")]
        right = found.tp[mine, 0].cumsum()
        recall = right / (found.target_class == c).sum()
        _, precision, at = compute_ap(recall, right / np.arange(1, len(mine) + 1))
        curves.append(np.interp(np.linspace(0, 1, 101), at, precision))
    np.testing.assert_allclose(stats.precision_recall(found), np.mean(curves, 0), atol=1e-12)


def test_the_interval_is_that_of_sets_drawn_by_hand():
    base, other = ([detections(q, 30, 2, seed=10 * n + s) for s in (0, 1)] for n, q in enumerate((0.5, 0.6)))
    result = stats.compare({"a": base, "b": other}, "a", resamples=40, seed=5)
    draws = np.random.default_rng(5).integers(0, 30, (40, 30))
    differences = []
    for drawn in draws:
        weights = np.bincount(drawn, minlength=30)
        maps = [np.mean([upstreams(copied(run, weights)).mean() for run in runs]) for runs in (base, other)]
        differences.append(maps[1] - maps[0])
    interval = result.overall["b"]["map50_95"]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])), abs=1e-9)
    wanted = np.mean([upstreams(run).mean() for run in other]) - np.mean([upstreams(run).mean() for run in base])
    assert interval.value == pytest.approx(wanted, abs=1e-12)
    assert result.why is None
    assert result.images == 30
    assert "a" not in result.overall


def test_the_same_model_shows_no_difference_and_a_much_better_one_does():
    runs = {"a": [detections(0.5, 60, seed=1)], "same": [detections(0.5, 60, seed=2)], "good": [detections(0.8, 60)]}
    runs["bad"] = [detections(0.2, 60, seed=3)]
    result = stats.compare(runs, "a", resamples=200)
    verdicts = {label: each["map50_95"].verdict for label, each in result.overall.items()}
    assert verdicts == {"same": stats.NONE_SHOWN, "good": stats.HIGHER, "bad": stats.LOWER}
    again = stats.compare(runs, "a", resamples=200)
    assert again == result
    assert stats.compare(runs, "a", resamples=200, seed=1) != result


def test_an_end_at_zero_is_no_gain():
    assert stats.Interval(0.1, 0.0, 0.2).verdict == stats.NONE_SHOWN
    assert stats.Interval(-0.1, -0.2, 0.0).verdict == stats.NONE_SHOWN
    assert stats.Interval(0.1, None, None).verdict is None


def test_a_rare_class_is_left_out_of_the_draws_without_it():
    found = detections(0.6, 30, 2, seed=1)
    alone = found.target_class.copy()
    alone[:] = 0
    alone[0] = 1  # one object in one image
    pair = {
        "a": [found._replace(target_class=alone)],
        "b": [detections(0.7, 30, 2, seed=2)._replace(target_class=alone)],
    }
    result = stats.compare(pair, "a", resamples=100)
    assert set(result.per_class["b"]) == {0, 1}
    assert all(np.isfinite([i.value, i.low, i.high]).all() for i in result.per_class["b"].values())


def test_when_there_are_no_intervals_the_reason_is_said():
    few = {label: [detections(0.6, 4, seed=n)] for n, label in enumerate("ab")}
    result = stats.compare(few, "a")
    assert "5 validation images or more; here are 4" in result.why
    assert result.overall["b"]["map50_95"].low is None
    assert result.overall["b"]["map50_95"].verdict is None
    other = {"a": [detections(0.6, 30)], "b": [detections(0.6, 30, truth=1)]}
    assert "same images and objects" in stats.compare(other, "a").why
    none = {label: [detections(0.6, 30, objects=0)] for label in "ab"}
    result = stats.compare(none, "a")
    assert result.why == "the validation set has no objects"
    assert result.overall == {"b": {}}
    assert np.isnan(stats.precision_recall(none["a"][0])).all()


def test_a_damaged_file_counts_as_none(tmp_path):
    found, path = detections(0.6, 10), tmp_path / "eval.npz"
    with path.open("wb") as f:
        np.savez_compressed(f, **found._asdict())
    loaded = stats.load(path)
    assert all(np.array_equal(a, b) for a, b in zip(loaded, found))
    path.write_bytes(path.read_bytes()[:500])
    assert stats.load(path) is None
    assert stats.load(tmp_path / "none.npz") is None
