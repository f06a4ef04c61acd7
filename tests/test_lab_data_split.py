"""`python -m lab data split`: shares of classes, groups that stay together, the same lists everywhere."""

import hashlib
import json
import random
from collections import Counter

import pytest
import yaml
from annotation_sets import image, noted, runner, tree

from lab.data.check import check_data
from lab.data.groups import RULES, suggestion
from lab.data.stratify import divide


@pytest.fixture
def run(capsys):
    return runner(capsys)


def make(folder, names, rows, classes=("a", "b", "c")):
    """Write a set that is not divided; ``rows`` gives an image's classes by its number."""
    for n, name in enumerate(names):
        image(folder / "images" / f"{name}.png", (12, 12), seed=n)
        label = folder / "labels" / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{number} 0.5 0.5 0.{m + 1} 0.5\n" for m, number in enumerate(rows(n)))
        label.write_text(text, encoding="utf-8")
    content = {"train": "images", "val": "images", "names": list(classes), "kpt_shape": None}
    content.pop("kpt_shape")
    (folder / "data.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path):
    """Sixty images: class a in half, b in a sixth, c in a tenth, and ten of background."""

    def rows(n):
        found = [0] * (n % 2) + [1] * (n % 6 == 0) + [2] * (n % 10 == 3)
        return [] if n >= 50 else found

    return make(tmp_path / "set", [f"{n:03}" for n in range(60)], rows)


def lists(folder):
    return {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(folder.glob("*.txt"))}


def test_lists_name_every_image_once_and_upstream_reads_them(data, tmp_path, run):
    before = tree(data)
    ran = run("split", data, "--to", tmp_path / "out")
    assert ran.code == 0
    assert tree(data) == before
    found = lists(tmp_path / "out")
    assert {part: len(some) for part, some in found.items()} == {"train": 48, "val": 6, "test": 6}
    every = [path for some in found.values() for path in some]
    assert sorted(every) == sorted(str(path) for path in (data / "images").iterdir())
    report = check_data(str(tmp_path / "out" / "data.yaml"))
    assert report.ok, report.lines()
    assert {split: n.images for split, n in report.splits.items()} == {"train": 48, "val": 6, "test": 6}
    assert not {"leak", "same-name"} & {finding.kind for finding in report.findings}
    assert "written" in ran.out


def test_each_class_has_its_share_in_each_part(data, tmp_path, run):
    run("split", data, "--to", tmp_path / "out", "--parts", "train=0.6,val=0.2,test=0.2")
    parts = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["parts"]
    for key in ("images", "background", "0", "1", "2"):
        total = sum(one[key] for one in parts.values())
        for part, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            assert abs(parts[part][key] - share * total) <= 1, (key, part, parts)


def test_the_same_seed_gives_the_same_lists_to_the_byte(data, tmp_path, run):
    """The digest was taken on Linux with Python 3.11; no platform, version or hash seed may change it."""
    for name, words in (("a", ()), ("b", ()), ("c", ("--seed", "1")), ("d", ("--no-stratify",))):
        run("split", data, "--to", tmp_path / name, *words)
    a, b, c, d = (lists(tmp_path / name) for name in "abcd")
    assert a == b
    assert len({json.dumps(one) for one in (a, c, d)}) == 3
    text = json.dumps({part: [path[-7:] for path in some] for part, some in a.items()})
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "298c57def695a08a"


def test_groups_stay_together(tmp_path, run):
    names = [f"photo{n // 5}_{n % 5 * 64}_0" for n in range(60)]
    data = make(tmp_path / "set", names, lambda n: [n // 5 % 3])
    ran = run("split", data, "--to", tmp_path / "plain")
    assert "60 of 60 images look like tiles of 12 sources (such as photo0)" in ran.out
    assert "give --group-by tiles" in ran.out
    for number, rule in enumerate(("tiles", r"^photo\d+", r"^(photo\d+)_")):
        out = tmp_path / f"out{number}"
        ran = run("split", data, "--to", out, "--group-by", rule, "--parts", "train=0.5,val=0.25,test=0.25", "--strict")
        assert ran.code == 0, ran.out
        assert "60 images in 12 groups" in ran.out
        found = lists(out)
        sources = {part: {path.rpartition("photo")[2].split("_")[0] for path in some} for part, some in found.items()}
        assert {part: len(some) for part, some in sources.items()} == {"train": 6, "val": 3, "test": 3}
        assert len(set().union(*sources.values())) == 12
        for part, some in found.items():  # each class is in as many groups of a part as any other
            counts = Counter(int(source) % 3 for source in sources[part])
            assert set(counts.values()) == {len(some) // 15}


def test_copies_to_the_byte_are_in_one_part(data, tmp_path, run):
    for n in range(20, 40):
        (data / "images" / f"{n:03}.png").write_bytes((data / "images" / "007.png").read_bytes())
    run("split", data, "--to", tmp_path / "out", "--parts", "train=0.5,val=0.5")
    where = {path[-7:-4]: part for part, some in lists(tmp_path / "out").items() for path in some}
    assert len({where[f"{n:03}"] for n in (7, *range(20, 40))}) == 1
    assert len(noted(tmp_path / "out")["same-bytes"]) == 20


@pytest.mark.parametrize(
    ("rule", "names", "count"),
    [
        ("roboflow", ["cat_jpg.rf.1a2b", "cat_jpg.rf.9f", "dog_png.rf.77"], 1),
        ("copies", ["cat_aug1", "cat_aug2", "cat-flip", "dog_rot90"], 1),
        ("tiles", ["a_x0_y64", "a_x64_y0", "b_r1_c2", "b_tile3", "c_0_64", "c_64_64"], 3),
        ("frames", ["clip_frame001", "clip_frame002", "other-f7"], 1),
        (None, ["IMG_0001", "IMG_0002", "DSC-17", "2024-05-01"], 0),
        (None, ["000001", "000002"], 0),
    ],
)
def test_names_that_tell_of_a_common_source_are_noticed(rule, names, count):
    hint = suggestion([f"/data/{name}.jpg" for name in names])
    if rule is None:
        assert hint is None
    else:
        assert hint.endswith(f"--group-by {rule}")
        assert f"of {count} sources" in hint
        assert rule in RULES


def test_groups_by_folder_and_names_that_a_rule_does_not_match(tmp_path, run):
    data = make(tmp_path / "set", [f"s{n // 4}/{n}" for n in range(24)], lambda n: [0])
    parts = ("--parts", "train=0.5,val=0.5")
    assert "24 images in 6 groups" in run("split", data, "--to", tmp_path / "a", "--group-by", "parent", *parts).out
    ran = run("split", data, "--to", tmp_path / "c", "--group-by", r"^1", *parts, "--strict")
    assert ran.code == 1
    assert len(noted(tmp_path / "c")["group-unmatched"]) == 13


def test_what_cannot_be_divided_well_is_named(tmp_path, run):
    data = make(tmp_path / "set", [f"{n}" for n in range(12)], lambda n: [1] if n == 3 else [0])
    (data / "labels" / "5.txt").write_text("0 2 2 2 2\n", encoding="utf-8")
    (data / "images" / "6.png").write_bytes(b"no image")
    ran = run("split", data, "--to", tmp_path / "out", "--parts", "train=0.8,val=0.2", "--strict")
    assert ran.code == 1
    report = noted(tmp_path / "out")
    assert report["class-none"] == ["b: none of 1 in val"]
    assert report["label-range"][0].startswith("labels/5.txt:1")
    assert report["image-unreadable"][0].startswith("images/6.png")
    assert len([path for some in lists(tmp_path / "out").values() for path in some]) == 11


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--parts", "train=0.8,val=0.1"), "the fractions sum to 0.9, not to 1"),
        (("--parts", "train=0.8,test=0.2"), "there is no val"),
        (("--parts", "train=0.8,dev=0.2"), "'dev' is none of train, val, test"),
        (("--parts", "train=0.8,train=0.2"), "'train' is there twice"),
        (("--parts", "train=80,val=20"), "train is 80, which is not between 0 and 1"),
        (("--parts", "train"), "'train' is not NAME=FRACTION"),
        (("--group-by", "("), "not a regular expression"),
        (("--group-by", "parent"), "60 images in 1 groups cannot be divided into 3 parts"),
    ],
)
def test_mistakes_are_messages(data, tmp_path, run, words, message):
    ran = run("split", data, "--to", tmp_path / "out", *words)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "out").exists()


def test_a_set_that_is_not_there(tmp_path, run):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.yaml").write_text("names: [a]\ntrain: nowhere\nval: neither\n", encoding="utf-8")
    for name, messages in (
        ("no.yaml", ["no.yaml does not exist"]),
        ("empty", ["YAML"]),
        ("bad.yaml", ["nowhere", "neither"]),
    ):
        ran = run("split", tmp_path / name, "--to", tmp_path / "out")
        assert ran.code == 2
        assert ran.err.startswith("error: ")
        for message in messages:
            assert message in ran.err


def test_stratification_by_chance():
    """Whatever the labels: parts are near their share of images and labels, much nearer than without looking."""
    chance = random.Random(0)
    off = {True: [], False: []}
    for trial in range(30):
        labels = range(chance.randint(1, 8))
        shares = chance.choice([[0.8, 0.2], [0.7, 0.15, 0.15], [0.5, 0.25, 0.25]])
        rates = [chance.uniform(0.02, 0.6) for _ in labels]
        groups = [{label: 1 for label in labels if chance.random() < rates[label]} for _ in range(300)]
        for stratify, found in off.items():
            parts = divide(groups, [1] * 300, shares, trial, stratify)
            for p, share in enumerate(shares):
                assert abs(parts.count(p) - share * 300) <= (9 if stratify else 1)
                for label in labels:
                    total = sum(label in group for group in groups)
                    got = sum(label in group for group, part in zip(groups, parts) if part == p)
                    found.append(abs(got - share * total))
    assert max(off[True]) <= 9
    assert sum(off[True]) < sum(off[False]) / 3


def test_a_rare_class_is_in_each_part_where_chance_would_leave_it_out():
    """Three of 300 images have the rare class: divided by it each part gets one, by size alone it mostly does not."""
    groups = [{"common": 1, **({"rare": 1} if n in (0, 1, 2) else {})} for n in range(300)]
    by_class = by_size = 0
    for seed in range(20):
        for stratify in (True, False):
            parts = divide(groups, [1] * 300, [0.34, 0.33, 0.33], seed, stratify)
            full = {parts[n] for n in (0, 1, 2)} == {0, 1, 2}
            by_class, by_size = by_class + (full and stratify), by_size + (full and not stratify)
    assert by_class == 20
    assert by_size < 15


def test_groups_of_unequal_size_fill_the_parts_alike():
    chance = random.Random(1)
    sizes = [chance.randint(1, 40) for _ in range(80)]
    parts = divide([{chance.randrange(3): size} for size in sizes], sizes, [0.8, 0.1, 0.1], 0)
    for p, share in enumerate((0.8, 0.1, 0.1)):
        got = sum(size for size, part in zip(sizes, parts) if part == p)
        assert got == pytest.approx(share * sum(sizes), abs=0.03 * sum(sizes))
