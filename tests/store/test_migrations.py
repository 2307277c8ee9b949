import math
from dataclasses import replace

import duckdb
import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store import migrating, opening
from perfpredict.store.access import Access
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.maintenance import Place, migrate
from perfpredict.store.measurement_lists import list_measurements
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA
from perfpredict.store.measurements import record_measurement
from perfpredict.store.migrating import Migration, apply_migrations, released_migrations
from perfpredict.store.tables import TABLE_KEYS
from perfpredict.store.workload_columns import WORKLOAD_SCHEMA

from .builders import BERT, NOON, a_measurement

DOCUMENTED = {
    "performance_predictions", "performance_measurements", "hardware_model_mappings",
    "prediction_models", "prediction_errors", "recommendation_history", "feature_importance",
}  # fmt: skip
LATER = Migration(version=3, name="later", sql="create table later (x integer)")


@pytest.fixture
def one_more_migration(monkeypatch):
    more = (*released_migrations(), LATER)
    monkeypatch.setattr(opening, "released_migrations", lambda: more)
    monkeypatch.setattr("perfpredict.store.maintenance.released_migrations", lambda: more)


def test_released_migrations_are_numbered_without_gaps():
    assert [m.version for m in released_migrations()] == [*range(1, len(released_migrations()) + 1)]


def test_a_blank_database_gets_every_table_with_a_sentence_on_its_rows(store):
    found = dict(store.rows("select table_name, comment from duckdb_tables()"))

    assert set(found) == DOCUMENTED | set(TABLE_KEYS) | {"schema_migrations"}
    assert all("one row is" in found[table] for table in TABLE_KEYS)


def test_there_is_no_index_beyond_primary_keys(store):
    assert store.rows("select index_name from duckdb_indexes()") == []


def test_every_primary_key_is_text(store):
    kinds = store.rows(
        """
        select distinct c.data_type
        from duckdb_constraints() as k
        join duckdb_columns() as c on c.table_name = k.table_name
            and list_contains(k.constraint_column_names, c.column_name)
        where k.constraint_type = 'PRIMARY KEY' and k.table_name <> 'schema_migrations'
        """
    )
    assert kinds == [("VARCHAR",)]


def test_a_migration_that_fails_leaves_nothing_behind():
    connection = duckdb.connect(":memory:")
    broken = Migration(version=1, name="broken", sql="create table a (x integer); select nothing")

    with pytest.raises(duckdb.BinderException):
        apply_migrations(connection, [broken], now=NOON)
    assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (0,)


def test_a_migration_runs_once():
    connection = duckdb.connect(":memory:")

    assert apply_migrations(connection, released_migrations(), now=NOON) == [1, 2]
    assert apply_migrations(connection, released_migrations(), now=NOON) == []


def test_a_read_never_migrates_and_names_the_command(db, one_more_migration, monkeypatch):
    with monkeypatch.context() as first:
        first.setattr(opening, "released_migrations", migrating.released_migrations)
        Store.open(db, Access.WRITE).close()

    with pytest.raises(StoreUnusableError, match=r"version 2.*version 3") as caught:
        Store.open(db, Access.READ)
    assert "db migrate" in caught.value.hint


def test_a_write_migrates_and_keeps_the_old_file(db, one_more_migration, monkeypatch):
    with monkeypatch.context() as first:
        first.setattr(opening, "released_migrations", migrating.released_migrations)
        with Store.open(db, Access.WRITE) as store:
            record_measurement(store, a_measurement())
    before = db.read_bytes()

    assert migrate(Place(path=db), dry_run=True).pending == ("0003_later",)
    assert db.read_bytes() == before
    done = migrate(Place(path=db))

    assert (done.version_before, done.version_after) == (2, 3)
    assert opening.backup_before_migrating(db, 2).read_bytes() == before
    with Store.open(db, Access.READ) as store:
        assert store.rows("select count(*) from performance_measurements") == [(1,)]
        assert store.rows("select count(*) from later") == [(0,)]


SPELT_OUT = (
    "performance_predictions", "performance_measurements", "hardware_model_mappings",
    "recommendation_history",
)  # fmt: skip


