"""Small sources in upstream's shape, and what every step's tests do with them.

Nothing here is upstream's text: statements of ours (``trail``, ``note``) stand between the lines that a step looks for.
Each source also holds lines that look like an anchor and are none; the tests compare whole files, so an edit of one of
those fails them. Odd spacing is meant: it has to survive.
"""

from __future__ import annotations

from typing import Dict, Tuple

import pytest

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.tree import OVERLAY, Tree

from .fakes_more import DISTILL_TEXT, ENGINE_TEXT, MODEL_TEXT, TRAIN_TEXT
from .fakes_network import (
    DATA_TEXT,
    DOWNLOADS_TEXT,
    PATCHES_TEXT,
    UTILS_TEXT,
)

TASKS = "ultralytics/nn/tasks.py"
IMX = "ultralytics/utils/export/imx.py"
FLOPS = "ultralytics/utils/torch_utils.py"
TRAIN = "ultralytics/models/yolo/detect/train.py"
ENGINE = "ultralytics/engine/trainer.py"
MODEL = "ultralytics/engine/model.py"
DISTILL = "ultralytics/nn/distill_model.py"
UTILS = "ultralytics/utils/__init__.py"
DOWNLOADS = "ultralytics/utils/downloads.py"
DATA = "ultralytics/data/utils.py"
PATCHES = "ultralytics/utils/patches.py"

NEWLINES = pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])

