"""The series of patches: what git makes of it, and that its bytes depend on nothing but the fork."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from fake_releases import PLAIN, checkout
from steps.fakes import UPSTREAM, tree_of

from fork import build as builder
from fork import cli, patch
from fork.releases import local
from fork.review import mail
from fork.review.export import commits, read_configs
from fork.series import ORDER
from fork.tree import OVERLAY, digest, write_files

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
TASKS = "ultralytics/nn/tasks.py"
ODD = {
    f"{OVERLAY}我的 网络.py": "# 一\n".encode(),
    f"{OVERLAY}old.py": "# 国标\n".encode("gbk"),
    f"{OVERLAY}weights.bin": bytes(range(256)) * 300,
    f"{OVERLAY}empty.py": b"",
    f"{OVERLAY}crlf.py": b"a = 1  # = \xe4\xb8\x80 \r\nb = 2\t\r\nFrom here\r\n\r\n",
    f"{OVERLAY}bare.py": b"a = 1\n\nFrom: x\n--- a\n+++ b\n-- \nb = 'no newline at the end'",
}


def git(folder, *arguments, env=None):
    settings = (
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@y.z",
        "-c",
        "core.autocrlf=false",
        "-c",
        "commit.gpgsign=false",
    )
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **(env or {})}
    run = subprocess.run(["git", *settings, *arguments], cwd=folder, env=environment, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode(errors="replace") + run.stdout.decode(errors="replace")
    return run.stdout.decode(errors="replace")


def commit_release(folder, pristine, executable=()):
    """Commit a release as a user does who has unpacked it."""
    write_files(folder, pristine)
    for path in executable:
        (folder / path).chmod(0o755)
    git(folder, "init", "--quiet", "--template=", ".")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message=pristine")


def files_of(folder):
    paths = (p for p in folder.rglob("*") if p.is_file() and ".git" not in p.relative_to(folder).parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def expected(work, root):
    return {**work.results[-1].tree, **work.final, **read_configs(root)}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout of a small release with CRLF files, and a file without a newline at its end."""
    crlf = {path: data for path, data in tree_of(UPSTREAM, "\r\n").items() if path != TASKS}
    root = checkout(tmp_path, monkeypatch, {**crlf, TASKS: UPSTREAM[TASKS].rstrip("\n") + "  # é"})
    write_files(root, ODD)
    return root


@needs_git
def test_git_am_gives_the_tree_of_the_build(wheel, quick, tmp_path):
    """The real release: every patch applies, and the digest is the one in the stamp of a build."""
    work = builder.plan(ROOT, wheel)
    commit_release(tmp_path / "repo", work.pristine)
    count = mail.write(work, tmp_path / "patches", ROOT)
    patches = sorted((tmp_path / "patches").glob("*.patch"))
    assert len(patches) == count
    git(tmp_path / "repo", "am", "--quiet", *patches)
    found = files_of(tmp_path / "repo")
    assert digest({p: d for p, d in found.items() if p.startswith("ultralytics/")}) == work.stamp().digest
    assert found == expected(work, ROOT)
    subjects = git(tmp_path / "repo", "log", "--reverse", "--format=%s").splitlines()
    ours = ("s01_create_folder", "s02_export_backbones")
    edited = [r for r in work.results if r.outcome.applied or r.step.name in ours]
    assert [s for s in subjects[1:] if not s.startswith("b02")] == [
        f"{r.step.name.split('_')[0]}: {r.step.title}" for r in edited if not r.step.name.startswith("b02")
    ]


@needs_git
@pytest.mark.parametrize("way", [(), ("-3",), ("--keep-cr",)])
def test_git_am_takes_odd_files_to_the_byte(root, tmp_path, way):
    work = builder.plan(root)
    assert b"\r\n" in work.pristine["ultralytics/engine/trainer.py"]
    commit_release(tmp_path / "repo", work.pristine, executable=[TASKS, PLAIN])
    mail.write(work, tmp_path / "patches", root)
    git(tmp_path / "repo", "am", "--quiet", *way, *sorted((tmp_path / "patches").glob("*.patch")))
    assert files_of(tmp_path / "repo") == expected(work, root)
    if os.name != "nt":
        modes = git(tmp_path / "repo", "ls-files", "--stage", TASKS, f"{OVERLAY}empty.py").split("\n")
        assert {line.split("\t")[1]: line[:6] for line in modes if line} == {
            TASKS: "100755",
            f"{OVERLAY}empty.py": "100644",
        }


