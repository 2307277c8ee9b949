"""Full disks, read-only places and growth: what cannot be saved is said, what was saved stays."""

import json
import os
import shutil
import subprocess

import pytest

from .made import RECORD, RECORD_ARGUMENTS, held, make_measured, make_predicted
from .processes import finish


def can_mount():
    done = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
    )
    return done.returncode == 0


needs_mount = pytest.mark.skipif(
    shutil.which("unshare") is None or not can_mount(), reason="mounting is not permitted here"
)


SMALL_DISK = """
    import contextlib, io, json, subprocess, sys
    from perfpredict import program

    folder, *command = sys.argv[1:]

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = program.run(arguments)
        return code, out.getvalue().strip(), err.getvalue()

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=True)
    db = folder + "/x.duckdb"
    told, failures = [], []
    while not failures:
        with contextlib.suppress(OSError), open(folder + "/filler", "ab", buffering=0) as file:
            file.write(b"x" * 500_000)
        code, out, err = run(*command, "--db", db)
        if code:
            failures.append((code, out, err))
        else:
            told.append(out)
    subprocess.run(["mount", "-o", "remount,size=24m", folder], check=True)
    code, out, err = run(*command, "--db", db)
    told.append(out)
    query = "select measurement_id from performance_measurements"
    stored = run("db", "sql", query, "--json", "--db", db)
    checked = run("db", "check", "--db", db)
    print(json.dumps([told, failures, [code, out, err], stored, checked]))
"""
"""Records on a disk of 4 MB until it is full, then on a larger one; prints what happened."""


@needs_mount
def test_f14_a_full_disk_saves_nothing_and_says_so(children, tmp_path, repeats):
    """4 MB disk: the failing call exits 6, "not saved"; every told id is there; later it works"""
    repeats(1)
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ("measure", "record", *RECORD_ARGUMENTS)
    child = children.start_script(SMALL_DISK, folder, *command, before=("unshare", "-m"))
    done = finish(child)
    assert done.returncode == 0, done.stderr

    told, ((code, out, err),), after, stored, checked = json.loads(done.stdout)
    assert (code, out) == (6, "")
    assert "no space" in err
    assert "not saved" in err
    assert after[0] == 0, after
    assert sorted(told) == sorted(row["measurement_id"] for row in json.loads(stored[1]))
    assert len(told) > 2
    assert checked[0] == 0


def limited(size):
    """Return what makes a child unable to write files beyond `size`."""
    return ("prlimit", f"--fsize={size}")


def test_f14_a_file_that_may_not_grow_saves_nothing_and_says_so(children, call, db, repeats):
    """File size limited: the failing call exits 6 with "not saved", every told id is there"""
    command = ("measure", "record", *RECORD_ARGUMENTS, "--db", db)
    told = [call(*command).stdout.strip()]
    size = db.stat().st_size
    codes = []
    for extra in range(repeats(8, 2, of="limits")):
        done = children.run(*command, before=limited(1000 if extra == 1 else size + extra * 4096))
        codes.append(done.returncode)
        told += done.stdout.split()
        assert done.returncode in {0, 6}, done.stderr
        assert (done.stdout == "") == (done.returncode == 6)
        if done.returncode == 6:
            assert "not saved" in done.stderr
        assert list(held(db).measurement_ids) == sorted(told)
    assert 6 in codes
    told.append(call(*command).stdout.strip())
    assert list(held(db).measurement_ids) == sorted(told)


WRITING = (
    ("measure", "export", "-o"),
    ("db", "backup"),
    ("db", "export"),
    ("perf", "check", "--max-median-error", "9", "--save-baseline"),
    ("perf", "report", "-o"),
    ("config", "set", "user"),
)
"""Commands that write a file, whose name is their last word; but for settings, it is fixed."""


def test_f15_a_file_that_does_not_fit_leaves_no_part_of_it(children, db, repeats):
    """Results onto a full disk: exit 6, nothing under the final name"""
    repeats(len(WRITING), of="commands")
    make_measured(db, 200)
    out = db.with_name("out")
    out.mkdir()
    settings = {"XDG_CONFIG_HOME": str(out)}
    commands = [(*words, out / f"{words[1]}.csv", "--db", db) for words in WRITING]

    done = children.run_each(commands, before=limited(16), env=settings)

    assert [(one.returncode, one.stdout) for one in done] == [(6, "")] * len(done), done
    assert [path for path in out.rglob("*") if path.is_file()] == []


def unprivileged():
    """Return what takes root's right to write anywhere away; nothing for other users."""
    if os.geteuid() != 0:
        return ()
    taken = "-dac_override,-dac_read_search"
    return ("setpriv", f"--bounding-set={taken}", f"--inh-caps={taken}")


needs_setpriv = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="setpriv is not installed"
)


@pytest.fixture
def read_only(db, call):
    """Make a database in a folder where nothing can be written; writable again afterwards."""
    folder = db.with_name("kept")
    folder.mkdir()
    inside = folder / "x.duckdb"
    predict = ("perf", "predict", "bert-base-uncased", "--hardware", "nvidia-l4")
    assert call(*predict, "--predictor", "roofline", "--db", inside).returncode == 0
    assert call("measure", "record", *RECORD_ARGUMENTS, "--db", inside).returncode == 0
    inside.with_name("x.duckdb.lock").unlink()
    yield inside
    folder.chmod(0o755)


