"""What Ctrl-C must not tear apart, and that it is never lost.

Python raises what a signal's handler raises wherever it happens to be. In a callback of the garbage
collector or of an import, or in a library that asks for no errors, it is dropped, and the program
went on as if nobody had pressed anything.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

AGAIN_S = 0.3
"""Seconds after which what was raised, and is not being dealt with, is raised again."""


class _State:
    is_put_off = False


def insist(leave: Callable[[], NoReturn]) -> NoReturn:
    """Raise what `leave` raises, and again every AGAIN_S until `heard` is called.

    It is not raised where an exception is being handled: that is how it is dealt with. For handlers
    of signals; a system without interval timers raises it once.
    """
    if hasattr(signal, "setitimer"):

        def again(_number: int, _frame: FrameType | None) -> None:
            if sys.exc_info()[1] is None and not _State.is_put_off:
                leave()

        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
    leave()


def heard() -> None:
    """Say that what was insisted on has been dealt with."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the block is over; a second one comes through at once.

    Elsewhere than in the main thread Ctrl-C is never heard of.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    calls = 0

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    _State.is_put_off = True
    try:
        yield
    finally:
        _State.is_put_off = False
        signal.signal(signal.SIGINT, before)
    if calls:
        raise KeyboardInterrupt
