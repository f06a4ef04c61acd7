"""Moving the pin: from an older release to the pinned one, with local packages; nothing is written before it works."""

import io
import re

import pytest
from releases import TASKS, relabel

from fork import build as builder
from fork import cli, fetch, lock, series, state
from fork.errors import PinError
from fork.pin import Package, load_pin
from fork.releases import bump, changes, cli_bump, sweep
from fork.tree import digest, scan, sha256

NEIGHBOUR = (TASKS, r"^def parse_model\(", "NEIGHBOUR = 1\n\n\ndef parse_model(")
EDITED = (TASKS, r"        t = str\(m\)\[8:-2\]", "        t = str(m)[8 : -2 or None]")


@pytest.fixture(scope="module")
def worked_out():
    return {}


@pytest.fixture(autouse=True)
def each_once(monkeypatch, worked_out):
    """Let the series run once for each release of this module, instead of once for each look at it."""
    run, problems = series.run, sweep.problems

    def run_once(pristine, overlay, steps=None, on_failure=None):
        if on_failure:
            return run(pristine, overlay, steps, on_failure=on_failure)
        key = "run", digest(pristine)
        if key not in worked_out:
            worked_out[key] = run(pristine, overlay, steps)
        return worked_out[key]

    def problems_once(results):
        key = "problems", digest(results[-1].tree)
        if key not in worked_out:
            worked_out[key] = problems(results)
        return worked_out[key]

    monkeypatch.setattr(series, "run", run_once)
    monkeypatch.setattr(builder, "run", run_once)
    monkeypatch.setattr(sweep, "problems", problems_once)


@pytest.fixture
def older(tmp_path, wheel):
    """A local release 8.4.180: the pinned one, but for a line beside an edited one, and an edited one."""
    return relabel(wheel, tmp_path / "ultralytics-8.4.180-py3-none-any.whl", "8.4.180", [NEIGHBOUR, EDITED])


@pytest.fixture
def at_older(checkout, older, tmp_path, monkeypatch):
    """A checkout whose pin is that older release, built, with a cache of its own."""
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(tmp_path / "cache"))
    data = older.read_bytes()
    pin = load_pin(checkout)
    text = (checkout / "pin.toml").read_text(encoding="utf-8")
    package = Package("ultralytics", "8.4.180", older.name, sha256(data), len(data))
    text = bump.with_pin(text, pin._replace(upstream=package, revision=3))
    (checkout / "pin.toml").write_text(text, encoding="utf-8")
    builder.write_lock(checkout, older)
    builder.build(checkout, older)
    return checkout


def run(checkout, *arguments):
    return cli.main(["bump", *map(str, arguments)], root=checkout)


def files(root):
    return {name: (root / name).read_bytes() for name in ("pin.toml", "tree.lock")}, scan(root)


def test_the_pin_moves_from_an_older_release(at_older, wheel, pin, results, capsys):
    assert run(at_older, "8.4.190", "--upstream", wheel, "--sha256", pin.upstream.sha256, "--transform-only") == 0
    out = capsys.readouterr().out
    assert load_pin(at_older) == pin
    assert lock.first_difference(lock.read(at_older), lock.digests(pin, {}, [])) is not None
    builder.verify(at_older, wheel)
    assert state.look(at_older, pin).digest == results[-1].digest
    assert f"sha256  {pin.upstream.sha256}" in out
    assert "https://pypi.org/project/ultralytics/8.4.190/#files" in out
    assert re.search(r"^s06_shift_indices: applied 6$", out, re.MULTILINE)
    assert re.findall(r"^([sxc]\d\d)_\w+: ", out, re.MULTILINE) == ["s06"]
    assert "- Upstream 8.4.180 -> 8.4.190: " in out
    assert "; edits that changed: s06." in out


def test_without_a_version_it_is_the_newest_of_the_folder(at_older, wheel, older, tmp_path, capsys):
    folder = tmp_path / "wheels"
    folder.mkdir()
    for path in (wheel, older):
        (folder / path.name).write_bytes(path.read_bytes())
    before = files(at_older)
    assert run(at_older, "--upstream", folder) == 1
    out, err = capsys.readouterr()
    assert "ultralytics 8.4.190" in out
    assert "the hash is not confirmed" in err
    assert files(at_older) == before


