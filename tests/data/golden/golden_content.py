"""What a database holds, said so exactly that one changed bit of one number shows."""

import hashlib

import duckdb

AGGREGATES = """
    select metric, unit, count(*) as n, sum(error) as sum_error, avg(abs(rel_error)) as mean_ape,
        median(ln_ratio) as median_ln_ratio, max(predicted) as max_predicted,
        min(actual) as min_actual
    from prediction_errors group by metric, unit order by metric, unit
"""


def content_of(
    connection: duckdb.DuckDBPyConnection, columns_by_table: dict[str, list[str]] | None = None
) -> dict[str, object]:
    """Return schema version, rows by table with a sha256 of their values, and aggregates.

    `columns_by_table` restricts it to tables and columns of an older schema.
    """
    # pytz is not asked for times, and the order of a sum is the order of the rows
    connection.execute("set threads = 1")
    tables = columns_by_table or _columns(connection)
    ((version,),) = connection.execute("select max(version) from schema_migrations").fetchall()
    return {
        "schema_version": version,
        "tables": {
            table: {"columns": columns, **_rows(connection, table, columns)}
            for table, columns in tables.items()
        },
        "aggregates": [_exact(row) for row in connection.execute(AGGREGATES).fetchall()],
    }


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        """
        select table_name, column_name from duckdb_columns()
        where not internal and table_name <> 'schema_migrations' order by 1, column_index
        """
    ).fetchall():
        found.setdefault(table, []).append(column)
    return found


def _rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: list[str]
) -> dict[str, object]:
    kinds = dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where table_name = $table",
            {"table": table},
        ).fetchall()
    )
    shown = ", ".join(
        f"epoch_us({name})" if "TIME ZONE" in kinds[name] else name for name in columns
    )
    rows = connection.execute(f"select {shown} from {table} order by all").fetchall()
    text = "\n".join(repr(_exact(row)) for row in rows)
    return {"rows": len(rows), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _exact(row: tuple[object, ...]) -> list[object]:
    return [value.hex() if isinstance(value, float) else _text(value) for value in row]


def _text(value: object) -> object:
    return value if isinstance(value, int | str | None) else str(value)
