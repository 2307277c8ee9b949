"""Calls that fail: whichever it is, the command says so, and all of its rows are there or none."""

import errno
import os
import shutil

import pytest

from perfpredict.store.access import Access
from perfpredict.store.gateway import Store

from .faults import Faults
from .made import held, unpack_golden
from .processes import finish

MEASURED = (
    "bert-base-uncased", "--hardware", "nvidia-l4", "--latency", "8ms", "--throughput", "125",
    "--memory", "900MiB",
)  # fmt: skip
COMMANDS = {
    "record": ("measure", "record", *MEASURED),
    "first": ("measure", "record", *MEASURED),
    "backup": ("db", "backup", "{folder}/copy.duckdb"),
    "restore": ("db", "restore", "{folder}/../measured.duckdb", "--yes"),
    "migrate": ("db", "migrate"),
    "compact": ("db", "compact"),
}
MINOR = {
    None, "close", "execute",  # after the commit: only a note is due
    "os.write", "os.ftruncate",  # who holds the lock is a courtesy
    "os.sendfile", "os.unlink",  # there is another way to copy, and nothing left to remove
}  # fmt: skip
EXPECTED_FILES = {"x.duckdb", "x.duckdb.lock", "x.duckdb.wal"}
MAY_BE_LEFT = {
    "backup": {"copy.duckdb"},
    "restore": {"x.duckdb.before-restore"},
    "migrate": {"x.duckdb.schema-1.bak"},
}


@pytest.fixture
def begin(tmp_path, call):
    """Return a function that puts what a command begins with into a folder of its own."""
    golden, measured = tmp_path / "golden.duckdb", tmp_path / "measured.duckdb"
    unpack_golden(1, golden)
    assert not call(
        "perf",
        "predict",
        "bert-base-uncased",
        "--hardware",
        "nvidia-l4",
        "--predictor",
        "roofline",
        "--db",
        measured,
    ).returncode
    assert not call("measure", "record", *MEASURED, "--db", measured).returncode

    def put(name):
        folder = tmp_path / "faulty"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if name != "first":
            shutil.copy(golden if name == "migrate" else measured, folder / "x.duckdb")
        return folder / "x.duckdb"

    return put


def io_error():
    return OSError(errno.EIO, os.strerror(errno.EIO))


def rows_in(db):
    if not db.exists() or not db.stat().st_size:
        return 0
    found = held(db)
    # every measurement of the golden file is linked as well
    assert all(count == 3 for count in found.errors_by_measurement.values())
    return len(found.measurement_ids)


def assert_every_failing_call_is_told(call, begin, faults, name, make, repeats):
    """Let single calls of a command fail, spread over all that it makes."""
    command = [word.replace("{folder}", str(begin(name).parent)) for word in COMMANDS[name]]
    faults.arm(0, make)
    done = call(*command, "--db", begin(name))
    total = faults.calls
    assert (done.returncode, total > 10) == (0, True), done.stderr
    count = repeats(total, 6 if "measure" in command else 2, of=f"failing calls of {name}")
    for place in range(count):
        db = begin(name)
        faults.arm(1 + place * total // count, make)
        done = call(*command, "--db", db)
        hit = faults.hit
        faults.arm(0, make)
        told = f"{hit} as call {1 + place * total // count} of {name}: {done.stderr}"
        assert done.returncode == 6 or (done.returncode == 0 and hit in MINOR), told
        assert (done.stdout == "") == (done.returncode == 6), told
        left = {path.name.partition("-2")[0] for path in db.parent.iterdir()}
        assert left <= EXPECTED_FILES | MAY_BE_LEFT.get(name, set()), told
        assert_whole(call, db, name, is_done=done.returncode == 0)


def assert_whole(call, db, name, *, is_done):
    if name == "migrate":
        assert call("db", "migrate", "--db", db).returncode == 0
        assert rows_in(db) > 3
        return
    before, after = {"first": (0, 1), "record": (1, 2)}.get(name, (1, 1))
    assert rows_in(db) in ({after} if is_done else {before, after})
    assert not db.exists() or call("db", "check", "--db", db).returncode == 0
    copy = db.with_name("copy.duckdb")
    assert not copy.exists() or rows_in(copy) == 1


@pytest.fixture
def faults(tmp_path, monkeypatch):
    planted = Faults(tmp_path / "faulty")
    planted.plant(monkeypatch)
    return planted


@pytest.mark.parametrize("name", COMMANDS)
def test_f05_a_failing_call_leaves_all_or_nothing(repeats, call, begin, faults, name):
    """Each call of a command raises EIO in turn: exit 6, all rows or none, no temporary file"""
    assert_every_failing_call_is_told(call, begin, faults, name, io_error, repeats)


@pytest.mark.parametrize("name", COMMANDS)
def test_f06_a_call_out_of_memory_leaves_all_or_nothing(repeats, call, begin, faults, name):
    """Each call of a command raises MemoryError in turn: the same"""
    assert_every_failing_call_is_told(call, begin, faults, name, MemoryError, repeats)


KERNEL_CALLS = (
    [("write", n) for n in (1, 2)]
    + [("fsync", n) for n in (1, 2, 3, 4)]
    + [("pwrite64", n) for n in (1, 2, 3, 4, 5, 6)]
    + [("unlink", 1)]
)
"""What recording one row asks of the kernel for the database and its log."""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_f05_a_failing_disk_leaves_all_or_nothing(repeats, children, begin, error):
    """Each write of a record to the disk fails in turn below DuckDB: exit 6 and no row, or saved"""
    count = repeats(len(KERNEL_CALLS), 3, of=f"calls that fail with {error}")
    codes = []
    for place in range(count):
        name, number = KERNEL_CALLS[place * len(KERNEL_CALLS) // count]
        db = begin("record")
        done = finish(children.start_program(*COMMANDS["record"], "-q", "--db", db, before=(
            "strace", "-f", "-qq", "--seccomp-bpf", "-o", db.with_name("trace"),
            "-e", f"trace={name}", "-e", f"inject={name}:error={error}:when={number}",
            "-P", db, "-P", f"{db}.wal",
        )))  # fmt: skip
        told = f"{name} {number} {error}: {done.returncode} {done.stdout} {done.stderr}"
        # calls are counted by thread, and which thread does it is DuckDB's choice
        is_hit = "(INJECTED)" in db.with_name("trace").read_text()
        assert done.returncode in ({0, 6} if is_hit else {0}), told
        assert rows_in(db) == (2 if done.returncode == 0 else 1), told
        with Store.open(db, Access.WRITE):
            pass
        assert rows_in(db) == (2 if done.returncode == 0 else 1), told
        codes += [done.returncode] if is_hit else []
    assert 6 in codes
