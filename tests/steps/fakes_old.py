"""Fakes of what releases before the pinned one have in a step's place (see ``fakes.py``), and the tuner of today's."""

QUESTION_TEXT = '''\
"""Utils."""


class IterableSimpleNamespace:
    def __getattr__(self, attr):
        raise AttributeError(f"no {attr}: say 'pip install -U ultralytics' and wait")


def is_pip_package(name=__name__):
    """Ask."""
    spec = find(name)

    # is there one?
    return  spec is not None   # there is


def report():
    if is_pip_package():
        send()
'''


TRAINER_TEXT = '''\
"""Engine."""
from ultralytics.fakes.cfg import get


class BaseTrainer:
    def _setup_train(self):
        freeze_list = get(self.args.freeze)
        freeze_layer_names = [f"row.{x}." for x in freeze_list]
        for k, v in self.model.named_parameters():
            if any(x in k for x in freeze_layer_names):
                v.note = True

    def _do_train(self):
        for ni, batch in enumerate(self.batches):
            self.loss = self.model(batch)
            self.loss.backward()

            # one in a while
            if ni - self.seen >=  self.accumulate:   # now
                self.optimizer_step()
        self.run_callbacks("on_train_epoch_end")
        if self.first:
            self.metrics = self.validate()

            # write
            self.save_metrics( metrics=self.metrics )   # kept
'''
