"""The process that one measurement has for itself: request on stdin, lines of JSON on stdout.

Each line is an object with an `event`: `progress`, then one of `completed`, `did_not_fit` and
`failed`. What libraries print goes to standard error.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from perfpredict.errors import CannotAnswerError, PerfpredictError
from perfpredict.measuring.machine_state import scheduled
from perfpredict.measuring.memory import limit_memory, peak_bytes
from perfpredict.measuring.prepared import Prepared
from perfpredict.measuring.request import Backend, RunRequest
from perfpredict.measuring.timing import sample

_MODULES = {
    Backend.TORCH: "perfpredict.measuring.torch_backend",
    Backend.ONNXRUNTIME: "perfpredict.measuring.onnx_backend",
    Backend.EXEC: "perfpredict.measuring.exec_backend",
    Backend.PYTHON: "perfpredict.measuring.python_backend",
}
_PROGRESS_EVERY_S = 0.2
_NO_ROOM = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
)
"""What PyTorch and onnxruntime say, in lower case, where an allocation fails."""


def main() -> int:
    """Measure what standard input asks for; returns the exit code."""
    started = time.monotonic()
    out = _private_stdout()
    request = RunRequest.from_json(sys.stdin.read())
    limit_memory(request.memory_limit_bytes)
    try:
        _measure(request, out, started)
    except PerfpredictError as exc:
        _emit(out, "failed", kind=type(exc).__name__, message=exc.message, hint=exc.hint)
    except (MemoryError, RuntimeError) as exc:
        _emit_runtime(out, exc)
    return 0


def _measure(request: RunRequest, out: TextIO, started: float) -> None:
    prepare: Callable[[RunRequest], Prepared] = importlib.import_module(
        _MODULES[request.backend]
    ).prepare
    prepared = prepare(request)
    load_ms = (time.monotonic() - started) * 1e3
    _emit(out, "progress", runs=0, median_ms=None)
    last = started

    def on_run(runs: int, median_ms: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_EVERY_S:
            last = time.monotonic()
            _emit(out, "progress", runs=runs, median_ms=median_ms)

    before = scheduled()
    sampled = sample(prepared.run, request.limits, on_run=on_run)
    after = scheduled()
    facts = dict(prepared.facts)
    if before is not None and after is not None:
        facts["waited_share"] = before.waited_share_until(after)
    _emit(
        out, "completed", sampled=asdict(sampled), load_ms=load_ms,
        memory=asdict(prepared.read_memory()), facts=facts,
    )  # fmt: skip


def _emit_runtime(out: TextIO, exc: MemoryError | RuntimeError) -> None:
    """Tell frameworks' want of memory or of a kernel from defects, which stay tracebacks."""
    first = str(exc).partition("\n")[0]
    text = str(exc).casefold()
    if isinstance(exc, MemoryError) or any(part in text for part in _NO_ROOM):
        # PyTorch begins with the place in its source: '[enforce fail at …] err == 0. …'
        reason = first.rpartition("err == 0. ")[2] or "memory ran out"
        _emit(out, "did_not_fit", reason=reason, peak_bytes=peak_bytes() or 0.0)
    elif "not implemented for" in text or "not supported" in text:
        _emit(
            out, "failed", kind=CannotAnswerError.__name__, message=f"does not run here: {first}",
            hint="another --precision, or another --hardware",
        )  # fmt: skip
    else:
        raise exc


def _private_stdout() -> TextIO:
    """Return the pipe to the parent; what others write to standard output goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _emit(out: TextIO, event: str, **fields: object) -> None:
    out.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