def test_every_table_that_spells_out_a_workload_has_each_of_its_columns(store):
    for table in SPELT_OUT:
        found = store.rows(
            "select column_name from duckdb_columns() where table_name = $table", {"table": table}
        )
        assert {name for (name,) in found} >= set(WORKLOAD_SCHEMA)


def _first_schema_with_a_measurement(path):
    """Write a file as version 1 of the schema has it, and return its one row."""
    with Store.open(path.with_name("newest.duckdb"), Access.WRITE) as store:
        record_measurement(store, a_measurement())
        names = [name for name in MEASUREMENT_SCHEMA if name != "framework_version"]
        row = store.frame(f"select {column_list(names)} from performance_measurements")
    connection = duckdb.connect(path, config={"storage_compatibility_version": "v1.5.0"})
    apply_migrations(connection, released_migrations()[:1], now=NOON)
    connection.execute(
        f"insert into performance_measurements ({column_list(names)}) "
        f"values ({', '.join('?' * len(names))})",
        list(row.row(0)),
    )
    connection.close()
    return row


def test_a_database_of_the_first_schema_migrates_and_keeps_its_rows(db):
    before = _first_schema_with_a_measurement(db)

    assert migrate(Place(path=db), dry_run=True).pending == ("0002_framework_version",)
    migrate(Place(path=db))

    with Store.open(db, Access.WRITE) as store:
        after = list_measurements(store, RowFilter())
        assert after.select(before.columns).equals(before)
        assert after["framework_version"].to_list() == [None]
        versioned = replace(BERT, framework="pytorch", framework_version="2.4.0+cu124")
        record_measurement(store, a_measurement(workload=versioned))
        assert list_measurements(store, RowFilter(limit=1))["framework_version"].to_list() == [
            "2.4.0+cu124"
        ]


MIGRATED = duckdb.connect(":memory:")
apply_migrations(MIGRATED, released_migrations(), now=NOON)


def _numeric_columns():
    return MIGRATED.execute(
        """
        select table_name, column_name, data_type from duckdb_columns()
        where not internal and table_name <> 'schema_migrations'
            and data_type in ('DOUBLE', 'INTEGER', 'BIGINT')
        order by all
        """
    ).fetchall()


SIGNED = {
    "error", "rel_error", "ln_ratio", "importance_score",
    "training_score", "validation_score", "test_score",
}  # fmt: skip
ZERO_IS_FINE = {
    "memory_bytes", "memory_lower_bytes", "memory_upper_bytes", "predicted", "actual", "lower",
    "upper", "launch_share", "share", "similar_rows", "warmup_runs", "source_row",
    "compatibility_score", "coverage_test", "training_rows", "training_configs", "rows_read",
    "rows_imported", "rows_duplicate", "rows_rejected", "rows_linked",
}  # fmt: skip


@pytest.mark.parametrize(("table", "column", "kind"), _numeric_columns())
def test_the_database_itself_refuses_numbers_that_cannot_be(table, column, kind):
    """Each constraint is tried alone, in a copy of the table where nothing else is required."""
    connection = MIGRATED
    expressions = connection.execute(
        """
        select expression from duckdb_constraints()
        where constraint_type = 'CHECK' and table_name = $table
            and list_distinct(constraint_column_names) = [$column]
        """,
        {"table": table, "column": column},
    ).fetchall()
    assert expressions, f"{table}.{column} has no check of its own"
    (expression,) = expressions[0]
    connection.execute(f"create or replace temp table alone ({column} {kind} check ({expression}))")

    bad = [-math.inf, math.inf, math.nan] if kind == "DOUBLE" else []
    bad += [] if column in SIGNED else [-1]
    bad += [] if column in SIGNED | ZERO_IS_FINE else [0]
    for number in bad:
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(f"insert into alone values ($x::{kind})", {"x": number})
    connection.execute("insert into alone values (null)")


def test_a_refused_number_is_an_input_error_of_ours(store):
    with pytest.raises(InvalidInputError, match="refused a value"), store.transaction():
        store.execute(
            "insert into device_prices values ('x', now(), 'nan'::double, 'EUR', '2026-01-01', '')"
        )