@needs_git
def test_settings_of_the_user_change_nothing(root, tmp_path):
    work = builder.plan(root)
    commit_release(tmp_path / "repo", work.pristine)
    mail.write(work, tmp_path / "patches", root)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\nname=Somebody\nemail=s@o.me\n[am]\nkeepcr=true\n[i18n]\ncommitEncoding=GBK\n[core]\nquotepath=false\n"
        "[diff]\nnoprefix=true\nmnemonicPrefix=true\n",
        encoding="utf-8",
    )
    settings = {"GIT_CONFIG_GLOBAL": str(config)}
    git(tmp_path / "repo", "am", "--quiet", *sorted((tmp_path / "patches").glob("*.patch")), env=settings)
    assert files_of(tmp_path / "repo") == expected(work, root)


@needs_git
def test_git_reads_the_trailers(root, tmp_path):
    work = builder.plan(root)
    mail.write(work, tmp_path / "patches", root)
    for result in work.results:
        if not result.outcome.applied:
            continue
        short = result.step.name.split("_")[0]
        (path,) = (tmp_path / "patches").glob(f"*-{short}-*.patch")
        with path.open("rb") as stdin:
            command = ["git", "mailinfo", "message", "diff"]
            subprocess.run(command, cwd=tmp_path, stdin=stdin, capture_output=True, check=True)
        message = f"{short}: title\n\n" + (tmp_path / "message").read_text(encoding="utf-8")
        text = subprocess.run(
            ["git", "interpret-trailers", "--parse"], input=message.encode(), capture_output=True, check=True
        ).stdout.decode()
        trailers = [line.split(": ", 1) for line in text.splitlines()]
        step = result.step
        found = {name: [v for n, v in trailers if n == name] for name, _ in trailers}
        assert set(found) == {"Origin", "Article-Section", "Not-needed-when", "Outcome", "Edited"}
        assert found["Origin"][0].endswith(f", step {step.name}")
        assert found["Article-Section"] == [step.section if step.section != "-" else "none"]
        assert " ".join(step.reason.split()) in " ".join(message.split())
        assert found["Not-needed-when"] == [step.not_needed_when]
        assert found["Outcome"] == [str(result.outcome)]
        places = [re.fullmatch(r"(.*) \((\d+)\)", place).groups() for place in found["Edited"]]
        assert sum(int(count) for _, count in places) == result.outcome.applied
        assert [place for place, _ in places] == list(dict.fromkeys(result.outcome.where))


@needs_git
def test_a_saved_edit_is_the_last_patch(root, tmp_path):
    assert cli.main(["build"], root=root) == 0
    (root / PLAIN).unlink()
    builder.build(root)
    (root / PLAIN).write_bytes(b"mine = 1\r\n")
    local.save(root, "head")
    work = builder.plan(root)
    commit_release(tmp_path / "repo", work.pristine)
    mail.write(work, tmp_path / "patches", root)
    patches = sorted((tmp_path / "patches").glob("*.patch"))
    assert patches[-1].name.endswith("-Local-edits.patch")
    git(tmp_path / "repo", "am", "--quiet", *patches)
    assert files_of(tmp_path / "repo") == expected(work, root)
    assert (tmp_path / "repo" / PLAIN).read_bytes() == b"mine = 1\r\n"


@needs_git
def test_a_file_that_a_saved_edit_deletes_is_gone(root, tmp_path):
    text = patch.diff({PLAIN: builder.plan(root).final[PLAIN]}, {})
    write_files(root, {"local/gone.patch": text.encode()})
    work = builder.plan(root)
    commit_release(tmp_path / "repo", work.pristine)
    mail.write(work, tmp_path / "patches", root)
    git(tmp_path / "repo", "am", "--quiet", *sorted((tmp_path / "patches").glob("*.patch")))
    assert not (tmp_path / "repo" / PLAIN).exists()


