"""What a question in SQL may cost: memory, rows, and nothing beside the database."""

import sys

import pytest

from perfpredict.errors import CannotAnswerError
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.queries import MOST_ROWS, run_query

if sys.platform == "linux":
    import resource


@pytest.fixture
def reading(db):
    Store.open(db, Access.WRITE).close()
    with Store.open(db, Access.READ) as store:
        yield store


def ask(store, sql):
    return run_query(store, sql, {}, timeout_s=60)


def test_a_reading_connection_has_a_memory_limit_and_writes_no_temporary_file(reading):
    settings = reading.rows(
        "select current_setting('memory_limit'), current_setting('temp_directory')"
    )
    assert settings == [("2.0 GiB", "")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own memory")
def test_a_query_that_takes_too_much_memory_at_once_is_given_up(reading):
    before = resource.getrlimit(resource.RLIMIT_DATA)

    with pytest.raises(CannotAnswerError, match="more memory than 2GiB"):
        ask(reading, "select len(range(0, 900000000))")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert ask(reading, "select 1 as one").to_dicts() == [{"one": 1}]


def test_a_query_that_gives_too_many_rows_is_refused(reading):
    assert ask(reading, f"from range({MOST_ROWS})").height == MOST_ROWS
    with pytest.raises(CannotAnswerError, match="more than 1,000,000 rows"):
        ask(reading, "from range(3000000)")
