"""How a store ends: what is told of an error inside, and what of one while closing."""

import subprocess
import sys

import duckdb
import polars as pl
import pytest

from perfpredict.errors import PerfpredictError
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store


def test_an_error_inside_is_told_and_not_what_closing_makes_of_it(db):
    with pytest.raises(ZeroDivisionError), Store.open(db, Access.WRITE) as store:
        store.connection.close()
        raise ZeroDivisionError
    # the lock is free again
    Store.open(db, Access.WRITE, lock_timeout_s=1).close()


def test_a_frame_is_taken_away_again_after_an_error(db):
    frame = pl.DataFrame({"x": [1]})
    with Store.open(db, Access.WRITE) as store:
        with pytest.raises(ZeroDivisionError), store.incoming(frame):
            raise ZeroDivisionError
        with pytest.raises(duckdb.CatalogException), store.incoming(frame):
            store.execute("select * from nothing")
        with pytest.raises((PerfpredictError, duckdb.Error)):
            store.rows("select * from incoming")
        with store.incoming(frame):
            assert store.rows("select x from incoming") == [(1,)]


def test_closing_twice_is_closing_once(db):
    store = Store.open(db, Access.WRITE)
    store.close()
    store.close()


class FullDisk:
    """A connection whose file cannot grow any more."""

    def __init__(self, connection):
        self.close = connection.close

    def execute(self, _sql):
        raise duckdb.IOException("Could not write file: No space left on device")


def test_what_was_committed_is_saved_whether_or_not_anybody_wants_a_note(db):
    for on_wait in (None, [].append):
        store = Store.open(db, Access.WRITE, on_wait=on_wait)
        with store.transaction():
            store.execute("create or replace table x as select 1 as y")
        store._connection = FullDisk(store.connection)
        store.close()
    with Store.open(db, Access.READ) as store:
        assert store.rows("select y from x") == [(1,)]


INTERACTIVE = """
import sys
from pathlib import Path
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
for access in (Access.WRITE, Access.READ):
    with Store.open(Path(sys.argv[1]), access) as store:
        print(store.rows("select current_setting('enable_progress_bar')"))
"""


def test_a_long_statement_draws_no_progress_bar_into_the_answer(db):
    """Where there is no script file, DuckDB takes Python for a terminal and draws one."""
    done = subprocess.run(
        [sys.executable, "-c", INTERACTIVE, str(db)], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["[(False,)]"] * 2
