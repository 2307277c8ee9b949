"""The whole store in a DuckLake: every row once, in one snapshot, whatever happens meanwhile."""

import signal
import subprocess
import sys
import traceback

import duckdb
import pytest

from perfpredict.errors import (
    InvalidInputError,
    MissingExtraError,
    StoreBusyError,
    StoreUnusableError,
)
from perfpredict.services import database as service
from perfpredict.store import lake_export
from perfpredict.store.access import Access
from perfpredict.store.extensions import DUCKLAKE, HTTPFS, Extension, load_extension
from perfpredict.store.lake_connecting import open_lake
from perfpredict.store.lake_place import parse_lake
from perfpredict.store.maintenance import Place
from perfpredict.store.measurements import record_measurement
from perfpredict.store.places import parse_location
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.tables import TABLE_KEYS

from ..bucket_server import SECRET
from ..team_server import PASSWORD, absent, wait_for
from .builders import MINUTE, NOON, a_measurement, a_prediction
from .test_imports import a_frame, run
from .test_predictors import insert as insert_predictor


@pytest.fixture(autouse=True, scope="module")
def _extensions():
    if DUCKLAKE.packaged is None or HTTPFS.packaged is None:
        absent("no DuckLake extension of DuckDB is installed (the extra 'lake' has it)")


@pytest.fixture
def here(tmp_path):
    """Return a file with a prediction, measurements, errors, an import and a predictor."""
    place = Place(path=tmp_path / "here.duckdb")
    with place.open(Access.WRITE) as store:
        insert_predictions(store, [a_prediction(NOON)], user="ada")
        record_measurement(store, a_measurement(NOON + MINUTE, note="it's \"quoted\" \\ 'twice'"))
        run(store, a_frame(["a", "it's \\ odd"], measured_at=NOON + MINUTE))
        insert_predictor(store)
    return place


@pytest.fixture(params=["duckdb", pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
def lake(request, tmp_path):
    if request.param == "duckdb":
        return parse_lake(f"ducklake:{tmp_path}/it's.ducklake")
    if request.param == "sqlite":
        return parse_lake(f"ducklake:sqlite:{tmp_path}/lake.sqlite")
    url = request.getfixturevalue("team_server").new_database()
    return parse_lake(f"ducklake:{url}", str(tmp_path / "files"))


def export(place, lake):
    """Return the rows of each table that were added and replaced, where any were."""
    done = service.export_to_lake(place, lake, now=NOON)
    return {t.table: (t.added, t.replaced) for t in done if t.added or t.replaced}


_MEASUREMENTS = "performance_measurements"


def rows_of(lake, *tables):
    """Return the rows of each table, in the order of their keys."""
    with open_lake(lake) as connection:
        return {table: connection.execute(_ROWS[table].format("lake.")).fetchall()
                for table in tables}  # fmt: skip


_ROWS = {
    table: f"select t from {{}}{table} as t order by {', '.join(keys)}"
    for table, keys in TABLE_KEYS.items()
}


def measurements(lake):
    return [row for (row,) in rows_of(lake, _MEASUREMENTS)[_MEASUREMENTS]]


def test_every_row_is_in_the_lake_once_and_changes_follow(here, lake):
    first = export(here, lake)
    assert first[_MEASUREMENTS] == first["prediction_errors"] == (3, 0)
    with here.open(Access.READ) as store:
        rows = {table: store.rows(_ROWS[table].format("")) for table in TABLE_KEYS}
    assert rows_of(lake, *TABLE_KEYS) == rows
    with here.open(Access.WRITE) as store:
        store.execute(
            "update performance_measurements set deleted_at = $now where import_id is null",
            {"now": NOON},
        )
        record_measurement(store, a_measurement(NOON + 2 * MINUTE))

    changed = export(here, lake)

    assert changed[_MEASUREMENTS] == (1, 1)
    assert set(changed) == {_MEASUREMENTS, "prediction_errors"}
    assert export(here, lake) == {}
    assert [row["deleted_at"] for row in measurements(lake)].count(NOON) == 1
    with open_lake(lake) as connection:
        assert connection.execute("from lake.last_export").fetchall()[0][1] == NOON
        changes = connection.execute("select changes from ducklake_snapshots('lake')").fetchall()
    # one of the empty lake, and one of each export
    assert len(changes) == 4


def test_two_stores_share_a_lake_and_what_only_it_has_stays(here, tmp_path):
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake")
    other = Place(path=tmp_path / "other.duckdb")
    with other.open(Access.WRITE) as store:
        record_measurement(store, a_measurement())
    export(here, lake)

    assert export(other, lake) == {_MEASUREMENTS: (1, 0)}
    assert len(measurements(lake)) == 4


def test_the_files_go_into_a_bucket(here, tmp_path, bucket_server, monkeypatch):
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake", "s3://bench/a folder/")
    with pytest.raises(InvalidInputError, match="credentials") as found:
        export(here, lake)
    assert "AWS_ACCESS_KEY_ID" in str(found.value.hint)
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)

    export(here, lake)

    assert not (tmp_path / "x.ducklake.files").exists()
    listed = bucket_server.ask("/bench?list-type=2")
    assert "a folder/main/performance_measurements/ducklake-" in listed
    # the catalog remembers where its files are
    again = parse_lake(f"ducklake:{tmp_path}/x.ducklake")
    assert export(here, again) == {}
    assert len(measurements(again)) == 3
    with pytest.raises(InvalidInputError, match="keeps its files elsewhere"):
        export(here, parse_lake(f"ducklake:{tmp_path}/x.ducklake", "s3://bench/other"))


def test_a_bucket_that_cannot_be_reached_is_told_without_the_secret(
    here, tmp_path, bucket_server, monkeypatch
):
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake", "s3://none-of-that-name/x")

    with pytest.raises(StoreUnusableError, match="nothing was added") as found:
        export(here, lake)

    assert SECRET not in "".join(traceback.format_exception(found.value))


def test_a_catalog_that_cannot_be_reached_is_told_without_the_password(here, team):
    url = team.replace(PASSWORD, "wr0ng-word")

    with pytest.raises(StoreUnusableError, match=r"perf:\*\*\*@") as found:
        export(here, parse_lake(f"ducklake:{url}", "s3:x"))

    told = "".join(traceback.format_exception(found.value))
    assert (PASSWORD in told, "wr0ng-word" in told) == (False, False)


def test_a_new_lake_in_postgresql_needs_to_know_where_its_files_go(here, team_server):
    with pytest.raises(InvalidInputError, match="where its files go"):
        export(here, parse_lake(f"ducklake:{team_server.new_database()}"))


def test_a_file_that_is_no_lake_stays_as_it_is(here, tmp_path):
    other = tmp_path / "other.duckdb"
    duckdb.connect(str(other)).execute("create table t as select 1 as a").close()
    text = tmp_path / "notes.txt"
    text.write_text("not a database")
    before = other.read_bytes()

    for path in (other, text):
        for prefix in ("", "sqlite:"):
            with pytest.raises(InvalidInputError, match="is no lake"):
                export(here, parse_lake(f"ducklake:{prefix}{path}"))
    with pytest.raises(InvalidInputError, match="into itself"):
        export(here, parse_lake(f"ducklake:{here.path}"))
    assert (other.read_bytes(), text.read_text()) == (before, "not a database")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("lake.ducklake", None),
        ("ducklake:", None),
        ("ducklake:postgres:dbname=x password=y", None),
        ("ducklake:s3://bench/lake", None),
        ("ducklake:x", "gs://bench/x"),
        ("ducklake:x", "s3://key:secret@bench/x"),
        ("ducklake:x", " "),
    ],
)
def test_what_names_no_lake_is_refused(text, data):
    with pytest.raises(InvalidInputError) as found:
        parse_lake(text, data)
    assert "password=y" not in str(found.value)


