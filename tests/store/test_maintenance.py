import pytest

from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import (
    CannotAnswerError,
    InvalidInputError,
    NoDatabaseError,
    StoreUnusableError,
)
from perfpredict.store.access import Access
from perfpredict.store.checking import check_database, fix_links
from perfpredict.store.connecting import connect
from perfpredict.store.copying import backup, compact, restore
from perfpredict.store.file_checks import wal_path
from perfpredict.store.gateway import Store
from perfpredict.store.maintenance import Place, database_info
from perfpredict.store.measurements import list_measurements, record_measurement
from perfpredict.store.merging import merge
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.predictors import list_predictors
from perfpredict.store.queries import run_query
from perfpredict.store.samples import clear_samples, has_real_rows, sample_counts
from perfpredict.store.transfer import export_tables, import_tables

from .builders import MINUTE, NOON, a_measurement, a_prediction
from .test_predictors import insert as insert_predictor


@pytest.fixture
def place(db):
    """A database with one linked measurement and one predictor."""
    with Store.open(db, Access.WRITE) as store:
        insert_predictions(store, [a_prediction(NOON - MINUTE)], user=None)
        record_measurement(store, a_measurement())
        insert_predictor(store, is_active=True)
    return Place(path=db)


def rows_in(place):
    with place.open(Access.READ) as store:
        return database_info(store).rows


def test_info_counts_rows_and_knows_versions(place):
    with place.open(Access.READ) as store:
        found = database_info(store)

    assert (found.rows, found.schema_version, found.wal_bytes) == (4, 2, 0)
    assert found.newest_measured_at == NOON
    assert found.size_bytes == place.path.stat().st_size


def test_a_good_database_has_no_findings(place):
    with place.open(Access.READ) as store:
        assert [finding for finding in check_database(store) if finding.bad_rows] == []


def test_check_finds_what_the_constraints_would_refuse_and_broken_links(place):
    with place.open(Access.WRITE) as store:
        store.execute("delete from performance_predictions")
        store.execute("update prediction_models set blob = 'x'::blob")
        found = {(f.check, f.table): f.bad_rows for f in check_database(store) if f.bad_rows}
        assert found == {
            ("link", "performance_measurements"): 1,
            ("link", "prediction_errors"): 1,
            ("blob", "prediction_models"): 1,
        }
        assert fix_links(store) == 2
        left = [f.check for f in check_database(store) if f.bad_rows]
        assert left == ["blob"]


def test_a_backup_is_a_whole_database_and_restore_brings_it_back(place, tmp_path):
    copy = backup(place, tmp_path / "b.duckdb", now=NOON)
    assert (copy.rows, rows_in(Place(path=copy.target))) == (4, 4)
    with place.open(Access.WRITE) as store:
        record_measurement(store, a_measurement(NOON + MINUTE))

    done = restore(place, copy.target, now=NOON)

    assert rows_in(place) == 4
    assert rows_in(Place(path=done.replaced)) == 6


def test_a_backup_overwrites_nothing_unasked(place, tmp_path):
    target = tmp_path / "b.duckdb"
    target.write_bytes(b"mine")

    with pytest.raises(InvalidInputError, match="exists"):
        backup(place, target, now=NOON)
    assert target.read_bytes() == b"mine"
    assert backup(place, target, now=NOON, force=True).rows == 4
    with pytest.raises(InvalidInputError, match="another file"):
        backup(place, place.path, now=NOON, force=True)


@pytest.mark.parametrize("leads_to", ["precious.txt", "nowhere", "/proc/self/fd/1"])
def test_a_backup_neither_follows_nor_replaces_a_link(leads_to, place, tmp_path):
    precious, link = tmp_path / "precious.txt", tmp_path / "link.duckdb"
    precious.write_text("keep")
    link.symlink_to(leads_to)

    with pytest.raises(InvalidInputError, match="is a link, which a backup neither follows"):
        backup(place, link, now=NOON, force=True)
    assert (str(link.readlink()), precious.read_text()) == (leads_to, "keep")


def test_a_backup_without_a_name_is_dated_and_beside(place):
    assert backup(place, None, now=NOON).target.name == "x-20261101T120000Z.duckdb"


def test_a_backup_takes_the_log_of_a_killed_process_along(place, tmp_path):
    connection = connect(place.path, read_only=False)
    connection.execute("insert into platform_aliases values ('cuda', now(), 'nvidia-l4')")
    whole, log = place.path.read_bytes(), wal_path(place.path).read_bytes()
    connection.close()
    place.path.write_bytes(whole)
    wal_path(place.path).write_bytes(log)

    assert backup(place, tmp_path / "b.duckdb", now=NOON).rows == 5


