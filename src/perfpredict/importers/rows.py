"""From text cells to checked rows: every field parsed, every unusable row with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from perfpredict.domain.workload import MAX_BATCH_SIZE, MAX_TOKENS, MEMORY_FORMATS
from perfpredict.errors import InvalidInputError
from perfpredict.importers import fields
from perfpredict.importers.checks import (
    Parsed,
    cell,
    parse_distinct,
    parse_flag,
    parse_number,
    parse_text,
    parse_whole,
    required,
)
from perfpredict.importers.columns import (
    FIELDS,
    LATENCY_UNITS,
    MEMORY_UNITS,
    Meaning,
    match_columns,
    parse_meaning,
    unit_of,
)
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.raw import PLACE_COLUMNS, PROBLEM, RawTable

_REQUIRED = ("model", "hardware", "batch_size")
_MEASURED = ("throughput", "latency", "latency_p90", "latency_p99", "memory")
_MAX_DEVICES = 100_000
_MAX_RUNS = 2**31 - 1
_LONGEST_TEXT = 10_000
_DEFAULT_PRECISION = "fp32"
OPEN_BATCH = "batch_size: is missing"
"""Problem of a row that lacks nothing but its batch size."""

_WHOLE = {
    "batch_size": MAX_BATCH_SIZE, "sequence_length": MAX_TOKENS, "image_size": MAX_TOKENS,
    "input_tokens": MAX_TOKENS, "output_tokens": MAX_TOKENS, "device_count": _MAX_DEVICES,
    "concurrency": MAX_BATCH_SIZE, "runs": _MAX_RUNS,
}  # fmt: skip
_TEXTS = (
    "family",
    "architecture",
    "quantization",
    "framework_version",
    "memory_format",
    "source",
    "note",
    "environment",
)
_DEFAULTED = {"device_count": 1, "concurrency": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRows:
    """One file's rows with typed columns beside the place columns; problems stay in PROBLEM."""

    frame: pl.DataFrame
    mapping: Mapping[str, str]
    """Field by column, as it was understood."""
    notes: tuple[str, ...]


def check_rows(table: RawTable, options: ReadOptions) -> CheckedRows:
    """Return the rows of one file, parsed; raises InvalidInputError where a column is missing."""
    found = match_columns(table.name, table.columns, _own_columns(options.mapping, table))
    _check_present(table, found, options)
    notes = _column_notes(table, found, options)
    frame = _as_fields(table.frame, found, options.defaults)
    if "precision" not in found and "precision" not in options.defaults:
        frame = frame.with_columns(pl.lit(_DEFAULT_PRECISION).alias("f_precision"))
    parsed = _parse_distinct_fields(frame, options)
    units = {name: unit_of(meaning, options.units) for name, (_, meaning) in found.items()}
    for name in options.defaults:
        units.setdefault(name, unit_of(_default_meaning(name), options.units))
    frame = _parse_cells(parsed, units, options)
    mapping = {column: name for name, (column, _) in found.items()}
    return CheckedRows(frame=frame, mapping=mapping, notes=tuple(notes))


def _own_columns(mapping: Mapping[str, str], table: RawTable) -> Mapping[str, str]:
    """Return the mapping as far as it speaks of this file, if another file has the rest."""
    own = {theirs: ours for theirs, ours in mapping.items() if theirs in table.columns}
    return own or mapping


def _check_present(
    table: RawTable, found: Mapping[str, tuple[str, Meaning]], options: ReadOptions
) -> None:
    given = {*found, *options.defaults}
    listed = ", ".join(f"'{column}'" for column in table.columns[:20])
    for name in _REQUIRED:
        if name not in given:
            raise InvalidInputError(
                f"{table.name}: no column for {name} among {listed or 'no columns at all'}",
                hint=f"say which with --map THEIRS={name}, or give --default {name}=VALUE",
            )
    if not given & set(_MEASURED):
        raise InvalidInputError(
            f"{table.name}: no column for throughput, latency or memory among {listed}",
            hint="say which with --map THEIRS=latency",
        )


