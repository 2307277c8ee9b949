"""One measurement in a process of its own: real processes, no framework."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from perfpredict.domain.workload import Phase
from perfpredict.measuring.outcome import Completed, DidNotFit, Failed
from perfpredict.measuring.process import child_environment, explain_death, measure
from perfpredict.measuring.request import Backend, RunRequest, Shape
from perfpredict.measuring.timing import Limits, summarize

SHORT = Limits(warmup_runs=2, runs=5)
MIB = 2**20


@pytest.fixture
def here(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


def asked(function, *, batch_size=1, **changes):
    request = RunRequest(
        backend=Backend.PYTHON,
        target=f"workloads:{function}",
        model="m",
        shape=Shape(batch_size=batch_size),
        threads=1,
        limits=SHORT,
    )
    return replace(request, **changes)


def executed(command, **changes):
    return asked("", backend=Backend.EXEC, target=command, **changes)


def test_a_request_survives_its_own_json():
    request = asked("sleeping", memory_limit_bytes=5, config={"model_type": "bert"})
    request = replace(request, shape=Shape(batch_size=3, phase=Phase.DECODE, dims={"n": 2}))

    assert RunRequest.from_json(request.to_json()) == request


@pytest.mark.usefixtures("here")
def test_a_callable_is_timed_as_long_as_it_takes():
    found = measure(asked("sleeping", batch_size=5))

    assert isinstance(found, Completed)
    assert 10 <= summarize(found.sampled.times_ms).median_ms < 40
    assert (found.sampled.warmup_runs, len(found.sampled.times_ms)) == (2, 5)


def test_a_command_is_timed_with_the_batch_size_in_its_words():
    command = f"{sys.executable} -c 'import time; time.sleep(0.1 * {{batch_size}})'"
    found = measure(executed(command, batch_size=3, limits=Limits(warmup_runs=1, runs=3)))

    assert isinstance(found, Completed)
    assert found.sampled.cold_ms > 300
    assert found.facts["command"].endswith("'import time; time.sleep(0.1 * 3)'")


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are told apart only on Linux")
def test_memory_is_the_rise_of_the_peak_and_not_the_process():
    found = [measure(asked("hungry", batch_size=size)).memory.used_bytes for size in (1, 3)]

    assert found[0] == pytest.approx(64 * MIB, abs=4 * MIB)
    assert found[1] == pytest.approx(192 * MIB, abs=4 * MIB)


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept only on Linux")
def test_what_exceeds_the_memory_limit_does_not_fit():
    found = measure(asked("hungry", batch_size=8, memory_limit_bytes=256 * MIB))

    assert isinstance(found, DidNotFit)


@pytest.mark.usefixtures("here")
def test_a_killed_process_is_an_answer_and_no_crash_of_ours():
    found = measure(asked("killed"))

    assert isinstance(found, DidNotFit | Failed)
    if isinstance(found, DidNotFit):
        assert found.peak_bytes > 1 * MIB


def test_only_a_kill_that_the_kernel_counts_is_for_memory():
    counted = explain_death(-9, 7.0, "", (3, 4))
    uncounted = explain_death(-9, 7.0, "", (3, 3))
    unknown = explain_death(-9, 7.0, "", (None, None))
    crashed = explain_death(1, 7.0, "Traceback\nValueError: x", (3, 4))

    assert isinstance(counted, DidNotFit) and counted.peak_bytes == 7.0
    assert isinstance(unknown, DidNotFit) and "as happens" in unknown.reason
    assert isinstance(uncounted, Failed)
    assert isinstance(crashed, Failed) and crashed.message.endswith("code 1: ValueError: x")


@pytest.mark.usefixtures("here")
def test_what_the_code_prints_does_not_disturb_the_measurement():
    found = measure(asked("chatty"))

    assert isinstance(found, Completed)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", "ZeroDivisionError: no such batch"),
        ("absent", "has no function 'absent'"),
        ("without_batch", "takes no 'batch_size'"),
        ("nothing", "cannot be called"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_callable_that_does_not_run_says_why(function, message):
    found = measure(asked(function))

    assert isinstance(found, Failed)
    assert message in found.message


def test_a_missing_module_and_a_missing_program_are_named():
    module = measure(asked("", target="no_such_module_here:make"))
    program = measure(executed("no-such-program-here {batch_size}"))

    assert (module.kind, program.kind) == ("InvalidInputError", "InvalidInputError")
    assert "'no_such_module_here'" in module.message
    assert "'no-such-program-here'" in program.message


def test_a_failing_command_tells_its_exit_code_and_last_words():
    found = measure(executed(f"{sys.executable} -c 'raise SystemExit(\"not today\")'"))

    assert (found.message, found.hint) == (
        "the command under test failed with exit code 1", "not today",
    )  # fmt: skip


def test_a_placeholder_without_a_value_is_refused():
    found = measure(executed("echo {sequence_length}"))

    assert "no value for '{sequence_length}'" in found.message


@pytest.mark.usefixtures("here")
def test_progress_is_told_and_an_exception_ends_the_process():
    pids = []

    class StopHere(Exception):
        pass

    def stop(runs, median_ms):
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        pids.extend(children.read_text().split() if children.exists() else [])
        raise StopHere

    with pytest.raises(StopHere):
        measure(asked("slow", limits=Limits(runs=1000)), stop)
    time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_threads_are_pinned_and_no_network_is_asked():
    found = child_environment(3, {"OMP_NUM_THREADS": "64", "PATH": "/bin"})

    assert (found["OMP_NUM_THREADS"], found["MKL_NUM_THREADS"], found["PATH"]) == ("3", "3", "/bin")
    assert found["HF_HUB_OFFLINE"] == "1"
