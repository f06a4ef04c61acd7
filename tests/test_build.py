"""Building in a checkout: the same bytes everywhere, hand edits safe, interruptions repaired."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from fork import build as builder
from fork import lock, patch, state
from fork.errors import BusyError, ConflictError, ForkError, HandEditedError, MismatchError
from fork.releases import local
from fork.state import look
from fork.steps.compat import COMPAT
from fork.tree import OVERLAY, STAMP, digest, manifest, scan

TASKS = "ultralytics/nn/tasks.py"


def edit(root, path=TASKS, text="\n# mine\n"):
    with open(root / path, "ab") as f:
        f.write(text.encode())
    return (root / path).read_bytes()


def test_the_lock_is_what_the_series_gives(pin, pristine, results):
    assert lock.first_difference(lock.read(ROOT), lock.digests(pin, pristine, results)) is None


def test_the_diff_to_upstream_stays_small(pristine, results):
    work = {path: data for path, data in results[-1].tree.items() if not path.startswith(OVERLAY)}
    rows = patch.stat(patch.diff(pristine, work))
    assert 30 < sum(added + removed for _, added, removed in rows) <= 100
    older = {
        "data/dataset.py",
        "engine/tuner.py",
        "models/nas/model.py",
        "nn/modules/block.py",
        "utils/metrics.py",
    }
    declared = {f for result in results for f in result.step.files}  # these are edited in older releases only
    assert {path for path, _, _ in rows} == declared - {f"ultralytics/{name}" for name in older}


def test_each_step_edits_the_pinned_release_as_often_as_expected(results):
    counts = {result.step.name.split("_")[0]: result.outcome.applied for result in results}
    assert counts == {
        **{"s01": 0, "s02": 0, "s03": 1, "s04": 2, "s05": 3, "s06": 6, "s07": 6, "s08": 2, "s09": 3, "s10": 2},
        **{"b01": 1, "b02": 2, "b03": 3, "b04": 2, "b05": 6, "b06": 1, "b07": 2, "p01": 5, "p02": 3, "p03": 1},
        **{step.name.split("_")[0]: 0 for step in COMPAT},
    }


def test_the_series_run_twice_changes_nothing(results):
    from fork.series import run

    again = run(results[-1].tree, {})
    assert again[-1].digest == results[-1].digest
    assert not any(result.outcome.applied for result in again)
    ours = [result for result in again[2:] if result.step not in COMPAT]
    assert {str(result.outcome) for result in ours} == {"not needed: already applied"}


def test_a_build_writes_pin_plus_series(checkout, wheel, quick, results):
    builder.build(checkout, wheel)
    assert scan(checkout) == manifest(results[-1].tree)
    assert look(checkout, builder.load_pin(checkout)).kind == "built"
    builder.verify(checkout, wheel)
    assert not state.journal_path(checkout).exists()


def test_a_second_build_writes_nothing(checkout, wheel, quick):
    builder.build(checkout, wheel)
    before = {p: (checkout / p).stat().st_mtime_ns for p in [*scan(checkout), STAMP]}
    builder.build(checkout, wheel)
    assert {p: (checkout / p).stat().st_mtime_ns for p in before} == before


def test_deleting_the_tree_and_building_again_gives_the_same_digest(checkout, wheel, quick):
    first = builder.build(checkout, wheel).stamp().digest
    for path in scan(checkout):
        (checkout / path).unlink()
    (checkout / STAMP).unlink()
    assert (
        builder.build(checkout, wheel).stamp().digest
        == first
        == digest({p: (checkout / p).read_bytes() for p in scan(checkout)})
    )


def test_a_deleted_file_comes_back(checkout, wheel, quick):
    builder.build(checkout, wheel)
    (checkout / TASKS).unlink()
    assert look(checkout, builder.load_pin(checkout)).missing == [TASKS]
    with pytest.raises(MismatchError, match=re.escape(TASKS)):
        builder.verify(checkout, wheel)
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)


@pytest.mark.parametrize("path", [TASKS, "ultralytics/cfg/mine.yaml"])
def test_a_hand_edit_stops_the_build_and_is_left_alone(checkout, wheel, quick, path):
    builder.build(checkout, wheel)
    mine = edit(checkout, path)
    for command in (builder.build, builder.verify):
        with pytest.raises(ForkError, match=re.escape(path)):
            command(checkout, wheel)
    assert (checkout / path).read_bytes() == mine


def test_the_refusal_offers_both_ways_out(checkout, wheel, quick):
    builder.build(checkout, wheel)
    edit(checkout)
    with pytest.raises(HandEditedError) as e:
        builder.build(checkout, wheel)
    assert "python -m fork save NAME" in str(e.value)
    assert "--discard" in str(e.value)


def test_discard_drops_the_edit(checkout, wheel, quick):
    builder.build(checkout, wheel)
    edit(checkout)
    edit(checkout, "ultralytics/mine.py")
    builder.build(checkout, wheel, discard=True)
    builder.verify(checkout, wheel)
    assert not (checkout / "ultralytics/mine.py").exists()


def test_files_of_unknown_origin_are_not_overwritten(checkout, wheel, quick):
    (checkout / TASKS).write_bytes(b"# somebody's own\n")
    assert look(checkout, builder.load_pin(checkout)).kind == "foreign"
    with pytest.raises(HandEditedError, match=re.escape(TASKS)):
        builder.build(checkout, wheel)
    assert (checkout / TASKS).read_bytes() == b"# somebody's own\n"


def test_a_users_own_backbone_is_no_hand_edit(checkout, wheel, quick):
    builder.build(checkout, wheel)
    edit(checkout, f"{OVERLAY}mynet.py", "x = 1\n")
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)
    assert (checkout / OVERLAY / "mynet.py").read_text() == "x = 1\n"


def test_a_saved_edit_is_replayed_by_every_later_build(checkout, wheel, quick):
    builder.build(checkout, wheel)
    mine = edit(checkout)
    edit(checkout, "ultralytics/mine.py", "y = 2\n")
    path = local.save(checkout, "head", wheel)
    assert path == checkout / "local" / "head.patch"
    builder.verify(checkout, wheel)
    for name in scan(checkout):
        (checkout / name).unlink()
    builder.build(checkout, wheel, discard=True)
    assert (checkout / TASKS).read_bytes() == mine
    assert (checkout / "ultralytics/mine.py").read_bytes() == b"y = 2\n"
    assert builder.verify(checkout, wheel).local == ["head"]


def test_later_edits_join_the_saved_ones(checkout, wheel, quick):
    builder.build(checkout, wheel)
    edit(checkout)
    local.save(checkout, "head", wheel)
    mine = edit(checkout, text="# more\n")
    local.save(checkout, "head", wheel)
    builder.build(checkout, wheel)
    assert (checkout / TASKS).read_bytes() == mine
    edit(checkout, "ultralytics/other.py", "z = 3\n")
    local.save(checkout, "other", wheel)
    assert "tasks.py" not in (checkout / "local" / "other.patch").read_text(encoding="utf-8")
    assert builder.verify(checkout, wheel).local == ["head", "other"]


@pytest.mark.parametrize(("name", "said"), [("edits", "nothing to save"), ("../out", "plain file name")])
def test_save_refuses_what_it_cannot_do(checkout, wheel, quick, name, said):
    builder.build(checkout, wheel)
    with pytest.raises(ForkError, match=said):
        local.save(checkout, name, wheel)
    assert not (checkout / "local").exists()


def test_a_saved_edit_that_no_longer_applies_stops_the_build(checkout, wheel, quick):
    builder.build(checkout, wheel)
    before = scan(checkout)
    text = patch.diff({TASKS: b"gone\n" * 9}, {TASKS: b"gone\n" * 4 + b"new\n" + b"gone\n" * 5})
    (checkout / "local").mkdir()
    (checkout / "local" / "old.patch").write_text(text, encoding="utf-8")
    with pytest.raises(ConflictError, match=r"local/old\.patch"):
        builder.build(checkout, wheel)
    assert scan(checkout) == before


def test_verify_names_the_first_step_that_differs_from_the_lock(checkout, wheel, quick):
    builder.build(checkout, wheel)
    path = checkout / "tree.lock"
    path.write_text(re.sub(r'(s05\w+ += ")....', r"\1dead", path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(MismatchError, match="first at s05_build_backbone_row"):
        builder.verify(checkout, wheel)
    assert builder.write_lock(checkout, wheel)
    assert path.read_bytes() == (ROOT / "tree.lock").read_bytes()
    builder.verify(checkout, wheel)


def test_a_changed_pin_makes_the_tree_stale(checkout, wheel, quick):
    builder.build(checkout, wheel)
    text = (checkout / "pin.toml").read_text(encoding="utf-8").replace("revision = 1", "revision = 2")
    (checkout / "pin.toml").write_text(text, encoding="utf-8")
    assert look(checkout, builder.load_pin(checkout)).kind == "stale"


def test_two_builds_at_once_refuse_each_other(checkout, wheel, quick):
    with state.exclusive(checkout), pytest.raises(BusyError, match="another build"):
        builder.build(checkout, wheel)
    builder.build(checkout, wheel)


def interrupt(checkout, wheel, monkeypatch, after):
    """Build, but stop as if killed once ``after`` files are written."""
    written = []
    real = os.replace

    def replace(source, target):
        written.append(target)
        if len(written) > after:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            builder.build(checkout, wheel)


@pytest.mark.parametrize("after", [1, 2, 200, 364])
def test_an_interrupted_first_build_is_recognised_and_repaired(checkout, wheel, quick, monkeypatch, after):
    interrupt(checkout, wheel, monkeypatch, after)  # the first file is the journal, the last one the stamp
    assert look(checkout, builder.load_pin(checkout)).kind == "interrupted"
    with pytest.raises(MismatchError, match="did not finish"):
        builder.verify(checkout, wheel)
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)
    assert not list(checkout.rglob("*.tmp-fork"))


def test_a_hand_edit_survives_an_interrupted_build(checkout, wheel, quick, monkeypatch):
    builder.build(checkout, wheel)
    for path in list(scan(checkout))[:50]:
        (checkout / path).unlink()
    interrupt(checkout, wheel, monkeypatch, 20)
    mine = edit(checkout)
    with pytest.raises(HandEditedError, match=re.escape(TASKS)):
        builder.build(checkout, wheel)
    assert (checkout / TASKS).read_bytes() == mine


def test_a_damaged_stamp_or_journal_is_no_traceback(checkout, wheel, quick):
    builder.build(checkout, wheel)
    (checkout / STAMP).write_text("{", encoding="utf-8")
    assert look(checkout, builder.load_pin(checkout)).kind == "foreign"
    builder.build(checkout, wheel)  # every file is as it should be, so nothing is lost
    builder.verify(checkout, wheel)
    state.journal_path(checkout).write_text(json.dumps([1]), encoding="utf-8")
    assert look(checkout, builder.load_pin(checkout)).kind == "interrupted"
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)


def test_a_killed_build_is_repaired_by_the_next(checkout, wheel, quick):
    """The real thing: SIGKILL (TerminateProcess on Windows) while files are being written."""
    slow = "import os, time; r = os.replace; os.replace = lambda a, b: (time.sleep(0.02), r(a, b)); "
    code = slow + f"from fork.cli import main; main(['build', '--upstream', {str(wheel)!r}])"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=checkout, stderr=subprocess.DEVNULL)
    deadline = time.time() + 60
    while len(list((checkout / "ultralytics").rglob("*.py"))) < 60 and time.time() < deadline:
        time.sleep(0.05)
    process.kill()
    assert process.wait() != 0
    if sys.platform != "win32":
        assert process.returncode == -signal.SIGKILL
    assert look(checkout, builder.load_pin(checkout)).kind == "interrupted"
    assert 60 <= len(scan(checkout)) < 363
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)


def test_the_program_needs_no_checkout_in_the_working_directory(checkout, wheel, tmp_path):
    """python -m fork acts on the checkout it lies in, from any folder."""
    shutil.rmtree(checkout / "cfg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "fork", "build", "--upstream", str(wheel)]
    run = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (checkout / STAMP).is_file()
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("just words\n", "is not a unified diff"),
        ("--- a/x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n", "edits '../x'"),
        ("--- /dev/null\n+++ b/notes.txt\n@@ -0,0 +1 @@\n+x\n", "edits 'notes.txt'"),
        (f"--- /dev/null\n+++ b/{OVERLAY}x.py\n@@ -0,0 +1 @@\n+x\n", "edits 'ultralytics/nn/Addmodules/x.py'"),
        ("--- /dev/null\n+++ b/ultralytics/../../x\n@@ -0,0 +1 @@\n+x\n", "edits 'ultralytics/../../x'"),
        (b"\xff\xfe-\x00", "is not UTF-8"),
    ],
)
def test_a_patch_that_is_none_or_leaves_the_tree_is_refused(checkout, wheel, quick, text, said):
    (checkout / "local").mkdir()
    (checkout / "local" / "x.patch").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConflictError, match=re.escape(said)):
        builder.build(checkout, wheel)
    assert scan(checkout) == {}


def test_two_interrupted_builds_with_different_targets_are_repaired(checkout, wheel, quick, monkeypatch, results):
    """Each wrote files of its own; none of them is a hand edit."""
    builder.build(checkout, wheel)
    tree = dict(results[-1].tree)
    for round_, stop in (("one", 3), ("two", 1)):
        tree[TASKS] = f"# {round_}\n".encode()
        tree["ultralytics/__init__.py"] = f"# {round_}\n".encode()
        other = [*results[:-1], results[-1]._replace(tree=dict(tree))]
        with monkeypatch.context() as patched:
            patched.setattr(builder, "run", lambda *_, other=other: other)
            interrupt(checkout, wheel, monkeypatch, stop)
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)


def test_save_keeps_an_earlier_patch_where_it_fails(checkout, wheel, quick, monkeypatch):
    builder.build(checkout, wheel)
    edit(checkout)
    path = local.save(checkout, "mine", wheel)
    before = path.read_bytes()
    mine = edit(checkout, text="# more\n")
    real = patch.diff
    monkeypatch.setattr(patch, "diff", lambda *a: real(*a).replace("+# more", "+# other"))
    with pytest.raises(ForkError, match="could not be reproduced"):
        local.save(checkout, "mine", wheel)
    assert path.read_bytes() == before
    assert (checkout / TASKS).read_bytes() == mine


def test_another_release_on_request_is_no_stale_tree(checkout, wheel, quick, pin):
    other = pin._replace(upstream=pin.upstream._replace(version="8.4.191"))
    builder.build(checkout, wheel, pin=other)
    assert look(checkout, pin).kind == "other"
    assert look(checkout, pin).stamp.version == "8.4.191+addmodules.1"
    with pytest.raises(MismatchError, match="another release"):
        builder.verify(checkout, wheel)
    builder.build(checkout, wheel)
    builder.verify(checkout, wheel)


def test_a_wheel_given_by_path_serves_the_next_build_too(checkout, wheel, quick, tmp_path, monkeypatch):
    monkeypatch.setenv("ADDMODULES_CACHE", str(tmp_path / "cache"))
    builder.build(checkout, wheel)
    monkeypatch.setattr("fork.fetch._pip_download", lambda *_: pytest.fail("it went to the index"))
    builder.build(checkout)