def written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@needs_git
def test_the_bytes_do_not_depend_on_machine_user_or_date(root, tmp_path, monkeypatch):
    work = builder.plan(root)
    mail.write(work, tmp_path / "one", root)
    config = tmp_path / "home" / ".gitconfig"
    config.parent.mkdir()
    config.write_text(
        "[user]\nname=Somebody\n[diff]\nnoprefix=true\nalgorithm=patience\ncontext=9\n[core]\nautocrlf=true\n"
        "[format]\nsignature=mine\nnumbered=false\nattach=true\nfrom=true\nsubjectPrefix=X\n[i18n]\nlogOutputEncoding=GBK\n",
        encoding="utf-8",
    )
    settings = {"TZ": "Asia/Shanghai", "LC_ALL": "C", "GIT_AUTHOR_NAME": "x", "GIT_DIR": str(tmp_path), "COLUMNS": "40"}
    for name, value in {**settings, "HOME": str(config.parent), "USERPROFILE": str(config.parent)}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["export", "--patches", str(tmp_path / "two")], root=root) == 0
    assert written(tmp_path / "one") == written(tmp_path / "two")


@needs_git
def test_a_patch_names_no_commit_date_or_version_of_git(root, tmp_path):
    mail.write(builder.plan(root), tmp_path / "out", root)
    for name, data in written(tmp_path / "out").items():
        if name.endswith(".patch"):
            head, _, body = data.partition(b"\n\n")
            assert head.startswith(b"From " + b"0" * 40 + b" Mon Sep 17 00:00:00 2001\nFrom: ultralytics-addmodules")
            assert b"\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n" in head
            assert not re.search(rb"\n-- \n\d", body)


@needs_git
def test_the_readme_names_what_has_no_patch_and_why(root, tmp_path):
    work = builder.plan(root)
    mail.write(work, tmp_path / "out", root)
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for path in (tmp_path / "out").glob("*.patch"):
        assert f"- {path.name}\n" in readme
    for result in work.results:
        if not result.outcome.applied:
            assert f"- `{result.step.name}`: not needed: " in readme
    assert work.stamp().digest in readme


def test_without_git_it_says_so_and_leaves_nothing(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli.main(["export", "--patches", str(tmp_path / "out")], root=root) == 1
    assert "needs git, which is not on PATH" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["file", "full"])
def test_a_folder_in_use_is_refused_and_left_alone(root, tmp_path, capsys, kind):
    target = tmp_path / "out"
    if kind == "file":
        target.write_text("x", encoding="utf-8")
    else:
        write_files(target, {"mine.txt": b"x"})
    assert cli.main(["export", "--patches", str(target)], root=root) == 1
    assert "is not an empty folder" in capsys.readouterr().err
    assert (
        target.read_text(encoding="utf-8") == "x" if kind == "file" else list(target.iterdir()) == [target / "mine.txt"]
    )


@needs_git
def test_a_failure_leaves_no_half_series(root, tmp_path, monkeypatch):
    monkeypatch.setattr(mail, "readme", lambda *_: (_ for _ in ()).throw(OSError("full disk")))
    with pytest.raises(OSError, match="full disk"):
        mail.write(builder.plan(root), tmp_path / "out", root)
    assert not (tmp_path / "out").exists()


def test_export_wants_one_of_its_two_kinds(root, tmp_path, capsys):
    for arguments in ([], [str(tmp_path / "a"), "--patches", str(tmp_path / "b")]):
        with pytest.raises(SystemExit) as e:
            cli.main(["export", *arguments], root=root)
        assert e.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_no_line_of_a_message_is_taken_for_the_end_of_it(root):
    """Git ends a message at `---`, `diff -` or `Index: ` and reads `From: ` at its start as a header."""
    for commit in commits(builder.plan(root), {}):
        assert not re.search(r"^(---|diff -|Index: |From: |#|>)", commit.message, re.MULTILINE)
        assert commit.message.isascii()


def test_every_step_says_when_it_is_not_needed_and_the_articles_how_they_differ():
    for step in ORDER:
        assert step.not_needed_when.endswith("."), step.name
        assert bool(step.differs) == (step.section != "-"), step.name


def test_the_release_of_these_tests_has_the_odd_bytes_that_they_are_about(root):
    work = builder.plan(root)
    assert not work.pristine[TASKS].endswith(b"\n")
    assert "é".encode() in work.pristine[TASKS]
    assert set(ODD) < set(work.results[-1].tree)
