"""Weights, caches and data YAMLs of somebody else's: nothing that they bring along is run, and ours still work."""

import io
import os
import pickle
import random
import shutil
import sys
import tarfile
import types

import numpy as np
import pytest
import torch
from conftest import ROOT, make_squares

import train
import val
from lab.compare import plan, state
from lab.heatmap import command as heatmap
from lab.speed import command as speed
from lab.speed import latency
from run import find
from run.arguments import UsageError
from ultralytics import YOLO
from ultralytics.data.dataset import DATASET_CACHE_VERSION
from ultralytics.data.utils import check_det_dataset, load_dataset_cache_file
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError, hooks
from ultralytics.nn.Addmodules._policy import command
from ultralytics.nn.Addmodules._policy import foreign as _foreign
from ultralytics.utils.patches import torch_load
from ultralytics.utils.torch_utils import strip_optimizer


class Runs:
    """Calls a function where it is unpickled without care."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A file that hostile content would make; and the state of one of our commands."""
    monkeypatch.setenv(_foreign.RESTRICT, "1")
    monkeypatch.setenv(_foreign.TRUST, "")
    monkeypatch.setenv(_foreign.ALLOW, "")
    return tmp_path / "canary"


PAYLOADS = {
    "open": lambda path: Runs(open, str(path), "w"),
    "eval": lambda path: Runs(eval, f"open({str(path)!r}, 'w')"),
    "exec": lambda path: Runs(exec, f"open({str(path)!r}, 'w')"),
    "system": lambda path: Runs(os.system, f"{sys.executable} -c \"open(r'{path}', 'w')\""),
    "a function of torch": lambda path: Runs(torch.save, {}, str(path)),
    "a function of numpy": lambda path: Runs(np.save, str(path), np.zeros(1)),
    "a function of the folder": lambda path: Runs(hooks.find_model, str(path)),
    "in an array of objects": lambda path: np.array([{"a": [Runs(open, str(path), "w")]}], dtype=object),
    "behind what is allowed": lambda path: (torch.zeros(1), [Runs(open, str(path), "w")]),
    "in a state": lambda path: Runs(dict, state=Runs(open, str(path), "w")),
}

PLACES = {
    "beside the model": lambda content, evil: {**content, "optimizer": evil},
    "in train_args": lambda content, evil: {**content, "train_args": {"data": evil}},
    "before the model": lambda content, evil: {"epoch": evil, **content},
    "alone": lambda content, evil: evil,
}

CONTAINERS = {
    "zip": lambda content, path: torch.save(content, path),
    "legacy": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    **{f"pickle {n}": lambda content, path, n=n: path.write_bytes(pickle.dumps(content, n)) for n in (0, 2, 4)},
}

WAYS = {
    "tasks": tasks.load_checkpoint,
    "torch_load": torch_load,
    "YOLO": lambda path: YOLO(str(path)),
    "load": lambda path: YOLO("yolo11n.yaml").load(str(path)),
    "lab": find.load_checkpoint,
    "heatmap": lambda path: heatmap.load(str(path)),
    "latency": latency.load,
    "strip_optimizer": strip_optimizer,
}


@pytest.fixture(scope="module")
def content():
    return {"model": YOLO("yolo11n.yaml").model, "epoch": 3}


def tried(way, path):
    """Open a file; whatever happens counts, but for what it leaves behind."""
    try:
        way(path)
    except (Exception, SystemExit) as e:
        return str(e)
    return ""


@pytest.mark.parametrize("payload", list(PAYLOADS))
def test_no_container_of_weights_runs_anything(payload, canary, tmp_path, content):
    path = tmp_path / "evil.pt"
    for place in PLACES.values():
        for save in CONTAINERS.values():
            save(place({} if save is not CONTAINERS["zip"] else content, PAYLOADS[payload](canary)), path)
            tried(torch_load, path)
            tried(tasks.load_checkpoint, path)
            assert not canary.exists()


@pytest.mark.parametrize("inner", [b"x", b"\x80\x02."])
def test_torchs_oldest_format_is_not_opened(inner, canary, tmp_path):
    path = tmp_path / "old.pt"
    with tarfile.open(path, "w") as archive:
        for name, data in (
            ("pickle", pickle.dumps(PAYLOADS["open"](canary), 2)),
            ("storages", inner),
            ("tensors", inner),
        ):
            item = tarfile.TarInfo(name)
            item.size = len(data)
            archive.addfile(item, io.BytesIO(data))
    with pytest.raises(UsageError):
        find.load_checkpoint(path)
    assert not canary.exists()