TASKS_TEXT = '''\
# A fake.  Only the lines that a step looks for have upstream's shape.
"""Models by row."""

from __future__ import annotations

import torch
from ultralytics_thop import profile
from .ultralytics_fakes import nothing

# upstream's own, below this comment
from   ultralytics.fakes.parts import Concat, Conv   # odd  spacing
from ultralytics.fakes.report import LOGGER

s = 256   # alike, but at module level


class BaseModel(torch.nn.Module):
    """Runs its layers one by one."""

    def forward(self, x, *trail, **kwargs):
        if note(trail):
            return self.guess(x, **kwargs)  # alike, but another method
        return  self.predict( x, *trail, **kwargs )   # run

    def _predict_once(self, x, trail=()):
        y, seen = [], list( trail )
        for m in self.model:
            seen.append(m.i)
            if m.f != -1:
                x = y[m.f] if isinstance(m.f, int) else gather(x, y, m.f)
            seen.append("input")
            x = m( x )

            # what a later layer reads
            y.append(x if m.i in self.save else None)   # kept
            seen.append(len(y))
        return x

    def _names(self, y):
        from ultralytics.fakes.late import polish  # not at module level

        for m in self.model:
            y.append(polish(m.type))  # alike, but the loop reads no earlier output
        return y

    def fuse(self, verbose=True):
        if not self.is_fused():
            note(self); self.info(verbose)  # alike, but not first on its line
            trail = self.info(verbose=False)

            # say so
            self.info( verbose=verbose )   # report
        return self

    def is_fused(self):
        def bare(m):
            return not hasattr(m, "fakes")  # alike, but inside

        if self.model is None:
            return
        return  not any(bare(m) for m in self.modules())   # nothing left

    def load(self, trail, verbose=1):
        model = trail  # alike, but for the name
        csd = dict(trail)
        csd  =  model.half().state_dict( )   # taken over
        other = intersect_dicts(trail, self.state_dict())  # alike, but of something else
        fit = intersect_dicts(csd, self.state_dict( ))   # what fits
        return merge(fit, other)


class DetectionModel(BaseModel):
    def __init__(self, cfg, ch=3):
        super().__init__()
        head = self.model[-1]
        if hasattr(head, "strides"):
            s = 256  # a probe's side
            side = 256
            s: int = 256
            self.s = 256
            t = s = 256
            s = 2560
            head.strides = measure(self, s, t, side)


class SecondModel(DetectionModel):
    def predict(self, x):
        outs = []
        for layer in self.model[:-1]:  # all but the head
            note(layer)
            if layer.f != -1:
                z = outs[layer.f] if isinstance(layer.f, int) else gather(x, outs, layer.f)
            note(z)
            outs.append(z if layer.i in self.kept["all"] else None)
        return x

    def fuse(self):
        self.info(verbose=False)
        return self


def parse_model(d, ch, verbose=True):
    """Turn rows into layers."""
    ch, trail = [ch], []
    for i, row in enumerate(d["head"] + d["neck"]):  # alike, but not all rows
        trail.append((i, row))
        with contextlib.suppress(ValueError):
            args.extend(row)
    layers, save, c2 = [], [], ch[-1]
    if d.get("act"):  # the default of every Conv
        Conv.default_act = eval(act)   # from the file
        trail.append(retrieval(act))
    trail.append("rows")

    # one pass over all rows
    for i, (f, n, m, args) in enumerate(d["backbone"] + d["head"]):  # from, number, module, args

        # a name becomes a class
        m = getattr(torch.nn, m[3:]) if "nn." in m else globals()[m]
        trail.append(globals()["m"])
        t = m if trail else None
        with contextlib.suppress( KeyError ):
            trail.append(contextlib.suppress)
        for j, a in enumerate(args):
            with contextlib.suppress(ValueError):   # text stays text
                args[j] = read( a )
        if m in WITH_CHANNELS:
            c1, c2 = ch[f], args[0]
            if c2 > 8:
                c2 = round_up( c2 )
            else:
                c2 = ch[f]  # alike, but inside a branch
            args = [c1, c2, *args[1:]]
        elif m is Concat:
            c2 = total(ch, f)
            args.extend([c2])  # alike, but another module's
        elif m in {Conv, Detect}:   # heads
            trail.extend(args)
            args.extend( [ch[x] for x in f] )   # widths
            for x in f:
                args.extend([x])  # alike, but deeper
        else:
            c2 = ch[f]   # as before
        if f in trail:
            trail.append(c2)
        else:
            c2 = ch[ -1 ]

        m_ = torch.nn.Sequential(*(m(*args) for _ in range(n))) if n > 1 else m(*args)   # build
        m_ = tidy(m_)
        t = str(m)[8:-2].replace("__main__.", "")  # name
        t = t.strip()
        m_.i, m_.f, m_.type = i, f, t  # number
        m_.j, m_.k = i, f
        if verbose:
            LOGGER.info(f"{i:>3}{f!s:>20}{t:<45}")  # print
            LOGGER.debug(f"{i:>3}")
        save.extend(x % i for x in ([f] if isinstance(f, int) else f) if x != -1)  # save
        trail.extend(x % i for x in f)
        layers.append(m_)
        trail.append(layers)
        if i == 0:
            ch = []

        # measure
        ch.append(c2)
        trail.append(c2)
    return torch.nn.Sequential(*layers), sorted( save )


def count_rows(d, ch):
    for i, (f, n, m, args) in enumerate(d["backbone"] + d["head"]):
        ch.append(globals()[m])
    return ch


def yaml_model_load(path):
    yaml_file = str( path )
    note = find(path) or find(yaml_file)
    yaml_file = check(path, hard=False) or  check(note)   # found
    d = dict(file=YAML.load(yaml_file))
    d = YAML.load(yaml_file)   # read
    d["other"] = YAML.load(yaml_file)
    return d


def yaml_list_load(path):
    yaml_file = check(path) or note(path)
    d = YAML.load(yaml_file)
    return d
'''

IMX_TEXT = '''\
"""A fake of the export that runs a model's layers on its own."""

import torch

from ultralytics.fakes.parts import Pose


class Wrapper(torch.nn.Module):
    def forward(self, x):
        y, note = [], []
        for m in self.model:
            note.append(m)
            if m.f != -1:
                x = y[m.f]
            note.append(x)
            x = m( x )  # run
            y.append(x)
        return x
'''

