"""Whether every row of a database is readable, allowed and connected as it should be."""

from dataclasses import dataclass

import duckdb

from perfpredict.store.gateway import Store
from perfpredict.store.migrating import released_migrations
from perfpredict.store.tables import REFERENCES, TABLE_KEYS, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked; `bad_rows` of 0 is good."""

    check: str
    table: str
    bad_rows: int
    detail: str


def check_database(store: Store) -> tuple[Finding, ...]:
    """Read every value of every table and return what was checked, good or bad.

    Raises StoreUnusableError where a block of the file does not match its checksum.
    """
    findings = [_scan(store, table) for table in TABLE_KEYS]
    findings += [_duplicate_keys(store, table, keys) for table, keys in TABLE_KEYS.items()]
    findings += [
        _violations(store, table, expression) for table, expression in _released_constraints()
    ]
    findings += [_orphans(store, reference) for reference in REFERENCES]
    findings.append(_changed_blobs(store))
    return tuple(findings)


def fix_links(store: Store) -> int:
    """Unlink measurements from predictions that are gone and delete errors without their rows.

    Returns how many rows were changed or deleted.
    """
    broken = sum(_orphans(store, r).bad_rows for r in REFERENCES if r.table in _FIXED_TABLES)
    with store.transaction():
        for statement in _FIXES:
            store.execute(statement)
    return broken


_FIXED_TABLES = ("performance_measurements", "prediction_errors")


def _scan(store: Store, table: str) -> Finding:
    # a hash over the whole row makes DuckDB read, and so verify, every block of every column
    ((rows, _),) = store.rows(f"select count(*), bit_xor(hash(t)) from {table} as t")
    return Finding(check="readable", table=table, bad_rows=0, detail=f"{rows} rows read")


def _duplicate_keys(store: Store, table: str, keys: tuple[str, ...]) -> Finding:
    columns = ", ".join(keys)
    bad = _count(
        store,
        f"select count(*) from (select 1 from {table} group by {columns} having count(*) > 1)",
    )
    return Finding(check="unique key", table=table, bad_rows=bad, detail=columns)


def _violations(store: Store, table: str, expression: str) -> Finding:
    bad = _count(store, f"select count(*) from {table} where not ({expression})")
    return Finding(check="constraint", table=table, bad_rows=bad, detail=expression)


def _orphans(store: Store, reference: Reference) -> Finding:
    key = TABLE_KEYS[reference.target][0]
    bad = _count(
        store,
        f"""
        select count(*) from {reference.table} as t
        anti join {reference.target} as target on target.{key} = t.{reference.column}
        where t.{reference.column} is not null
        """,
    )
    detail = f"{reference.column} names a row of {reference.target}"
    return Finding(check="link", table=reference.table, bad_rows=bad, detail=detail)


def _changed_blobs(store: Store) -> Finding:
    bad = _count(store, "select count(*) from prediction_models where sha256(blob) <> sha256")
    return Finding(
        check="blob", table="prediction_models", bad_rows=bad, detail="bytes as they were stored"
    )


def _released_constraints() -> list[tuple[str, str]]:
    """Return table and expression of every `check`, as our own migrations state them.

    The file itself is not asked: a damaged or foreign one might state something else.
    """
    connection = duckdb.connect(":memory:")
    try:
        for migration in released_migrations():
            connection.execute(migration.sql)
        found = connection.execute(
            """
            select table_name, expression from duckdb_constraints()
            where constraint_type = 'CHECK' order by table_name, constraint_index
            """
        ).fetchall()
    finally:
        connection.close()
    return [(str(table), str(expression)) for table, expression in found]


def _count(store: Store, sql: str) -> int:
    ((count,),) = store.rows(sql)
    return int(str(count))


_FIXES = (
    """
    delete from prediction_errors
    where measurement_id not in (select measurement_id from performance_measurements)
        or prediction_id not in (select prediction_id from performance_predictions)
    """,
    """
    update performance_measurements set prediction_id = null, is_forced_link = false
    where prediction_id not in (select prediction_id from performance_predictions)
    """,
    """
    update performance_measurements set import_id = null
    where import_id not in (select import_id from imports)
    """,
)