@pytest.mark.parametrize("way", list(WAYS))
def test_no_way_of_opening_weights_runs_anything(way, canary, tmp_path, content, monkeypatch):
    path = tmp_path / "evil.pt"
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, path)
    said = tried(WAYS[way], path)
    assert not canary.exists()
    assert "io.open" in said or way == "strip_optimizer"  # which warns
    monkeypatch.setenv(_foreign.TRUST, "0")
    tried(WAYS[way], path)
    assert canary.exists(), "it would have run, had it been let"


COMMANDS = {
    "train --weights": lambda path: train.main(["--weights", str(path), "--epochs", "1"]),
    "train pretrained=": lambda path: train.main([f"pretrained={path}", "epochs=1"]),
    "train --resume": lambda path: train.main(["--resume", str(path)]),
    "val": lambda path: val.main(["--weights", str(path)]),
    "speed": lambda path: speed.main([str(path), "--rounds", "8", "--formats", "torch"]),
    "heatmap": lambda path: heatmap.main([str(path), "--list-layers"]),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_says_what_it_does_not_open(name, canary, tmp_path, content, capsys, monkeypatch):
    monkeypatch.delenv(_foreign.RESTRICT)  # the command sets it
    path = tmp_path / "evil.pt"
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, path)
    with pytest.raises(SystemExit) as caught:
        COMMANDS[name](path)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert f"{path} is not opened: it names io.open" in said
    assert "--trust" in said
    assert not canary.exists()


@pytest.mark.parametrize("words", [["val", "model=evil.pt"], ["predict", "model=evil.pt", "source=x.jpg"]])
def test_yolo_says_what_it_does_not_open(words, canary, tmp_path, content, capsys, monkeypatch):
    monkeypatch.delenv(_foreign.RESTRICT)
    monkeypatch.chdir(tmp_path)
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, "evil.pt")
    monkeypatch.setattr("ultralytics.cfg.ARGV", ["yolo", *words])
    assert command.yolo() == 2
    assert "evil.pt is not opened: it names io.open" in capsys.readouterr().err
    assert not canary.exists()


def test_a_comparison_does_not_take_a_hostile_checkpoint_for_a_damaged_one(canary, tmp_path, content):
    (tmp_path / "weights").mkdir()
    for name in ("last.pt", "best.pt"):
        torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, tmp_path / "weights" / name)
    with pytest.raises(BackboneError, match="is not opened"):
        state.find_point(tmp_path, 5)
    assert not canary.exists()


def test_options_trust(monkeypatch):
    for name in (_foreign.TRUST, _foreign.ALLOW):
        monkeypatch.setenv(name, "")
    options, given = train.parse(["--trust", "lr0=0.1", "--allow-download"])
    assert given == {"lr0": 0.1}
    assert not {"trust", "allow_download"} & set(vars(options))
    assert (os.environ[_foreign.TRUST], os.environ[_foreign.ALLOW]) == ("0", "1")


@pytest.mark.parametrize("text", [b"", b"<!DOCTYPE html>", b"PK", b"PK\x03\x04" + bytes(40), bytes(100)])
def test_a_damaged_file_is_called_damaged(text, canary, tmp_path):
    (tmp_path / "best.pt").write_bytes(text)
    with pytest.raises(UsageError, match=r"is damaged|is empty|is not a file of torch|can be used here"):
        find.load_checkpoint(tmp_path / "best.pt")


silu = torch.nn.functional.silu


def odd_model():
    model = YOLO("yolo11n.yaml").model
    model.model[0].chosen = silu  # as many a dropped-in file does
    return model


def written(path, epoch=0, **more):
    """Write a checkpoint as a training does, and return what stands for the trainer."""
    torch.save({"model": odd_model(), "epoch": epoch}, path)
    return types.SimpleNamespace(last=path, best=path.with_name("best.pt"), **more)


