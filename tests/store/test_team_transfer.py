"""Rows between a file and a team store: once, whole, whoever sends them, however often."""

import random
import signal
import subprocess
import sys
import time

import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError, NoDatabaseError, StoreBusyError
from perfpredict.services import database as service
from perfpredict.store import key_lookup
from perfpredict.store.access import Access
from perfpredict.store.devices import aliases, set_alias
from perfpredict.store.gateway import Store
from perfpredict.store.maintenance import Place
from perfpredict.store.measurements import list_measurements, record_measurement
from perfpredict.store.places import parse_location
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.predictors import list_predictors
from perfpredict.store.tables import MODEL_TABLES, TABLE_KEYS

from ..team_server import PASSWORD, wait_for
from .builders import MINUTE, NOON, a_measurement, a_prediction
from .test_imports import a_frame, run
from .test_predictors import insert as insert_predictor


@pytest.fixture
def url(team):
    return parse_location(team)


@pytest.fixture
def here(tmp_path):
    """Return a file with a prediction, measurements, errors, an import, an alias, a predictor."""
    place = Place(path=tmp_path / "here.duckdb")
    with place.open(Access.WRITE) as store:
        insert_predictions(store, [a_prediction(NOON)], user="ada")
        record_measurement(store, a_measurement(NOON + MINUTE, note="it's \"quoted\" \\ 'twice'"))
        run(store, a_frame(["a", "it's \\ odd"], measured_at=NOON + MINUTE))
        set_alias(store, "cuda", "nvidia-l4", now=NOON)
        insert_predictor(store)
    return place


def rows_of(place, table):
    with place.open(Access.READ) as store:
        keys = ", ".join(TABLE_KEYS[table])
        return store.rows(f"select t from {table} as t order by {keys}")


def added(done):
    return {t.table: t.added for t in done if t.added}


def test_what_is_pushed_comes_back_in_another_file_and_nothing_twice(here, url, tmp_path):
    service.push(here, url)
    with Store.open(url, Access.READ) as store:
        assert aliases(store) == {}
        assert list_predictors(store).is_empty()
    assert added(service.push(here, url, with_models=True)).keys() <= set(MODEL_TABLES)
    there = Place(path=tmp_path / "there.duckdb")

    assert added(service.push(here, url, with_models=True)) == {}
    come = added(service.pull(there, url, with_models=True))
    assert added(service.pull(there, url)) == {}
    assert come["prediction_errors"] == 3
    for table in come.keys() - {"prediction_models"}:
        assert rows_of(here, table) == rows_of(there, table), table
    with there.open(Access.READ) as store:
        assert list_predictors(store)["is_active"].to_list() == [False]


def test_the_same_file_imported_by_two_people_is_there_once_with_its_errors(here, url, tmp_path):
    other = Place(path=tmp_path / "other.duckdb")
    with other.open(Access.WRITE) as store:
        insert_predictions(store, [a_prediction(NOON)], user="bob")
        run(store, a_frame(["a", "new"], measured_at=NOON + MINUTE))
    service.push(here, url)

    done = added(service.push(other, url))

    assert (done["performance_measurements"], done["prediction_errors"]) == (1, 1)
    assert sum(t.added for t in service.push(other, url)) == 0


def test_many_keys_go_in_parts(here, url, monkeypatch):
    monkeypatch.setattr(key_lookup, "KEYS_AT_ONCE", 2)
    with here.open(Access.WRITE) as store:
        run(store, a_frame([f"k{n}" for n in range(5)]))

    assert added(service.push(here, url))["performance_measurements"] == 8
    assert added(service.push(here, url)) == {}


def test_a_push_from_nowhere_makes_no_tables_and_one_to_itself_is_refused(here, url, tmp_path):
    with pytest.raises(NoDatabaseError):
        service.push(Place(path=tmp_path / "none.duckdb"), url)
    with pytest.raises(NoDatabaseError):
        Store.open(url, Access.READ)
    for call in (service.push, service.pull):
        with pytest.raises(InvalidInputError, match="itself"):
            call(here, here.path)


