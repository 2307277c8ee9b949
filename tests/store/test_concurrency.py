"""Several processes at one database: nobody waits for ever. Trials F7 to F37 count their rows."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime

import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import StoreBusyError
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.lock import LockFile
from perfpredict.store.measurements import list_measurements
from perfpredict.store.predictions import insert_predictions

from .builders import a_device, a_prediction

_RECORD = """
    import sys
    from datetime import datetime, timezone
    from pathlib import Path
    from perfpredict.domain.measurement import Measurement
    from perfpredict.domain.workload import Workload
    from perfpredict.store.access import Access
    from perfpredict.store.gateway import Store
    from perfpredict.store.measurements import record_measurement

    for _ in range(int(sys.argv[2])):
        measurement = Measurement(
            workload=Workload(model="m"), device="d", hardware_platform="cpu",
            measured_at=datetime.now(timezone.utc), latency_ms=1.0,
        )
        with Store.open(Path(sys.argv[1]), Access.WRITE, lock_timeout_s=120) as store:
            done = record_measurement(store, measurement)
        print(done.measurement_id, flush=True)
"""

_HOLD = """
    import sys, time
    from pathlib import Path
    from perfpredict.store.access import Access
    from perfpredict.store.gateway import Store

    with Store.open(Path(sys.argv[1]), Access.WRITE):
        print("held", flush=True)
        time.sleep(60)
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes):
    acknowledged = []
    for process in processes:
        out, err = process.communicate(timeout=150)
        assert process.returncode == 0, err
        acknowledged += out.split()
    return acknowledged


def stored_ids(db):
    with Store.open(db, Access.READ) as store:
        return sorted(list_measurements(store, RowFilter())["measurement_id"])


@pytest.fixture
def holder(db):
    process = start(_HOLD, db)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_database_is_busy_after_the_timeout_and_names_the_holder(db, holder):
    said = []
    begin = time.monotonic()
    for access in Access:
        with pytest.raises(StoreBusyError, match=f"pid {holder.pid}"):
            Store.open(db, access, lock_timeout_s=1.2, on_wait=said.append)

    assert 2.4 <= time.monotonic() - begin < 6
    assert len(said) == 2
    assert f"pid {holder.pid}" in said[0]


def test_a_killed_holder_blocks_nobody(db, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()

    with Store.open(db, Access.READ, lock_timeout_s=0.5):
        pass


def test_a_released_lock_names_nobody(db):
    lock = LockFile.acquire(db, timeout_s=1)
    lock.release()
    lock.release()

    assert db.with_name("x.duckdb.lock").read_bytes() == b""


def test_another_program_with_the_file_open_is_waited_for_and_then_named(db):
    Store.open(db, Access.WRITE).close()
    script = """
        import duckdb, sys, time
        connection = duckdb.connect(sys.argv[1])
        print("held", flush=True)
        time.sleep(60)
    """
    other = start(script, db)
    assert other.stdout.readline() == "held\n"
    try:
        with pytest.raises(StoreBusyError, match="another program"):
            Store.open(db, Access.WRITE, lock_timeout_s=0.3)
    finally:
        other.kill()
        other.communicate()


@pytest.mark.slow
def test_a_recording_process_killed_at_random_leaves_whole_acknowledged_rows(db):
    chooser = random.Random(1)
    acknowledged = []
    for _ in range(30):
        process = start(_RECORD, db, 50)
        time.sleep(0.3 + chooser.random() * 0.5)
        process.kill()
        acknowledged += [line for line in process.communicate()[0].split("\n")[:-1] if line]

    assert set(acknowledged) <= set(stored_ids(db))


_READ = """
    import sys
    from pathlib import Path
    from perfpredict.domain.row_filter import RowFilter
    from perfpredict.store.access import Access
    from perfpredict.store.accuracy import list_errors
    from perfpredict.store.gateway import Store
    from perfpredict.store.measurements import list_measurements

    last = 0
    for _ in range(int(sys.argv[2])):
        with Store.open(Path(sys.argv[1]), Access.READ, lock_timeout_s=120) as store:
            rows = list_measurements(store, RowFilter())
            errors = list_errors(store, RowFilter())
        assert rows.height >= last, "rows went away"
        assert errors.height == rows["prediction_id"].count(), "half a transaction was seen"
        last = rows.height
"""


@pytest.mark.slow
def test_readers_see_whole_transactions_and_starve_no_writer(db):
    with Store.open(db, Access.WRITE) as store:
        made = a_prediction(datetime.now(UTC), workload=Workload(model="m"), hardware=a_device("d"))
        insert_predictions(store, [made], user=None)

    writers = [start(_RECORD, db, 20) for _ in range(4)]
    readers = [start(_READ, db, 40) for _ in range(4)]

    assert len(set(finish(writers))) == 80
    finish(readers)
    assert len(stored_ids(db)) == 80


def test_the_room_itself_loads_without_duckdb():
    script = "import sys, perfpredict.store; assert not {'duckdb', 'polars'} & set(sys.modules)"

    finish([start(script)])
