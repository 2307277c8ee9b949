"""The console script: it answers Ctrl-C from its first moment, before anything large is loaded."""

import os
import signal
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from perfpredict.program import run_process

    run_process()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End a process that has nothing open yet, without the traceback of whatever it loads."""
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
