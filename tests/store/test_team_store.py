"""A team store in PostgreSQL: the same answers as from a file, and the same refusals."""

import traceback

import polars as pl
import pytest

from perfpredict.domain.metrics import Metric
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import (
    InvalidInputError,
    NoDatabaseError,
    PerfpredictError,
    StoreUnusableError,
)
from perfpredict.store import postgres_opening
from perfpredict.store.access import Access
from perfpredict.store.accuracy import accuracy
from perfpredict.store.checking import check_database, fix_links
from perfpredict.store.devices import aliases, set_alias
from perfpredict.store.gateway import Store
from perfpredict.store.maintenance import Place, database_info, migrate
from perfpredict.store.measurements import list_measurements, record_measurement
from perfpredict.store.migrating import released_migrations
from perfpredict.store.places import parse_location
from perfpredict.store.postgres_schema import postgres_sql
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.queries import run_query

from ..team_server import PASSWORD
from .builders import MINUTE, NOON, a_measurement, a_prediction
from .test_imports import a_frame, run


@pytest.fixture
def url(team):
    return parse_location(team)


def fill(store):
    insert_predictions(store, [a_prediction(NOON), a_prediction(NOON + MINUTE)], user="ada")
    run(store, a_frame(["a", "b"], measured_at=NOON + 2 * MINUTE))
    for at in range(3, 7):
        record_measurement(store, a_measurement(NOON + at * MINUTE, latency_ms=8.0 + at))
    fix_links(store)


def test_a_team_store_gives_the_answers_of_a_file(url, tmp_path):
    answers = []
    for place in (url, tmp_path / "x.duckdb"):
        with Store.open(place, Access.WRITE) as store:
            fill(store)
        with Store.open(place, Access.READ) as store:
            found = accuracy(store, RowFilter(), [Metric.LATENCY], by=["device"])
            bad = [finding for finding in check_database(store) if finding.bad_rows]
            info = database_info(store)
            answers.append((found.rows(), bad, info.rows, info.oldest_measured_at))
    assert answers[0] == answers[1]
    assert answers[0][2] > 10


_COLUMNS = """
select table_name, column_name, data_type, is_nullable
from duckdb_columns() where database_name = current_database() and schema_name = $schema
order by all
"""


def test_its_tables_have_the_columns_keys_and_constraints_of_a_file(url, team_server, tmp_path):
    with Store.open(url, Access.WRITE) as one, Store.open(tmp_path / "x", Access.WRITE) as two:
        columns = one.rows(_COLUMNS, {"schema": "perfpredict"})
        assert columns == two.rows(_COLUMNS, {"schema": "main"})
        expected = two.rows(
            "select table_name, constraint_type, count(*) from duckdb_constraints() "
            "where constraint_type in ('CHECK', 'PRIMARY KEY') group by all order by all"
        )
    found = team_server.sql(
        "select conrelid::regclass, case contype when 'c' then 'CHECK' else 'PRIMARY KEY' end, "
        "count(*) from pg_constraint where connamespace = 'perfpredict'::regnamespace "
        "group by 1, 2",
    )
    lines = [line.removeprefix("perfpredict.").split("|") for line in found.splitlines()]
    assert sorted((table, kind, int(n)) for table, kind, n in lines) == expected


def test_a_value_that_a_file_refuses_is_refused_and_nothing_is_stored(url):
    with Store.open(url, Access.WRITE) as store:
        for value in (float("nan"), float("inf"), 0.0, -1.0):
            with pytest.raises(InvalidInputError, match="refused a value"):
                run(store, a_frame(["a", "b"]).with_columns(latency_ms=pl.lit(value)))
        assert store.rows("select count(*) from performance_measurements") == [(0,)]
        assert store.rows("select count(*) from imports") == [(0,)]


def test_a_value_is_replaced_where_a_file_would_replace_it(url):
    with Store.open(url, Access.WRITE) as store:
        for device in ("nvidia-l4", "nvidia-a100"):
            set_alias(store, "cuda", device, now=NOON)
        assert aliases(store) == {"cuda": "nvidia-a100"}


def test_reading_where_nothing_was_written_makes_nothing(url, team_server):
    for access, create in ((Access.READ, True), (Access.WRITE, False)):
        with pytest.raises(NoDatabaseError, match="no tables yet"):
            Store.open(url, access, create=create)
    assert team_server.sql("select nspname from pg_namespace where nspname = 'perfpredict'") == ""


