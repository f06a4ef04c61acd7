"""The LaTeX and the HTML that ``lab compare`` writes."""

import html.parser
import re
import shutil
import subprocess

import pytest
from support.comparisons import MODELS, NASTY, make, write

from lab.compare import html as report
from lab.compare import pictures, rows, tex


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder with the LaTeX and the HTML of four models with two seeds, one run of which failed."""
    out = tmp_path_factory.mktemp("比较")
    plan = make(out, MODELS, seeds=(0, 1), names=("tree", NASTY, "树冠"))
    state = {"state": "failed", "reason": "CUDA out of memory", "epochs": 7, "attempts": 3}
    write(out / "runs" / "rtdetr-mobilenetv3-s1" / "state.json", state)
    pages(out, plan)
    return out


def pages(out, plan):
    found = rows.gather(out, plan)
    drawn = pictures.accuracy(found, out / "pictures")
    (out / "table.tex").write_text(tex.document(found), encoding="utf-8")
    (out / "report.html").write_text(report.report(found, drawn), encoding="utf-8")


# LaTeX


def cells(line):
    """Split a row at the ampersands that are no characters."""
    return re.split(r"(?<!\\)&", line)


def structure(text):
    """The environments are closed in order, and each row has as many cells as its table has columns."""
    open_, columns, seen = [], None, 0
    body = text.replace("\\\\", "\n").split("\\begin{document}")[1]
    for line in ("\\begin{document}" + body).splitlines():
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                open_.append(name)
            else:
                assert open_.pop() == name
        spec = re.search(r"\\begin\{(?:tabular|longtable)\}\{@\{\}([lr]+)@\{\}\}", line)
        if spec:
            columns = len(spec[1])
        elif re.search(r"(?<!\\)&", line):
            assert len(cells(line)) == columns, line
            seen += 1
    assert open_ == []
    return seen


def test_latex_is_well_formed(compared):
    out = compared
    text = (out / "table.tex").read_text(encoding="utf-8")
    assert structure(text) == 1 + 4 + 1 + 3
    assert r"50\%\_\$x\$\&\#\{y\}\textasciitilde{}\textasciicircum{}\textbackslash{}rock" in text
    assert r"\labname{树冠}{class 3}" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    body = text.split(r"\begin{document}")[1]
    assert all(ord(c) < 128 for c in body.replace("树冠", ""))


def test_every_character_is_escaped():
    assert tex.escape("a\tb\x00c\n") == "a b c"
    assert tex.escape("--") == "-{}-{}"
    assert tex.escape("±–−…") == r"\(\pm\)--\(-\)\ldots{}"
    for sign in "#$%&_{}":
        assert tex.escape(sign) == "\\" + sign
    assert tex.escape("é") == "é"
    assert tex.escape("🌳#", "tree & co") == r"\labname{🌳\#}{tree \& co}"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["pdflatex", "xelatex", "lualatex"])
def test_latex_compiles(compared, tmp_path, engine):
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    out = compared
    many = make(tmp_path / "many", dict(list(MODELS.items())[:2]), names=[f"{NASTY} {n}" for n in range(40)])
    pages(tmp_path / "many", many)
    for source in (out, tmp_path / "many"):
        shutil.copyfile(source / "table.tex", tmp_path / "table.tex")
        command = [engine, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
        log = (tmp_path / "table.log").read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, log[-2000:]
        assert "Missing character" not in log
        assert "Overfull" not in log


# HTML


class Page(html.parser.HTMLParser):
    """Reads a page: tags that are open, resources, rows."""

    def __init__(self, text):
        super().__init__()
        self.open, self.resources, self.rows, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.resources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_report_needs_nothing_else(compared):
    out = compared
    text = (out / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(address.startswith("data:") for address in page.resources)
    assert len(page.resources) == 1 + 3
    assert not re.search(r"https?://|@import|url\(", text)
    assert page.rows == [10] * 5 + [4] * 2 + [6] * 4
    assert NASTY in page.text  # as text, not as markup
    assert "<b>" not in text
    assert "CUDA out of memory" in page.text
