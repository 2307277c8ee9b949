"""What DuckDB and the disk complain of, as a user is told it."""

import errno
import os
import sys

import duckdb
import pytest

from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, StoreBusyError, StoreUnusableError
from perfpredict.store.access import Access
from perfpredict.store.failures import translated
from perfpredict.store.file_checks import wal_path
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import record_measurement
from perfpredict.store.workload_columns import workload_from_row, workload_row

from .builders import a_measurement

if sys.platform != "win32":
    import resource


def system_error(number):
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (system_error(errno.ENOSPC), StoreUnusableError, "no space .* not saved"),
        (system_error(errno.EFBIG), StoreUnusableError, "no space .* not saved"),
        (system_error(errno.EROFS), StoreUnusableError, "no permission to write"),
        (system_error(errno.EIO), StoreUnusableError, "cannot be used, not saved"),
        (MemoryError(), StoreUnusableError, "not enough memory .* not saved"),
        (duckdb.OutOfMemoryException("64 GB"), StoreUnusableError, "not enough memory"),
        (duckdb.IOException("Could not set lock on file"), StoreBusyError, "another program"),
        (duckdb.IOException("Permission denied"), StoreUnusableError, "no permission"),
        (duckdb.Error("Corrupt database file"), StoreUnusableError, "is damaged"),
        (duckdb.FatalException("invalidated"), StoreUnusableError, "cannot be used"),
        (duckdb.ConstraintException("CHECK"), InvalidInputError, "refused a value"),
    ],
)
def test_what_a_user_can_cause_is_an_error_of_ours(tmp_path, error, kind, text):
    with pytest.raises(kind, match=text), translated(tmp_path / "x.duckdb"):
        raise error


def test_what_only_a_bug_can_cause_stays_as_it_is(tmp_path):
    with pytest.raises(duckdb.BinderException), translated(tmp_path / "x.duckdb"):
        raise duckdb.BinderException("no column x")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "data").write_text("a file")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    with pytest.raises(StoreUnusableError, match=r"cannot create '.*data/perfpredict'"):
        Store.open(tmp_path / "data" / "perfpredict" / "x.duckdb", Access.WRITE)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_what_was_committed_is_told_as_saved_where_it_does_not_reach_the_file(db):
    Store.open(db, Access.WRITE).close()
    said = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = Store.open(db, Access.WRITE, on_wait=said.append)
    record_measurement(store, a_measurement())
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (db.stat().st_size, hard))
        store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.close()

    assert "saved, but in" in said[0]
    assert "not saved" not in said[0]
    assert wal_path(db).exists()
    with Store.open(db, Access.READ) as again:
        assert again.rows("select count(*) from performance_measurements") == [(1,)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_file_that_cannot_be_closed_well_is_an_error_where_nothing_was_committed(db):
    Store.open(db, Access.WRITE).close()
    store = Store.open(db, Access.WRITE)
    store.execute("create table x as select range from range(1000)")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (db.stat().st_size, hard))
        with pytest.raises(StoreUnusableError, match="no space"):
            store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("column", ["precision", "mode", "phase"])
def test_a_stored_word_that_this_version_does_not_know_is_named(column):
    row = workload_row(Workload(model="bert-base-uncased")) | {column: "fp13"}

    with pytest.raises(StoreUnusableError, match=f"the {column} 'fp13'"):
        workload_from_row(row)
