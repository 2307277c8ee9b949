"""Starts a process for one measurement, follows it, and says what became of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any  # the child's lines are our own JSON

from perfpredict.measuring.memory import memory_kills, resident_bytes
from perfpredict.measuring.outcome import Completed, DidNotFit, Failed, Memory, Outcome
from perfpredict.measuring.request import RunRequest
from perfpredict.measuring.timing import Sampled

OnProgress = Callable[[int, float | None], None]
"""Told how many runs are done and their median so far in ms, None before the first."""
_CHILD = ("-P", "-m", "perfpredict.measuring.child")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Nothing is downloaded: weights are random."""
_WATCH_EVERY_S = 0.1


def measure(request: RunRequest, on_progress: OnProgress | None = None) -> Outcome:
    """Return what became of the measurement; its process is gone when this returns or raises."""
    kills_before = memory_kills()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, *_CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child_environment(request.threads, os.environ),
            text=True,
            encoding="utf-8",
            # away from this terminal's Ctrl-C, which this process answers for both
            start_new_session=True,
        )
        try:
            with _PeakWatch(process.pid) as watch:
                last = _conversation(process, request, on_progress)
            process.wait()
        finally:
            _stop(process)
        errors.seek(0)
        said = errors.read().decode("utf-8", errors="replace")
    if last is not None:
        return outcome_from(last)
    kills = (kills_before, memory_kills())
    return explain_death(process.returncode, watch.peak_bytes, said, kills)


def child_environment(threads: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a measuring process: threads pinned, no network asked."""
    return dict(environ) | dict.fromkeys(_THREAD_VARIABLES, str(threads)) | _OFFLINE


def outcome_from(line: Mapping[str, Any]) -> Outcome:
    """Return the outcome that the child's last line tells."""
    match line["event"]:
        case "completed":
            times = tuple(line["sampled"].pop("times_ms"))
            return Completed(
                sampled=Sampled(**line["sampled"], times_ms=times),
                load_ms=line["load_ms"],
                memory=Memory(**line["memory"]),
                facts=line["facts"],
            )
        case "did_not_fit":
            return DidNotFit(reason=line["reason"], peak_bytes=line["peak_bytes"])
        case _:
            return Failed(message=line["message"], hint=line["hint"], kind=line["kind"])


def _conversation(
    process: "subprocess.Popen[str]", request: RunRequest, on_progress: OnProgress | None
) -> dict[str, Any] | None:
    """Return the child's last line, None where it ended without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once: its exit code tells
        process.stdin.write(request.to_json())
        process.stdin.close()
    last = None
    for found in _lines(process.stdout):
        if found["event"] != "progress":
            last = found
        elif on_progress is not None:
            on_progress(found["runs"], found["median_ms"])
    return last


def _lines(stream: IO[str]) -> "list[dict[str, Any]] | Any":
    for text in stream:
        if text.startswith("{"):
            yield json.loads(text)


class _PeakWatch:
    """Follows how much a process holds; a killed one cannot tell any more."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0.0
        self._pid = pid
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "_PeakWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._is_over.wait(_WATCH_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, resident_bytes(self._pid) or 0.0)


def explain_death(
    code: int, peak_bytes: float, said: str, memory_kills: tuple[int | None, int | None]
) -> DidNotFit | Failed:
    """Tell a process that was killed for memory from one that crashed.

    `memory_kills` are the kernel's counts before and after, None where it does not count.
    """
    lines = [line for line in said.strip().splitlines() if line.strip()]
    told = lines[-1].strip() if lines else "it printed nothing"
    if code == -signal.SIGKILL:
        before, after = memory_kills
        if before is None or after is None:
            reason = "killed by the system, as happens where memory runs out"
            return DidNotFit(reason=reason, peak_bytes=peak_bytes)
        if after > before:
            return DidNotFit(reason="killed by the kernel for memory", peak_bytes=peak_bytes)
        message = "killed by signal 9, and the kernel counts no kill for memory"
        return Failed(message=message, hint=told, kind="crash")
    if "bad_alloc" in said or "MemoryError" in told:
        return DidNotFit(reason=told, peak_bytes=peak_bytes)
    ended = f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return Failed(message=f"the measuring process {ended}: {told}", hint=None, kind="crash")


def _stop(process: "subprocess.Popen[str]") -> None:
    """End the process and what it has started, if it still runs."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