def test_of_two_exports_at_once_one_is_told_to_repeat_and_nothing_is_there_twice(
    here, team_server, tmp_path
):
    lake = parse_lake(f"ducklake:{team_server.new_database()}", str(tmp_path / "files"))
    # of a lake that is not there yet, and of one that is
    for _ in range(2):
        with pytest.raises(StoreBusyError, match="came first"), open_lake(lake) as slow:
            slow.begin()
            lake_export._claim(slow, lake, NOON)
            export(here, lake)
            slow.commit()
    assert len(measurements(lake)) == 3


_EXPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from perfpredict.services.database import Place, export_to_lake
from perfpredict.store.lake_place import parse_lake
export_to_lake(Place(path=Path(sys.argv[1])), parse_lake(sys.argv[2]), now=datetime.now(UTC))
"""


def test_an_export_that_is_killed_leaves_the_lake_as_it_was(here, tmp_path):
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake")
    export(here, lake)
    with here.open(Access.WRITE) as store:
        run(store, a_frame([f"k{n}" for n in range(4000)], measured_at=NOON + MINUTE))
    files = tmp_path / "x.ducklake.files"
    before = set(files.rglob("*.parquet"))
    child = subprocess.Popen([sys.executable, "-c", _EXPORT, str(here.path), str(lake)])
    wait_for(lambda: any(f not in before for f in files.rglob("*/performance_me*/*.parquet")))
    child.send_signal(signal.SIGKILL)
    child.wait()

    # it may have ended before the signal came
    assert len(measurements(lake)) in {3, 4003}
    export(here, lake)
    assert len(measurements(lake)) == 4003
    assert export(here, lake) == {}


def test_a_lake_of_an_older_schema_gets_the_new_columns_and_of_a_newer_one_is_refused(
    here, tmp_path
):
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake")
    export(here, lake)
    with open_lake(lake) as connection:
        connection.execute("alter table lake.performance_measurements drop column note")
    export(here, lake)
    with here.open(Access.READ) as store:
        assert measurements(lake) == [row for (row,) in store.rows(_ROWS[_MEASUREMENTS].format(""))]
    with open_lake(lake) as connection:
        connection.execute("update lake.last_export set schema_version = 99")
    with pytest.raises(StoreUnusableError, match="newer"):
        export(here, lake)


def test_an_extension_that_is_not_there_is_named_and_not_fetched():
    missing = Extension(
        name="not_there", install_name="not_there", extra="lake", purpose="an export needs"
    )
    with duckdb.connect() as connection, pytest.raises(MissingExtraError) as found:
        load_extension(connection, missing)
    assert (found.value.exit_code, "perfpredict[lake]" in str(found.value.hint)) == (3, True)


def test_a_team_store_is_exported_as_a_file_is(here, team, tmp_path):
    lake = parse_lake(f"ducklake:{tmp_path}/x.ducklake")
    there = Place(path=parse_location(team))
    service.push(here, there.path, with_models=True)
    export(there, lake)

    # pushed predictors are inactive
    assert export(here, lake).keys() <= {"prediction_models"}


def test_the_command_line_says_what_was_added_and_needs_one_target(here, tmp_path):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "perfpredict", "db", "export", *arguments],
            env={"PERFPREDICT_DB": str(here.path), "HOME": str(tmp_path), "PATH": ""},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    done = call("--to", f"ducklake:{tmp_path}/x.ducklake", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert "performance_measurements,3,3,0" in done.stdout.splitlines()
    for arguments in ((), ("--data", "x"), ("x", "--to", "ducklake:y")):
        done = call(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
