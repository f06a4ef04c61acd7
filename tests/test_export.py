"""The exported repository: one commit per step, and the same commit ids on every machine."""

import shutil
import subprocess

import pytest
from conftest import ROOT

from fork import build as builder
from fork.errors import ForkError
from fork.review.export import commits, export, read_configs, stream
from fork.series import ORDER
from fork.tree import OVERLAY

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def work(wheel, quick):
    return builder.plan(ROOT, wheel)


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_one_commit_a_step_on_top_of_pristine_upstream(work, tmp_path):
    assert export(work, tmp_path / "out") == len(ORDER) + 1
    subjects = git(tmp_path / "out", "log", "--reverse", "--format=%s").splitlines()
    assert subjects[0] == "ultralytics 8.4.190, as released"
    assert [s.split(":")[0] for s in subjects[1:]] == [step.name.split("_")[0] for step in ORDER]
    tags = git(tmp_path / "out", "tag").splitlines()
    assert tags == ["addmodules-8.4.190-addmodules.1", "upstream-8.4.190"]


def test_the_first_commit_is_upstream_and_the_last_the_patched_tree(work, tmp_path):
    out = tmp_path / "out"
    export(work, out)
    last = {**work.results[-1].tree, **read_configs(ROOT)}
    assert set(git(out, "ls-files").splitlines()) == set(last)
    assert all((out / path).read_bytes() == data for path, data in last.items())
    assert set(git(out, "ls-tree", "-r", "--name-only", "upstream-8.4.190").splitlines()) == set(work.pristine)
    assert git(out, "status", "--porcelain") == ""


def test_commit_ids_do_not_depend_on_machine_user_date_or_git_settings(work, tmp_path, monkeypatch):
    export(work, tmp_path / "one")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\nname=Somebody\nemail=x@y.z\n[core]\nautocrlf=true\n[commit]\ngpgsign=true\n"
        "[init]\ndefaultBranch=trunk\n[i18n]\ncommitEncoding=GBK\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    export(work, tmp_path / "two")
    monkeypatch.delenv("GIT_DIR")
    heads = [git(tmp_path / name, "rev-parse", "HEAD") for name in ("one", "two")]
    assert heads[0] == heads[1]
    assert len(heads[0]) == 40


def test_the_history_is_a_function_of_pin_series_and_overlay(work):
    configs = read_configs(ROOT)
    assert stream(work, configs) == stream(work, configs)
    changed = {**configs, "cfg/models/rtdetr-mobilenetv3.yaml": b"nc: 1\n"}
    assert stream(work, configs) != stream(work, changed)


def test_the_pristine_commit_is_known(work, tmp_path):
    """Fixed once here: the id that every machine must arrive at for unmodified upstream."""
    export(work, tmp_path / "out")
    assert git(tmp_path / "out", "rev-parse", "upstream-8.4.190^{commit}") == "a42533ecf5c9f02e5c8460e379f6fb56f7656ce7"


def test_each_message_gives_section_reason_and_places(work):
    by_name = {c.message.split(":")[0]: c.message for c in commits(work, {})[1:]}
    assert "\nArticle-Section: 4.7\n" in by_name["s07"]
    assert "\nEdited: ultralytics/utils/export/imx.py: FXModel.forward (1)\n" in by_name["s07"]
    assert "\nArticle-Section: none\n" in by_name["b01"]
    assert all(step.reason.split()[0] in by_name[step.name.split("_")[0]] for step in ORDER)


def test_our_folder_comes_in_with_its_own_two_steps(work):
    history = commits(work, {})
    ours = [sum(path.startswith(OVERLAY) for path in c.tree) for c in history]
    assert ours[0] == 0
    assert ours[2] == ours[1] + 1
    assert set(ours[2:]) == {ours[2]}


def test_saved_edits_come_last_and_may_delete_a_file(work):
    final = {path: data for path, data in work.final.items() if path != "ultralytics/utils/plotting.py"}
    configs = {"cfg/models/x.yaml": b"nc: 1\n"}
    last = commits(work._replace(local=["mine"], final=final), configs)[-1]
    assert last.message == "Local edits\n\n- mine\n"
    ours = {path: data for path, data in work.results[-1].tree.items() if path.startswith(OVERLAY)}
    assert last.tree == {**final, **ours, **configs}


def test_a_folder_in_use_is_refused_and_left_alone(work, tmp_path):
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ForkError, match="not an empty folder"):
        export(work, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_no_half_repository(work, tmp_path, monkeypatch):
    monkeypatch.setattr("fork.review.export.stream", lambda *_: b"nonsense\n")
    with pytest.raises(ForkError, match="fast-import"):
        export(work, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_git_it_says_so(work, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ForkError, match="needs git"):
        export(work, tmp_path / "out")