def test_what_a_training_wrote_here_opens_whatever_it_holds(canary, tmp_path):
    ours, copy, other = (tmp_path / name for name in ("last.pt", "copy.pt", "other.pt"))
    trainer = written(ours)
    _foreign.note_own(trainer)
    torch.save({"model": odd_model(), "by": "somebody"}, other)
    shutil.copyfile(ours, copy)
    for path in (ours, copy):
        assert tasks.load_checkpoint(path)[0].model[0].chosen is torch.nn.functional.silu
    with pytest.raises(BackboneError, match=r"torch\.nn\.functional\.silu"):
        tasks.load_checkpoint(other)
    written(ours, 1)  # as stripping it does
    assert _foreign.is_own(ours)
    _foreign.note_stripped(trainer)
    assert _foreign.is_own(ours)
    with open(ours, "ab") as f:
        f.write(b"more")
    assert not _foreign.is_own(ours)


def test_a_best_that_the_run_has_not_written_is_not_its_own(canary, tmp_path):
    """A run that somebody else began may be resumed, and its best.pt be hostile."""
    torch.save({"epoch": PAYLOADS["open"](canary)}, tmp_path / "best.pt")
    trainer = written(tmp_path / "last.pt")
    _foreign.note_own(trainer)
    assert (_foreign.is_own(trainer.last), _foreign.is_own(trainer.best)) == (True, False)
    shutil.copyfile(trainer.last, trainer.best)
    _foreign.note_own(trainer)
    assert _foreign.is_own(trainer.best)
    _foreign.note_stripped(trainer)


def test_few_checkpoints_are_remembered(canary, tmp_path, monkeypatch):
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "notes.txt")
    monkeypatch.setattr(_foreign, "KEPT", 3)
    for n in range(6):
        (tmp_path / f"{n}").write_bytes(b"%d" % n)
        _foreign._note(tmp_path / f"{n}")
    assert [_foreign.is_own(tmp_path / name) for name in ("5", "0")] == [True, False]
    assert len((tmp_path / "notes.txt").read_text().split()) == 4
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "no" / "folder")
    _foreign._note(tmp_path / "5")  # is no reason to stop


def test_a_training_of_a_layer_that_holds_a_function_comes_to_its_end(canary, tmp_path, monkeypatch):
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "notes.txt")
    model = YOLO("yolo11n.yaml")
    model.add_callback("on_train_start", lambda trainer: setattr(trainer.model.model[0], "chosen", silu))
    model.add_callback("on_train_start", lambda trainer: setattr(trainer.ema.ema.model[0], "chosen", silu))
    model.add_callback("on_model_save", lambda trainer: shutil.copyfile(trainer.last, tmp_path / "copy.pt"))
    options = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "project": str(tmp_path)}
    model.train(data=str(make_squares(tmp_path / "squares")), epochs=2, amp=False, **options)
    for path in (model.trainer.last, model.trainer.best):
        assert YOLO(str(path)).model.model[0].chosen is silu
    os.replace(tmp_path / "copy.pt", model.trainer.last)  # a run that was stopped before its end
    assert find.load_checkpoint(model.trainer.last)[1]["epoch"] == 1


def test_the_state_of_several_processes_opens(canary):
    from ultralytics.utils import USER_CONFIG_DIR

    (USER_CONFIG_DIR / "DDP").mkdir(exist_ok=True)
    path = USER_CONFIG_DIR / "DDP" / "_temp_state.pt"
    torch.save({"trainer": YOLO}, path)
    try:
        assert torch_load(str(path))["trainer"] is YOLO
    finally:
        path.unlink()


def test_python_opens_weights_as_upstream_does(tmp_path, monkeypatch, content):
    for name in (_foreign.RESTRICT, _foreign.TRUST):
        monkeypatch.delenv(name, raising=False)
    torch.save({**content, "extra": PAYLOADS["open"](tmp_path / "canary")}, tmp_path / "any.pt")
    YOLO(str(tmp_path / "any.pt"))
    assert (tmp_path / "canary").exists()


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


@pytest.mark.parametrize("data", ["https://example.invalid/data.yaml", "ul://somebody/datasets/x"])
def test_a_checkpoint_does_not_say_what_is_fetched(data, canary, tmp_path, content, capsys):
    torch.save({**content, "optimizer": {}, "train_args": {"data": data}}, tmp_path / "last.pt")
    for command_ in (COMMANDS["val"], COMMANDS["train --resume"]):
        with pytest.raises(SystemExit):
            command_(tmp_path / "last.pt")
        assert "is not fetched unasked" in capsys.readouterr().err
