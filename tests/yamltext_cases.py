"""What the tests of _yamltext.py read: content of good files with the data, of others with the problems."""

import yaml
from conftest import ROOT

FILES = sorted([*(ROOT / "ultralytics" / "cfg").rglob("*.yaml"), *(ROOT / "cfg").rglob("*.yaml")])

MODEL = """\
# a small model
nc: 80
scales: # depth, width, channels
  n: [0.50, 0.25, 1024]

backbone:
  # from, repeats, module, args
  - [-1, 1, Conv, [64, 3, 2]] # 0
  - [-1, 1, Conv, [128, 3, 2]] # 1

head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 0], 1, Concat, [1]]
"""


def upstreams(data):
    """Return what upstream's loader makes of bytes, by PyYAML alone."""
    text = data.decode("utf-8", errors="ignore").replace("\r\n", "\n").replace("\r", "\n")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loaded = yaml.load(text, loader)
    except Exception:
        loaded = yaml.load(
            "".join(c for c in text if c in "\t\n\x85" or "\xa0" <= c <= "\ufffd" or c.isprintable()), loader
        )
    return {key: None if value == "None" else value for key, value in (loaded or {}).items()}


# Good ones: content, and the data (None: as PyYAML gives them)

GOOD = {
    "byte order mark": (b"\xef\xbb\xbfnc: 80\nb: 1\n", {"nc": 80, "b": 1}),
    "line ends of Windows": (b"nc: 80\r\nb: [1,\r\n 2]\r\n", {"nc": 80, "b": [1, 2]}),
    "line ends of the old Mac": (b"nc: 80\rb: 1\r", {"nc": 80, "b": 1}),
    "version": (b"%YAML 1.1\n---\nnc: 80\n", {"nc": 80}),
    "Chinese": ("names: [人, 车]  # ，：\n".encode(), {"names": ["人", "车"]}),
    "Chinese signs in names": ("names: {0: 狗（大）}\nnote: 数据集，包括：猫\n".encode(), None),
    "signs in quotes and comments": ("names: ['a，b', \"c：d\"] # （，：）\n".encode(), {"names": ["a，b", "c：d"]}),
    "None at the top": (b"path: None\nb: [None]\n", {"path": None, "b": ["None"]}),
    "standard tags": (b"nc: !!int '80'\nn: !!str 010\nm: ! x\n", {"nc": 80, "n": "010", "m": "x"}),
    "switches": (b"save: yes\nverbose: off\n", {"save": True, "verbose": False}),
    "numbers": (b"a: [0, -1, 0.5, 1.0e-3, .5, 1., 0x1F, .inf]\n", None),
    "merge": (b"a: &a {x: 1}\nb: {<<: *a, x: 2}\n", {"a": {"x": 1}, "b": {"x": 2}}),
    "99 levels": (b"a: " + b"[" * 99 + b"]" * 99, None),
    "colons in names": (b"a: {x:y: {}, 'k:v', z:w: '', u:v: 1}\n", None),
}

# Bad and doubtful ones: content, then "line:column part of the message" for each problem; w for a warning

ENCODINGS = {
    "UTF-16 with a mark": ("nc: 80\n".encode("utf-16"), "0:0w saved as UTF-16"),
    "UTF-16 without a mark": ("nc: 80\nb: 1\n".encode("utf-16-le"), "0:0w UTF-16"),
    "UTF-32": ("nc: 80\n".encode("utf-32"), "0:0w saved as UTF-32"),
    "UTF-16, Chinese name": ("nc: 1\nnames: [人]\n".encode("utf-16"), "2:9 UTF-16, not as UTF-8: '人' would"),
    "GBK comment": ("nc: 80 # 类别数\nb: 1\n".encode("gbk"), "0:0w GB18030 (GBK), not as UTF-8: its values are read"),
    "GBK value": ("names: [cat, 狗]\n".encode("gbk"), "1:14 GB18030 (GBK), not as UTF-8: '狗' would be damaged"),
    "GBK, syntax": ("nc: 80 # 类别数\nb: [1\n".encode("gbk"), "0:0 GB18030", "2:4 this bracket is not closed"),
    "Latin-1 value": ("names: [né, b]\n".encode("latin-1"), "1:9 Latin-1 (Windows-1252), not as UTF-8: 'né'"),
    "damaged UTF-8 in a value": ("a: 类别数".encode() + b"\xe7\nb: 1\n", "1:4 UTF-8 with damaged"),
    "NUL": (b"nc: 80\nb: x\x00y\n", "2:1 binary, as a checkpoint (.pt) is, or damaged"),
    "control characters": (b"nc: 80\nb: x\x0cy\x7f\n",),
    "checkpoint": (b"PK\x03\x04archive/data.pkl", "1:1 binary"),
}

