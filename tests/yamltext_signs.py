"""More of what the tests of _yamltext.py read: signs of another keyboard, and values that YAML takes otherwise."""

from yamltext_cases import S, W

SIGNS = {
    "colon": ("nc：80\nb: 1\n", [(1, 3, S, "a full-width colon ： (U+FF1A)", "write :")]),
    "colon alone": ("nc：80\n", [(1, 1, S, "one value", ""), (1, 3, S, "a full-width colon", "")]),
    "commas": ("b:\n  - [-1, 1, Conv, [64，3，2]]\n", [(2, 22, S, "a full-width comma ，", "English")]),
    "commas before a bracket": ("b:\n  - [-1，1，C，[64]]\n", [(2, 8, S, "a full-width comma", "")]),
    "commas, many lines": (
        "b:\n  - [-1，1，C，[64]]\n  - [-1，1，C，[64]]\n",
        [
            (
                2,
                8,
                S,
                "a full-width comma ， (U+FF0C) is a letter to YAML: - [-1，1，C，[64]] (such signs in line 3, too)",
                "",
            )
        ],
    ),
    "commas in one line": (
        "b:\n  - [-1，1，[6]]\nnote: 猫，狗\n",
        [(2, 8, S, "a full-width comma ， (U+FF0C) is a letter to YAML: - [-1，1，[6]]", "")],
    ),
    "comma in a second line": ("a: x\n  y，z\n", [(2, 4, W, "a full-width comma", "")]),
    "comma below": ("a:\n  x，y\n", [(2, 4, W, "a full-width comma", "")]),
    "zero-width space": ("nc:\u200b80\nb: 1\n", [(1, 4, S, "a zero-width space (U+200B)", "delete it")]),
    "brackets": ("b:\n  - ［-1, 1］\n", [(2, 5, W, "a full-width bracket ［", "write [")]),
    "brackets in a list": ("b: [1, ［2, 3］]\n", [(1, 8, S, "bracket ［", ""), (1, 13, S, "bracket ］", "")]),
    "bracket closed": ("b: [1, 2］\nc: 1\n", [(1, 9, S, "a full-width bracket ］", "write ]")]),
    "parentheses": ("a: x（1）\n", [(1, 5, W, "a full-width parenthesis （", "write (")]),
    "Chinese names": ("names: [人，车, 狗（大）]\n", [(1, 10, W, "a full-width comma", "")]),
    "names below": (
        "names:\n  0：人\n  1：车\n",
        [(2, 4, S, "a full-width colon ： (U+FF1A) is a letter to YAML: 0：人", "")],
    ),
    "digits": ("nc: ８０\n", [(1, 5, S, "a full-width digit ８", "write 8")]),
    "dash": ("b: [－1, 2]\n", [(1, 5, S, "a full-width dash", "write -")]),
    "quotes": ("path: “x”\n", [(1, 7, W, "a curly quotation mark “", 'write "')]),
    "no-break space": ("nc:\u00a080\nb: 1\n", [(1, 4, S, "a no-break space (U+00A0)", "ordinary space")]),
    "full-width space": ("b:\n\u3000- 1\nc: 1\n", [(2, 1, S, "a full-width space (U+3000)", "ordinary space")]),
    "space behind": ("nc: 80\u00a0\n", [(1, 7, S, "a no-break space", "")]),
    "in a syntax error elsewhere": ("note: 猫，狗\nb: [1\n", [(2, 4, S, "the bracket [ is not closed", "")]),
}

TRAPS = {
    "booleans in a list": (
        b"names: [no, cat, On]\n",
        [(1, 9, W, "no is read as the boolean False", "'no'"), (1, 18, W, "On", "True")],
    ),
    "booleans as names": (
        b"names:\n  0: yes\n  1: OFF\n",
        [(2, 6, W, "yes is read", ""), (3, 6, W, "OFF is read", "")],
    ),
    "boolean as a key": (b"on: 1\n", [(1, 1, W, "on is read as the boolean True", "'on'")]),
    "text for a number": (b"lr0: 1e-3\n", [(1, 6, W, "1e-3 is read as text", "write 1.0e-3")]),
    "no sign": (b"a: [1.5e3, -.5e3]\n", [(1, 5, W, "1.5e3 is", "1.5e+3"), (1, 12, W, "-.5e3 is", "-.5e+3")]),
    "underscore": (b"a: 1_000\nb: 1_0.5\n", [(1, 4, W, "read as the number 1000", "'1_000'"), (2, 4, W, "10.5", "")]),
    "octal": (b"a: 010\n", [(1, 4, W, "010 is read as the octal number 8", "write 8")]),
    "octal keys": (
        b"names:\n  00: a\n  08: b\n",
        [(2, 3, W, "octal number 0", ""), (3, 3, W, "08 is read as text", "write 8")],
    ),
    "base of 60": (
        b"a: 1:30\nb: 1:30.5\n",
        [(1, 4, W, "1:30 is read as a number to the base of 60", ""), (2, 4, W, "60", "")],
    ),
    "date": (b"date: 2024-01-31\n", [(1, 7, W, "2024-01-31 is read as a date", "quotes")]),
    "no space in braces": (
        b"names: {0:cat, 1: dog}\n",
        [(1, 9, W, "0:cat is read as a name without a value", "0: cat")],
    ),
    "no space in names": (
        b"names:\n  0:cat\n  1:dog\n",
        [(2, 3, W, "'0:cat 1:dog': no space stands after the colon", "0: cat")],
    ),
    "no space, whole file": (b"nc:80\n", [(1, 1, W, "no space", "nc: 80"), (1, 1, S, "one value, 'nc:80'", "")]),
    "no space after dashes": (b"b:\n  -[1]\n  -[2]\n", [(2, 3, W, "the dash is read as part of the text", "")]),
    "dash too far right": (
        b"b:\n  - 1\n   - 2\n",
        [(2, 5, W, "these 2 lines are read as one text, '1 - 2'", "indentation")],
    ),
    "no comma": (
        b"b: [64 3, 2]\nc: [128 True]\n",
        [(1, 5, W, "64 3 is read as one text", ""), (2, 5, W, "128 True", "")],
    ),
    "quote behind": (b"names: ['a', b']\n", [(1, 14, W, "belongs to the text b'", "")]),
    "backslashes": (b'path: "C:\\new"\n', [(1, 7, W, "the backslashes of this path", "single quotes")]),
}
