"""I7 and I8: what `db sql` refuses, and when it gives up."""

import time
from pathlib import Path

import pytest

from .peak import run_measured
from .processes import Children
from .program import Program

REFUSED = (
    "copy performance_measurements to 'owned.csv'",
    "copy performance_measurements from '/etc/passwd'",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from read_csv_auto('rows.csv')",
    "select * from read_json('rows.csv')",
    "select * from read_parquet('rows.csv')",
    "select * from '/etc/passwd'",
    "select * from 'rows.csv'",
    "select * from glob('/etc/*')",
    "from sniff_csv('/etc/passwd')",
    "attach 'owned.duckdb'",
    "attach '/etc/passwd' as x",
    "select * from sqlite_scan('x', 'y')",
    "install httpfs",
    "load httpfs",
    "pragma database_list",
    "pragma enable_profiling",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset enable_external_access",
    "set memory_limit = '1TB'",
    "select 1; select 2",
    "select 1; drop table performance_measurements",
    "insert into imports select * from imports",
    "update performance_measurements set latency_ms = 1",
    "delete from performance_measurements",
    "with x as (select 1) insert into imports select * from x",
    "with x as (select 1) delete from performance_measurements",
    "create table owned (x int)",
    "create macro owned(x) as x",
    "drop table performance_measurements",
    "alter table imports add column owned int",
    "truncate performance_measurements",
    "vacuum",
    "checkpoint",
    "export database 'owned'",
    "import database 'owned'",
    "call pragma_version()",
    "explain analyze insert into imports select * from imports",
    "explain analyze delete from performance_measurements",
    "use information_schema",
    "begin",
    "execute x",
    "prepare x as select 1",
    "",
    ";",
    "-- select 1",
    "/* select */ drop table imports",
    "select getenv('HOME')",
    "select * from nothing",
    "selec 1",
)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_i07_sql_reads_this_database_and_nothing_else(program: Program) -> None:
    """files, extensions, settings, writes and two statements in `db sql`"""
    (program.work / "rows.csv").write_text("a\n1\n")
    record = ("measure", "record", "resnet50", "--hardware", "nvidia-l4", "--latency", "1")
    assert program(*record).code == 0
    before = program.sha256()
    files = {path.name for path in program.work.iterdir()}

    for query in REFUSED:
        done = program("db", "sql", "--", query)
        assert done.streams == (2, ""), (query, done.err)
        assert done.err.startswith("error: query: "), (query, done.err)

    assert program.sha256() == before
    assert {path.name for path in program.work.iterdir()} == files
    counted = program("db", "sql", "select count(*) as n from performance_measurements", "--json")
    assert counted.json() == [{"n": 1}]


def test_i07_a_parameter_is_a_value_and_never_sql(program: Program) -> None:
    """a parameter with SQL in it"""
    record = ("measure", "record", "resnet50", "--hardware", "nvidia-l4", "--latency", "1")
    assert program(*record).code == 0
    query = "select count(*) as n from performance_measurements where model_name = $m"

    hostile = program("db", "sql", query, "--param", "m=x' or '1'='1", "--json")
    plain = program("db", "sql", query, "--param", "m=resnet50", "--json")

    assert (hostile.json(), plain.json()) == ([{"n": 0}], [{"n": 1}])


CROSS_JOIN = (
    "select count(*) from range(1000000) a, range(1000000) b, range(1000000) c "
    "where hash(a.range, b.range, c.range) = 42"
)


def test_i08_a_query_ends_at_its_timeout(children: Children, db: Path) -> None:
    """a cross join that would take hours: code 3 at the timeout, memory below 1 GiB"""
    assert children.run("db", "init", "--db", db).returncode == 0
    start = time.monotonic()
    # long enough for DuckDB's progress bar, which would go to standard output
    done = run_measured(children, "db", "sql", CROSS_JOIN, "--timeout", "4", "--db", db)

    assert (done.code, done.out) == (3, "")
    assert "took longer than 4 s" in done.err
    assert time.monotonic() - start < 60
    assert done.mib < 1024