_STARS = ", ".join(["*{0}"] * 50)
STRUCTURE = {
    "empty": ("", "0:0 the file is empty"),
    "byte order mark alone": ("\ufeff", "0:0 the file is empty"),
    "list": ("# x\n- a\n- b\n", "2:1 holds a list, where keys"),
    "two documents": ("nc: 80\n---\nb: 1\n", "2:1 a second document begins here"),
    "key twice": ("nc: 80\nb: 1\nnc: 3\n", "3:1 the key nc is given twice: here and in line 1, column 1"),
    "key twice within": ("b:\n  c: {d: 1, e: 2, d: 3}\n", "2:19 d is given twice: here and in line 2, column 7"),
    "key twice behind an alias": ("a: &a {x: 1, x: 2}\nb: *a\nc: [*a]\n", "1:14 the key x is given twice"),
    "template": ("path: {{ root }}\n", "1:8 where a key is expected"),
    "bomb": (
        "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{_STARS.format(a)}]\n" for a, b in zip("abcdefgh", "bcdefghi")),
        "3:4 stand for more than 20000 values",
    ),
    "bomb by merging": (
        "a: &a {x: 1, y: 2}\n" + "".join(f"{b}: &{b} {{<<: [{_STARS.format(a)}]}}\n" for a, b in zip("abcd", "bcde")),
        "3:4 stand for more than 20000 values",
    ),
    "list within itself": ("a: &a [1, *a]\n", "1:4 the aliases (*) have no end"),
    "alias of nothing": ("a: 1\nb: *x\n", "2:4 a star refers to an anchor, and none of that name"),
    "anchor twice": ("a: &x 1\nb: &x 2\n", "2:4 this anchor is given twice"),
    "aliases too deep": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)),
        "99:6 or 100 levels",
    ),
    "Python tag": ("a: !!python/object/apply:os.system ['touch pwned']\n", "1:4 !!python/object/apply:os.system asks"),
    "no date": ("a: 2024-13-01\n", "1:4 2024-13-01 cannot be read as YAML's type timestamp"),
    "list tag on a key": ("!!seq x: 1\n", "1:1 x cannot be read"),
    "endless number": ("a: " + "1" * 5000, "1:4 cannot be read as YAML's type int"),
    "merge of a number": ("a: {<<: 1}\n", "1:9 expected a mapping"),
}