FLOPS_TEXT = '''\
"""A fake of the helpers around torch."""
from ultralytics.fakes.report import LOGGER


def get_flops(model, imgsz=640):
    """Count."""
    note = ["flops"]
    if not note:
        return  0.0  # alike, and meant
    try:
        p = next(model.parameters())   # the first
        q = next(model.parameters( ))
        note.append((p.shape[0], q.shape[1], p.shape[1:], RTDETRDecoder))
        im = torch.empty((1, p.shape[1], *imgsz), device=p.device)  # an image
        return count(model, im)
    except Exception:
        return 0.0


def get_flops_slowly(model):
    p = next(model.parameters())
    if not p:
        return 0.0
    return p.shape[1]


def initialize_weights(model):
    for m in model.modules():
        t = type( m )
        note = t is nn.BatchNorm2d  # alike, but no branch
        if t is nn.Linear or t is nn.BatchNorm2d:
            m.note = note
        elif  t is nn.BatchNorm2d:   # norms
            m.eps = 0.5


def initialize_other(m, t):
    if t is nn.BatchNorm2d:
        m.eps = 1


def strip_optimizer(file, path=None):
    blob = {"file": file}
    torch.save( blob, path or file )   # write
    return blob
'''

"""What one step looks for in the function that another edits at another place."""

UPSTREAM: Dict[str, str] = {
    TASKS: TASKS_TEXT,
    IMX: IMX_TEXT,
    FLOPS: FLOPS_TEXT,
    TRAIN: TRAIN_TEXT,
    ENGINE: ENGINE_TEXT,
    MODEL: MODEL_TEXT,
    DISTILL: DISTILL_TEXT,
    UTILS: UTILS_TEXT,
    DOWNLOADS: DOWNLOADS_TEXT,
    DATA: DATA_TEXT,
    PATCHES: PATCHES_TEXT,
    "ultralytics/__init__.py": "",
}
OURS: Dict[str, str] = {f"{OVERLAY}__init__.py": "", f"{OVERLAY}hooks.py": "def keep(): ...\n"}


def tree_of(files: Dict[str, str], newline: str = "\n") -> Tree:
    """Return the files as a tree, with these line ends."""
    return {path: text.replace("\n", newline).encode() for path, text in files.items()}


def edited(text: str, *changes: Tuple[str, str]) -> str:
    """Return ``text`` with each (old, new) change made; each old text must be there exactly once."""
    for old, new in changes:
        assert text.count(old) == 1, f"{text.count(old)} times in the fake: {old!r}"
        text = text.replace(old, new)
    return text


def check(step: Step, before: Tree, after: Tree) -> Outcome:
    """Check that the step makes ``after`` of ``before``, byte for byte, and that a second run changes nothing."""
    tree = dict(before)
    outcome = step.apply(tree)
    assert tree == after
    assert before != after, "the test has to show an edit"
    assert step.places[0] <= outcome.applied <= step.places[1]
    assert len(outcome.where) == outcome.applied
    assert {path for path in after if after[path] != before[path]} <= set(step.files)
    unchanged(step, after)
    return outcome


def unchanged(step: Step, tree: Tree, reason: str = "already applied") -> None:
    """Check that the step finds nothing to do, and says why."""
    after = dict(tree)
    assert step.apply(after) == Outcome(0, reason)
    assert after == tree


def refuses(step: Step, tree: Tree, where: str, sought: str, found: str) -> StepError:
    """Check that the step raises an error with these facts (file: definition, sought, found) and leaves the tree."""
    after = dict(tree)
    with pytest.raises(StepError) as caught:
        step.apply(after)
    assert after == tree
    lines = str(caught.value).splitlines()
    assert lines[:4] == [
        f"step {step.name} does not fit this release: nothing was written.",
        f"  where:  {where}",
        f"  sought: {sought}",
        f"  found:  {found}",
    ]
    return caught.value
