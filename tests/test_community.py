"""What stands around the code: the citation, the forms, and a workflow that runs what make runs."""

import re

import pytest
import yaml
from conftest import ROOT

FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
HOOKS = ROOT / ".pre-commit-config.yaml"


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def recipes():
    """Return the command lines of the Makefile, as they read with an active environment."""
    lines = re.findall(r"^\t(.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r" \$\(ARGS\)$", "", line).replace("$(PY)", "python") for line in lines}


def test_every_command_of_the_workflow_is_a_line_of_the_makefile():
    jobs = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    commands = [line for job in jobs for step in job["steps"] for line in step.get("run", "").splitlines()]
    assert commands
    assert set(commands) <= recipes()


def test_the_workflow_runs_all_of_lint_and_test():
    """A line added to either target is added to the workflow, too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    for target in ("lint", "test", "cpu"):
        body = re.search(rf"^{target}:.*\n((?:\t.+\n)+)", makefile, re.MULTILINE).group(1)
        for line in re.findall(r"\$\(PY\) (.+?)(?: \$\(ARGS\))?\n", body):
            assert f"run: python {line}\n" in workflow


def test_the_workflow_may_only_read():
    assert load(ROOT / ".github" / "workflows" / "ci.yml")["permissions"] == {"contents": "read"}


def test_hooks_are_local_and_run_what_is_installed():
    for repository in load(HOOKS)["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] == "system"
            assert re.match(r"python -m (ruff|mypy|fork)\b", hook["entry"])


def test_the_citation_has_what_the_format_requires():
    citation = load(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
    for entry in (citation, *citation["references"]):
        assert entry["title"]
        assert all("name" in author or {"family-names", "given-names"} <= set(author) for author in entry["authors"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_what_is_needed(path):
    form = load(path)
    assert all(isinstance(form[key], str) for key in ("name", "description"))
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    assert len({item["id"] for item in fields}) == len(fields)
    assert all(item["attributes"]["label"] for item in fields)
    labels = " ".join(item["attributes"]["label"] for item in fields if item.get("validations", {}).get("required"))
    assert "python -m fork status" in labels
    for page in re.findall(r"\.\./blob/HEAD/([^)\s]+)", path.read_text(encoding="utf-8")):
        assert (ROOT / page).is_file()


def test_the_form_for_a_model_asks_for_its_check():
    assert [path.stem for path in FORMS] == ["bug", "model-yaml"]
    assert "python -m lab check" in FORMS[1].read_text(encoding="utf-8")


def test_links_out_of_the_chooser_are_whole_addresses():
    links = load(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")["contact_links"]
    assert all(set(link) == {"name", "url", "about"} and link["url"].startswith("https://") for link in links)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CONTRIBUTING.zh-CN.md"])
def test_the_guide_links_to_files_that_are_there_and_keeps_its_walk_short(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert all((ROOT / link).is_file() for link in re.findall(r"\]\(([^)#:]+)\)", text))
    walk = text.split("\n## ")[3]
    assert "hooks.keep" in walk
    assert len(re.findall(r"^(?:\d\. |   )", walk, re.MULTILINE)) <= 15