SYNTAX = {
    "tab": ("a: 1\nb:\n\tc: 2\n", "3:1 a tab stands where YAML wants spaces: c: 2"),
    "no space after the colon": ("nc:80\nb: 1\n", "1:3 no space stands after the colon: nc:80"),
    "no space after a dash": ("b:\n  - [1]\n  -[2]\n  - [3]\n", "3:3 no space stands after the dash: -[2]"),
    "bracket": ("b:\n  - [1, [2]\n  - [3]\n", "2:5 this bracket is not closed: - [1, [2]"),
    "bracket in a list of rows": ("b: [\n  [1],\n  [2,\n  [3]\n", "3:3 this bracket is not closed"),
    "no comma": ("b: [1 [2]]\n", "1:7 a comma is missing before this"),
    "no comma between quotes": ('names: ["a" "b"]\n', "1:13 a comma is missing before this"),
    "quote": ("path: 'x\nnc: 2\n", "1:7 this quote is not closed: path: 'x"),
    "apostrophe": ("name: 'it's'\nnc: 2\n", "1:10 this quote ends the text, and more follows"),
    "backslash": ('path: "C:\\data\\set"\nnc: 2\n', "1:10 no sign that YAML knows begins with this backslash"),
    "star": ("train: *.jpg # x\nnc: 2\n", "1:8 no text can begin with *"),
    "second colon": ("note: one: two # x\nnc: 2\n", "1:10 a second colon"),
    "no colon": ("a: 1\nnc 80\nb: 2\n", "2:3 a colon is missing after the key: nc 80"),
    "no colon but an equals sign": ("a: 1\nnc = 80\nb: 2\n", "2:3 a colon is missing after the key"),
    "entry too far right": ("b:\n  - [1]\n   - [2]\n", "3:4 indented by 3 spaces, which does not fit"),
    "key too far right": ("a: 1\n  b: 2\nc: 3\n", "2:3 indented by 2 spaces,"),
    "no dash": ("b:\n  - [-1, 1, Conv]\n  [-1, 1, Conv]\n  - [1]\nc: 1\n", "3:3 no dash stands before this entry"),
    "after a bracket": ("a: [1, 2]x\nb: 1\n", "1:10 this does not belong to what stands above it"),
    "list and key": ("- a\nb: 1\n", "2:1 its indentation does not fit"),
}

SIGNS = {
    "colon": ("nc：80\nb: 1\n", "1:3 a full-width colon ： (U+FF1A) is a letter to YAML: nc：80"),
    "commas": ("b:\n  - [-1, 1, Conv, [64，3，2]]\n", "2:22 a full-width comma ，"),
    "zero-width space": ("nc:\u200b80\nb: 1\n", "1:4 a zero width space (U+200B)"),
    "Chinese names": ("names: [人，车, 狗（大）]\n", "1:10w a full-width comma"),
    "names below": ("names:\n  0：人\n  1：车\n", "2:4 a full-width colon ： (U+FF1A) is a letter to YAML: 0：人"),
    "dash": ("b: [－1, 2]\n", "1:5 a full-width hyphen-minus"),
    "quotes": ("path: “x”\n", "1:7w a left double quotation mark “"),
    "no-break space": ("nc:\u00a080\nb: 1\n", "1:4 a no-break space (U+00A0)"),
    "in a syntax error elsewhere": ("note: 猫，狗\nb: [1\n", "2:4 this bracket is not closed"),
}

TRAPS = {
    "booleans in a list": ("names: [no, cat, On]\n", "1:9w no is read as the boolean False", "1:18w On"),
    "booleans as names": ("names:\n  0: yes\n  1: OFF\n", "2:6w yes is read", "3:6w OFF is read"),
    "text for a number": ("a: [1e-3, -.5e3]\n", "1:5w 1e-3 is read as text", "1:11w -.5e3 is read as text"),
    "octal": ("a: 010\nnames:\n  00: a\n", "1:4w 010 is read as the number 8", "3:3w read as the number 0"),
    "date": ("date: 2024-01-31\n", "1:7w 2024-01-31 is read as the date"),
    "no space in braces": ("names: {0:cat, 1: dog}\n", "1:9w 0:cat is read as one text: no space"),
    "no space, whole file": ("nc:80\n", "1:1 one value, 'nc:80'", "1:1w no space stands after the colon"),
    "dash too far right": ("b:\n  - 1\n   - 2\n", "2:5w read as one text, '1 - 2'"),
    "no comma between numbers": ("b: [64 3, 2]\nc: [128 True]\n", "1:5w 64 3 is read as one text", "2:5w 128 True"),
    "backslashes": ('path: "C:\\new"\n', "1:7w the backslashes of this path"),
}
