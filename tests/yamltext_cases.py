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
        loaded = yaml.load("".join(c for c in text if c in "\t\n\x85" or " " <= c < "\x7f" or _is_high(c)), loader)
    loaded = {} if loaded is None else loaded
    return {key: None if value == "None" else value for key, value in loaded.items()}


def _is_high(c):
    return c >= "\xa0" and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff"


# Good ones: content, and the data (None: as PyYAML gives them)

GOOD = {
    "byte order mark": (b"\xef\xbb\xbfnc: 80\nb: 1\n", {"nc": 80, "b": 1}),
    "line ends of Windows": (b"nc: 80\r\nb: [1,\r\n 2]\r\n", {"nc": 80, "b": [1, 2]}),
    "line ends of the old Mac": (b"nc: 80\rb: 1\r", {"nc": 80, "b": 1}),
    "no line end at the end": (b"nc: 80", {"nc": 80}),
    "one document with its mark": (b"---\nnc: 80\n...\n", {"nc": 80}),
    "version": (b"%YAML 1.1\n---\nnc: 80\n", {"nc": 80}),
    "Chinese": ("names: [人, 车]  # ，：\n".encode(), {"names": ["人", "车"]}),
    "Chinese signs in names": ("names: {0: 狗（大）}\nnote: 数据集，包括：猫\n".encode(), None),
    "signs in quotes and comments": ("names: ['a，b', \"c：d\"] # （，：）\n".encode(), {"names": ["a，b", "c：d"]}),
    "curly apostrophe": ("note: it’s\n".encode(), {"note": "it’s"}),
    "signs in a block text": ("note: |\n  64，3，2\n".encode(), {"note": "64，3，2\n"}),
    "None at the top": (b"path: None\nb: [None]\n", {"path": None, "b": ["None"]}),
    "standard tags": (b"nc: !!int '80'\nn: !!str 010\nm: ! x\n", {"nc": 80, "n": "010", "m": "x"}),
    "switches": (b"save: yes\nverbose: off\n", {"save": True, "verbose": False}),
    "quoted words": (b"names: ['no', \"010\", '1e-3']\n", {"names": ["no", "010", "1e-3"]}),
    "numbers": (b"a: [0, -1, 0.5, 1.0e-3, .5, 1., 0x1F, .inf]\n", None),
    "zero-width": (b"a: [0, 00.5, '']\n", {"a": [0, 0.5, ""]}),
    "paths of Windows": (b"path: D:\\data\nval: 'D:\\new'\nx: C:/y\n", None),
    "address": (b"download:\n  https://example.org/a.zip\n", {"download": "https://example.org/a.zip"}),
    "long line": (b"names: [" + b"cat, " * 20_000 + b"dog]\n", {"names": ["cat"] * 20_000 + ["dog"]}),
    "tab between values": (b"a: [1,\t2]\t# x\n", {"a": [1, 2]}),
    "mapping keys": (b"names: {0: a, 1: b, 1.5: c, x: d}\n", {"names": {0: "a", 1: "b", 1.5: "c", "x": "d"}}),
    "merge": (b"a: &a {x: 1}\nb: {<<: *a, x: 2}\n", {"a": {"x": 1}, "b": {"x": 2}}),
    "99 levels": (b"a: " + b"[" * 99 + b"]" * 99, None),
    "mapping in flow without values": (b"a: {b, c}\n", {"a": {"b": None, "c": None}}),
    "= as a key": (b"a: {=: 1}\n", {"a": {"=": 1}}),
    "dash in a word": (b"a: [c-3, -x, yolo-v5]\nb: -y\n", {"a": ["c-3", "-x", "yolo-v5"], "b": "-y"}),
    "colons in names": (b"a: {x:y: {}, 'k:v', z:w: '', u:v: 1}\n", None),
    "quotes in a text": (b"a: [rock 'n', x]\nb: 5'\nc: 3 4\n", {"a": ["rock 'n'", "x"], "b": "5'", "c": "3 4"}),
    "power as a key": (b"1e-3: x\n", {"1e-3": "x"}),
    "backslashes as such": (b'path: "C:\\\\new"\n', {"path": "C:\\new"}),
    "numbers in a text": (b"a: {b: 3 4}\nc:\n  - 3 4\nd:e:\n", {"a": {"b": "3 4"}, "c": ["3 4"], "d:e": None}),
    "ratio in a list": (b"a: [b:c]\nb: [x 3, 3 x]\n", {"a": ["b:c"], "b": ["x 3", "3 x"]}),
}

