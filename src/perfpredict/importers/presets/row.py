"""One measurement as a foreign file gives it: our fields, and None for all that it does not say."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields

import polars as pl

from perfpredict.importers.raw import RawTable, is_encodable, with_places

_MARKS = re.compile(r"\((?:R|TM|C)\)", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(?:CPU)?\s*@.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one record says; units are those of the names."""

    line: int
    problem: str | None = None
    model: str | None = None
    hardware: str | None = None
    batch_size: int | None = None
    sequence_length: int | None = None
    image_size: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    precision: str | None = None
    quantization: str | None = None
    mode: str | None = None
    phase: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    is_compiled: bool | None = None
    memory_format: str | None = None
    device_count: int | None = None
    concurrency: int | None = None
    throughput: float | None = None
    throughput_unit: str | None = None
    latency_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    memory_bytes: float | None = None
    runs: int | None = None
    warmup_runs: int | None = None
    load: str | None = None
    measured_at: str | None = None
    note: str | None = None
    environment: str | None = None


def environment(**facts: object) -> str:
    """Return the facts that are there as JSON text, in their order."""
    return json.dumps({name: fact for name, fact in facts.items() if fact not in (None, {}, [])})


def as_table(name: str, rows: Iterable[Row]) -> RawTable:
    """Return rows as text cells under our field names."""
    cells = [_cells(row) for row in rows]
    columns = [field.name for field in fields(Row) if field.name not in ("line", "problem")]
    frame = pl.DataFrame(
        {column: [cell[column] for cell in cells] for column in columns},
        schema=dict.fromkeys(columns, pl.String),
    )
    lines = pl.Series([int(cell["line"] or 0) for cell in cells], dtype=pl.Int64)
    problems = pl.Series([cell["problem"] for cell in cells], dtype=pl.String)
    return with_places(frame.with_columns(pl.lit(None, dtype=pl.String).alias("source")), name,
                       lines, problems)  # fmt: skip


def device_name(name: str) -> str:
    """Return a device's name without trade marks, clock rate and doubled blanks."""
    return " ".join(_CLOCK.sub("", _MARKS.sub(" ", name)).split())


def _cells(row: Row) -> Mapping[str, str | None]:
    texts = dict(_texts(row))
    broken = [name for name, text in texts.items() if text is not None and not is_encodable(text)]
    if not broken:
        return texts
    problem = row.problem or f"{broken[0]}: is not valid Unicode text"
    return {**texts, **dict.fromkeys(broken), "problem": ascii(problem)[1:-1]}


def _texts(row: Row) -> Iterator[tuple[str, str | None]]:
    for name, value in asdict(row).items():
        if name == "hardware" and isinstance(value, str):
            yield name, device_name(value)
        elif value is None or isinstance(value, str):
            yield name, value
        else:
            yield name, str(value).lower() if isinstance(value, bool) else repr(value)