def test_an_older_schema_is_refused_until_it_is_migrated_and_a_newer_one_always(
    url, team_server, monkeypatch
):
    first = released_migrations()[:1]
    monkeypatch.setattr(postgres_opening, "released_migrations", lambda: first)
    postgres_opening.open_team_store(url, Access.WRITE, lock_timeout_s=5)[1].release()
    monkeypatch.undo()

    for access in Access:
        with pytest.raises(StoreUnusableError, match="schema version 1"):
            Store.open(url, access)
    assert migrate(Place(path=url), dry_run=True).pending == ("0002_framework_version",)
    assert migrate(Place(path=url)).version_after == 2
    with Store.open(url, Access.WRITE) as store:
        fill(store)
    team_server.sql("insert into perfpredict.schema_migrations values (99, 'x', now(), '9')")
    with pytest.raises(StoreUnusableError, match="99"):
        Store.open(url, Access.READ)


def test_types_are_put_into_the_words_of_postgresql_and_comments_left_out():
    sql = "add column level double, -- a double\n    blob  blob not null, x varchar"
    assert postgres_sql(sql) == (
        'add column level double precision, \n    blob  bytea not null, x text collate "C"'
    )


@pytest.mark.parametrize(
    "query",
    [
        "from postgres_query('team', 'select 1')",
        "explain from postgres_query('team', 'select 1')",
        "with x as (from postgres_scan('host=a', 'b', 'c')) from x",
        "select (select max(a) from postgres_attach('host=a'))",
        "from query('from imports')",
        "describe from postgres_query('team', 'select 1')",
        "call postgres_execute('team', 'delete from perfpredict.imports')",
        "pivot imports on source",
        "attach 'postgresql://a/b' as b (type postgres)",
        "delete from imports",
        "from read_text('/etc/passwd')",
    ],
)
def test_a_query_reaches_the_tables_and_nothing_else(read_only_team, query):
    with pytest.raises(InvalidInputError):
        run_query(read_only_team, query, {}, timeout_s=5)


def test_a_query_of_the_tables_is_answered(read_only_team):
    frame = run_query(
        read_only_team,
        "select n, (select count(*) from imports) as imports from range(2) as t(n) where n = $n",
        {"n": 1},
        timeout_s=5,
    )
    assert frame.rows() == [(1, 0)]


@pytest.fixture(scope="module")
def read_only_team(team_server):
    url = parse_location(team_server.new_database())
    Store.open(url, Access.WRITE).close()
    with Store.open(url, Access.READ) as store:
        yield store


def test_a_read_cannot_write_and_sees_one_moment(url):
    Store.open(url, Access.WRITE).close()
    with Store.open(url, Access.READ) as reader:
        assert list_measurements(reader, RowFilter()).height == 0
        with Store.open(url, Access.WRITE) as writer:
            record_measurement(writer, a_measurement())
        assert list_measurements(reader, RowFilter()).height == 0
        with pytest.raises(StoreUnusableError, match="read-only"):
            reader.execute("delete from imports")
    with Store.open(url, Access.READ) as reader:
        assert list_measurements(reader, RowFilter()).height == 1


@pytest.mark.parametrize(
    "changed",
    [
        lambda url: url.replace("127.0.0.1:", "127.0.0.1:1"),
        lambda url: url.replace(PASSWORD, "wrong-" + PASSWORD),
        lambda url: url + "-none",
        lambda url: url.replace("perf:", "nobody:"),
    ],
)
def test_what_cannot_be_reached_is_said_without_the_password(team, changed):
    with pytest.raises(StoreUnusableError, match="the team store") as found:
        Store.open(parse_location(changed(team)), Access.READ)

    told = "".join(traceback.format_exception(found.value))
    assert PASSWORD not in told + str(found.value.hint)
    assert found.value.exit_code == 6


def test_names_never_show_a_secret():
    url = parse_location("postgresql://me:pa%40ss@a:1,b:2/db?sslmode=require&password=other")

    assert str(url) == "postgresql://me:***@a:1,b:2/db?sslmode=require&password=***"
    assert (url.name, "pa" in repr(url)) == ("db", False)
    assert url.without_secrets("pa@ss pa%40ss other") == "*** *** ***"
    assert url.with_parameters({"application_name": "a b", "sslmode": "x"}) == (
        url.url + "&application_name=a%20b"
    )


@pytest.mark.parametrize("text", ["mysql://a/b", "postgresql://a", "postgresql://[a/b", " "])
def test_what_names_no_database_is_refused(text):
    with pytest.raises(InvalidInputError):
        parse_location(text)


def test_what_works_on_a_file_says_so(url):
    with pytest.raises(PerfpredictError, match="is a team store"):
        Place(path=url).locked(Access.READ)
