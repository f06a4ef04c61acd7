"""Writes docs/backbones.md: what each backbone is, costs and equals.

    python -m tools.backbones            write it
    python -m tools.backbones --check    exit with 1 if it is not current

Parameters, channels, strides and operations are worked out here; the times are those that ``python -m tools.bench``
wrote to docs/backbones.json.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List, NamedTuple, Optional

from fork.arguments import Parser
from lab.zoo.names import ALIASES, WRAPPED
from tools.bench import RESULTS, ROOT

PAGE = ROOT / "docs" / "backbones.md"
SIDE = 640


class Family(NamedTuple):
    """What the table says of backbones whose names begin alike.

    Attributes:
        start: The beginning.
        paper: Where the network is from.
        reference: What it equals, with that one's weights.
        pretrained: What ``pretrained: true`` fetches.
        differs: How it differs from its reference, and from the articles' file.
    """

    start: str
    paper: str
    reference: str
    pretrained: str
    differs: str


FAMILIES = [
    Family(
        "MobileNetV3",
        "[Howard et al. 2019](https://arxiv.org/abs/1905.02244)",
        "torchvision `mobilenet_v3_*`, to the bit with `squeeze_divisor: 8`",
        "torchvision `DEFAULT`",
        "Squeeze widths rounded down as in the articles (large 1,834, small 5,618 parameters less than torchvision); "
        "pretrained, they are torchvision's.",
    ),
    Family(
        "MobileNetV4",
        "[Qin et al. 2024](https://arxiv.org/abs/2404.10518)",
        "timm `mobilenetv4_*`, to the bit; the hybrids to rounding",
        "timm, ImageNet-1k",
        "Ends at the 960-channel map. The article's file lacks the residuals, has ReLU6 for ReLU, no fused first "
        "block, the classifier's 1280 channels as a map, and empty hybrids. In the hybrids the learnt scale "
        "of blocks without a skip begins at 1, not 1e-5.",
    ),
    Family(
        "EfficientViT",
        "[Liu et al. 2023](https://arxiv.org/abs/2305.07027), microsoft/Cream (MIT's of that name is another network)",
        "timm `efficientvit_m*`, to the bit with `stem_stride: 2` (M0: and `kernels: [5, 5, 5, 5]`)",
        "timm, ImageNet-1k; Cream's files too",
        "Strides 8/8/16/32, as in the article and in Cream's detection code. Residual branches begin at 0.1, not 0. "
        "Any size; the article's file fails below 224, in half precision and in training at 160.",
    ),
    Family(
        "PResNet",
        "ResNet-vd, [He et al. 2019](https://arxiv.org/abs/1812.01187), as RT-DETR has it",
        "timm `resnet*d`, to the bit (18 and 34: with `projection: false`)",
        "timm, ImageNet-1k; RT-DETR's own files too",
        "18 and 34 have RT-DETR's 1x1 projection in the first block; pretrained with timm's weights, they do not.",
    ),
]


def family_of(name: str) -> Family:
    """Return the family of a name.

    Raises:
        LookupError: It has none: a new family needs an entry in ``FAMILIES``.
    """
    found = [family for family in FAMILIES if name.startswith(family.start)]
    if not found:
        raise LookupError(f"{name} has no entry in tools/backbones.py: add its family to FAMILIES")
    return found[0]


def gflops(backbone: Any) -> float:
    """Return the operations of one 640-pixel image in units of 1e9, two for each multiplication with addition.

    Attention is computed by plain matrix products here: torch releases differ in whether they count its other kernels.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():
        backbone(torch.zeros(1, 3, SIDE, SIDE))
    return counter.get_total_flops() / 1e9


def table(results: Dict[str, Any]) -> List[str]:
    """Return the lines of the table, a row for each backbone."""
    from ultralytics.nn.Addmodules import registry

    lines = [
        "| name | parameters | GFLOPs | strides | channels | inference / timm | training step / timm |",
        "|---|---:|---:|---|---|---:|---:|",
    ]
    for name in registry.names():
        if name in WRAPPED:
            lines.append(f"| `{name}` | | | | {WRAPPED[name]} | | |")
            continue
        if name in ALIASES:
            lines.append(f"| `{name}` | | | | as `{ALIASES[name]}` by default | | |")
            continue
        backbone = registry.find(name)().eval()
        count = sum(p.numel() for p in backbone.parameters())
        maps = "/".join(map(str, backbone.strides)), "/".join(map(str, backbone.width_list))
        measured = results.get(name, {})
        ratios = [f"{measured[kind]['ratio']:.2f}" if kind in measured else "" for kind in ("inference", "training")]
        lines.append(f"| `{name}` | {count:,} | {gflops(backbone):.2f} | {' | '.join(maps)} | {' | '.join(ratios)} |")
    lines.append(
        "| `HGStem`, `HGBlock` | | | 4/8/16/32 | upstream's own PPHGNetV2: `rtdetr-l.yaml`, `rtdetr-x.yaml`; no "
        "one-row form | | |"
    )
    return lines


def page() -> str:
    """Return the text of docs/backbones.md."""
    from ultralytics.nn.Addmodules import registry

    content = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    conditions, results = content.get("conditions", {}), content.get("results", {})
    families = [family_of(name) for name in registry.names() if name not in WRAPPED]
    lines = [
        "# Backbones",
        "",
        "Generated by `python -m tools.backbones`; not to be edited by hand.",
        "",
        f"GFLOPs are those of one {SIDE}x{SIDE} image, counted in one pass at that size, two for each multiplication "
        "with addition. The last two columns are times relative to the same network of timm, measured by "
        "`python -m tools.bench`: below 1.00 ours is faster.",
        "",
        *table(results),
        "",
        "## What each equals, and how it differs",
        "",
        "| family | from | equals | `pretrained: true` | differs |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.start} | {f.paper} | {f.reference} | {f.pretrained} | {f.differs} |" for f in FAMILIES if f in families
    ]
    lines += ["", "## How the times were measured", ""]
    if conditions:
        lines += [f"- {key}: {value}" for key, value in conditions.items()]
        lines += [
            "",
            "Milliseconds, medians. Ours and timm's take turns in every round; both are folded for inference by the "
            "same code. timm's EfficientViT is given our stem stride, our M0 its kernels, our MobileNetV3 its widths, "
            "PResNet18 and 34 no projection: the same network on both sides. A few hundredths are noise.",
            "",
            "| name | timm's | inference | timm | training step | timm |",
            "|---|---|---:|---:|---:|---:|",
        ]
        for name, result in sorted(results.items()):
            a, b = result["inference"], result["training"]
            lines.append(
                f"| `{name}` | `{result['theirs']}` | {a['ours_ms']:.1f} | {a['timm_ms']:.1f} | {b['ours_ms']:.0f} | "
                f"{b['timm_ms']:.0f} |"
            )
    else:
        lines.append("Not measured yet: run `python -m tools.bench`.")
    return "\n".join(lines) + "\n"


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    parser = Parser(prog="python -m tools.backbones", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is not current")
    options = parser.parse_args(argv)
    text = page()
    current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
    if options.check:
        print(f"{PAGE.relative_to(ROOT)} is {'current' if current else 'not current: run python -m tools.backbones'}")
        return 0 if current else 1
    if not current:
        PAGE.write_text(text, encoding="utf-8", newline="\n")
    print(f"{'unchanged' if current else 'wrote'} {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
