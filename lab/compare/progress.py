"""Shows how far a comparison is: lines that are drawn anew on a terminal, a line a start and an end elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional, TextIO

from lab.terminal import Screen, duration


class Progress:
    """The state of all runs, for a person.

    Args:
        names: Names of all runs, in order.
        epochs: Epochs of each run.
        jobs: How many go on at a time.
        stream: Where to; a terminal or not.
    """

    def __init__(self, names: List[str], epochs: int, jobs: int, stream: TextIO = sys.stdout):
        self.names, self.epochs, self.jobs, self.stream = names, epochs, max(jobs, 1), stream
        self.states: Dict[str, Dict[str, Any]] = {}
        self.screen = Screen(stream, every=0.5)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.screen.clear()
        print(text, file=self.stream, flush=True)

    def update(self, states: Dict[str, Dict[str, Any]]) -> None:
        """Take the states of runs (those of ``state.json``), and draw the lines if it is time to."""
        self.states.update(states)
        if self.screen.due():
            self.screen.show(*self.block())

    def close(self) -> None:
        """Take the lines away."""
        self.screen.clear()

    def block(self) -> List[str]:
        """Return the lines: the whole, with the time left at the pace so far, then each run that is going on."""
        states = [self.states.get(name, {}) for name in self.names]
        kinds = [state.get("state") for state in states]
        reached = [min(self.epochs, max(float(s.get("epochs", 0)), float(s.get("step", 0)))) for s in states]
        spent, done = sum(float(state.get("seconds", 0)) for state in states), sum(reached)
        todo = sum(self.epochs - at for at, kind in zip(reached, kinds) if kind not in ("done", "failed"))
        left: Optional[float] = spent / done * todo / self.jobs if done > 0.05 else None
        failed = f", {kinds.count('failed')} failed" if "failed" in kinds else ""
        lines = [f"{kinds.count('done')} of {len(kinds)} runs done{failed}, {duration(left)} left"]
        for name, kind, at in zip(self.names, kinds, reached):
            if kind == "running":
                lines.append(
                    f"{name}: " + ("evaluation" if at >= self.epochs else f"epoch {int(at) + 1}/{self.epochs}")
                )
        return lines
