"""Python's collector of cycles, held back while many answers are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Hold the collector back.

    Answers have no cycles that it could free, yet it goes through all of them again and again
    while more are made: with it 100,000 predictions take a fifth longer (docs/performance.md).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
