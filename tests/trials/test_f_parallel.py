"""Many processes at one database: nobody is refused, nothing is lost or seen half."""

import json
import shutil
import time
from pathlib import Path

import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.store.access import Access
from perfpredict.store.feedback import list_feedback
from perfpredict.store.gateway import Store

from ..services.made_store import made_measurements, make_store
from .made import RECORD, RECORD_ARGUMENTS, held, make_predicted
from .processes import finish_all, kill_group

LONG_WAIT = ("--lock-timeout", "280")


def together(children, count, *arguments, script=RECORD):
    """Return `count` running scripts that begin at the same moment."""
    started = [children.start_script(script, *arguments, stdin=-1) for _ in range(count)]
    for child in started:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
    for child in started:
        child.stdin.write("go\n")
        child.stdin.flush()
    return started


def printed(done):
    """Return every id that any of the processes printed."""
    return [line for one in done for line in one.stdout.split()]


def assert_each_once(db, acknowledged):
    found = held(db).measurement_ids
    assert len(set(acknowledged)) == len(acknowledged)
    assert sorted(acknowledged) == list(found)


def test_f07_twenty_parallel_records(repeats, children, db):
    """Parallel `measure record` on one database: all exit 0, as many rows, different ids"""
    make_predicted(db)
    command = ("measure", "record", *RECORD_ARGUMENTS, *LONG_WAIT, "--db", db)
    count = repeats(20, 4, of="processes")

    done = finish_all([children.start_program(*command) for _ in range(count)])

    assert_each_once(db, printed(done))


def test_f08_twenty_parallel_first_commands(repeats, children, db):
    """Parallel first commands where no database exists: all exit 0, one schema, as many rows"""
    command = ("measure", "record", *RECORD_ARGUMENTS, *LONG_WAIT, "--db", db)
    count = repeats(20, 4, of="processes")

    done = finish_all([children.start_program(*command) for _ in range(count)])

    assert_each_once(db, printed(done))
    with Store.open(db, Access.READ) as store:
        assert store.rows("select version from schema_migrations order by 1") == [(1,), (2,)]


READ = """
    import sys
    from pathlib import Path
    from perfpredict.store.access import Access
    from perfpredict.store.gateway import Store

    print("ready", flush=True)
    sys.stdin.readline()
    last = 0
    for _ in range(int(sys.argv[2])):
        with Store.open(Path(sys.argv[1]), Access.READ, lock_timeout_s=280) as store:
            ((rows, errors),) = store.rows(
                "select (select count(*) from performance_measurements), "
                "(select count(*) from prediction_errors)"
            )
        assert rows >= last, "rows went away"
        assert errors == 3 * rows, "half a transaction was seen"
        last = rows
"""


def test_f09_parallel_writers_and_readers(repeats, children, db):
    """Writers and as many readers at once: all exit 0, counts never shrink, no half transaction"""
    make_predicted(db)
    count = repeats(50, 2, of="writers and as many readers")
    started = [
        children.start_script(script, *arguments, stdin=-1)
        for _ in range(count)
        for script, arguments in ((RECORD, (db, 3, "each")), (READ, (db, 6)))
    ]
    for child in started:
        child.stdin.write("go\n")
        child.stdin.flush()

    done = finish_all(started)

    acknowledged = [line for line in printed(done) if line.startswith("meas-")]
    assert len(acknowledged) == 3 * count
    assert_each_once(db, acknowledged)


def test_f10_a_held_lock_is_busy_and_names_its_holder(children, db, call, repeats):
    """Lock held elsewhere: exit 5 in 1 to 3 s naming the pid, a message before, nothing written"""
    repeats(1)
    make_predicted(db)
    (holder,) = together(children, 1, db, 10**9, "keep")
    assert holder.stdout.readline().startswith("meas-")
    start = time.monotonic()

    done = call(
        "measure", "record", *RECORD_ARGUMENTS, "--lock-timeout", "1.2", "--db", db,
    )  # fmt: skip

    assert 1 <= time.monotonic() - start < 3
    assert (done.returncode, done.stdout) == (5, "")
    # with -q notes are left out; without it the wait is told before the error
    loud = call("measure", "list", "--lock-timeout", "1.2", "--db", db)
    said = loud.stderr.splitlines()
    assert loud.returncode == 5
    assert said[0].startswith("note: waiting for the database")
    assert all(f"pid {holder.pid}" in text for text in (done.stderr, said[0], loud.stderr))
    kill_group(holder)
    listed = json.loads(call("measure", "list", "--json", "--limit", "0", "--db", db).stdout)
    assert {row["model"] for row in listed} == {"m"}


ANSWER = """
    import sys
    from datetime import datetime, timezone
    from pathlib import Path
    from perfpredict.store.access import Access
    from perfpredict.store.feedback import record_feedback
    from perfpredict.store.gateway import Store

    db, user, ids = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
    print("ready", flush=True)
    sys.stdin.readline()
    for one in ids:
        with Store.open(db, Access.WRITE, lock_timeout_s=120) as store:
            record_feedback(
                store, one, accepted=user == "ann", user=user, now=datetime.now(timezone.utc)
            )
"""


