"""More of the fakes (see ``fakes.py``, which gives them on): the two files of the engine."""

ENGINE_TEXT = '''\
"""Engine."""
import io

from ultralytics.fakes.cfg import get


class BaseTrainer:
    def save_model(self):
        blob = io.BytesIO().getvalue()
        self.last.write_bytes(blob)   # keep
        note = self.last.write_text("saved")
        if self.fitness == self.best_fitness:
            self.best.write_bytes( blob )
        (self.folder / "extra.pt").write_bytes(blob)
        return note

    def save_other(self, blob):
        self.other.write_bytes(blob)

    def setup_model(self):
        blob = load(self.path)
        if self.get_model(blob):  # alike, but without the keyword
            self.student = self.get_model(weights=blob.student , cfg=1)
        self.model = self.get_model( cfg=self.cfg, weights=blob)   # build

    def get_model(self, cfg=None, weights=None):
        return make(cfg, weights=weights)
'''

MODEL_TEXT = '''\
"""Model."""
from ultralytics.fakes.cfg import get


class Model:
    def train(self, trainer=None):
        get_model(weights=self)  # alike, but no method
        self.trainer.note = trainer.get_model
        self.model = self.trainer.get_model(weights=self if trainer else None,  cfg=self.cfg)   # build

    def tune(self, trainers):
        return [x.get_model(weights=self) for x in trainers] + [trainers.get_models(weights=self)]

    @property
    def names(self):
        return get(self)

    @names.setter
    def names(self, value):
        self.note = value
'''
