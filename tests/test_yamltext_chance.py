"""Any bytes at all: reading them raises nothing, takes no time to speak of, and lets nothing wrong pass."""

import random
import time

import pytest
from yamltext_cases import FILES, MODEL, upstreams

from ultralytics.nn.Addmodules._yamltext import read_text, render

PIECES = [
    *(b"\t", b"\n", b"\r", b"\0", b"\x0c", b"'", b'"', b"[", b"]", b"{", b"}", b",", b":", b": ", b"- ", b"#", b"&a "),
    *(b"*a", b"!!python/name:os.system ", b"!x", b"|\n", b">", b"%", b"@", b"\\", b"---\n", b"...\n", b"<<: ", b"? "),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xe9",
        b"\xc4\xa3",
        "，".encode(),
        "：".encode(),
        "（".encode(),
        b"\xc2\xa0",
        b"\xc2\x85",
    ),
    *(b"0", b"010", b"1e-3", b"1:30", b"no", b"~", b"=", b"\n    ", b"\n\t", b"  ", b"2024-13-01", b"None"),
]


def mutated(data, rng):
    """Return bytes with one to six random changes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del data[at : at + rng.choice([1, 1, 2, 5, 40])]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randint(1, 60)]
        else:
            data[at : at + 1] = rng.choice(PIECES)
    return bytes(data)


def sources():
    small = [path.read_bytes() for path in FILES if path.stat().st_size < 6000]
    return [
        *small,
        MODEL.encode(),
        "names: [人, 车] # 类别\nnc: 2\n".encode("gbk"),
        "nc: 2\nnames: [é]\n".encode("utf-16"),
    ]


def hold(data):
    """Check what must be true of any bytes; return whether they passed."""
    start = time.process_time()
    document = read_text(data)
    spent = time.process_time() - start
    assert spent < 1, (spent, data)
    lines = max(data.count(b"\n"), data.count(b"\r")) + len(data.decode("utf-8", "ignore").splitlines()) + 1
    for problem in document.problems:
        assert problem.message
        assert 0 <= problem.line <= lines
        assert (problem.column == 0) == (problem.line == 0)
        assert render(problem, "x").isprintable() or "\n" in render(problem, "x")
    if any(problem.severe for problem in document.problems):
        return False
    assert repr(document.data) == repr(upstreams(data)), data
    return True


def test_any_change_of_a_file_is_either_named_or_read_as_upstream_reads_it():
    rng = random.Random(20)
    found = sources()
    passed = sum(hold(mutated(rng.choice(found), rng)) for _ in range(1000))
    assert 150 < passed < 850  # both kinds occur


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_changes(seed):
    rng = random.Random(seed)
    found = [*sources(), *(path.read_bytes() for path in FILES if path.stat().st_size >= 6000)]
    for _ in range(3000):
        hold(mutated(rng.choice(found), rng))


def test_what_upstream_cannot_read_is_named():
    """No file passes that upstream's loader refuses, and the other way round for changes of a plain kind."""
    rng = random.Random(3)
    for _ in range(300):
        data = mutated(MODEL.encode(), rng)
        try:
            readable = bool(upstreams(data))
        except Exception:
            readable = False
        if not readable:
            assert any(problem.severe for problem in read_text(data).problems), data


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{n}: [{n}, [a, b]]\n" for n in range(30_000)),
        "[" * 900_000,
        "- " * 450_000,
        "a: " + "9" * 900_000,
        "a: 1" + ":1" * 450_000,
        "{a: " * 200_000,
        '"' + "a\\n" * 300_000,
        "x\n" * 400_000,
        "'\n" * 400_000,
        "a: [\n" * 150_000,
        "&a " * 300_000,
        "a: &a 1\n" + "".join(f"b{n}: *a\n" for n in range(60_000)),
        "? " * 400_000,
        "nc:80\n" * 150_000,
        "\tx: 1\n" * 120_000,
        "a：1\n" * 120_000,
        "a:\n" + "  - [a，b]\n" * 70_000,
        "a: [" + "'b, " * 200_000,
    ],
    ids=lambda text: text[:8].encode("unicode_escape").decode(),
)
def test_the_worst_file_of_a_megabyte_takes_seconds(text):
    start = time.process_time()
    read_text(text.encode())
    assert time.process_time() - start < 30