def test_a_terminal_is_asked(at_older, wheel, capsys, monkeypatch):
    before = files(at_older)
    terminal = io.StringIO("n\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert run(at_older, "--upstream", wheel) == 1
    assert "not confirmed: nothing was written" in capsys.readouterr().out
    assert files(at_older) == before


def test_the_pinned_release_is_no_move(checkout, wheel, capsys):
    before = files(checkout)
    assert run(checkout, "--upstream", wheel, "--yes") == 0
    assert capsys.readouterr().out == "the pin is 8.4.190 already\n"
    assert files(checkout) == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--sha256", "0" * 64], 5, "is not the one of --sha256"),
        (["8.4.7", "--yes"], 1, "is release 8.4.180, not 8.4.7"),
    ],
)
def test_a_wrong_argument_writes_nothing(checkout, older, capsys, arguments, code, said):
    before = files(checkout)
    assert run(checkout, "--upstream", older, "--transform-only", *arguments) == code
    assert said in capsys.readouterr().err
    assert files(checkout) == before


def test_hand_edits_stop_it(at_older, wheel, capsys):
    with open(at_older / TASKS, "ab") as f:
        f.write(b"# mine\n")
    before = files(at_older)
    assert run(at_older, "--upstream", wheel, "--yes", "--transform-only") == 7
    assert "fork save" in capsys.readouterr().err
    assert files(at_older) == before


def test_a_release_that_a_step_does_not_fit_writes_nothing(at_older, wheel, tmp_path, capsys):
    target = tmp_path / "ultralytics-8.4.200-py3-none-any.whl"
    newer = relabel(wheel, target, "8.4.200", [(TASKS, r"x % i\b", "x % (i + 0)")])
    before = files(at_older)
    assert run(at_older, "--upstream", newer, "--yes", "--transform-only") == 6
    assert "s06_shift_indices does not fit this release" in capsys.readouterr().err
    assert files(at_older) == before


def test_a_second_run_that_would_edit_again_writes_nothing(at_older, wheel, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "problems", lambda *_: ["a second run of s06_shift_indices edits 6 places again"])
    before = files(at_older)
    assert run(at_older, "--upstream", wheel, "--yes", "--transform-only") == 1
    assert "a second run of s06_shift_indices edits 6 places again" in capsys.readouterr().err
    assert files(at_older) == before


def test_models_that_come_out_differently_write_nothing(at_older, wheel, capsys, monkeypatch):
    from fork.releases import probe

    alike = {"parameters": 1, "keys": "k", "outputs": "o"}

    def fake(folder):
        ours = (folder / "ultralytics/nn/Addmodules/__init__.py").exists()
        return {"models": {"yolov8": {**alike, "outputs": "p" if ours else "o"}}, "checks": {}, "ours": {}}

    monkeypatch.setattr(probe, "probe", fake)
    before = files(at_older)
    assert run(at_older, "--upstream", wheel, "--yes") == 1
    assert "yolov8: outputs o in the unmodified package, p in ours" in capsys.readouterr().err
    assert files(at_older) == before


def test_a_build_that_fails_puts_pin_and_lock_back(at_older, wheel, monkeypatch, pin):
    def no_space(*_, **__):
        raise OSError("no space left")

    before = files(at_older)
    work = bump.prepare(at_older, pin.upstream, wheel, lambda _: None)
    monkeypatch.setattr(bump.builder, "build", no_space)
    with pytest.raises(OSError, match="no space left"):
        bump.finish(at_older, work, wheel)
    assert files(at_older) == before


def test_a_pin_keeps_its_comments_and_other_tables(pin):
    text = '# why\n[upstream]\nname = "ultralytics"  # theirs\nversion = "1"\nfile = "f"\nsha256 = "0"\n'
    text += 'size = 1 # bytes\n[fork]\nrevision = 7\n\n[other]\nversion = "9"\n'
    new = bump.with_pin(text, pin)
    assert new.startswith('# why\n[upstream]\nname = "ultralytics"  # theirs\nversion = "8.4.190"\n')
    assert f'size = {pin.upstream.size} # bytes\n[fork]\nrevision = 1\n\n[other]\nversion = "9"\n' in new
    with pytest.raises(PinError, match=r"\[upstream\] size"):
        bump.with_pin(text.replace("size = 1", "length = 1"), pin)


def test_no_change_of_the_edits_is_said():
    assert changes.report([]) == "the fork's own edits are the same on both releases\n"


def test_a_confirmation_needs_the_same_hash(pin, capsys):
    options = type("Options", (), {"sha256": f" {pin.upstream.sha256.upper()} ", "yes": False})
    assert cli_bump.confirmed(options, pin.upstream)