def _column_notes(
    table: RawTable, found: Mapping[str, tuple[str, Meaning]], options: ReadOptions
) -> list[str]:
    used = {column for column, _ in found.values()}
    unknown = [
        column for column in table.columns if column not in used and column not in options.mapping
    ]
    notes = []
    if unknown:
        shown = ", ".join(f"'{column}'" for column in unknown[:10])
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        notes.append(f"{table.name}: columns not used: {shown}{more}")
    if "precision" not in found and "precision" not in options.defaults:
        notes.append(
            f"{table.name}: no column for precision: {_DEFAULT_PRECISION} is taken "
            "(--default precision=NAME says otherwise)"
        )
    for name in ("latency", "memory"):
        meaning = found[name][1] if name in found else None
        if meaning and unit_of(meaning, options.units) is None:
            unit = "ms" if name == "latency" else "MiB"
            notes.append(f"{table.name}: {name} is taken in {unit} (--unit {name}=UNIT otherwise)")
    return notes


def _as_fields(
    frame: pl.DataFrame,
    found: Mapping[str, tuple[str, Meaning]],
    defaults: Mapping[str, str],
) -> pl.DataFrame:
    """Return the place columns and one text column `f_NAME` for every field, null if not given."""

    def text(name: str) -> pl.Expr:
        own = pl.col(found[name][0]) if name in found else pl.lit(None, dtype=pl.String)
        if name not in defaults:
            return own
        return pl.when(own.str.strip_chars() != "").then(own).otherwise(pl.lit(defaults[name]))

    return frame.select(*PLACE_COLUMNS, *(text(name).alias(f"f_{name}") for name in FIELDS))


def _default_meaning(name: str) -> Meaning:
    return parse_meaning(name) or Meaning(field=name)


def _parse_distinct_fields(frame: pl.DataFrame, options: ReadOptions) -> pl.DataFrame:
    text, flag = pl.String(), pl.Boolean()
    hardware = fields.hardware_parser(
        options.resolve_device, accepts_new=options.accepts_new_hardware
    )
    precision = {"precision": text, "scheme": text}
    moment: dict[str, pl.DataType] = {"measured_at": fields.TIME, "is_local_time": flag}
    frame = parse_distinct(frame, "model", "f_model", fields.parse_model, fields.MODEL_SCHEMA)
    frame = parse_distinct(frame, "hardware", "f_hardware", hardware, fields.HARDWARE_SCHEMA)
    frame = parse_distinct(
        frame, "precision", "f_precision", fields.parse_precision_cell, precision
    )
    frame = parse_distinct(
        frame, "mode", "f_mode", fields.parse_mode, {"mode": text, "mode_phase": text}
    )
    frame = parse_distinct(frame, "phase", "f_phase", fields.parse_phase, {"phase": text})
    frame = parse_distinct(
        frame, "framework", "f_framework", fields.parse_framework_cell, {"framework": text}
    )
    frame = parse_distinct(
        frame, "throughput_unit", "f_throughput_unit", fields.parse_unit, {"stated_unit": text}
    )
    frame = parse_distinct(frame, "load", "f_load", fields.parse_load, {"load": text})
    return parse_distinct(
        frame, "measured_at", "f_measured_at", fields.time_parser(options.now), moment
    )


def _cell_parsers(options: ReadOptions) -> dict[str, Parsed]:
    comma = options.decimal_comma
    numbers = {
        name: parse_number(name, f"f_{name}", allow_zero=name == "memory", decimal_comma=comma)
        for name in _MEASURED
    }
    wholes = {
        name: parse_whole(name, f"f_{name}", highest=highest) for name, highest in _WHOLE.items()
    }
    texts = {name: parse_text(name, f"f_{name}", longest=_LONGEST_TEXT) for name in _TEXTS}
    warmup = parse_whole("warmup_runs", "f_warmup_runs", highest=_MAX_RUNS, lowest=0)
    flag = parse_flag("is_compiled", "f_is_compiled")
    return {**numbers, **wholes, **texts, "warmup_runs": warmup, "is_compiled": flag}


