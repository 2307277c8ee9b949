import os
import random
import socket
import sqlite3
import time

import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError, PerfpredictError, StoreUnusableError
from perfpredict.store.access import Access
from perfpredict.store.checking import check_database
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements, record_measurements

from .builders import a_measurement


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.fixture(params=list(Access))
def access(request):
    return request.param


def refused(path, access, kind):
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        Store.open(path, access, lock_timeout_s=3)
    assert time.monotonic() - start < 2
    return caught.value


@pytest.mark.parametrize(
    "content", [b"hello, I am a text file\n" * 100, b"x", b"DUCK", b"\x00" * 5000, b"PK\x03\x04"]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(db, access, content):
    db.write_bytes(content)

    refused(db, access, StoreUnusableError)
    assert db.read_bytes() == content


def test_an_sqlite_file_is_named_as_such(db, access):
    connection = sqlite3.connect(db)
    connection.execute("create table x (y)")
    connection.commit()
    connection.close()
    before = db.read_bytes()

    assert "SQLite" in refused(db, access, StoreUnusableError).message
    assert db.read_bytes() == before


def test_a_folder_a_device_and_a_fifo_are_refused_at_once(tmp_path, access):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", "/dev/null", "/dev/zero"):
        refused(tmp_path / path, access, InvalidInputError)
    assert [p.name for p in tmp_path.iterdir()] == ["fifo"]


def test_a_dangling_link_and_a_circle_of_links_are_refused(tmp_path, access):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    for name in ("dangling", "circle"):
        refused(tmp_path / name, access, InvalidInputError)
    assert not (tmp_path / "nowhere").exists()


def test_a_path_below_a_file_is_refused(db, access):
    db.write_bytes(b"")
    refused(db / "below", access, PerfpredictError)


def test_a_link_and_its_target_share_one_lock(db, tmp_path):
    Store.open(db, Access.WRITE).close()
    link = tmp_path / "link.duckdb"
    link.symlink_to(db)

    with Store.open(link, Access.READ) as store:
        assert store.path == db.resolve()
    assert not (tmp_path / "link.duckdb.lock").exists()


def golden(db):
    with Store.open(db, Access.WRITE) as store:
        record_measurements(store, [a_measurement(latency_ms=1.0 + i) for i in range(20)])
    return db.read_bytes()


def content(db):
    with Store.open(db, Access.READ) as store:
        assert all(finding.bad_rows == 0 for finding in check_database(store))
        return list_measurements(store, RowFilter())


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.7])
def test_a_truncated_database_is_refused_and_left_alone(db, share, access):
    whole = golden(db)
    db.write_bytes(whole[: int(len(whole) * share)])
    before = db.read_bytes()

    with pytest.raises(StoreUnusableError):
        Store.open(db, access).close()
        content(db)
    assert db.read_bytes() == before


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95, 0.999])
def test_a_database_with_a_short_tail_missing_is_refused_or_holds_every_row(db, share):
    """The last blocks may be free ones; the header's block count also counts those."""
    whole = golden(db)
    expected = content(db)
    db.write_bytes(whole[: int(len(whole) * share)])

    try:
        assert content(db).equals(expected)
    except StoreUnusableError:
        return


def test_a_flipped_bit_never_gives_wrong_numbers(db):
    whole = golden(db)
    expected = content(db)
    chooser = random.Random(3)
    refusals = 0
    for _ in range(8):
        changed = bytearray(whole)
        changed[chooser.randrange(len(changed))] ^= 1 << chooser.randrange(8)
        db.write_bytes(changed)
        try:
            assert content(db).equals(expected)
        except StoreUnusableError:
            refusals += 1
    assert refusals > 0
