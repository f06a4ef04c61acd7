"""Fakes of what releases before the pinned one have in a step's place (see ``fakes.py``), and the tuner of today's."""

TUNER_TEXT = '''\
"""Tuner."""
from ultralytics.fakes.cfg import get


class Tuner:
    def __call__(self, model):
        from ultralytics.fakes.trainer import MultiTrainer

        return MultiTrainer(model).train(get(self))
'''

OLD_TUNER_TEXT = '''\
"""Tuner."""
import subprocess

from ultralytics.fakes.cfg import get


class Tuner:
    def __call__(self, model):
        cmd = [ "yolo", *get(model) ]
        note = subprocess.check_output(cmd)  # alike, but trains nothing
        done = subprocess.run( cmd,  check=True ).returncode   # train
        return done, note

    def other(self, cmd):
        subprocess.run(cmd)
'''

SCRIPT_TEXT = '''\
"""Processes."""
from . import FOLDER


def generate_ddp_file(trainer):
    note = f"""{trainer} is no script"""

    # all of it
    content  =  f"""
# A script.
overrides = {vars(trainer)}

if __name__ == "__main__":
    {trainer}.train()
"""   # written
    with open(FOLDER) as file:
        file.write(content)
    return note


def generate_ddp_command(trainer):
    return f"""
if __name__ == "__main__":
    {trainer}
"""
'''

IN_PLACE = """\
def torch_safe_load(weight, safe=False):
    file = download(weight)
    note = torch.load(weight)  # alike, but not tried
    try:
        with modules(note):
            if safe:
                with open( file ) as f:
                    blob = torch.load( f, safe )   # half
            else:
                blob  =  torch.load(file,  map="cpu")   # all
    except ModuleNotFoundError as e:
        install(e)
        blob = torch.load(file, map="cpu")  # again
    return blob


def torch_other_load(file):
    try:
        return torch.load(file)
    except ModuleNotFoundError:
        return None
"""

LIST_TEXT = """\
class _SafeLoad:
    @classmethod
    def loading(cls):
        if cls._globals is None:
            cls._globals = build()
        with torch.serialization.safe_globals( cls._globals ):   # for all files
            yield


def torch_safe_load(weight, safe=None):
    def _load():
        with modules(weight):
            if safe:
                with _SafeLoad.loading():   # restricted
                    return torch_load( file, only=True )
            return torch_load(file)

    file = download(weight)
    try:
        blob = _load()
    except OSError:
        blob = _load()
    return blob
"""

ENTRIES_TEXT = '''\
class _SafeLoad:
    @classmethod
    def loading(cls, weight):
        """Not by ``safe_globals()``."""
        needed = names_in(weight)
        note = [name for name in needed]  # alike, but of no list
        for other in (note, weight):
            cls._registry[other] = other  # alike, but for what it goes through
        entries = [ cls._registry[name] for name  in  needed if name in cls._registry ]   # known
        torch.serialization.add_safe_globals(entries)
        return note
'''

BLANK_TEXT = """\
class SafeClass:
    pass


class SafeUnpickler:
    def find_class(self, module, name):
        if module in ("torch", "math"):
            return super().find_class(module, name)
        else:
            return SafeClass


def torch_safe_load(weight, safe_only=False):
    return weight
"""

HUB_TEXT = '''\
"""The hub's helpers."""


class Events:
    def __init__(self):
        self.note = ASK and (GIT or note)
        self.enabled = (
            ONLINE and ( ASK  or origin() == "somewhere" )   # who
        )
'''

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

SILENT_TEXT = '''\
"""A fake of the checks."""


def check_requirements(requirements, install=True, cmds=""):
    prefix, pkgs = "requirements", []
    if pkgs:
        if install and AUTOINSTALL:
            LOGGER.warning("done")
        else:
            return False   # not today
    else:
        return False
    return True
'''

OPENS = """\
            with request.urlopen( url ) as response:   # asks
                return response.getcode() == 200
"""
ASKS_HEAD = """\
            note = request.urlopen(request.Request(url, method="HEAD"), timeout=9)   # asks
            return note.getcode() < 400
"""
URL_TEXT = """\
def is_url(url, check=True):
    with suppress(Exception):
        if check:
            # a server
%s        return True
    return False
"""

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

GUARDED_TEXT = '''\
"""Engine."""
from ultralytics.fakes.cfg import get


class BaseTrainer:
    def _do_train(self):
        for ni, batch in enumerate(self.batches):
            self.loss = self.model(batch)

            # no use
            if self.loss.isfinite():   # fine
                self.loss.backward()
                if ni - self.seen >= self.accumulate:
                    self.optimizer_step()
            else:
                get("skipped")
        self.save_metrics(metrics=self.metrics)
'''