# Bad and doubtful ones: (line, column, severe, part of the message, part of the advice)

S, W = True, False

ENCODINGS = {
    "UTF-16 with a mark": ("nc: 80\n".encode("utf-16"), [(0, 0, W, "saved as UTF-16", "UTF-8")]),
    "UTF-16, big end first": (b"\xfe\xff" + "nc: 80\n".encode("utf-16-be"), [(0, 0, W, "UTF-16", "")]),
    "UTF-16 without a mark": ("nc: 80\nb: 1\n".encode("utf-16-le"), [(0, 0, W, "UTF-16", "")]),
    "UTF-16-BE without a mark": ("nc: 80\nb: 1\n".encode("utf-16-be"), [(0, 0, W, "UTF-16", "")]),
    "UTF-16, Chinese name": (
        "nc: 1\nnames: [人]\n".encode("utf-16"),
        [(2, 9, S, "UTF-16, not as UTF-8: '人' would", "")],
    ),
    "UTF-16, Chinese name below": ("names:\n  0: 人\n".encode("utf-16"), [(2, 6, S, "'人' would become", "UTF-8")]),
    "UTF-16, all Chinese": ("# 类别数类别数类别数\na: 1\n".encode("utf-16"), [(0, 0, W, "UTF-16", "")]),
    "UTF-16-BE, all Chinese": (b"\xfe\xff" + "# 类别数类别数\na: 1\n".encode("utf-16-be"), [(0, 0, W, "UTF-16", "")]),
    "UTF-16, cut off": ("nc: 80\nb: 1 # x".encode("utf-16-le") + b"#", [(0, 0, W, "UTF-16", "")]),
    "too short for UTF-16": (b"a\0b\0", [(1, 1, S, "one value, 'ab'", ""), (1, 2, S, "a NUL character", "")]),
    "UTF-32": ("nc: 80\n".encode("utf-32"), [(0, 0, W, "UTF-32", "")]),
    "GBK comment": (
        "nc: 80 # 类别数\nb: 1\n".encode("gbk"),
        [(0, 0, W, "GB18030 (GBK), not as UTF-8; its values", "VS Code")],
    ),
    "GBK value": (
        "nc: 2\nnames: [cat, 狗]\n".encode("gbk"),
        [(2, 8, S, "GB18030 (GBK), not as UTF-8: ['cat', '狗'] would become ['cat']", "")],
    ),
    "GBK key": (
        "nc: 2\n名字: 1\n".encode("gbk"),
        [(1, 1, S, "GB18030 (GBK), not as UTF-8: it would not be readable", "")],
    ),
    "GBK value beside": ("names:\n  0: 狗a\n".encode("gbk"), [(2, 6, S, "'狗a' would become", "")]),
    "GBK name": (
        "nc: 1\n名a: 1\n".encode("gbk"),
        [(2, 5, S, "GB18030 (GBK), not as UTF-8: '名a' would become", "")],
    ),
    "GB18030 comment, four bytes": ("nc: 80 # 𠀀类别\n".encode("gb18030"), [(0, 0, W, "GB18030", "")]),
    "GBK comment, syntax": (
        "nc: 80 # 类别数\nb: [1\n".encode("gbk"),
        [(0, 0, S, "GB18030", ""), (2, 4, S, "the bracket [ is not closed", "")],
    ),
    "Latin-1 comment": ("nc: 80 # déjà vu\n".encode("latin-1"), [(0, 0, W, "Latin-1", "UTF-8")]),
    "Latin-1 comment that could be GBK": (b"nc: 80 # d\xe9jeuner\n", [(0, 0, W, "Latin-1", "UTF-8")]),
    "Latin-1 value": (
        "names: [né, b]\n".encode("latin-1"),
        [(1, 9, S, "Latin-1 (Windows-1252), not as UTF-8: 'né'", "")],
    ),
    "Latin-1 before a bracket": (b"# \xe9\xe9\nnames: [n\xe9]\n", [(2, 9, S, "Latin-1", "")]),
    "damaged UTF-8 in a comment": ("nc: 80 # 类别数".encode() + b"\xe7\nb: 1\n", [(0, 0, W, "UTF-8 with damaged", "")]),
    "damaged UTF-8 in a value": ("a: 类别数".encode() + b"\xe7\nb: 1\n", [(1, 4, S, "UTF-8 with damaged", "")]),
    "NUL": (b"nc: 80\nb: x\x00y\n", [(2, 5, S, "a NUL character stands in the text", "damaged")]),
    "NUL among others": (b"a\x01: 1\nb: x\x00y\n", [(2, 5, S, "a NUL character stands in the text (1 more", "")]),
    "NUL behind another": (b"a: x\x01\x00y\n", [(1, 6, S, "a NUL character stands in the text (1 more", "")]),
    "one control character": (b"b: x\x0cy\n", [(1, 5, W, "U+000C stands in the text: b: x\\x0cy", "")]),
    "control character": (b"nc: 80\nb: x\x0cy\x7f\n", [(2, 5, W, "U+000C stands in the text (1 more", "dropped")]),
    "checkpoint": (b"PK\x03\x04archive/data.pkl", [(0, 0, S, "a ZIP archive, as a checkpoint", ".yaml")]),
    "picture": (b"\x89PNG\r\n\x1a\n", [(0, 0, S, "a PNG picture", "")]),
    "photograph": (b"\xff\xd8\xff\xe0", [(0, 0, S, "a JPEG picture", "")]),
    "PDF": (b"%PDF-1.7", [(0, 0, S, "a PDF document", "")]),
    "old checkpoint": (b"\x80\x02}q\x00.", [(0, 0, S, "a pickle", "")]),
    "compressed": (b"\x1f\x8b\x08", [(0, 0, S, "a gzip archive", "")]),
    "array": (b"\x01\0\0\0" * 10, [(0, 0, S, "binary, not text: 40 of 40 bytes", "")]),
    "control character alone": (b"\x0c", [(0, 0, S, "the file is empty", ""), (1, 1, W, "U+000C", "")]),
    "binary": (bytes(range(1, 200)), [(0, 0, S, "binary, not text: ", "")]),
}

