"""What stands around the code: the citation, the forms, and a workflow that runs what make runs."""

import re

import pytest
import yaml
from conftest import ROOT

FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
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


def anchors(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_are_there(page):
    for link, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]+))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("page", [page for page in PAGES if ".zh-CN" in page.name], ids=lambda page: page.name)
def test_a_page_has_the_same_sections_and_commands_in_both_languages(page):
    both = [path.read_text(encoding="utf-8") for path in (page, page.with_name(page.name.replace(".zh-CN", "")))]
    assert len({len(re.findall(r"^## ", text, re.MULTILINE)) for text in both}) == 1
    assert len({tuple(re.findall(r"^(?:make|python|yolo) [^#\n]*[^#\s]", text, re.MULTILINE)) for text in both}) == 1


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_is_one_page_with_the_two_commands_near_its_top(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert {"make train", "make test"} <= {line.split("  ")[0] for line in lines[:40]}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CONTRIBUTING.zh-CN.md"])
def test_the_guide_keeps_its_walk_short(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    walk = text.split("\n## ")[3]
    assert "hooks.keep" in walk
    assert len(re.findall(r"^(?:\d\. |   )", walk, re.MULTILINE)) <= 15
