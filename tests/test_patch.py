"""Unified diffs: what is made is applied back to the byte, and nothing is applied in part."""

import random

import pytest

from fork import patch
from fork.errors import ConflictError

BEFORE = "".join(f"line {n}\n" for n in range(1, 41)).encode()


def test_a_diff_applies_back_to_the_byte():
    after = BEFORE.replace(b"line 3\n", b"three\n").replace(b"line 30\n", b"").replace(b"line 38\n", b"line 38\nnew\n")
    text = patch.diff({"a.py": BEFORE}, {"a.py": after})
    assert text.startswith("--- a/a.py\n+++ b/a.py\n@@ -1,6 +1,6 @@\n")
    assert patch.apply({"a.py": BEFORE}, text, "x") == {"a.py": after}
    assert patch.stat(text) == [("a.py", 2, 2)]


def test_random_edits_apply_back_to_the_byte():
    rng = random.Random(0)
    for _ in range(200):
        lines = [rng.choice(["x\n", "y\n", "\n", "z\r\n"]) for _ in range(rng.randrange(12))]
        other = list(lines)
        for _ in range(rng.randrange(5)):
            at = rng.randrange(len(other) + 1)
            other[at : at + rng.randrange(2)] = rng.choice([[], ["new\n"], ["x\n", "x\n"]])
        if other and rng.random() < 0.3:
            other[-1] = other[-1].rstrip("\n")
        old, new = "".join(lines).encode(), "".join(other).encode()
        assert patch.apply({"f": old}, patch.diff({"f": old}, {"f": new}), "x") == {"f": new}


@pytest.mark.parametrize("data", [b"text\n", b"no newline at the end", b""])
def test_files_come_and_go(data):
    assert patch.apply({}, patch.diff({}, {"new.py": data}), "x") == {"new.py": data}
    assert patch.apply({"old.py": data}, patch.diff({"old.py": data}, {}), "x") == {}


def test_a_hunk_follows_its_context_when_lines_moved():
    after = BEFORE.replace(b"line 20\n", b"twenty\n")
    text = patch.diff({"a.py": BEFORE}, {"a.py": after})
    moved = b"".join(b"above\n" for _ in range(7))
    assert patch.apply({"a.py": moved + BEFORE}, text, "x") == {"a.py": moved + after}


def test_a_conflict_shows_both_sides_and_changes_nothing():
    text = patch.diff({"a.py": BEFORE}, {"a.py": BEFORE.replace(b"line 20\n", b"twenty\n")})
    tree = {"a.py": BEFORE.replace(b"line 21\n", b"other 21\n")}
    with pytest.raises(ConflictError) as e:
        patch.apply(tree, text, "local/mine.patch")
    assert tree == {"a.py": BEFORE.replace(b"line 21\n", b"other 21\n")}
    for words in ("local/mine.patch", "a.py, about line 17", "| line 21", "| other 21"):
        assert words in str(e.value)


def test_context_in_two_places_is_a_conflict():
    text = patch.diff({"a.py": b"h\na\nb\nc\nd\n"}, {"a.py": b"h\na\nB\nc\nd\n"}, context=1)
    with pytest.raises(ConflictError, match="in 2 places"):
        patch.apply({"a.py": b"1\n2\n3\n4\na\nb\nc\n5\na\nb\nc\n"}, text, "x")


def test_a_cut_patch_is_refused():
    text = patch.diff({"a.py": BEFORE}, {"a.py": BEFORE.replace(b"line 20\n", b"twenty\n")})
    with pytest.raises(ConflictError, match="cut short"):
        patch.apply({"a.py": BEFORE}, text[: len(text) // 2], "x")


def test_a_binary_file_is_refused_by_name():
    with pytest.raises(ConflictError, match=r"pic\.png is not UTF-8"):
        patch.diff({}, {"pic.png": b"\x89PNG\xff"})