def test_f12_two_answers_at_once_leave_one_state_and_both_in_the_history(
    repeats, children, db, call
):
    """Two processes give feedback on one recommendation: one current state, both in the history"""
    command = ("hardware", "recommend", "gpt2", "--hardware", "l4", "-q", "--db", db)
    ids = [call(*command).stdout.strip() for _ in range(repeats(20, 3, of="rounds"))]
    started = [
        children.start_script(ANSWER, db, user, ",".join(ids), stdin=-1) for user in ("ann", "bob")
    ]
    for child in started:
        child.stdout.readline()
    for child in started:
        child.stdin.write("go\n")
        child.stdin.flush()
    finish_all(started)

    with Store.open(db, Access.READ) as store:
        history = list_feedback(store, RowFilter())
    for one in ids:
        answers = history.filter(recommendation_id=one)
        assert sorted(answers["user_name"]) == ["ann", "bob"]
        assert answers["is_current"].sum() == 1
        shown = json.loads(call("hardware", "history", "--json", "--limit", "0", "--db", db).stdout)
        (state,) = [row for row in shown if row["recommendation_id"] == one]
        current = answers.filter(is_current=True)
        assert state["accepted"] == ("yes" if current["is_accepted"][0] else "no")


def test_f13_two_trainings_at_once_leave_one_active_predictor(repeats, children, db):
    """Two `models train --activate` at once: one active predictor per metric and scope"""
    repeats(2, of="processes")
    make_store(db, made_measurements(factor=3.0))
    command = ("models", "train", "--activate", "--algorithm", "ridge", "--json", "--db", db)

    done = finish_all([children.start_program(*command, *LONG_WAIT) for _ in range(2)])

    # either neither knew of the other and both became active in turn, or the second found the
    # first no worse than itself and left it active
    assert True in [json.loads(one.stdout)[0]["active"] for one in done]
    with Store.open(db, Access.READ) as store:
        assert store.rows("select count(*) from prediction_models") == [(2,)]
        active = store.rows(
            """
            select target_metric, hardware_platform, model_family, count(*)
            from prediction_models where is_active group by all
            """
        )
    assert [row[-1] for row in active] == [1]


def test_f32_a_backup_during_writing_is_whole(repeats, children, db, call):
    """Backup while others write: it passes `db check` and holds the first of the told ids"""
    make_predicted(db)
    writers = together(children, repeats(20, 2, of="writers"), db, 5, "each")
    copies = [db.with_name(f"copy{turn}.duckdb") for turn in range(3)]
    for copy in copies:
        time.sleep(0.2)
        done = call("db", "backup", copy, "--db", db, *LONG_WAIT)
        assert done.returncode == 0, done.stderr

    assert_each_once(db, printed(finish_all(writers)))
    order = [f"meas-{name}" for name in _in_order(db)]
    for copy in copies:
        assert call("db", "check", "--db", copy).returncode == 0
        found = held(copy)
        assert found.half_rows == []
        assert set(found.measurement_ids) == set(order[: len(found.measurement_ids)])


def _in_order(db):
    """Return the measurements in the order in which they were stored."""
    with Store.open(db, Access.READ) as store:
        found = store.rows("select measurement_id from performance_measurements order by rowid")
    return [str(name).removeprefix("meas-") for (name,) in found]


def test_f37_no_acknowledged_row_of_eight_processes_is_lost(repeats, children, db):
    """Eight processes record through the library: every acknowledged id is there once"""
    make_predicted(db)
    processes = repeats(8, 4, of="processes")
    left = repeats(500, 5, of="records by each")
    acknowledged = []
    while left > 0:
        started = together(children, processes, db, min(left, 50), "each")
        acknowledged += printed(finish_all(started))
        left -= 50
        assert_each_once(db, acknowledged)


@pytest.mark.slow
def test_f37_no_acknowledged_row_of_eight_programs_is_lost(repeats, children, db):
    """Eight processes record through the command line: every acknowledged id is there once"""
    make_predicted(db)
    command = ("measure", "record", *RECORD_ARGUMENTS, *LONG_WAIT, "--db", db)
    acknowledged = []
    for _ in range(repeats(500, 1, of="commands by each of 8 processes")):
        acknowledged += printed(finish_all([children.start_program(*command) for _ in range(8)]))
        assert_each_once(db, acknowledged)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_f37_a_process_delayed_at_its_lock_overwrites_nothing(repeats, children, db):
    """One of three processes held up for seconds where DuckDB takes its lock: nothing is lost"""
    make_predicted(db)
    acknowledged = []
    delayed = (
        "strace", "-f", "-qq", "-o", f"{db}.trace", "-e", "trace=fcntl", "-P", db,
        "-e", "inject=fcntl:delay_enter=1500000",
    )  # fmt: skip
    for _ in range(repeats(5, 1, of="rounds")):
        slow = children.start_script(RECORD, db, 1, "each", before=delayed, stdin=-1)
        others = together(children, 2, db, 8, "each")
        assert slow.stdout.readline() == "ready\n", slow.stderr.read()
        slow.stdin.write("go\n")
        slow.stdin.flush()
        acknowledged += printed(finish_all([slow, *others]))
        assert "(DELAYED)" in Path(f"{db}.trace").read_text()
        assert_each_once(db, acknowledged)
