"""What a backend hands over: a function to time, and what is known of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perfpredict.measuring.outcome import Fact, Memory
from perfpredict.measuring.timing import RunOnce


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A workload that is loaded and ready to be executed."""

    run: RunOnce
    read_memory: Callable[[], Memory]
    """Called after the last run."""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def timed(step: Callable[[], object], after: Callable[[], None] | None = None) -> RunOnce:
    """Return a function that executes `step` and returns its time in ms; `after` is not timed."""

    def run() -> float:
        started = time.perf_counter_ns()
        step()
        taken_ms = (time.perf_counter_ns() - started) / 1e6
        if after is not None:
            after()
        return taken_ms

    return run
