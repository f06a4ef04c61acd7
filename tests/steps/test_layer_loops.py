"""What must hold of the loops over layers after the whole series, whatever the step that edits them has found."""

import pytest

from fork import series
from fork.errors import StepError
from fork.steps import SERIES
from fork.tree import OVERLAY

from .fakes import OURS, TASKS, UPSTREAM, tree_of
from .test_engine import fact

LOOP = """\
def forward(self, x, y):
    for layer in self.layers:
        x = y[layer.f] if layer.f != -1 else x
        x = layer(x)
        {keep}
    return y
"""


class TestLayerLoops:
    @pytest.mark.parametrize(
        ("keep", "line", "problem"),
        [
            ("y.append(x)", 5, "`y` is filled without it"),
            ("y.append(x if layer.i in self.save else None)", 5, "`y` is filled without it"),
            ("y.extend([x])", 5, "`y` is filled without it"),
            ("y.insert(0, x)", 5, "`y` is filled without it"),
            ("x = addmodules.keep(y, layer, x)\n        y.append(x)", 6, "`y` is filled without it"),
            ("y += [x]", 2, "`y` never goes through it"),
            ("y[layer.i] = x", 2, "`y` never goes through it"),
            ("x = addmodules.keep(other, layer, x)", 2, "`y` never goes through it"),
            ("x = addmodules.keep(layer, y, x)", 2, "`y` never goes through it"),
            ("x = keep(y, layer, x)", 2, "`y` never goes through it"),
            ("x = addmodules.spread(y, layer, x)", 2, "`y` never goes through it"),
        ],
    )
    def test_refuses_a_loop_that_keeps_outputs_without_the_hook(self, keep, line, problem):
        with pytest.raises(StepError) as caught:
            series.check_layer_loops(tree_of({"ultralytics/__init__.py": "", TASKS: LOOP.format(keep=keep)}))
        assert fact(caught.value) == (TASKS, f"line {line}", "addmodules.keep in the layer loop", problem)

    @pytest.mark.parametrize(
        "change",
        [
            ("y[layer.f]", "y[ layer . f ]"),
            ("for layer in self.layers", "for layer in self.layers[:-1]"),
            ("def forward", "async def forward"),
            ("    for layer", "    async for layer"),
            ("x = layer(x)", "x = [y[layer.f] for _ in x]"),
        ],
    )
    def test_refuses_it_in_any_spelling(self, change):
        text = LOOP.format(keep="y.append(x)").replace(*change)
        if "async for" in text:
            text = "async " + text
        with pytest.raises(StepError, match=f"where:  {TASKS}: line 5\n"):
            series.check_layer_loops(tree_of({TASKS: text}))

    @pytest.mark.parametrize(
        "text",
        [
            LOOP.format(keep="y.append(x)").replace("for layer in", "for i, layer in"),
            LOOP.format(keep="self.y.append(x)").replace("y[layer.f]", "self.y[layer.f]"),
        ],
        ids=["counted layers", "list of an object"],
    )
    def test_refuses_loops_with_other_targets(self, text):
        with pytest.raises(StepError, match=r"addmodules\.keep in the layer loop"):
            series.check_layer_loops(tree_of({TASKS: text}))

    @pytest.mark.parametrize(
        "text",
        [
            LOOP.format(keep="y.append(x)").replace("y[layer.f]", "y[layer.g]"),
            LOOP.format(keep="y.append(x)").replace("y[layer.f]", "read(y, layer.f)"),
            LOOP.format(keep="addmodules.keep(y, other, x)").replace("y[layer.f]", "y[[*layer.f][0]]"),
        ],
        ids=["another attribute", "a function reads", "another layer is kept"],
    )
    def test_refuses_a_loop_that_runs_its_layers_and_reads_outputs_in_another_way(self, text):
        with pytest.raises(StepError) as caught:
            series.check_layer_loops(tree_of({TASKS: text}))
        assert fact(caught.value)[1::2] == ("line 2", "what `layer` gives never goes through it")

    def test_lists_the_loops_that_go_through_the_hook(self):
        kept = "x = addmodules.keep(y, layer, x)"
        files = {
            "ultralytics/more.py": f"class A:\n    class B:\n        def run(self):\n            {kept}\n",
            TASKS: f"def run():\n    {kept}\n    def inner():\n        return [addmodules.keep(y) for y in x]\n",
            "ultralytics/none.py": "def run():\n    other.keep(y, layer, x)\n    keep(y)\n",
            f"{OVERLAY}mine.py": f"def run():\n    {kept}\n",
        }
        assert series.check_layer_loops(tree_of(files)) == [
            "ultralytics/more.py: A.B.run",
            f"{TASKS}: run",
            f"{TASKS}: run.inner",
        ]

    def test_refuses_a_series_whose_loops_are_not_those_that_its_step_counts(self, monkeypatch):
        monkeypatch.setattr(series, "ORDER", SERIES)  # the fakes are of no release that needs more
        more = {"ultralytics/more.py": "def run(y):\n    return addmodules.keep(y, 1, 2)\n"}
        with pytest.raises(StepError) as caught:
            series.run(tree_of({**UPSTREAM, **more}), tree_of(OURS))
        assert caught.value.step == "s07_spread_maps"
        assert "ultralytics/more.py: run" in caught.value.found
        assert "ultralytics/more.py: run" not in caught.value.sought

    @pytest.mark.parametrize(
        "files",
        [
            {TASKS: LOOP.format(keep="x = addmodules.keep(y, layer, x, self.save)")},
            {TASKS: LOOP.format(keep="x = addmodules.keep(y, layer, x)\n        other.append(x)")},
            {TASKS: LOOP.format(keep="y.append(x)").replace("layer.f", "layer.g")},
            {TASKS: LOOP.format(keep="y.append(x)").replace("layer.f", "other.f")},
            {TASKS: LOOP.format(keep="y.append(x)").replace("layer(x)", "other(x)").replace("[layer.f]", "[-1]")},
            {TASKS: LOOP.format(keep="x = addmodules.keep(y, layer, x)").replace("y[layer.f]", "read(y, layer.f)")},
            {f"{OVERLAY}mine.py": LOOP.format(keep="y.append(x)")},
            {"ultralytics/notes.txt": LOOP.format(keep="y.append(x)")},
        ],
        ids=[
            "kept",
            "another list",
            "another attribute",
            "another variable",
            "runs none",
            "kept, read by a function",
            "the overlay",
            "no Python",
        ],
    )
    def test_accepts_the_hook_and_loops_of_other_kinds(self, files):
        series.check_layer_loops(tree_of(files))
