import hashlib
import os
import stat

import duckdb
import polars as pl
import pytest

from perfpredict.errors import InvalidInputError, NoDatabaseError, StoreUnusableError
from perfpredict.store import opening
from perfpredict.store.access import Access
from perfpredict.store.connecting import connect
from perfpredict.store.file_checks import STORAGE_VERSION, wal_path
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import record_measurement

from .builders import a_measurement


def count(store):
    return store.rows("select count(*) from performance_measurements")[0][0]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_reading_where_nothing_was_written_names_the_path_and_makes_no_file(db):
    with pytest.raises(NoDatabaseError, match="no database yet at"):
        Store.open(db, Access.READ)

    assert not db.exists()


def test_reading_in_a_folder_that_does_not_exist_is_no_database(tmp_path):
    with pytest.raises(NoDatabaseError):
        Store.open(tmp_path / "none" / "x.duckdb", Access.READ)


def test_writing_into_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        Store.open(tmp_path / "none" / "x.duckdb", Access.WRITE)


def test_the_default_data_folder_is_created(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    with Store.open(tmp_path / "data" / "perfpredict" / "x.duckdb", Access.WRITE) as store:
        assert count(store) == 0


def test_create_false_makes_no_database(db):
    with pytest.raises(NoDatabaseError):
        Store.open(db, Access.WRITE, create=False)

    assert not db.exists()


def test_a_file_of_0_bytes_is_treated_as_new_and_keeps_its_mode(db):
    db.touch(mode=0o600)
    with pytest.raises(NoDatabaseError):
        Store.open(db, Access.READ)
    with Store.open(db, Access.WRITE) as store:
        assert count(store) == 0

    assert stat.S_IMODE(db.stat().st_mode) == 0o600


def test_closing_leaves_everything_in_the_one_file(db, tmp_path):
    with Store.open(db, Access.WRITE) as store:
        record_measurement(store, a_measurement())
    assert not wal_path(db).exists()
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(db.read_bytes())

    with Store.open(copy, Access.READ) as store:
        assert count(store) == 1


def test_an_error_inside_a_transaction_leaves_no_row(db):
    with Store.open(db, Access.WRITE) as store:
        with pytest.raises(KeyError), store.transaction():
            record_measurement(store, a_measurement())
            raise KeyError
        assert count(store) == 0


def test_a_read_cannot_write(db):
    Store.open(db, Access.WRITE).close()
    with Store.open(db, Access.READ) as store:
        with pytest.raises(InvalidInputError), store.transaction():
            pass
        with pytest.raises(StoreUnusableError, match="read-only"):
            store.execute("insert into platform_aliases values ('cuda', now(), 'x')")


def test_the_connection_reaches_no_file_and_cannot_be_opened_up_again(store, tmp_path):
    for statement in (
        f"copy (select 1) to '{tmp_path}/x.csv'",
        "select * from read_text('/etc/passwd')",
        f"attach '{tmp_path}/other.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
    ):
        with pytest.raises((duckdb.Error, StoreUnusableError)):
            store.execute(statement)
    assert sorted(p.name for p in tmp_path.iterdir() if "wal" not in p.name) == [
        "x.duckdb", "x.duckdb.lock",
    ]  # fmt: skip


def test_frames_cross_both_ways_without_pyarrow_and_times_are_utc(store, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    frame = pl.DataFrame({"text": ["é", None], "number": [1.5, None]})
    with store.incoming(frame):
        back = store.frame("select text, number from incoming")

    assert back.equals(frame)
    assert store.frame("select now() as t").schema["t"] == pl.Datetime("us", "UTC")


def test_the_file_has_the_storage_version_that_we_state(db):
    Store.open(db, Access.WRITE).close()

    assert int.from_bytes(db.read_bytes()[12:20], "little") == STORAGE_VERSION


def test_a_file_with_a_newer_storage_version_is_refused_with_both_versions(db):
    Store.open(db, Access.WRITE).close()
    content = bytearray(db.read_bytes())
    content[12:20] = (STORAGE_VERSION + 1).to_bytes(8, "little")
    db.write_bytes(content)
    before = sha256(db)

    for access in Access:
        with pytest.raises(StoreUnusableError, match=rf"{STORAGE_VERSION + 1}.*{STORAGE_VERSION}"):
            Store.open(db, access)
    assert sha256(db) == before


def test_a_newer_schema_is_refused_with_both_versions_and_left_alone(db):
    with Store.open(db, Access.WRITE) as store:
        store.execute("insert into schema_migrations values (99, 'later', now(), '9.9')")
    before = sha256(db)

    for access in Access:
        with pytest.raises(StoreUnusableError, match=r"version 99.*version 2"):
            Store.open(db, access)
    assert sha256(db) == before


def test_a_database_of_something_else_is_refused(db):
    connection = connect(db, read_only=False)
    connection.execute("create table mine (x integer)")
    connection.close()

    for access in Access:
        with pytest.raises(StoreUnusableError, match="of something else"):
            Store.open(db, access)


def test_an_empty_duckdb_file_becomes_a_database_on_write_only(db):
    connect(db, read_only=False).close()
    with pytest.raises(NoDatabaseError):
        Store.open(db, Access.READ)
    with Store.open(db, Access.WRITE) as store:
        assert count(store) == 0


def test_a_log_without_its_database_is_not_ignored(db):
    wal_path(db).write_bytes(b"rows of a lost database")

    with pytest.raises(StoreUnusableError, match="without its database"):
        Store.open(db, Access.WRITE)
    assert not db.exists()


def test_what_a_killed_first_start_left_is_no_obstacle(db):
    db.with_name("x.duckdb.new").write_bytes(b"half a database")
    db.with_name("x.duckdb.new.wal").write_bytes(b"half a log")

    with Store.open(db, Access.WRITE) as store:
        assert count(store) == 0
    assert not db.with_name("x.duckdb.new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_folder_can_be_read_but_not_written(db, tmp_path):
    Store.open(db, Access.WRITE).close()
    db.with_name("x.duckdb.lock").unlink()
    tmp_path.chmod(0o555)
    said = []
    try:
        with Store.open(db, Access.READ, on_wait=said.append) as store:
            assert count(store) == 0
        with pytest.raises(StoreUnusableError, match="no permission"):
            Store.open(db, Access.WRITE)
    finally:
        tmp_path.chmod(0o755)
    assert "read-only" in said[0]


def test_reads_go_on_without_a_lock_where_none_can_be_made(db, monkeypatch):
    Store.open(db, Access.WRITE).close()
    monkeypatch.setattr(opening.LockFile, "acquire", lambda *_, **__: None)
    said = []

    with Store.open(db, Access.READ, on_wait=said.append) as store:
        assert count(store) == 0
    with pytest.raises(StoreUnusableError, match="no permission"):
        Store.open(db, Access.WRITE)
    assert "without a lock" in said[0]


def test_a_full_disk_is_said_to_have_saved_nothing(db):
    from perfpredict.store.failures import translate

    error = translate(duckdb.IOException("Could not write file: No space left on device"), db)

    assert isinstance(error, StoreUnusableError)
    assert "not saved" in error.message


def test_nothing_opens_the_file_again_while_duckdb_has_it(db):
    import sys

    Store.open(db, Access.WRITE).close()
    opened = []
    is_watching = True

    def watch(event, arguments):
        if is_watching and event == "open" and str(arguments[0]).endswith("x.duckdb"):
            opened.append(arguments[0])

    sys.addaudithook(watch)
    with Store.open(db, Access.WRITE) as store:
        opened.clear()
        record_measurement(store, a_measurement())
        assert opened == []
    is_watching = False


def test_a_read_includes_the_rows_of_a_log_that_a_killed_process_left(db):
    Store.open(db, Access.WRITE).close()
    connection = connect(db, read_only=False)
    connection.execute("insert into platform_aliases values ('cuda', now(), 'nvidia-l4')")
    whole, log = db.read_bytes(), wal_path(db).read_bytes()
    connection.close()
    db.write_bytes(whole)
    wal_path(db).write_bytes(log)

    with Store.open(db, Access.READ) as store:
        assert store.rows("select device from platform_aliases") == [("nvidia-l4",)]
    with Store.open(db, Access.WRITE):
        pass
    assert not wal_path(db).exists()