STRUCTURE = {
    "empty": (b"", [(0, 0, S, "the file is empty", "nc:")]),
    "blank": (b" \n\n", [(0, 0, S, "the file is empty", "")]),
    "byte order mark alone": (b"\xef\xbb\xbf", [(0, 0, S, "the file is empty", "")]),
    "comments": (b"# one\n# two\n", [(0, 0, S, "holds comments only", "names:")]),
    "mark alone": (b"---\n", [(0, 0, S, "holds no values", "")]),
    "null": (b"null\n", [(0, 0, S, "holds no values", "")]),
    "list": (b"# x\n- a\n- b\n", [(2, 1, S, "holds a list, where keys", "names:")]),
    "text": (b"\nsome words\n", [(2, 1, S, "holds one value, 'some words', where keys", "")]),
    "number": (b"80\n", [(1, 1, S, "holds one value, 80, where keys", "")]),
    "two documents": (b"nc: 80\n---\nb: 1\n", [(2, 1, S, "a second document begins here", "delete this line")]),
    "two documents, one wrong": (
        b"nc: 80\nnc: 1\n---\nb: 1\n",
        [(2, 1, S, "nc is given twice", ""), (3, 1, S, "second", "")],
    ),
    "key twice": (
        b"nc: 80\nb: 1\nnc: 3\n",
        [(3, 1, S, "the key nc is given twice: here and in line 1, column 1", "one")],
    ),
    "key thrice": (b"a: 1\na: 2\na: 3\n", [(2, 1, S, "line 1, column 1", ""), (3, 1, S, "line 1, column 1", "")]),
    "key twice within": (
        b"b:\n  c: {d: 1, e: 2, d: 3}\n",
        [(2, 19, S, "d is given twice: here and in line 2, column 7", "")],
    ),
    "key twice in a list": (b"- {a: 1, a: 2}\n", [(1, 1, S, "a list", ""), (1, 10, S, "the key a", "")]),
    "equal keys": (b"names:\n  1: a\n  1.0: b\n", [(3, 3, S, "the key 1.0 is given twice: here and in line 2", "")]),
    "key twice behind an alias": (
        b"a: &a {x: 1, x: 2}\nb: *a\nc: [*a]\n",
        [(1, 14, S, "the key x is given twice", "")],
    ),
    "list as a key": (b"a: 1\n? [1]\n: 2\n", [(2, 3, S, "where a key is expected", "")]),
    "template": (b"path: {{ root }}\n", [(1, 8, S, "where a key is expected", "quotes")]),
    "bomb": (
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n".encode() for a, b in zip("abcdefgh", "bcdefghi")),
        [(5, 8, S, "stand for more than 20000 values", "write the values")],
    ),
    "bomb by merging": (
        b"a: &a {x: 1, y: 2}\n"
        + b"".join(f"{b}: &{b} {{<<: [{', '.join(['*' + a] * 50)}]}}\n".encode() for a, b in zip("abcd", "bcde")),
        [(4, 13, S, "stand for more than 20000 values", "")],
    ),
    "list within itself": (b"a: &a [1, *a]\n", [(1, 11, S, "the alias *a stands within what it refers to", "")]),
    "mapping within itself": (b"a: &a\n  b: {c: *a}\n", [(2, 10, S, "the alias *a stands within", "")]),
    "alias of nothing": (b"a: 1\nb: *x\n", [(2, 4, S, "*x refers to an anchor", "quotes")]),
    "anchor twice": (b"a: &x 1\nb: &x 2\n", [(2, 4, S, "the anchor &x is given twice: here and in line 1", "")]),
    "anchor twice, one in the other": (b"a: &x\n  b: &x 2\n", [(2, 6, S, "&x is given twice: here and in line 1", "")]),
    "brackets too deep": (b"a: " + b"[" * 5000, [(1, 103, S, "more than 100 levels deep", "")]),
    "100 levels": (b"a: " + b"[" * 100 + b"]" * 100, [(1, 103, S, "more than 100 levels deep", "")]),
    "lists too deep": (b"- " * 5000, [(1, 201, S, "more than 100 levels deep", "")]),
    "aliases too deep": (
        b"a0: &a0 [x]\n" + b"".join(f"a{n}: &a{n} [*a{n - 1}]\n".encode() for n in range(1, 200)),
        [(99, 12, S, "the aliases lead more than 100 levels deep", "")],
    ),
    "Python tag": (
        b"a: !!python/object/apply:os.system ['touch pwned']\n",
        [(1, 4, S, "the tag !!python/object/apply:os.system asks for Python code", "delete")],
    ),
    "Python tag in full": (
        b"a: !<tag:yaml.org,2002:python/name:os.system> x\n",
        [(1, 4, S, "!!python/name:os.system", "")],
    ),
    "Python tag on a key": (b"!!python/name:os.system x: 1\n", [(1, 1, S, "!!python/name:os.system", "")]),
    "local tag": (b"a: [1, !keep 2]\n", [(1, 8, S, "the tag !keep is unknown", "quotes")]),
    "two tags and a key twice": (
        b"a: !x 1\nb: !y 2\na: 3\n",
        [(1, 4, S, "!x", ""), (2, 4, S, "!y", ""), (3, 1, S, "a", "")],
    ),
    "set": (b"names: !!set {a, b}\n", [(1, 8, S, "the tag !!set is not used", "")]),
    "undeclared tag": (b"a: !e!x 1\n", [(1, 4, S, "no text can begin with !", "quote it: '!e!x 1'")]),
    "no date": (b"a: 2024-13-01\n", [(1, 4, S, "2024-13-01 looks like a date and is none", "quotes")]),
    "no number": (b"a: [1, 0x_]\n", [(1, 8, S, "0x_ looks like a number and is none", "quotes")]),
    "no boolean": (b"a: !!bool maybe\n", [(1, 4, S, "maybe looks like a boolean and is none", "")]),
    "bad key": (b"0x_: 1\n", [(1, 1, S, "0x_ looks like a number and is none", "")]),
    "endless number": (b"a: " + b"1" * 5000, [(1, 4, S, "a number of 5000 characters: 1111", "")]),
    "endless time": (b"a: 1" + b":1" * 5000, [(1, 4, S, "a number of 10001 characters", "")]),
    "equals sign": (b"names: [+, =]\n", [(1, 12, S, "= alone", "'='")]),
    "merge sign": (b"names: [<<]\n", [(1, 9, S, "<< alone", "'<<'")]),
    "merge of a number": (b"a: {<<: 1}\n", [(1, 9, S, "expected a mapping", "")]),
    "tag that does not fit": (b"a: !!map [1]\n", [(1, 4, S, "no value can be made of this", "")]),
}

