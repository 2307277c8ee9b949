"""Signals, closed streams and pipes: the exit code says it, nothing is written, nothing is left."""

import json
import os
import signal
import sys
import time

import pytest

from ..services.made_store import made_measurements, make_store
from .made import RECORD_ARGUMENTS, held, make_measured
from .processes import FORKED, finish

IMPORTED = 300_000
QUERY = "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
LONGEST_S = {"import": 2, "run": 2, "query": 10}
"""DuckDB looks for signals between the pieces of a join, which may take seconds."""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""A process that dies of the signal itself has the same code, as a shell tells it."""


def told_by_a_shell(returncode):
    return 128 - returncode if returncode < 0 else returncode


def group_is_gone(leader):
    """Return whether every process that `leader` started has ended, within a second."""
    for _ in range(50):
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def wait_until_held(db):
    """Return once a process holds the lock of the database: its statement is about to run."""
    lock = db.with_name(f"{db.name}.lock")
    while not lock.stat().st_size:
        time.sleep(0.01)


def interrupted(child, number, after_s, *, group=False):
    """Send the signal once `child` is at work; returns its result and the seconds it took."""
    time.sleep(after_s)
    assert child.poll() is None, child.communicate()
    start = time.monotonic()
    if group:
        os.killpg(child.pid, number)
    else:
        child.send_signal(number)
    done = finish(child, timeout_s=30)
    return done, time.monotonic() - start


@pytest.fixture
def commands(db):
    """Return command lines that take seconds, by name; the database stays without measurements."""
    file = db.with_name("rows.csv")
    lines = [f"bert-base-uncased,nvidia-l4,8,{1 + n / 1000}" for n in range(IMPORTED)]
    file.write_text("model,hardware,batch_size,latency_ms\n" + "\n".join(lines) + "\n")
    make_store(db, [])
    sleep = f"{sys.executable} -c 'import time; time.sleep(0.05)'"
    return {
        "import": ("measure", "import", file, "--db", db),
        "run": (
            "measure", "run", "mine", "--new-model", "--exec", sleep, "--hardware", "cpu",
            "--min-time", "30", "--db", db,
        ),
        "query": ("db", "sql", QUERY, "--timeout", "60", "--db", db),
    }  # fmt: skip


@pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)
@pytest.mark.parametrize("name", ["import", "run", "query"])
def test_f28_a_signal_ends_the_command_at_once(children, db, commands, repeats, name, number):
    """SIGINT and SIGTERM during import, measure run, db sql: 130 or 143 at once, nothing half"""
    for place in range(repeats(10, 1, of=f"signals during {name}")):
        child = children.start_program(*commands[name])

        if name == "query":
            wait_until_held(db)
        # a terminal sends Ctrl-C to the whole group, `kill` sends SIGTERM to the one process
        done, took_s = interrupted(child, number, 0.8 + 0.05 * place, group=number is signal.SIGINT)

        stored = len(held(db).measurement_ids)
        # one that comes after the commit comes too late to undo it
        assert stored in ({0, IMPORTED} if name == "import" else {0})
        if stored and done.returncode == 0:
            assert "imported" in done.stdout
            continue
        assert told_by_a_shell(done.returncode) == CODES[number], done.stderr
        assert took_s < LONGEST_S[name]
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert "\x1b[?25l" not in done.stderr
        assert group_is_gone(child)


@pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)
def test_f28_a_signal_ends_training_and_stores_nothing(children, db, repeats, number):
    """SIGINT and SIGTERM during models train: 130 or 143 within 2 s, nothing stored"""
    repeats(1)
    make_store(db, made_measurements(batch_sizes=tuple(range(1, 9))))
    stored = 0
    for after_s in (1.2, 1.0, 0.8, 0.6, 0.4):
        child = children.start_program("models", "train", "--db", db)
        time.sleep(after_s)
        start = time.monotonic()
        child.send_signal(number)
        done = finish(child, timeout_s=30)
        # also where it came too late, and the training was over: else it was lost
        assert time.monotonic() - start < 2
        if done.returncode:
            break
        stored += 1

    assert (told_by_a_shell(done.returncode), done.stdout) == (CODES[number], ""), done.stderr
    assert "Traceback" not in done.stderr
    listed = children.run("models", "list", "-q", "--db", db)
    assert (listed.returncode, len(listed.stdout.split())) == (0, stored)


def test_f29_a_reader_that_stops_reading_is_no_error(children, db, repeats):
    """`measure list --limit 0 --format csv | head -1`: ends with 141 or 0, standard error empty"""
    rows = repeats(100_000, 5_000, of="rows")
    make_measured(db, rows)
    script = '"$@" | head -1; echo "${PIPESTATUS[0]}"'
    command = ("measure", "list", "--limit", "0", "--format", "csv", "--db", db)

    child = children.start(
        ["bash", "-c", script, "bash", sys.executable, "-m", "perfpredict", *map(str, command)]
    )
    done = finish(child)

    header, code = done.stdout.splitlines()
    assert header.startswith("measurement_id,")
    assert (code in {"141", "0"}, done.stderr) == (True, "")


@pytest.mark.parametrize("redirection", [">&-", "<&-", "2>/dev/full", ">/dev/full", ">&- 2>&-"])
def test_f30_closed_and_full_streams_are_no_crash(children, db, repeats, redirection):
    """Streams closed or full: no hang, no traceback; what cannot be written is no success"""
    make_measured(db, 3)
    commands = (
        ("measure", "list", "--db", db),
        ("measure", "record", *RECORD_ARGUMENTS, "--db", db),
        ("measure", "list", "--db", db, "--nonsense"),
    )
    repeats(len(commands), of="commands")
    codes = db.with_name("codes.json")
    words = json.dumps([[str(word) for word in command] for command in commands])
    shell = ("bash", "-c", f'"$@" {redirection}', "bash")
    done = finish(children.start_script(FORKED, codes, words, before=shell))

    assert "Traceback" not in done.stderr
    expected = 1 if redirection.startswith(">") else 0
    assert json.loads(codes.read_text()) == [expected, expected, 2], done.stderr
    assert len(held(db).measurement_ids) == 4
