"""The articles' steps and those of a backbone on the fakes of older releases: together they fit there, too."""

import ast

import pytest

from fork import series
from fork.steps.articles import ARTICLES
from fork.steps.backbone import BACKBONE

from .fakes import FLOPS, IMX, NEWLINES, OURS, TASKS, UPSTREAM, tree_of
from .fakes_eras import FITTING_TASKS, OLDEST, SCALED_FLOPS, UNIFIED_TASKS

STEPS = (*ARTICLES, *BACKBONE)
ERAS = {
    "oldest": {name: text for name, text in {**UPSTREAM, **OLDEST}.items() if name != IMX},
    "in between": {**UPSTREAM, TASKS: FITTING_TASKS, FLOPS: SCALED_FLOPS},
    "names and files": {**UPSTREAM, TASKS: UNIFIED_TASKS},
}
COUNTS = {
    "oldest": [0, 0, 1, 2, 3, 6, 4, 1, 5, 2, 1, 2, 3, 2, 6, 1, 2],
    "in between": [0, 0, 1, 2, 3, 6, 4, 1, 4, 2, 1, 2, 3, 2, 6, 1, 2],
    "names and files": [0, 0, 1, 2, 3, 6, 4, 1, 3, 2, 1, 2, 3, 2, 6, 1, 2],
}


@NEWLINES
@pytest.mark.parametrize("era", ERAS)
def test_every_step_fits_behind_those_before_it_and_a_second_run_changes_nothing(era, newline):
    results = series.run(tree_of(ERAS[era], newline), tree_of(OURS, newline), STEPS)
    assert [result.outcome.applied for result in results] == COUNTS[era]
    finished = results[-1].tree
    for path, data in finished.items():
        ast.parse(data, path)
    series.check_layer_loops(finished)
    again = series.run(finished, {}, STEPS)
    assert again[-1].tree == finished
    assert [result.outcome.applied for result in again] == [0] * len(STEPS)
