"""The fakes in the shape of older releases (see ``fakes.py``): what each of them writes in another way than the pin.

Each constant is one era's way of one thing, so that a test shows a step on it with everything else as it is today.
"""

from __future__ import annotations

from .fakes import ENGINE_TEXT, FLOPS_TEXT, TASKS_TEXT, edited

TRY = """\
            try:
                args[j] = read( a )
            except ValueError:   # text stays text
                pass
"""
"""An argument that is no literal, before ``contextlib.suppress`` came back to parse_model."""

TRY_TASKS = edited(
    TASKS_TEXT,
    (
        """\
            with contextlib.suppress(ValueError):   # text stays text
                args[j] = read( a )
""",
        TRY,
    ),
    (
        "        with contextlib.suppress( KeyError ):\n            trail.append(contextlib.suppress)\n",
        "        try:\n            trail.append(args)\n        except ValueError:  # alike, but of something else\n"
        "            pass\n",
    ),
)

WIDTHS = "            args.append( [ch[x] for x in f] )   # widths\n"
"""A head's input widths, before the head had settings of its own in front of them."""

WIDTHS_TASKS = edited(TASKS_TEXT, ("            args.extend( [ch[x] for x in f] )   # widths\n", WIDTHS))

COUNTED = "        return  sum(bare(m) for m in self.modules()) <  thresh   # few left\n"
"""A model is fused where few norms are left."""

COUNTED_TASKS = edited(
    TASKS_TEXT,
    ("def is_fused(self):", "def is_fused(self, thresh=9):"),
    ("        return  not any(bare(m) for m in self.modules())   # nothing left\n", COUNTED),
)

FITTING_TASKS = edited(
    TASKS_TEXT,
    ("fit = intersect_dicts(csd, self.state_dict( ))   # what fits", "csd = intersect_dicts(csd, self.state_dict())"),
    ("merge(fit, other)", "merge(csd, other)"),
)
"""What fits of the weights has the same name as the weights."""

UNIFIED = "    yaml_file = check(unified_path, hard=False) or  check(path)   # found\n"
"""The search for a YAML, the name without a scale first."""

UNIFIED_TASKS = edited(
    TASKS_TEXT,
    ("    yaml_file = check(path, hard=False) or  check(note)   # found\n", UNIFIED),
    ("    d = YAML.load(yaml_file)   # read\n", "    d = yaml_load(yaml_file)   # read\n"),
)

TWICE = """\
    try:
        p = next(model.parameters())   # the first
        q = next(model.parameters( ))
        note.append((p.shape[0], q.shape[1], p.shape[1:]))
        try:
            stride = max( stride_of(model), 32) if note else 32   # the side
            im = torch.empty((1, p.shape[1], 32,  32), device=p.device)  # a small one
            return grow(count(model, im), imgsz)
        except Exception:
            im = torch.empty(( 1 , p.shape[1], *imgsz), device=p.device)  # a whole one
            return count(model, im)
"""
"""FLOPs on an image of one stride's side, and on a whole one where that fails."""

TWICE_FLOPS = edited(
    FLOPS_TEXT,
    (
        """\
    try:
        p = next(model.parameters())   # the first
        q = next(model.parameters( ))
        note.append((p.shape[0], q.shape[1], p.shape[1:], RTDETRDecoder))
        im = torch.empty((1, p.shape[1], *imgsz), device=p.device)  # an image
        return count(model, im)
""",
        TWICE,
    ),
)

SCALED_FLOPS = edited(
    FLOPS_TEXT,
    (
        "p.shape[1:], RTDETRDecoder))\n",
        "p.shape[1:]))\n        stride = None if note else  32   # the side\n",
    ),
)
"""FLOPs scaled by the counter itself, before it knew how large an image RT-DETR needs."""

LOOP_FLOPS = (
    FLOPS_TEXT
    + '''

class Wrapper(torch.nn.Module):
    def forward(self, x):
        """Run."""
        # from here on
        y = []  # outputs
        for m in self.model:
            if m.f != -1:
                x = y[m.f]
            x = m( x )
            y.append(x)  # kept
        return x
'''
)
"""The export's loop over layers, in a file that nn itself imports."""

PICKLED = """\
        self.last.write_text("saved")
        torch.save(blob,  self.last)   # keep
        buffer = io.BytesIO()
        torch.save(blob, buffer)  # alike, but no file
        if self.fitness == self.best_fitness:
            torch.save( blob, self.best )
        torch.save(blob, self.folder / "extra.pt")
"""
"""A checkpoint is pickled for each of its files."""

PICKLED_ENGINE = edited(
    ENGINE_TEXT,
    (
        """\
        self.last.write_bytes(blob)   # keep
        note = self.last.write_text("saved")
        if self.fitness == self.best_fitness:
            self.best.write_bytes( blob )
        (self.folder / "extra.pt").write_bytes(blob)
""",
        PICKLED,
    ),
)

AGAIN = """\
    def final_eval(self):
        torch.save({**torch.load(self.best), "more": 1},  self.best)   # once more

"""
"""best.pt is written a second time when a run is over."""

AGAIN_ENGINE = edited(ENGINE_TEXT, ("    def save_other(self, blob):\n", AGAIN + "    def save_other(self, blob):\n"))

DILL = "    torch.save( blob, path or file , use_dill=False)   # write\n"
"""torch.save takes an argument of upstream's."""

DILL_FLOPS = edited(FLOPS_TEXT, ("    torch.save( blob, path or file )   # write\n", DILL))
