"""The fakes in the shape of older releases (see ``fakes.py``): what each of them writes in another way than the pin.

Each constant is one era's way of one thing, so that a test shows a step on it with everything else as it is today.
"""

from __future__ import annotations

from .fakes import FLOPS, FLOPS_TEXT, TASKS, TASKS_TEXT, edited

COUNTED = "        return  sum(bare(m) for m in self.modules()) <  thresh   # few left\n"
"""A model is fused where few norms are left."""

COUNTED_CHANGES = (
    ("def is_fused(self):", "def is_fused(self, thresh=9):"),
    ("        return  not any(bare(m) for m in self.modules())   # nothing left\n", COUNTED),
)
COUNTED_TASKS = edited(TASKS_TEXT, *COUNTED_CHANGES)

FITTING_CHANGES = (
    ("fit = intersect_dicts(csd, self.state_dict( ))   # what fits", "csd = intersect_dicts(csd, self.state_dict())"),
    ("merge(fit, other)", "merge(csd, other)"),
)
FITTING_TASKS = edited(TASKS_TEXT, *FITTING_CHANGES)
"""What fits of the weights has the same name as the weights."""

UNIFIED = "    yaml_file = check(unified_path, hard=False) or  check(path)   # found\n"
"""The search for a YAML, the name without a scale first."""

UNIFIED_CHANGES = (
    ("    yaml_file = check(path, hard=False) or  check(note)   # found\n", UNIFIED),
    ("    d = YAML.load(yaml_file)   # read\n", "    d = yaml_load(yaml_file)   # read\n"),
)
UNIFIED_TASKS = edited(TASKS_TEXT, *UNIFIED_CHANGES)

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

TWICE_CHANGES = (
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
TWICE_FLOPS = edited(FLOPS_TEXT, *TWICE_CHANGES)

SCALED_FLOPS = edited(
    FLOPS_TEXT,
    (
        "p.shape[1:], RTDETRDecoder))\n",
        "p.shape[1:]))\n        stride = None if note else  32   # the side\n",
    ),
)
"""FLOPs scaled by the counter itself, before it knew how large an image RT-DETR needs."""

LOOP = '''

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
"""The export's loop over layers, in a file that nn itself imports."""

LOOP_FLOPS = FLOPS_TEXT + LOOP


OLDEST = {
    TASKS: edited(
        TASKS_TEXT,
        *(COUNTED_CHANGES + FITTING_CHANGES + UNIFIED_CHANGES),
        ("def _predict_once", "def _forward_once"),
    ),
    FLOPS: edited(FLOPS_TEXT, *TWICE_CHANGES) + LOOP,
}
"""Everything of that at once; what the steps of the policy need is not in it."""