def _parse_cells(
    frame: pl.DataFrame, units: Mapping[str, str | None], options: ReadOptions
) -> pl.DataFrame:
    parsers = _cell_parsers(options)
    values = {name: parsed.value for name, parsed in parsers.items()}
    frame = frame.with_columns(
        (values["latency"] * _factor(units, "latency")).alias("latency_ms"),
        (values["latency_p90"] * _factor(units, "latency_p90")).alias("latency_p90_ms"),
        (values["latency_p99"] * _factor(units, "latency_p99")).alias("latency_p99_ms"),
        (values["memory"] * _factor(units, "memory")).alias("memory_bytes"),
        values["throughput"].alias("throughput_per_s"),
        pl.coalesce("stated_unit", pl.lit(units.get("throughput"), dtype=pl.String)).alias("unit"),
        *(values[name].alias(name) for name in _WHOLE if name not in _DEFAULTED),
        *(values[name].fill_null(other).alias(name) for name, other in _DEFAULTED.items()),
        values["warmup_runs"].alias("warmup_runs"),
        values["is_compiled"].fill_null(value=False).alias("is_compiled"),
        values["memory_format"].str.to_lowercase().replace(MEMORY_FORMATS).alias("memory_format"),
        pl.coalesce("model_family", values["family"]).alias("model_family"),
        pl.coalesce("model_arch", values["architecture"]).alias("model_arch"),
        pl.coalesce(values["quantization"].str.to_lowercase(), "scheme").alias("quantization"),
        pl.coalesce("phase", "mode_phase").alias("phase"),
        pl.col("mode").fill_null("inference").alias("mode"),
        pl.col("load").fill_null("closed").alias("load"),
        values["framework_version"].alias("framework_version"),
        values["source"].alias("source"),
        values["note"].fill_null("").alias("note"),
        values["environment"].fill_null("").alias("environment"),
        _problem(parsers).alias(PROBLEM),
    )
    return frame.drop(name for name in frame.columns if _is_scratch(name))


def _is_scratch(name: str) -> bool:
    """Only the result is kept: a million rows of an empty text column are 16 MB."""
    is_part = name in {"scheme", "mode_phase", "stated_unit", "_text"}
    return is_part or name.startswith("f_") or (name.endswith("_problem") and name != PROBLEM)


def _factor(units: Mapping[str, str | None], name: str) -> float:
    unit = units.get(name)
    if name == "memory":
        return MEMORY_UNITS[unit or "mib"]
    return LATENCY_UNITS[unit or "ms"]


def _problem(parsers: Mapping[str, Parsed]) -> pl.Expr:
    """Return the first thing that is wrong with a row, null where nothing is."""
    distinct = (
        "model", "hardware", "precision", "mode", "phase", "framework", "throughput_unit",
        "load", "measured_at",
    )  # fmt: skip
    problems = {name: pl.col(f"{name}_problem") for name in distinct}
    problems |= {name: parsed.problem for name, parsed in parsers.items()}
    for name in ("model", "hardware", "precision"):
        problems[name] = required(name, f"f_{name}", problems[name])
    is_open_batch = cell("f_batch_size").is_null()
    open_batch = pl.when(is_open_batch).then(pl.lit(OPEN_BATCH))
    ordered = [problems.pop(name) for name in ("model", "hardware", "batch_size", "precision")]
    is_unmeasured = pl.all_horizontal(parsers[name].value.is_null() for name in _MEASURED)
    unmeasured = pl.when(is_unmeasured).then(
        pl.lit("throughput, latency and memory are missing: one of them must be given")
    )
    is_endless = (
        pl.coalesce("phase", "mode_phase").eq_missing(pl.lit("generate"))
        & parsers["output_tokens"].value.is_null()
    )
    endless = pl.when(is_endless).then(pl.lit("output_tokens: must be given for phase 'generate'"))
    return pl.coalesce(PROBLEM, *ordered, *problems.values(), unmeasured, endless, open_batch)
