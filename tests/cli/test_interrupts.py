"""Ctrl-C while the program is still loading: its exit code, and never Python's traceback."""

import subprocess
import sys

import pytest

STARTED = """
import os, runpy, signal, sys
awaited = sys.argv.pop(1)
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
del sys.argv[1]
def interrupt(event, arguments):
    if event == "import" and arguments[0] == awaited:
        print("interrupted", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
runpy.run_module("perfpredict", run_name="__main__", alter_sys=True)
"""
"""Sends itself SIGINT as soon as it begins to import the module argv[1]."""


def started(environment, awaited, hearing="hearing"):
    command = [sys.executable, "-c", STARTED, awaited, hearing, "hardware", "list", "-q"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    "awaited", ["perfpredict.program", "typer", "perfpredict.commands.root", "duckdb", "polars"]
)
def test_ctrl_c_while_loading_is_130_without_a_traceback(awaited, environment):
    done = started(environment, awaited)

    assert (done.returncode, done.stdout, done.stderr) == (130, "interrupted\n", "")


def test_a_process_that_was_started_deaf_to_ctrl_c_stays_so(environment):
    done = started(environment, "typer", "deaf")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("interrupted\n") and "nvidia-l4\n" in done.stdout
