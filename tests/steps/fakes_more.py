"""More of the fakes (see ``fakes.py``, which gives them on): the files of the engine, and what opens checkpoints."""

ENGINE_TEXT = '''\
"""Engine."""
import io

from ultralytics.fakes.cfg import get


class BaseTrainer:
    def save_model(self):
        blob = io.BytesIO().getvalue()
        note = {"model": blob, "kept": {"ema": blob}}  # alike, but not both
        pack(
            {   # all of it
                # the number first
                "epoch": self.epoch,
                "model": None ,
                "ema": self.mean( ),   # the mean
            },
            blob,
        )
        self.last.write_bytes(blob)   # keep
        note = self.last.write_text("saved")
        if self.fitness == self.best_fitness:
            self.best.write_bytes( blob )
        (self.folder / "extra.pt").write_bytes(blob)
        return note

    def save_other(self, blob):
        self.other.write_bytes(blob)
        return {"model": 1, "ema": 2}

    def setup_model(self):
        blob = load(self.path)
        if self.get_model(blob):  # alike, but without the keyword
            self.student = self.get_model(weights=blob.student , cfg=1)
        self.model = self.get_model( cfg=self.cfg, weights=blob)   # build

    def get_model(self, cfg=None, weights=None):
        return make(cfg, weights=weights)


class MultiTrainer:
    def train(self, run):
        note = {"model": run}
        pack( { "model": self.model,"train_args":note }, run.file)   # to begin with
        run([*_OTHER_COMMAND, "train"], check=True)
        run([*_YOLO_CLI_COMMAND, "help"])
        run(
            [   # a process
                *_YOLO_CLI_COMMAND,
                "train",
            ],   # its words
            check=True ,
        )   # done
        return {"model": note}
'''

MODEL_TEXT = '''\
"""Model."""
from ultralytics.fakes.cfg import get


class Model:
    def train(self, trainer=None):
        get_model(weights=self)  # alike, but no method
        self.trainer.note = trainer.get_model
        self.model = self.trainer.get_model(weights=self if trainer else None,  cfg=self.cfg)   # build

    def save(self, path, trail=None):
        note = {**self.blob}
        torch.load(note, path)
        torch.save( {**self.blob,  **note}, path )   # write

    def save_other(self, path):
        torch.save(self.blob, path)

    def tune(self, trainers):
        return [x.get_model(weights=self) for x in trainers] + [trainers.get_models(weights=self)]

    @property
    def names(self):
        return get(self)

    @names.setter
    def names(self, value):
        self.note = value
'''

EXPORTER_TEXT = '''\
"""Exporter."""
from ultralytics.fakes.cfg import get


class Exporter:
    def __call__(self, net=None):
        metadata = {"task": net.task}  # alike, but for the name
        self.metadata = metadata
        self.metadata = {   # for readers
            "author": "nobody",
            "task":  net.inner.task,
        }  # notes
        return metadata
'''

DIST_TEXT = '''\
"""Processes."""
from . import FOLDER


def generate_ddp_file(trainer):
    note = {"trainer": trainer}
    import cloudpickle   # late
    import cloudpickle_fakes

    pack({ "trainer": type(trainer),  "args": note}, FOLDER)  # state
    return note


def generate_ddp_command(trainer):
    import cloudpickle

    return {"trainer": trainer, "args": cloudpickle}
'''

SAFE_TEXT = """

class _SafeLoad:
    def loading(cls, weight):
        needed = names_in(weight)
        for name in needed:  # alike, but fills nothing
            note(name)
        for other in sorted(needed):
            cls._registry[other] = None  # alike, but for what it goes through
        for name  in  needed:   # each of them
            if name not in cls._registry:
                cls._registry[name] = find(name)

    def leaving(cls, needed):
        for name in needed:
            cls._registry[name] = None


def torch_safe_load(weight, safe=None):
    file = download(weight)  # here at last

    def _load():
        try:
            blob = _load()  # alike, but inside
        except OSError:
            return None

    note = _load()  # alike, but not tried
    try:
        blob  =  _load()   # first
    except EOFError:
        blob = _load()
    return blob, file, note


def torch_other_load(file, _load):
    try:
        blob = _load()
    finally:
        return blob
"""
