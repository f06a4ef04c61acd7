"""More of the fakes (see ``fakes.py``, which gives them on): the engine, distilling, checkpoints, commands."""

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

    def _setup_train(self):
        freeze_list = note(self.args.freeze)
        seen = [f"model.{x}." for x in note.list]  # alike, but of another list
        freeze_layer_names =  [f"row.{x}." for x in freeze_list]  + seen   # names
        for k, v in self.model.named_parameters():
            if any( x in k for x in freeze_layer_names ) :   # one of them
                v.note = any(x in k for x in seen)
        self.freeze_layer_names = freeze_layer_names

    def _model_train(self):
        for n, m in self.model.named_modules():
            if  any(filter(lambda f: f in n, self.freeze_layer_names)) and  m.norm:
                m.rest()

    def _do_train(self):
        for ni, batch in enumerate(self.batches):
            self.loss = self.model(batch)
            if ni > self.accumulate:
                note(ni)  # alike, but no step

            # one in a while
            if ni - self.seen >=  self.accumulate:   # now
                self.optimizer_step()
                self.seen = ni
            if self.seen:
                self.optimizer_step()  # alike, but always

    def _handle_nan_recovery(self, epoch):
        corrupted, reason = self.look(epoch)
        if not corrupted:   # fine
            return False
        if not reason:
            return False
        return self.back(reason)

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

    def embed(self, source, model):
        note = len(model.model) - 1  # alike, but the last
        return self.predict(source, embed=[ len(model.model) - 2 ], note=note)   # the last but one

    @property
    def names(self):
        return get(self)

    @names.setter
    def names(self, value):
        self.note = value
'''

DISTILL_TEXT = '''\
"""Learn from another."""
from ultralytics.fakes.parts import Detect

from .tasks import load


class DistillationModel:
    @staticmethod
    def get_distill_layers(model):
        for m in model.model:
            if note(m):
                return []
            if isinstance(m, Detect):
                return  [ *list(m.f), m.i ]   # what it reads
        raise ValueError(model)

    def get_other_layers(self, m):
        return [*list(m.f), m.i]
'''

OLD_TASK = "        self.task  =  given or guess_model_task( rows )   # by name\n"
OLD_BUILD = '        self.model = ( given or self.pick("model") )( rows,  verbose=given )   # build\n'
BUILDER = f"""

    def _new(self, path, given=None):
        rows = read(path)
        self.kind = guess_model_task(rows)
        self.task = given
{OLD_TASK}        note = given(rows)  # alike, but of no name
        self.note = given(path)
{OLD_BUILD}        self.model.note = given(rows)

    def _old(self, rows):
        self.task = guess_model_task(rows)
        self.model = given(rows)
"""

MODEL_TEXT = MODEL_TEXT.rstrip("\n") + BUILDER


TRAIN_TEXT = '''\
"""A fake of a trainer."""

from copy import copy

# upstream's
from ultralytics.fakes.data import build
from ultralytics.fakes.report import RANK


class DetectionTrainer:
    def build_dataset(self, path, mode="train", batch=None):
        """Build."""
        note = dict(rect=mode == "train", square=mode == "val")
        return build(self.args, path, batch, self.data, mode=mode,  rect=mode == "val", stride=note)

    def build_other(self, path, mode):
        return build(path, rect=mode == "val")


def build_dataset(path, mode):
    return build(path, rect=mode == "val")
'''
