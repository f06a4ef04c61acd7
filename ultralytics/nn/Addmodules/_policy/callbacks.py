"""What the fork does at points of a run that upstream offers for that: its default callbacks."""

from __future__ import annotations

from typing import Any, Callable, Tuple

from .._rows.nonfinite import look_away, tell_fitness, tell_loss, watch_loss
from .foreign import note_own, note_stripped

CALLBACKS: Tuple[Tuple[str, Callable[[Any], None]], ...] = (
    ("on_train_batch_start", watch_loss),
    ("on_train_batch_end", look_away),
    ("teardown", look_away),
    ("on_train_epoch_end", tell_loss),
    ("on_fit_epoch_end", tell_fitness),
    ("on_model_save", note_own),
    ("on_train_end", note_stripped),
)


def register() -> None:
    """Append them to upstream's, once; every model and trainer that is made from then on has them."""
    from ultralytics.utils.callbacks.base import default_callbacks

    for event, callback in CALLBACKS:
        if callback not in default_callbacks[event]:
            default_callbacks[event].append(callback)