def test_restoring_a_broken_file_leaves_the_database_alone(place, tmp_path):
    before = place.path.read_bytes()
    broken = tmp_path / "broken.duckdb"
    for content in (b"text", before[: len(before) // 2]):
        broken.write_bytes(content)
        with pytest.raises(StoreUnusableError):
            restore(place, broken, now=NOON)
    with pytest.raises(InvalidInputError, match="no file"):
        restore(place, tmp_path / "none.duckdb", now=NOON)

    assert place.path.read_bytes() == before
    assert not list(tmp_path.glob("*.restore*"))


def test_compact_gives_space_back_and_keeps_every_row(place):
    with place.open(Access.WRITE) as store:
        store.execute("create table big as select random() as x from range(2000000)")
    with place.open(Access.WRITE) as store:
        insert_predictor(store)
    with place.open(Access.WRITE) as store:
        store.execute("drop table big")

    before, after = compact(place)

    assert after < before
    with place.open(Access.READ) as store:
        assert database_info(store).rows == 5
        assert all(finding.bad_rows == 0 for finding in check_database(store))


def test_maintenance_of_nothing_is_no_database(tmp_path):
    nothing = Place(path=tmp_path / "none.duckdb")
    for call in (lambda: backup(nothing, None, now=NOON), lambda: compact(nothing)):
        with pytest.raises(NoDatabaseError):
            call()
    assert list(tmp_path.glob("*.duckdb")) == []


def test_an_export_can_be_imported_once(place, tmp_path):
    with place.open(Access.READ) as store:
        export_tables(store, tmp_path / "out", now=NOON)
        with pytest.raises(InvalidInputError, match="not an empty folder"):
            export_tables(store, tmp_path / "out", now=NOON)
    other = Place(path=tmp_path / "other.duckdb")
    with other.open(Access.WRITE) as store:
        assert sum(t.added for t in import_tables(store, tmp_path / "out")) == 4
        assert sum(t.added for t in import_tables(store, tmp_path / "out")) == 0
        assert list_predictors(store)["is_active"].to_list() == [False]
    with place.open(Access.READ) as one, other.open(Access.READ) as two:
        assert list_measurements(one, RowFilter()).equals(list_measurements(two, RowFilter()))


def test_a_changed_export_is_refused_whole(place, tmp_path):
    with place.open(Access.READ) as store:
        export_tables(store, tmp_path / "out", now=NOON)
    with (tmp_path / "out" / "imports.parquet").open("ab") as file:
        file.write(b"x")

    with Store.open(tmp_path / "other.duckdb", Access.WRITE) as store:
        with pytest.raises(StoreUnusableError, match="not the file that was exported"):
            import_tables(store, tmp_path / "out")
        assert database_info(store).rows == 0
        with pytest.raises(CannotAnswerError):
            import_tables(store, tmp_path)


def test_merge_adds_rows_but_no_predictors_unless_asked(place, tmp_path):
    with Store.open(tmp_path / "other.duckdb", Access.WRITE) as store:
        record_measurement(store, a_measurement(NOON + MINUTE))
        assert sum(t.added for t in merge(store, place)) == 3
        assert sum(t.added for t in merge(store, place)) == 0
        assert list_predictors(store).is_empty()
        merge(store, place, with_models=True)
        assert list_predictors(store)["is_active"].to_list() == [False]
        assert list_measurements(store, RowFilter()).height == 2
        with pytest.raises(InvalidInputError, match="into itself"):
            merge(store, Place(path=tmp_path / "other.duckdb"))


@pytest.mark.parametrize(
    "query",
    [
        "copy imports to 'x.csv'", "attach 'y.duckdb'", "install httpfs", "load httpfs",
        "pragma database_list", "set threads = 1", "select 1; select 2", "", "-- nothing",
        "insert into platform_aliases values ('a', now(), 'b')", "drop table imports",
        "create temp table t (x integer)", "select * from read_text('/etc/passwd')",
        "select * from 'x.parquet'", "select", "select 1 as a, 2 as a", "call duckdb_tables()",
        "explain analyze delete from imports", "with x as (select 1) delete from imports",
    ],
)  # fmt: skip
def test_queries_that_do_more_than_read_are_refused(place, query):
    with place.open(Access.READ) as store:
        try:
            run_query(store, query, {}, timeout_s=5)
        except InvalidInputError:
            return
        except StoreUnusableError as error:
            assert "read" in error.message
            return
    pytest.fail("the query was answered")


def test_queries_take_parameters_and_give_types_that_can_be_shown(place):
    with place.open(Access.READ) as store:
        frame = run_query(
            store,
            "select device, interval 1 day as i, [1, 2] as l, 'x'::blob as b, 1.5 as d, now() as t "
            "from performance_measurements where batch_size = $b",
            {"b": 8},
            timeout_s=5,
        )
    row = frame.row(0)
    assert row[:5] == ("nvidia-l4", "1 day", "[1, 2]", "x", 1.5)


def test_a_query_that_takes_too_long_is_given_up(place):
    with (
        place.open(Access.READ) as store,
        pytest.raises(CannotAnswerError, match=r"longer than 0\.3 s"),
    ):
        run_query(
            store,
            "select count(*) from range(1000000) a, range(1000000) b "
            "where (a.range * b.range) % 7 = 3",
            {},
            timeout_s=0.3,
        )


def test_clearing_samples_touches_no_real_row(store):
    assert not has_real_rows(store)
    insert_predictions(store, [a_prediction(NOON - MINUTE, is_sample=True)], user=None)
    record_measurement(store, a_measurement(is_sample=True))
    insert_predictor(store, is_sample=True)
    assert not has_real_rows(store)
    insert_predictions(store, [a_prediction(NOON - MINUTE)], user=None)
    record_measurement(store, a_measurement())
    assert has_real_rows(store)

    before = clear_samples(store)

    assert before["sample"].sum() == 3
    after = sample_counts(store)
    assert (after["sample"].sum(), after["real"].sum()) == (0, 2)
    assert store.rows("select count(*) from prediction_errors") == [(1,)]
    assert all(finding.bad_rows == 0 for finding in check_database(store))
