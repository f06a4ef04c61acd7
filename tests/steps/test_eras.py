"""The steps up to x20 one after the other on the fakes of older releases: together they fit there, too."""

import ast

import pytest

from fork import series
from fork.steps import SERIES

from .fakes import ENGINE, FLOPS, IMX, NEWLINES, OURS, TASKS, UPSTREAM, tree_of
from .fakes_eras import OLDEST, PICKLED_ENGINE, SCALED_FLOPS, TRY_TASKS, UNIFIED_TASKS

FIRST_TWENTY = [step for step in SERIES if int(step.name[1:3]) <= 20]
ERAS = {
    "oldest": {name: text for name, text in {**UPSTREAM, **OLDEST}.items() if name != IMX},
    "in between": {**UPSTREAM, TASKS: TRY_TASKS, FLOPS: SCALED_FLOPS},
    "names and files": {**UPSTREAM, TASKS: UNIFIED_TASKS, ENGINE: PICKLED_ENGINE},
}
COUNTS = {
    "oldest": [0, 0, 1, 2, 1, 6, 4, 1, 4, 2, 2, 1, 6, 1, 2, 5, 2, 1, 2, 1],
    "in between": [0, 0, 1, 2, 1, 6, 4, 1, 3, 2, 2, 1, 5, 1, 2, 5, 2, 1, 2, 1],
    "names and files": [0, 0, 1, 2, 1, 6, 4, 1, 2, 2, 2, 1, 5, 1, 2, 5, 2, 1, 2, 1],
}


@NEWLINES
@pytest.mark.parametrize("era", ERAS)
def test_every_step_fits_behind_those_before_it_and_a_second_run_changes_nothing(era, newline):
    results = series.run(tree_of(ERAS[era], newline), tree_of(OURS, newline), FIRST_TWENTY)
    assert [result.outcome.applied for result in results] == COUNTS[era]
    finished = results[-1].tree
    for path, data in finished.items():
        ast.parse(data, path)
    series.check_layer_loops(finished)
    again = series.run(finished, {}, FIRST_TWENTY)
    assert again[-1].tree == finished
    assert [result.outcome.applied for result in again] == [0] * 20