def test_files_are_pushed_and_pulled_as_well(here, tmp_path):
    shared = tmp_path / "shared.duckdb"

    assert added(service.push(here, shared))["performance_measurements"] == 3
    assert added(service.merge(here, shared)) == {}


def test_the_command_line_says_what_was_added_and_no_password(here, team):
    done = subprocess.run(
        [sys.executable, "-m", "perfpredict", "db", "push", "--db", str(here.path)],
        env={"PERFPREDICT_TEAM": team, "HOME": str(here.path.parent), "PATH": ""},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["performance_measurements", "3", "3"] in lines


_RECORD = """
import sys
from pathlib import Path
from perfpredict.domain.measurement import Measurement
from perfpredict.domain.workload import Workload
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import record_measurement
from perfpredict.store.places import parse_location
from datetime import datetime, UTC
url = parse_location(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with Store.open(url, Access.WRITE, lock_timeout_s=120) as store:
        for _ in range(int(sys.argv[3])):
            done = record_measurement(store, Measurement(
                workload=Workload(model="m"), device="d", hardware_platform="cpu",
                measured_at=datetime.now(UTC), latency_ms=1.0))
            print(done.measurement_id, flush=True)
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(("opens", "rows"), [(1, 5), pytest.param(5, 10, marks=pytest.mark.slow)])
def test_four_processes_write_at_once_and_nothing_is_lost(url, opens, rows):
    writers = [start(_RECORD, url.url, opens, rows) for _ in range(4)]
    acknowledged = []
    for writer in writers:
        out, err = writer.communicate(timeout=500)
        assert writer.returncode == 0, err
        acknowledged += out.split()

    with Store.open(url, Access.READ) as store:
        stored = list_measurements(store, RowFilter(limit=None))["measurement_id"].to_list()
    assert sorted(stored) == sorted(acknowledged)
    assert len(set(acknowledged)) == 4 * opens * rows


def test_a_writer_is_waited_for_and_named_and_keeps_no_reader_out(url):
    said = []
    with Store.open(url, Access.WRITE) as store:
        begin = time.monotonic()
        with pytest.raises(StoreBusyError, match=r"in use by pid \d+ on .*waited"):
            Store.open(url, Access.WRITE, lock_timeout_s=1.5, on_wait=said.append)
        assert time.monotonic() - begin >= 1.5
        record_measurement(store, a_measurement())
        with Store.open(url, Access.READ) as reader:
            assert list_measurements(reader, RowFilter()).height == 1
    assert len(said) == 1
    Store.open(url, Access.WRITE, lock_timeout_s=0).close()


_PUSH = """
import sys
from pathlib import Path
from perfpredict.services.database import Place, push
from perfpredict.store.places import parse_location
push(Place(path=Path(sys.argv[1])), parse_location(sys.argv[2]))
"""
_TABLES = ("performance_measurements", "prediction_errors", "imports", "performance_predictions")


@pytest.mark.parametrize(
    ("kills", "rows"), [(1, 4000), pytest.param(10, 20_000, marks=pytest.mark.slow)]
)
def test_a_push_that_is_killed_leaves_nothing_half_and_can_be_repeated(
    here, url, team_server, kills, rows
):
    with here.open(Access.WRITE) as store:
        run(store, a_frame([f"k{n}" for n in range(rows)], measured_at=NOON + MINUTE))
    Store.open(url, Access.WRITE).close()
    chance = random.Random(7)
    for _ in range(kills):
        push = start(_PUSH, here.path, url.url)
        wait_for(lambda: team_server.sql(_COPYING) != "0")
        time.sleep(chance.uniform(0, 0.05))
        push.send_signal(signal.SIGKILL)
        push.communicate()
        counts = {team_server.sql(f"select count(*) from perfpredict.{t}") for t in _TABLES}
        # it may have ended before the signal came: then all of it is there
        assert counts == {"0"} or counts == {"1", "2", str(rows + 3)}
    service.push(here, url)
    assert len(rows_of(Place(path=url), "prediction_errors")) == rows + 3
    assert sum(t.added for t in service.push(here, url)) == 0


# a statement of a transaction that has written, in the database of the test
_COPYING = """
select count(*) from pg_stat_activity
where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid()
"""