SYNTAX = {
    "tab": (b"a: 1\nb:\n\tc: 2\n", [(3, 1, S, "indented with a tab: c: 2", "use spaces")]),
    "tab after spaces": (b"b:\n  c: 1\n  \td: 2\n", [(3, 3, S, "indented with a tab: d: 2", "")]),
    "tabs": (b"b:\n\t- 1\n\t- 2\nc:\n\t- 3\n", [(2, 1, S, "with a tab (so are others: 3 and 5): - 1", "use spaces")]),
    "tabs, and more": (
        b"b:\n\t- 1\n\t- 2\nc: [1\n",
        [(2, 1, S, "tab (so are", ""), (4, 4, S, "[ is not closed: c: [1", "]")],
    ),
    "tab before a comment": (b"a: 1\n\t# x\nb: 2\n", [(2, 1, S, "the line is indented with a tab: # x", "spaces")]),
    "tab in an empty line": (b"a: [1]\n  \t\nb: 2\n", [(2, 3, S, "an empty line holds a tab", "delete")]),
    "tab after a dash": (b"b:\n  -\t[1]\n", [(2, 4, S, "a tab stands where a space", "")]),
    "no space after the colon": (
        b"nc:80\nb: 1\n",
        [(1, 3, S, "no space stands after the colon: nc:80", "write nc: 80")],
    ),
    "no space after a later colon": (b"a: 1\nnc:80\nb: 1\n", [(2, 3, S, "after the colon: nc:80", "nc: 80")]),
    "no space after the last colon": (b"a: 1\nnc:80\n", [(2, 3, S, "after the colon: nc:80", "nc: 80")]),
    "no space, two lines": (b"a: 1\nb:2\nc: 3\nd:4\n", [(2, 2, S, "b:2", "b: 2"), (4, 2, S, "d:4", "d: 4")]),
    "no space after a dash": (
        b"b:\n  - [1]\n  -[2]\n  - [3]\n",
        [(3, 3, S, "no space stands after the dash: -[2]", "- [2]")],
    ),
    "no space after dashes": (
        b"b:\n  - [1]\n  -[2]\n  -[3]\nc: 1\n",
        [(3, 3, S, "no space stands after the dash (nor in line 4): -[2]", "- [2]")],
    ),
    "bracket": (b"b:\n  - [1, [2]\n  - [3]\n", [(2, 5, S, "the bracket [ is not closed: - [1, [2]", "] is missing")]),
    "two brackets": (b"b:\n  - [1, [2\n  - [3]\n", [(2, 5, S, "2 brackets are not closed: - [1, [2", "]] is missing")]),
    "bracket before a comment": (b"b: [1, 2 # x]\nc: 1\n", [(1, 4, S, "the bracket [ is not closed", "")]),
    "bracket before a key": (b"names: [a, b\nnc: 2\nx: 1\n", [(1, 8, S, "the bracket [ is not closed", "")]),
    "bracket over lines": (b"names: [a,\n  b\nnc: 2\nx: 1\n", [(1, 8, S, "[ is not closed: names: [a,", "(line 2)")]),
    "bracket at the end": (b"nc: 2\nb: [1, 2\n", [(2, 4, S, "the bracket [ is not closed: b: [1, 2", "")]),
    "brace": (b"names: {0: a, 1: b\nnc: 2\n", [(1, 8, S, "the bracket { is not closed", "} is missing")]),
    "brackets, two rows": (
        b"b:\n  - [1, [2]\n  - [3]\n  - [4, [5\nc: 1\n",
        [(2, 5, S, "the bracket [", ""), (4, 5, S, "2 brackets", "")],
    ),
    "bracket after a sign in quotes": (b"b: ['a # b', 2\nc: 1\n", [(1, 4, S, "[ is not closed", "")]),
    "bracket after an apostrophe": (b"b: [it's # x\nc: 1\n", [(1, 4, S, "[ is not closed", "")]),
    "bracket before a line of comment": (b"b: [1, 2\n# x\nc: 1\n", [(1, 4, S, "[ is not closed", "entry perhaps")]),
    "bracket before an empty line": (b"b: [1, 2\n\nc: 1\n", [(1, 4, S, "[ is not closed", "entry perhaps")]),
    "bracket over lines at the edge": (b"names: [a,\nb,\nc\nnc: 2\nx: 1\n", [(1, 8, S, "[ is not closed", "(line 3)")]),
    "one brace too many": (b"b: {a: 1}}\nc: 1\n", [(1, 10, S, "this } closes nothing", "open it with {")]),
    "one bracket too many": (b"b:\n  - [1, [2]]]\n  - [3]\n", [(2, 13, S, "this ] closes nothing", "open it with [")]),
    "wrong bracket": (b"b: [1, [2}, 3]\n", [(1, 10, S, "the [ opened in line 1 is closed by }", "write ]")]),
    "wrong brace": (b"b: {a: 1]\n", [(1, 9, S, "the { opened in line 1 is closed by ]", "write }")]),
    "after a bracket": (
        b"a: [1, 2]x\nb: 1\n",
        [(1, 10, S, "nothing can follow the closing ]: a: [1, 2]x", "the parser says")],
    ),
    "after a bracket, and more": (
        b"a: [1, 2]x\nb: [1\nc: 1\n",
        [(1, 10, S, "nothing can", ""), (2, 4, S, "[ is not", "")],
    ),
    "ten at most": (
        b"".join(b"k%d: [1\n" % n for n in range(15)),
        [(n, 5, S, "[ is not closed", "") for n in range(1, 11)],
    ),
    "in a mended line": (b"a: 1\na:[1]\nb: 1\n", [(2, 2, S, "no space", "")]),
    "after a quote": (b"a: 'x'y\nb: 1\n", [(1, 7, S, "nothing can follow the closing '", "")]),
    "no comma": (b"b: [1 [2]]\n", [(1, 7, S, "a comma is missing before [2]", "")]),
    "no comma between quotes": (b'names: ["a" "b"]\n', [(1, 13, S, "a comma is missing before", "")]),
    "two commas": (b"b: [1,, 2]\n", [(1, 7, S, "no value stands before this comma", "delete it")]),
    "bracket at the very end": (b"nc: 2\nb: [1,", [(2, 4, S, "the bracket [ is not closed", "")]),
    "quote": (b"path: 'x\nnc: 2\n", [(1, 7, S, "the quote ' is not closed: path: 'x", "close it with '")]),
    "double quote": (b'path: "x\nval: "y"\nnc: 2\n', [(1, 7, S, 'the quote " is not closed: path: "x', "")]),
    "quote in a list": (b"names: [a, 'b]\nnc: 2\n", [(1, 12, S, "the quote ' is not closed", "")]),
    "quote before a comma": (
        b"names: ['a, 'b', 'c']\nnc: 3\n",
        [(1, 9, S, "the quote ' is not closed", "before the comma")],
    ),
    "quotes, two lines": (b"a: 'x\nb: 2\nc: \"y\nd: 3\n", [(1, 4, S, "quote '", ""), (3, 4, S, 'quote "', "")]),
    "apostrophe": (
        b"name: 'it's'\nnc: 2\n",
        [(1, 10, S, "this ' ends the text, and more follows", "double quotes, or write '' ")],
    ),
    "quotes within": (b'name: "say "hi" now"\n', [(1, 12, S, 'this " ends the text', 'single quotes, or write \\" ')]),
    "backslash": (b'path: "C:\\data\\set"\nnc: 2\n', [(1, 10, S, "between double quotes a backslash", "write /")]),
    "at sign": (b"nc: 2\npath: @here\n", [(2, 7, S, "no text can begin with @", "'@here'")]),
    "per cent in a list": (b"a: [1, %x, 2]\n", [(1, 8, S, "no text can begin with %", "'%x'")]),
    "star": (b"train: *.jpg # x\nnc: 2\n", [(1, 8, S, "no text can begin with *", "'*.jpg'")]),
    "second colon": (b"note: one: two # x\nnc: 2\n", [(1, 10, S, "a second colon", "'one: two'")]),
    "no colon": (b"a: 1\nnc 80\nb: 2\n", [(2, 3, S, "a colon is missing after the key: nc 80", "nc: 80")]),
    "no colon before a list": (b"nc: 80\nbackbone\n  - [1]\nhead: 1\n", [(2, 9, S, "a colon is missing", "backbone:")]),
    "no colon in the first line": (b"nc 80\nb: 2\n", [(1, 3, S, "a colon is missing after the key: nc 80", "")]),
    "equals sign": (b"a: 1\nnc = 80\nb: 2\n", [(2, 3, S, "an = stands where a colon", "nc: 80")]),
    "entry too far right": (
        b"b:\n  - [1]\n   - [2]\n",
        [(3, 4, S, "indented by 3 spaces, which does not fit", "by 2")],
    ),
    "entry too far left": (b"b:\n  - [1]\n - [2]\n  - [3]\n", [(3, 2, S, "indented by 1 space,", "by 2")]),
    "first entry too far right": (
        b"b:\n    - [1]\n  - [2]\n  - [3]\n  - [4]\n",
        [(2, 5, S, "indented by 4 spaces, which does not fit", "by 2")],
    ),
    "key too far right": (b"a: 1\n  b: 2\nc: 3\n", [(2, 3, S, "indented by 2 spaces,", "left edge")]),
    "first key too far right": (b"  a: 1\nb: 2\nc: 3\n", [(1, 3, S, "indented by 2 spaces,", "left edge")]),
    "two keys, the first too far right": (b"  a: 1\nb: 2\n", [(1, 3, S, "indented by 2 spaces,", "left edge")]),
    "block text": (b"a: |\n  x\n y: 1\n", [(3, 2, S, "indented by 1 space,", "by 2")]),
    "no dash": (
        b"b:\n  - [-1, 1, Conv]\n  [-1, 1, Conv]\n  - [1]\nc: 1\n",
        [(3, 3, S, "no dash stands before this entry of the list: [-1, 1, Conv]", "- ")],
    ),
    "no dash before a word": (b"names:\n  - cat\n  dog\n  - x\n", [(3, 3, S, "no dash stands before", "")]),
    "no colon behind a list": (b"b:\n- [1]\nnc 80\nc: 1\n", [(3, 3, S, "a colon is missing after the key", "nc: 80")]),
    "no comma behind a line": (
        b"names: {0: a, 1: b # x\n  2: c}\nnc: 3\n",
        [(1, 19, S, "a comma is missing behind this line", "")],
    ),
    "no comma behind a line at the edge": (
        b"names: {0: a,\n1: b\n2: c}\n",
        [(2, 5, S, "a comma is missing behind", "")],
    ),
    "block sign": (b"a: |x\n  y\nb: 1\n", [(1, 5, S, "what follows the sign | or > is not understood", "")]),
    "list beside a key": (b"a: - 1\nb: 2\n", [(1, 4, S, "a dash stands where no list can begin", "the parser says")]),
    "no value": (b"a: [1, :]\n", [(1, 8, S, "a value is missing before this", "")]),
    "two roots": (b"{a: 1}\nb: 2\n", [(2, 1, S, "this does not belong to what stands above it: b: 2", "")]),
    "wrong number of a sign": (b'a: "D:\\x1"\nb: 1\n', [(1, 7, S, "between double quotes a backslash", "write /")]),
    "bracket, then an alias of nothing": (
        b"a: [1\nb: *x\n",
        [(1, 4, S, "[ is not closed", ""), (2, 4, S, "*x refers", "")],
    ),
    "list and key": (b"- a\nb: 1\n", [(2, 1, S, "above it: its indentation does not fit", "the parser says")]),
    "all together": (
        b"nc: 1\nb: [1, 2\nc: 'x\nd: *.j\ne: no\nnc: 3\nf: [no]\n",
        [
            (2, 4, S, "the bracket [", ""),
            (3, 4, S, "the quote '", ""),
            (4, 4, S, "begin with *", ""),
            (6, 1, S, "the key nc is given twice: here and in line 1", ""),
            (7, 5, W, "no is read as the boolean False", ""),
        ],
    ),
}
