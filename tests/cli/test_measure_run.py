"""`measure run` through the real program, with commands and callables that need no framework."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

SLEEP = f"{sys.executable} -c 'import time; time.sleep(0.005 * {{batch_size}})'"
FEW = ("--warmup", "1", "--runs", "6", "--hardware", "cpu")
CODE = """
import time

def make(batch_size):
    return lambda: time.sleep(0.004 * batch_size)

def slow(batch_size):
    return lambda: time.sleep(0.2)

def hungry(batch_size):
    kept = b"x" * (batch_size * 2**30)
    return lambda: kept[0]

def second_fails(batch_size):
    if batch_size == 2:
        raise ValueError("no room for two")
    return lambda: time.sleep(0.004)
"""


@pytest.fixture
def code(tmp_path, run):
    """Put the callables where the program is run."""
    (tmp_path / "work" / "mine.py").write_text(CODE)
    return "mine"


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_sweep_is_stored_beside_the_predictions_made_before_it(run):
    found = rows(
        run("measure", "run", "resnet18", "--exec", SLEEP, "--batch-size", "1,2", *FEW, "--json")
    )
    listed = rows(run("measure", "list", "--json"))
    predicted = rows(run("perf", "list", "--json"))

    assert [row["batch_size"] for row in found] == [1, 2]
    assert {row["measurement_id"] for row in found} == {row["measurement_id"] for row in listed}
    assert {row["prediction_id"] for row in found} == {row["prediction_id"] for row in predicted}
    assert {row["prediction_id"] for row in listed} == {row["prediction_id"] for row in predicted}
    for row in found:
        assert row["latency_lo"] <= row["predicted_ms"] <= row["latency_hi"]
        is_inside = row["latency_lo"] <= row["latency_ms"] <= row["latency_hi"]
        assert (row["inside"], row["runs"]) == (is_inside, 6)
        assert row["latency_p99_ms"] is None
    (latency,) = rows(run("perf", "analyze", "--metric", "latency", "--json"))
    assert latency["n"] == 2


def test_everything_about_the_run_is_stored_with_the_row(run):
    identifier = run("measure", "run", "resnet18", "--exec", SLEEP, *FEW, "--threads", "1", "-q")
    exported = run("measure", "export", "--format", "json")
    (row,) = json.loads(exported.stdout)
    environment = json.loads(row["environment"])

    assert identifier.stdout.strip() == row["measurement_id"]
    assert (row["source"], row["runs"], row["warmup_runs"]) == ("measure-run", 6, 1)
    assert (environment["backend"], environment["threads"]) == ("exec", 1)
    assert len(environment["times_ms"]) == 6
    assert environment["cold_ms"] > 0


def test_a_callable_is_measured_by_batch_size(run, code):
    one, eight = rows(
        run("measure", "run", "mine", "--new-model", "--python", f"{code}:make",
            "--batch-size", "1,8", *FEW, "--json")
    )  # fmt: skip

    assert eight["latency_ms"] > 4 * one["latency_ms"]
    assert (one["predicted_ms"], one["inside"], one["prediction_id"]) == (None, None, None)


def test_several_models_and_precisions_are_one_sweep(run, code):
    found = rows(
        run("measure", "run", "resnet18,resnet50", "--python", f"{code}:make",
            "--precision", "fp32,bf16", *FEW, "--json")
    )  # fmt: skip

    assert [(row["model"], row["precision"]) for row in found] == [
        ("resnet18", "fp32"), ("resnet18", "bf16"), ("resnet50", "fp32"), ("resnet50", "bf16"),
    ]  # fmt: skip


def test_a_dry_run_predicts_and_runs_and_stores_nothing(run, tmp_path):
    (row,) = rows(
        run("measure", "run", "resnet18", "--exec", "touch ran", *FEW, "--dry-run", "--json")
    )

    assert row["predicted_ms"] > 0
    assert (row["latency_ms"], row["note"]) == (None, "not run")
    assert not (tmp_path / "work" / "ran").exists()
    assert run("measure", "list").returncode == 3


def test_no_store_measures_and_stores_nothing(run):
    (row,) = rows(run("measure", "run", "resnet18", "--exec", SLEEP, *FEW, "--no-store", "--json"))

    assert row["latency_ms"] > 0
    assert row["measurement_id"] is None
    assert run("measure", "list").returncode == 3


def test_a_failing_command_ends_with_four_and_its_own_code(run):
    done = run("measure", "run", "resnet18", "--exec", "sh -c 'echo why >&2; exit 7'", *FEW)

    assert (done.returncode, done.stdout) == (4, "")
    assert "error: the command under test failed with exit code 7" in done.stderr
    assert "hint: why" in done.stderr


def test_one_failure_loses_nothing_of_the_rest(run, code):
    done = run("measure", "run", "resnet18", "--python", f"{code}:second_fails",
               "--batch-size", "1,2,3", *FEW, "--json")  # fmt: skip
    first, second, third = json.loads(done.stdout)

    assert done.returncode == 4
    assert first["measurement_id"] and third["measurement_id"]
    assert "no room for two" in second["note"]
    assert len(rows(run("measure", "list", "--json"))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept only on Linux")
def test_what_does_not_fit_is_an_answer_and_is_stored(run, code):
    (row,) = rows(
        run("measure", "run", "resnet18", "--python", f"{code}:hungry", *FEW,
            "--memory-limit", "300MiB", "--json")
    )  # fmt: skip
    stored = rows(run("measure", "show", row["measurement_id"], "--json"))

    assert row["note"].startswith("does not fit")
    assert (row["latency_ms"], row["inside"]) == (None, None)
    assert "does not fit" in json.dumps(stored)


def test_ctrl_c_keeps_what_is_done(run, code, environment, tmp_path):
    arguments = ["measure", "run", "resnet18", "--python", f"{code}:slow", "--batch-size",
                 "1,2,3,4,5,6,7,8", "--warmup", "1", "--runs", "4", "--json"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "perfpredict", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=tmp_path / "work",
    )  # fmt: skip
    _wait_for_rows(run, 1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)

    done = json.loads(out)
    assert process.returncode == 130
    assert 1 <= len(done) < 8
    assert len(rows(run("measure", "list", "--json"))) == len(done)
    assert f"stopped: {len(done)} of 8" in errors


def _wait_for_rows(run, count):
    for _ in range(200):
        listed = run("measure", "list", "--json")
        if listed.returncode == 0 and len(json.loads(listed.stdout)) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was stored in time")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_one_line_says_what_to_install(run):
    done = run("measure", "run", "resnet18")

    assert (done.returncode, done.stdout) == (3, "")
    assert "hint: python -m pip install 'perfpredict[measure]'" in done.stderr
    assert run("perf", "list").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("resnet18", "--exec", "true", "--hardware", "nvidia-h100-sxm"), 2, "not a device of"),
        (("resnet18", "--exec", "true", "--python", "a:b"), 2, "give one of --exec"),
        (("resnet18", "--exec", "true", "--batch-size", "1,2"), 2, "the same at every batch size"),
        (("no-such-net", "--exec", "true"), 3, "no model named 'no-such-net'"),
        (("resnet18", "--exec", "true", "--mode", "training"), 3, "inference only"),
        (("resnet18", "--exec", "true", "--devices", "2"), 3, "one batch at a time"),
        (("resnet18", "--exec", "true", "--runs", "0"), 2, "--runs"),
        (("resnet18", "--exec", "'"), 2, "--exec"),
    ],
)
def test_a_wrong_call_runs_nothing(arguments, code, message, run):
    hardware = () if "--hardware" in arguments else ("--hardware", "cpu")
    done = run("measure", "run", *arguments, *hardware)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr


def test_a_busy_machine_is_warned_about_by_name_with_cause_and_remedy(run):
    if os.getloadavg()[0] <= 0.25 * (os.cpu_count() or 1):
        pytest.skip("this machine is quiet")
    done = run("measure", "run", "resnet18", "--exec", SLEEP, *FEW)

    assert "warning: resnet18 batch 1: busy-machine: load average" in done.stderr
    assert "likely cause:" in done.stderr


def test_help_names_the_backends(run):
    text = run("measure", "run", "--help").stdout

    for option in ("--exec", "--python", "--onnx", "--threads", "--max-time", "--memory-limit"):
        assert option in text
