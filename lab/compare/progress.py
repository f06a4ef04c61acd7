"""Shows how far a comparison is: a block that is drawn anew on a terminal, a line a start and an end elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional, TextIO

from lab.terminal import Screen, bar, duration


class Progress:
    """The state of all runs, for a person.

    Args:
        names: Names of all runs, in order.
        models: Run -> label of its model, whose runs take about the same time.
        epochs: Epochs of each run.
        jobs: How many go on at a time.
        stream: Where to; a terminal or not.
    """

    def __init__(self, names: List[str], models: Dict[str, str], epochs: int, jobs: int, stream: TextIO = sys.stdout):
        self.names, self.models, self.epochs, self.jobs, self.stream = names, models, epochs, jobs, stream
        self.states: Dict[str, Dict[str, Any]] = {}
        self.screen = Screen(stream, every=0.5)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.screen.clear()
        print(text, file=self.stream, flush=True)

    def update(self, states: Dict[str, Dict[str, Any]], now: bool = False) -> None:
        """Take the states of runs (those of ``state.json``), and draw the block if it is time to."""
        self.states.update(states)
        if self.screen.live and (now or self.screen.due()):
            self.screen.show(*self.block())

    def close(self) -> None:
        """Take the block away."""
        self.screen.clear()

    def block(self) -> List[str]:
        """Return the lines of the block: the whole, then each run that is going on."""
        kinds = [self.state(name)["state"] for name in self.names]
        done, failed, total = kinds.count("done"), kinds.count("failed"), len(kinds)
        share = sum(self._done(name) for name in self.names) / max(total, 1)
        text = f"{bar(share)} {done} of {total} runs done" + (f", {failed} failed" if failed else "")
        lines = [f"{text}, {duration(self.left())} left"]
        for name in self.names:
            state = self.state(name)
            if state["state"] == "running":
                at = f"epoch {min(state['epochs'] + 1, self.epochs)}/{self.epochs}"
                if state["epochs"] >= self.epochs:
                    at = "evaluation"
                lines.append(f"{bar(self._done(name))} {name}: {at}, {duration(self._left(name))} left")
        return lines

    def state(self, name: str) -> Dict[str, Any]:
        """Return what is known of a run."""
        return self.states.get(name, {"state": "waiting", "epochs": 0, "seconds": 0.0})

    def _done(self, name: str) -> float:
        state = self.state(name)
        if state["state"] in ("done", "failed"):
            return 1.0
        return min(1.0, max(float(state["epochs"]), float(state.get("step", 0))) / self.epochs)

    def _pace(self, name: str) -> Optional[float]:
        """Return seconds per epoch: of the run, of its model's others, or of all; None while there is no measure."""
        for group in (
            [name],
            [one for one in self.names if self.models[one] == self.models[name]],
            self.names,
        ):
            states = [self.state(one) for one in group]
            progress = sum(max(float(s["epochs"]), float(s.get("step", 0))) for s in states)
            if progress > 0.05:
                return sum(float(s["seconds"]) for s in states) / progress
        return None

    def _left(self, name: str) -> Optional[float]:
        pace = self._pace(name)
        return None if pace is None else pace * self.epochs * (1 - self._done(name))

    def left(self) -> Optional[float]:
        """Return the seconds left for all runs; None while there is no measure."""
        left = [self._left(name) for name in self.names]
        known = [one for one in left if one is not None]
        if len(known) < len(left):
            return None
        return max([sum(known) / max(self.jobs, 1), *known]) if known else 0.0
