"""What the steps for old releases look at, as an old release and as a later one writes it; no upstream source."""

BLOCK = "ultralytics/nn/modules/block.py"
METRICS = "ultralytics/utils/metrics.py"
PATCHES = "ultralytics/utils/patches.py"
UTILS = "ultralytics/utils/__init__.py"
TASKS = "ultralytics/nn/tasks.py"
FLOPS = "ultralytics/utils/torch_utils.py"
TUNER = "ultralytics/engine/tuner.py"
NAS = "ultralytics/models/nas/model.py"

BLOCK_OLD = '''\
"""Blocks."""


class Other(Module):
    def __init__(self, c1, c2, e=0.5):
        c_ = int(c2 * e)
        self.cv1 = Conv(c1, c2, 1, 1)   # alike
        self.cv2 = Conv(c1, c2, 1, 1)
        self.m = RepConv(c_, c_)


class RepC3(Module):
    """Blocks between."""

    def __init__(self, c1, c2, n=3, e=1.0):
        super().__init__()
        c_ = int( c2*e )   # hidden
        self.cv1 = Conv( c1, c2 , 1, 1)   # in
        self.cv2 = Conv(c1, c2, k=1)
        self.cv3 = Conv(c1, c2)
        self.m = Sequential(*[RepConv(c_, c_, act=None) for _ in range(n)])

    def forward(self, x):
        self.cv1 = Conv(c1, c2, 1)
'''
BLOCK_CHANGES = (
    ("self.cv1 = Conv( c1, c2 , 1, 1)   # in", "self.cv1 = Conv( c1, c_ , 1, 1)   # in"),
    ("self.cv2 = Conv(c1, c2, k=1)", "self.cv2 = Conv(c1, c_, k=1)"),
)

METRICS_OLD = '''\
"""Metrics."""


def compute_ap(recall, precision, method="interp"):
    x = points(recall)
    if method == "interp":
        area = np.trapz( np.interp(x, recall), x )   # under it
    else:
        area = np.sum(np.interp(x, recall))
    return area
'''
METRICS_CHANGE = (
    "np.trapz( np.interp",
    '(np.trapezoid if hasattr(np, "trapezoid") else np.trapz)( np.interp',
)

PATCHES_OLD = '''\
"""Patches."""


def torch_save(*args, **kwargs):
    return save(*args, weights_only=False)
'''
PATCHES_NEW = (
    PATCHES_OLD
    + """

def torch_load(*args, **kwargs):
    if "weights_only" not in kwargs:
        kwargs["weights_only"] = False
    return load(*args, **kwargs)
"""
)

LOADING_OLD = {
    PATCHES: PATCHES_OLD,
    UTILS: "torch.save = torch_save\n",
    TASKS: '''\
def torch_safe_load(weight):
    """As torch.load(weight)."""
    try:
        return torch.load( weight, map_location="cpu"), weight   # first
    except ModuleNotFoundError:
        return torch.load(
            weight,
            map_location="cpu",
        ), weight


def other(weight):
    return torch.load(weight)
''',
    FLOPS: 'def strip_optimizer(f, s=""):\n    x = torch.load(f, map_location=device("cpu"))\n    torch.save(x, s)\n',
    TUNER: 'class Tuner:\n    def __call__(self):\n        note = torch.load(file)["note"]\n',
    NAS: "class NAS:\n    def _load(self, weights):\n        self.model = torch.load(weights)\n",
}
LOADING_CHANGES = {
    TASKS: (
        ('"cpu"), weight   # first', '"cpu", weights_only=False), weight   # first'),
        ('            map_location="cpu",\n', '            map_location="cpu", weights_only=False,\n'),
    ),
    FLOPS: (('device("cpu"))', 'device("cpu"), weights_only=False)'),),
    TUNER: (("(file)", "(file, weights_only=False)"),),
    NAS: (("(weights)\n", "(weights, weights_only=False)\n"),),
}
LOADING_LATER = {
    **LOADING_OLD,
    PATCHES: PATCHES_NEW,
    UTILS: "torch.save = torch_save\ntorch.load = torch_load\n",
}
"""As from 8.2.64 on: torch's own function is replaced."""

LOADING_NEW = {
    PATCHES: PATCHES_NEW,
    UTILS: "",
    TASKS: """\
def torch_safe_load(weight, safe=False):
    def _load():
        return torch_load(weight, weights_only=True) if safe else torch_load(weight)

    return _load()
""",
    FLOPS: "def strip_optimizer(f):\n    x = torch_load(f)\n",
}
"""As from 8.3.162 on: the callers name upstream's function."""

UNSCALED_OLD = """\
def parse_model(d, note=None):
    scales = d.get("scales")
    given = []
    # scales
    if scales:
        scale = d.get('scale')
        if not scale:
            scale = tuple(scales)[0]
        given.append(scales.get(scale))
    # rows
    for m in d["rows"]:
        if m is C3k2 and scale in 'mlx':   # large
            given.append("large")
        if m is A2C2f:
            if scale in "lx":
                given.append("larger")
    return given[1 if scales else 0 :]


def other(scale):
    return scale in "mlx"
"""
UNSCALED_CHANGES = (
    ("    # scales\n", "    # scales\n    scale = None  # in a YAML without scales\n"),
    ("scale in 'mlx'", "scale in set('mlx')"),
    ('scale in "lx"', 'scale in set("lx")'),
)
UNSCALED_BOUND = ("    given = []\n", "    given = []\n    scale = d.get('scale')\n")
"""As from 8.3.199 on: the scale has a value, which may be None."""
