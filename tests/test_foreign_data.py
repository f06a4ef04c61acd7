"""Caches and data YAMLs of somebody else's: nothing that they bring along is run, and ours still work."""

import io
import os
import pickle
import random
import shutil

import numpy as np
import pytest
from conftest import ROOT, make_squares
from hostile import PAYLOADS, tried

from lab.compare import plan
from run import find
from run.arguments import UsageError
from ultralytics.data.dataset import DATASET_CACHE_VERSION
from ultralytics.data.utils import check_det_dataset, load_dataset_cache_file
from ultralytics.nn.Addmodules import BackboneError, hooks
from ultralytics.nn.Addmodules._policy import command
from ultralytics.nn.Addmodules._policy import foreign as _foreign

# Caches of labels ---------------------------------------------------------------------------------------------------


def dataset(yaml, task="detect", **options):
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset

    args = get_cfg(overrides={"task": task, "imgsz": 64, **options})
    data = check_det_dataset(yaml)
    return build_yolo_dataset(args, data["train"], 2, {**data, "kpt_shape": (2, 3)}, mode="val")


LABELS = {
    "detect": "0 0.5 0.5 0.2 0.2\n",
    "segment": "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.6\n",
    "obb": "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n",
    "pose": "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 1\n",
}


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return type(one) is type(other) and one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def rewritten(cache, module):
    """Return a cache as a numpy with another layout of modules writes it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
    data = pickle.dumps(np.array(cache, dtype=object), 3)
    for known in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        data = data.replace(b"c" + known + b"\n", b"c" + module + b"\n")
    return buffer.getvalue() + data


@pytest.mark.parametrize("task", list(LABELS))
def test_real_caches_are_read_as_they_are(task, canary, tmp_path):
    yaml = make_squares(tmp_path / "squares")
    for file in (tmp_path / "squares" / "labels").rglob("*.txt"):
        file.write_text(LABELS[task] * 2, encoding="utf-8")
    dataset(str(yaml), task)
    path = tmp_path / "squares" / "labels" / "train.cache"
    wanted = np.load(path, allow_pickle=True).item()
    assert same(load_dataset_cache_file(path), wanted)
    assert len(wanted["labels"]) == 4
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        path.write_bytes(rewritten(wanted, module))
        assert same(load_dataset_cache_file(path), wanted)
    path.write_bytes(rewritten({**wanted, "n": np.float32(3.5)}, b"numpy.core.multiarray"))
    assert load_dataset_cache_file(path)["n"] == np.float32(3.5)


def test_a_cache_of_classes_is_read_as_it_is(canary, tmp_path):
    content = {"hash": "x", "results": (1, 0, 1, [["a.png", 0, "a.npy", None]]), "msgs": [], "version": "1"}
    with open(tmp_path / "train.cache", "wb") as f:
        np.save(f, content)
    assert same(load_dataset_cache_file(tmp_path / "train.cache"), content)


@pytest.mark.parametrize("payload", [name for name in PAYLOADS if name != "in a state"])
def test_a_hostile_cache_is_made_anew(payload, canary, tmp_path, logged):
    yaml = make_squares(tmp_path / "squares")
    labels = [one["bboxes"].copy() for one in dataset(str(yaml)).labels]
    path = tmp_path / "squares" / "labels" / "train.cache"
    good = load_dataset_cache_file(path)
    for evil in (
        {**good, "more": PAYLOADS[payload](canary)},
        {
            "version": DATASET_CACHE_VERSION,
            PAYLOADS[payload](canary).__class__.__name__: 1,
            "x": PAYLOADS[payload](canary),
        },
    ):
        with open(path, "wb") as f:
            np.save(f, evil)
        again = dataset(str(yaml))
        assert not canary.exists()
        assert same([one["bboxes"] for one in again.labels], labels)
        assert same(load_dataset_cache_file(path), good)
    assert sum("not opened, made anew" in line for line in logged()) == 2


@pytest.mark.parametrize("wrap", [lambda e: pickle.dumps(e), lambda e: b"\x80\x04" + pickle.dumps(e, 0)[0:], None])
def test_a_bare_pickle_is_no_cache(wrap, canary, tmp_path):
    path = tmp_path / "train.cache"
    evil = PAYLOADS["open"](canary)
    if wrap is None:
        np.savez(tmp_path / "train.npz", evil)
        os.replace(tmp_path / "train.npz", path)
        canary.unlink(missing_ok=True)
    else:
        path.write_bytes(wrap(evil))
    assert tried(load_dataset_cache_file, path)
    assert not canary.exists()


class Opcodes(list):
    """A pickle, opcode by opcode."""

    def file(self, path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
        path.write_bytes(header.getvalue() + b"".join(self))
        return path


ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR"
DTYPES = {
    "objects without care": b"cnumpy\ndtype\n(U\x01OI00\nI01\ntR(I3\nU\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffI0\ntb",
    "numbers with care": b"cnumpy\ndtype\n(U\x02f8I00\nI01\ntR(I3\nU\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffI63\ntb",
    "a longer one": b"cnumpy\ndtype\n(U\x02f8I00\nI01\ntR(I3\nU\x01<NNNI4096\nI1\nI0\ntb",
    "text": b"cnumpy\ndtype\n(U\x02U9I00\nI01\ntR",
    "fields": b"cnumpy\ndtype\n(U\x03O,OI00\nI01\ntR",
}


@pytest.mark.parametrize("kind", list(DTYPES))
def test_bytes_never_count_as_addresses(kind, canary, tmp_path):
    state = b"(I1\n(I1\nt" + DTYPES[kind] + b"I00\nU\x08AAAAAAAAtb"
    path = Opcodes([b"\x80\x02", ARRAY, state, b"."]).file(tmp_path / "train.cache")
    try:
        found = load_dataset_cache_file(path)
    except Exception:
        return
    raise AssertionError(repr(found))


def test_numpys_own_kinds_stay_as_they_are():
    for text in ("f4", "f8", "i8", "u1", "b1", "O"):
        kind = np.dtype(text)
        before = (kind.flags, kind.itemsize, kind.byteorder, kind.alignment)
        kind.__setstate__((3, ">", None, None, None, 77, 1, 0))
        assert (kind.flags, kind.itemsize, kind.byteorder, kind.alignment) == before


def test_a_flipped_cache_is_read_or_refused(canary, tmp_path):
    yaml = make_squares(tmp_path / "squares")
    dataset(str(yaml))
    path = tmp_path / "squares" / "labels" / "train.cache"
    data, rng = path.read_bytes(), random.Random(0)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 3, 20))):
            changed[rng.randrange(64, len(data))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            assert isinstance(load_dataset_cache_file(path), dict)
        except Exception:
            continue


def test_a_hostile_image_cache_is_not_opened(canary, tmp_path):
    yaml = make_squares(tmp_path / "squares")
    for image in (tmp_path / "squares" / "images" / "train").glob("*.png"):
        np.save(image.with_suffix(".npy"), np.array([PAYLOADS["open"](canary)], dtype=object))
    canary.unlink(missing_ok=True)
    found = dataset(str(yaml), cache="disk")
    assert found[0]["img"].shape[0] == 3
    assert not canary.exists()


# download: in a data YAML -------------------------------------------------------------------------------------------

SCRIPTS = {
    "Python": "open({!r}, 'w')",
    "Python of several lines": "|\n  import os\n  open({!r}, 'w')\n",
    "a command": "bash {!r}.sh",
    "an address": "https://example.invalid/{!r}.zip",
    "no archive": "https://example.invalid/{!r}",
    "another scheme": "ul://somebody/datasets/{!r}",
    "a flow": "['open({!r})']",
}


def hostile(folder, canary, script, name="data.yaml"):
    text = f"path: {folder.as_posix()}\ntrain: images/none\nval: images/none\nnames: [a]\n"
    script = script.format(str(canary))
    if "\n" not in script and not script.startswith("["):
        script = '"' + script.replace("\\", "\\\\").replace('"', '\\"') + '"'
    (folder / name).write_text(text + f"download: {script}\n", encoding="utf-8")
    (folder / f"{canary.name}.sh").write_text(f"touch {canary}\n", encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("kind", list(SCRIPTS))
def test_download_is_not_followed_unasked(kind, canary, tmp_path, monkeypatch):
    monkeypatch.setattr("ultralytics.data.utils.safe_download", lambda **_: canary.touch())
    monkeypatch.setattr("ultralytics.data.utils.subprocess.run", lambda *_, **__: canary.touch())
    yaml = hostile(tmp_path, canary, SCRIPTS[kind])
    for way in (check_det_dataset, find.find_data, lambda name: find.find_data(name, fetch=False)):
        said = tried(way, str(yaml))
        assert said
        assert not canary.exists()
    if kind != "a flow":
        said = tried(find.find_data, str(yaml))
        assert "is not followed unasked" in said
        assert "--allow-download" in said
        assert len(said.splitlines()) == 2
    if kind in ("Python", "Python of several lines", "a command", "an address"):
        monkeypatch.setenv(_foreign.ALLOW, "1")
        tried(lambda name: find.find_data(name, fetch=False), str(yaml))
        assert not canary.exists(), "a dry run fetches nothing, allowed or not"
        tried(check_det_dataset, str(yaml))
        assert canary.exists(), "it would have run, had it been let"


def test_a_plan_of_a_dry_run_fetches_nothing(canary, tmp_path, monkeypatch):
    monkeypatch.setenv(_foreign.ALLOW, "1")
    yaml = hostile(tmp_path, canary, SCRIPTS["Python"])
    for name in (str(yaml), "https://example.invalid/data.yaml"):
        with pytest.raises(UsageError):
            plan.resolve(plan.Given(name, [(None, "rtdetr-mobilenetv3.yaml")], None, [0], {}), None, print, fetch=False)
    assert not canary.exists()


def test_the_yolo_command_says_why(canary, tmp_path, capsys, monkeypatch):
    yaml = hostile(tmp_path, canary, SCRIPTS["Python"])
    words = ["yolo", "train", "model=yolo11n.yaml", f"data={yaml}", f"project={tmp_path}"]
    monkeypatch.setattr("ultralytics.cfg.ARGV", words)
    assert command.yolo() == 2
    assert "its `download` is not followed unasked. It would run as Python" in capsys.readouterr().err
    assert not canary.exists()


def test_the_releases_own_data_sets_are_followed(canary, tmp_path):
    stock = ROOT / "ultralytics" / "cfg" / "datasets" / "coco8.yaml"
    shutil.copyfile(stock, tmp_path / "mine.yaml")
    for file in (stock, tmp_path / "mine.yaml", ROOT / "cfg" / "datasets" / "tree-crowns.yaml"):
        hooks.allow_download(file, "anything")
    text = stock.read_text(encoding="utf-8")
    (tmp_path / "coco8.yaml").write_text(text.replace("path: coco8", "path: elsewhere"), encoding="utf-8")
    with pytest.raises(BackboneError):
        hooks.allow_download(tmp_path / "coco8.yaml", "anything")


def test_a_file_put_among_the_releases_own_is_somebody_elses(canary, tmp_path):
    yaml = hostile(tmp_path, canary, SCRIPTS["Python"])
    inside = ROOT / "ultralytics" / "cfg" / "datasets" / "foreign-of-a-test.yaml"
    shutil.copyfile(yaml, inside)
    try:
        tried(check_det_dataset, "foreign-of-a-test.yaml")
        assert not canary.exists()
    finally:
        inside.unlink()


def test_the_message_shows_no_signs_that_a_terminal_obeys(canary, tmp_path):
    (tmp_path / "data.yaml").write_text("x", encoding="utf-8")
    with pytest.raises(BackboneError) as caught:
        hooks.allow_download(tmp_path / "data.yaml", "a\x1b[2Jb\r\n" + "c" * 500)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(tmp_path))


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['touch {}']", "!!python/name:os.system", "!x {{a: 1}}"]
)
def test_tags_make_nothing(tag, canary, tmp_path):
    text = f"path: .\ntrain: x\nval: x\nnames: {tag.format(canary)}\n"
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    assert tried(check_det_dataset, str(tmp_path / "data.yaml"))
    assert not canary.exists()