READING = (
    ("perf", "list"),
    ("perf", "analyze"),
    ("perf", "predict", "gpt2", "--hardware", "nvidia-l4", "--no-store"),
)


@needs_setpriv
def test_f16_a_read_only_database_can_be_read(children, read_only, repeats):
    """Read-only file and folder: reading commands exit 0, recording exits 6 naming the path"""
    repeats(len(READING) + 2, of="commands")
    alone = read_only.parent.with_name("open") / "x.duckdb"
    alone.parent.mkdir()
    shutil.copy(read_only, alone)
    for path in (alone, read_only):
        path.chmod(0o444)
    read_only.parent.chmod(0o555)
    record = ("measure", "record", *RECORD_ARGUMENTS)
    commands = [(*words, "--db", read_only) for words in (*READING, record)]

    *read, in_folder, in_file = children.run_each(
        [*commands, (*record, "--db", alone)], before=unprivileged()
    )

    assert [one.returncode for one in read] == [0] * len(READING), read
    for refused, path in ((in_folder, read_only), (in_file, alone)):
        assert (refused.returncode, refused.stdout) == (6, "")
        assert str(path) in refused.stderr or str(path.parent) in refused.stderr


@needs_setpriv
def test_f17_a_read_only_database_is_read_with_its_log(children, db, repeats):
    """Log beside a read-only database: reads include its rows"""
    repeats(1)
    folder = db.with_name("kept")
    folder.mkdir()
    inside = folder / "x.duckdb"
    make_predicted(inside)
    child = children.start_script(RECORD, inside, 3, "keep", "die", stdin=subprocess.PIPE)
    assert child.stdout.readline() == "ready\n"
    done = finish(child, text="go\n")
    assert inside.with_name("x.duckdb.wal").exists()
    inside.chmod(0o444)
    folder.chmod(0o555)
    try:
        listed = children.run(
            "measure", "list", "-q", "--limit", "0", "--db", inside, before=unprivileged()
        )
    finally:
        folder.chmod(0o755)
    assert listed.returncode == 0, listed.stderr
    assert sorted(listed.stdout.split()) == sorted(done.stdout.split())


GROWING = """
    import json, resource, sys
    from pathlib import Path
    from perfpredict import DuckDBPredictorRepository

    path, count, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    repository = DuckDBPredictorRepository(str(path))

    def resident_bytes():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    told = []
    for turn in range(count):
        repository.store_measurement(
            model_name="bert-base-uncased", model_family="embedding", hardware_platform="cuda",
            batch_size=8, precision="fp16", throughput=1000.0, latency=8.0, memory_usage=900.0,
        )
        if turn % every == every - 1:
            told.append([turn + 1, resident_bytes(), path.stat().st_size])
    print(json.dumps(told))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")  # noqa: PTH110
def test_f35_recording_on_and_on_does_not_grow(children, db, repeats):
    """Records in one library process: memory grows below 50 MB, the file no faster than its rows"""
    count = repeats(10_000, 16, of="records")
    done = finish(children.start_script(GROWING, db, count, count // 4), timeout_s=3000)
    assert done.returncode == 0, done.stderr

    told = json.loads(done.stdout)
    first, last = told[0], told[-1]
    assert last[1] - first[1] < 50 * 10**6, told
    # DuckDB writes in blocks of 256 KiB: a few of them are no growth per row
    assert last[2] / last[0] <= first[2] / first[0] + 8 * 262_144 / last[0], told


def test_f36_nothing_opens_the_database_again_while_duckdb_has_it(children, call, db, repeats):
    """Audit hook: no second descriptor to an open database; another process is kept out"""
    repeats(1)
    make_predicted(db)
    child = children.start_script(WATCHED, db, stdin=subprocess.PIPE)
    assert child.stdout.readline() == "open\n", child.stderr.read()
    waited = call("measure", "list", "--lock-timeout", "0.2", "--db", db)
    assert waited.returncode == 5
    done = finish(child, text="go\n")
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


WATCHED = """
    import sys
    from datetime import datetime, timezone
    from pathlib import Path
    from perfpredict.domain.measurement import Measurement
    from perfpredict.domain.row_filter import RowFilter
    from perfpredict.domain.workload import Workload
    from perfpredict.store import checking, maintenance
    from perfpredict.store.access import Access
    from perfpredict.store.gateway import Store
    from perfpredict.store.measurements import list_measurements, record_measurement

    opened, db = [], Path(sys.argv[1])

    def watch(event, arguments):
        if event == "open" and str(arguments[0]) == str(db):
            opened.append(str(arguments[1:]))

    with Store.open(db, Access.WRITE) as store:
        sys.addaudithook(watch)
        print("open", flush=True)
        sys.stdin.readline()
        record_measurement(store, Measurement(
            workload=Workload(model="m"), device="d", hardware_platform="cuda",
            measured_at=datetime.now(timezone.utc), latency_ms=8.0,
        ))
        list_measurements(store, RowFilter())
        maintenance.database_info(store)
        checking.check_database(store)
    print(opened)
"""
