"""Questions that a user writes in SQL: one reading statement, no file, no network, a time limit."""

import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.store.access import Access
from perfpredict.store.connecting import READING_MEMORY
from perfpredict.store.failures import translated
from perfpredict.store.gateway import Store

if sys.platform == "linux":
    import resource

MOST_ROWS = 1_000_000
"""A result is held in memory as a whole; `measure export` gives all measurements, however many."""
_MOST_GROWTH_BYTES = 4 * 2**30
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READING_WORDS = {
    "select", "with", "from", "values", "table", "describe", "desc", "show", "summarize", "explain",
}  # fmt: skip
_HARMLESS_FUNCTIONS = {
    "range", "generate_series", "unnest", "duckdb_tables", "duckdb_columns", "duckdb_constraints",
}  # fmt: skip
_EXPLAIN = re.compile(r"\s*explain\b\s*(analyze\b|\([^)]*\))?", re.IGNORECASE)
_PLAIN_TYPES = {
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT",
    "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip


def run_query(
    store: Store, sql: str, parameters: Mapping[str, object], *, timeout_s: float
) -> pl.DataFrame:
    """Return what one reading statement gives; types that no table shows come as text.

    Raises InvalidInputError for anything but one reading statement, CannotAnswerError after
    `timeout_s` seconds.
    """
    if store.access is not Access.READ:
        raise InvalidInputError("a query runs on a database that is open for reading only")
    _check_statement(store, sql)
    timer = threading.Timer(timeout_s, store.connection.interrupt)
    timer.start()
    try:
        with translated(store.path):
            return _within_memory(store.connection, sql, parameters)
    except duckdb.InterruptException as exc:
        raise CannotAnswerError(
            f"the query took longer than {timeout_s:g} s", hint="'--timeout SECONDS' allows more"
        ) from exc
    except duckdb.Error as exc:
        raise InvalidInputError(f"query: {str(exc).strip()}") from exc
    finally:
        timer.cancel()


def _check_statement(store: Store, sql: str) -> None:
    """Raise InvalidInputError unless `sql` is one query, or an explanation of one."""
    try:
        statements = store.connection.extract_statements(sql)
    except duckdb.Error as exc:
        raise InvalidInputError(f"query: {str(exc).strip()}") from exc
    if len(statements) != 1:
        raise InvalidInputError(f"query: must be one statement, got {len(statements)}")
    kind = statements[0].type
    words = _COMMENT.sub(" ", sql).split(maxsplit=1)
    first = re.split(r"\W", words[0].lstrip("(").lower())[0]
    # a pragma counts as a select, and `with` may begin a delete
    is_query = kind in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if first not in _READING_WORDS or not is_query:
        raise InvalidInputError(
            f"query: only reading statements are allowed, got '{first}' ({kind.name.lower()})",
            hint="start it with select, with, from, values, describe, show or summarize",
        )
    if kind == duckdb.StatementType.EXPLAIN:
        # `explain analyze` runs what it explains
        _check_statement(store, _EXPLAIN.sub("", _COMMENT.sub(" ", sql), count=1))
    elif not isinstance(store.path, Path):
        _check_functions(store, sql)


def _check_functions(store: Store, sql: str) -> None:
    """Raise InvalidInputError where `sql` reads from more than tables of a team store.

    Functions of the PostgreSQL extension reach other servers, and send this one any statement;
    DuckDB's `query` runs a text as a statement.
    """
    ((tree,),) = store.rows("select json_serialize_sql($sql)", {"sql": sql})
    parsed = json.loads(str(tree))
    if parsed["error"]:
        raise InvalidInputError(f"query: {parsed['error_message']} (of a team store)")
    refused = sorted(set(_table_functions(parsed)) - _HARMLESS_FUNCTIONS)
    if refused:
        raise InvalidInputError(
            f"query: a team store is asked through its tables only, not by '{refused[0]}'",
            hint="'perfpredict db pull TEAM' brings the rows into a file, where more is allowed",
        )


def _table_functions(node: object) -> Iterator[str]:
    """Yield the names of the functions that stand for tables, anywhere in a parsed statement."""
    if isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield str(node["function"]["function_name"]).lower()
        for part in node.values():
            yield from _table_functions(part)
    elif isinstance(node, list):
        for part in node:
            yield from _table_functions(part)


def _within_memory(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> pl.DataFrame:
    try:
        with _bounded_memory():
            frame = _answer(connection, sql, parameters)
    except (duckdb.OutOfMemoryException, MemoryError) as exc:
        raise CannotAnswerError(
            f"the query needs more memory than {READING_MEMORY}",
            hint="ask for fewer rows, columns or groups",
        ) from exc
    if frame.height > MOST_ROWS:
        raise CannotAnswerError(
            f"the query gives more than {MOST_ROWS:,} rows", hint="write a limit into it"
        )
    return frame


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process grow by 4 GiB at most inside, where the system can see to that.

    `range` and `repeat` take what they need in one piece, which neither DuckDB's own limit counts
    nor a timeout interrupts.
    """
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    most = used_pages * resource.getpagesize() + _MOST_GROWTH_BYTES
    lower = [limit for limit in (soft, hard, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(lower), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> pl.DataFrame:
    relation = connection.sql(sql, params=dict(parameters) if parameters else None)
    if relation is None:
        raise InvalidInputError("query: gives no rows")
    if len(set(relation.columns)) != len(relation.columns):
        raise InvalidInputError("query: two columns have the same name; rename one with 'as'")
    columns = [
        _projected(name, str(kind))
        for name, kind in zip(relation.columns, relation.types, strict=True)
    ]
    # one row more than allowed tells that there are more
    return pl.DataFrame(relation.project(", ".join(columns)).limit(MOST_ROWS + 1))


def _projected(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _PLAIN_TYPES:
        return quoted
    if kind.startswith("DECIMAL") or kind == "HUGEINT":
        return f"{quoted}::double as {quoted}"
    return f"{quoted}::varchar as {quoted}"
