"""How far long work has come, told to whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Steps done of all; a step is one fit of a protocol or one run of a sweep."""

    done: int
    total: int
    label: str


OnProgress = Callable[[Progress], None]
