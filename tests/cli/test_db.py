"""`perfpredict db` and `perfpredict doctor`, through the real program."""

import json

import pytest


def record(run, **options):
    done = run(
        "measure", "record", "bert-base-uncased", "--hardware", "nvidia-l4", "--latency", "8",
        "-q", **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def rows_of(run, *arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done, code, text):
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert text in done.stderr


def test_path_says_where_it_comes_from(run, tmp_path):
    found = rows_of(run, "db", "path", "--origin")
    assert found["origin"] == "default"
    assert found["exists"] is False

    named = rows_of(run, "db", "path", "--origin", "--db", "x.duckdb")
    assert named["path"] == str(tmp_path / "work" / "x.duckdb")
    assert named["origin"] == "--db"


def test_reading_commands_make_no_database(run, tmp_path):
    for command in (
        ["db", "info"], ["db", "check"], ["db", "check", "--fix-links"], ["db", "backup"],
        ["db", "compact"], ["db", "migrate"], ["db", "export", "x"], ["db", "sql", "select 1"],
    ):  # fmt: skip
        refused(run(*command, "--db", "none.duckdb"), 3, "no database yet at")
    assert list((tmp_path / "work").iterdir()) == []


def test_init_makes_the_default_database_and_does_nothing_the_second_time(run):
    first = rows_of(run, "db", "init")
    record(run)

    assert first["schema_version"] == 2
    assert rows_of(run, "db", "init")["rows_performance_measurements"] == 1
    refused(run("db", "init", "--storage-version", "v2.0.0"), 2, "v1.5.0")


def test_check_of_a_good_database_passes_and_of_a_broken_one_is_exit_6(run, tmp_path):
    record(run)
    assert all(row["bad_rows"] == 0 for row in rows_of(run, "db", "check", "--all"))

    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"text" * 5000)
    refused(run("db", "check", "--db", str(broken)), 6, "not a DuckDB database")


def test_migrate_has_nothing_to_do_on_a_new_database(run):
    run("db", "init")

    assert rows_of(run, "db", "migrate")["migrations"] == []


def test_backup_and_restore_bring_a_row_back(run):
    identifier = record(run)
    assert run("db", "backup", "copy.duckdb").returncode == 0
    assert run("measure", "delete", identifier, "--purge", "--yes").returncode == 0
    assert rows_of(run, "db", "info")["rows_performance_measurements"] == 0

    refused(run("db", "restore", "copy.duckdb"), 2, "--yes")
    assert run("db", "restore", "copy.duckdb", "--yes").returncode == 0
    assert rows_of(run, "db", "info")["rows_performance_measurements"] == 1
    refused(run("db", "backup", "copy.duckdb"), 2, "exists")


def test_restoring_a_broken_file_is_exit_6(run, tmp_path):
    record(run)
    (tmp_path / "work" / "broken.duckdb").write_bytes(b"x" * 100)

    refused(run("db", "restore", "broken.duckdb", "--yes"), 6, "not a DuckDB database")
    assert rows_of(run, "db", "info")["rows_performance_measurements"] == 1


def test_sql_reads_and_nothing_else(run):
    record(run)
    query = (
        "select device, count(*) as n from performance_measurements "
        "where batch_size = $b group by all"
    )

    assert rows_of(run, "db", "sql", query, "--param", "b=1") == [{"device": "nvidia-l4", "n": 1}]
    refused(run("db", "sql", "drop table imports"), 2, "only reading statements")
    refused(run("db", "sql", "select * from read_text('/etc/passwd')"), 2, "query:")
    refused(run("db", "sql", "select 1", "--timeout", "0"), 2, "--timeout")
    refused(run("db", "sql", query, "--param", "b"), 2, "NAME=VALUE")


def test_a_query_without_an_end_is_given_up_with_exit_3(run):
    run("db", "init")
    query = (
        "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
    )

    refused(run("db", "sql", query, "--timeout", "0.5"), 3, "longer than 0.5 s")


def test_export_import_and_merge_add_rows_once(run):
    record(run)
    run("db", "export", "tables")
    for command in (["import", "tables"], ["merge", "work.duckdb"]):
        if command[0] == "merge":
            run("db", "backup", "work.duckdb")
        added = rows_of(run, "db", *command, "--db", "other.duckdb")
        again = rows_of(run, "db", *command, "--db", "other.duckdb")
        assert sum(row["added"] for row in again) == 0
        assert sum(row["added"] for row in added) == (1 if command[0] == "import" else 0)
    refused(run("db", "import", "nowhere"), 3, "manifest")
    refused(run("db", "merge", "nowhere.duckdb"), 2, "no file")


def test_compact_keeps_every_row(run):
    record(run)

    assert rows_of(run, "db", "compact")["size_after_mib"] > 0
    assert rows_of(run, "db", "info")["rows_performance_measurements"] == 1


@pytest.mark.parametrize("name", ["text.txt", "folder", "/dev/null", "fifo"])
def test_what_is_no_database_is_refused_quickly(run, tmp_path, name):
    import os

    work = tmp_path / "work"
    (work / "text.txt").write_text("hello " * 1000)
    (work / "folder").mkdir()
    os.mkfifo(work / "fifo")

    for command in (["db", "info"], ["db", "init"]):
        done = run(*command, "--db", name)
        assert done.returncode in {2, 6}, done.stderr
        assert done.stdout == ""


def test_doctor_finds_nothing_wrong_here(run):
    record(run)
    checks = {row["check"]: row["status"] for row in rows_of(run, "doctor")}

    assert checks["database"] == "ok"
    assert "problem" not in checks.values()


def test_doctor_reports_a_broken_database_with_exit_6(run, tmp_path):
    (tmp_path / "broken.duckdb").write_bytes(b"x" * 100)
    done = run("doctor", "--db", str(tmp_path / "broken.duckdb"), "--json")

    assert done.returncode == 6
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert found["database"]["status"] == "problem"


def test_doctor_can_hide_who_and_where(run, tmp_path):
    done = run("doctor", "--redact", "--db", str(tmp_path / "x.duckdb"))

    assert str(tmp_path) not in done.stdout
    assert "~/x.duckdb" in done.stdout
