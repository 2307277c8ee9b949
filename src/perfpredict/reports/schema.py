"""JSON Schemas of the outputs, derived from the columns that their reports declare."""

import importlib
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from perfpredict.errors import CannotAnswerError
from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

OUTPUTS: Mapping[str, str] = {
    "config-path": "config:PATH_COLUMNS",
    "config-set": "config:SET_COLUMNS",
    "config-show": "config:SHOW_COLUMNS",
    "db-backup": "database:COPY_COLUMNS",
    "db-check": "database:CHECK_COLUMNS",
    "db-compact": "database:COMPACT_COLUMNS",
    "db-export": "database:TABLE_COLUMNS",
    "db-export-lake": "database:LAKE_COLUMNS",
    "db-import": "database:TABLE_COLUMNS",
    "db-info": "database:INFO_COLUMNS",
    "db-init": "database:INFO_COLUMNS",
    "db-merge": "database:TABLE_COLUMNS",
    "db-migrate": "database:MIGRATE_COLUMNS",
    "db-path": "database:PATH_COLUMNS",
    "db-pull": "database:TABLE_COLUMNS",
    "db-push": "database:TABLE_COLUMNS",
    "db-restore": "database:COPY_COLUMNS",
    "db-sql": "database:SQL_COLUMNS",
    "doctor": "database:DOCTOR_COLUMNS",
    "feedback-list": "feedback:LIST_COLUMNS",
    "feedback-record": "feedback:RECORD_COLUMNS",
    "feedback-summary": "feedback:SUMMARY_COLUMNS",
    "hardware-alias": "hardware:ALIAS_COLUMNS",
    "hardware-change": "hardware:CHANGE_COLUMNS",
    "hardware-compat": "history:COMPAT_COLUMNS",
    "hardware-detect": "hardware:DETECT_COLUMNS",
    "hardware-detect-raw": "hardware:RAW_COLUMNS",
    "hardware-history": "history:HISTORY_COLUMNS",
    "hardware-list": "hardware:LIST_COLUMNS",
    "hardware-price": "hardware:PRICE_COLUMNS",
    "hardware-probe": "hardware:PROBE_COLUMNS",
    "hardware-recommend": "recommendation:COLUMNS",
    "hardware-show": "hardware:SHOW_COLUMNS",
    "measure-check": "measure:CHECK_COLUMNS",
    "measure-delete": "measure:DELETE_COLUMNS",
    "measure-import": "measure:IMPORT_COLUMNS",
    "measure-link": "measure:LINK_COLUMNS",
    "measure-list": "measure:LIST_COLUMNS",
    "measure-record": "measure:RECORD_COLUMNS",
    "measure-run": "measure_run:COLUMNS",
    "measure-suggest": "measure_suggest:COLUMNS",
    "models-compare": "predictors:COMPARE_COLUMNS",
    "models-delete": "predictors:DELETE_COLUMNS",
    "models-evaluate": "predictors:ACCURACY_COLUMNS",
    "models-export": "predictors:EXPORT_COLUMNS",
    "models-importance": "predictors:IMPORTANCE_COLUMNS",
    "models-list": "predictors:LIST_COLUMNS",
    "models-show": "predictors:SHOW_COLUMNS",
    "models-store": "predictors:STORED_COLUMNS",
    "models-train": "predictors:TRAIN_COLUMNS",
    "models-verify": "predictors:VERIFY_COLUMNS",
    "perf-analyze": "accuracy:STATISTICS",
    "perf-check": "accuracy:GATE_COLUMNS",
    "perf-errors": "accuracy:ERROR_COLUMNS",
    "perf-evaluate-groups": "evaluate_protocols:DETAIL_COLUMNS",
    "perf-evaluate-protocol": "evaluate_protocols:PROTOCOL_COLUMNS",
    "perf-explain": "explanation:EXPLANATION_COLUMNS",
    "perf-list": "stored:LIST_COLUMNS",
    "perf-matrix": "perf:MATRIX_COLUMNS",
    "perf-predict": "perf:PREDICTION_COLUMNS",
    "perf-report": "written_report:COLUMNS",
    "perf-sweep": "sweep:SWEEP_COLUMNS",
    "sample-clear": "sample:CLEAR_COLUMNS",
    "sample-generate": "sample:GENERATE_COLUMNS",
    "sample-status": "sample:STATUS_COLUMNS",
    "schema": "schema:LIST_COLUMNS",
}
"""Name of a report → where its columns stand, below `perfpredict.reports`."""

SINGLE = frozenset(
    {
        "config-path",
        "config-set",
        "db-backup",
        "db-compact",
        "db-info",
        "db-init",
        "db-migrate",
        "db-path",
        "db-restore",
        "feedback-record",
        "hardware-change",
        "hardware-probe",
        "hardware-show",
        "measure-import",
        "measure-link",
        "models-delete",
        "models-export",
        "models-show",
        "models-store",
        "perf-report",
        "sample-generate",
    }
)
"""Outputs that are one object and not a list."""

NESTED: Mapping[str, tuple[str, str]] = {
    "hardware-recommend": ("candidates", "recommendation:HEAD_COLUMNS"),
    "measure-record": ("metrics", "measure:RECORD_HEAD_COLUMNS"),
    "perf-explain": ("parts", "explanation:HEAD_COLUMNS"),
    "perf-sweep": ("points", "sweep:HEAD_COLUMNS"),
}
"""Outputs that are one object with the list in it: under which key, and what stands beside it."""

OPEN: Mapping[str, ColumnKind] = {
    "db-info": ColumnKind.COUNT,
    "db-init": ColumnKind.COUNT,
    "perf-matrix": ColumnKind.NUMBER,
}
"""Outputs with a column for each table or device, and of which kind it is."""

_TYPES: Mapping[ColumnKind, Sequence[str]] = {
    ColumnKind.COUNT: ["integer", "null"],
    ColumnKind.NUMBER: ["number", "null"],
    ColumnKind.PERCENT: ["number", "null"],
    ColumnKind.MS: ["number", "null"],
    ColumnKind.MIB: ["number", "null"],
    ColumnKind.RATE: ["number", "null"],
    ColumnKind.FLAG: ["boolean", "null"],
    ColumnKind.TIME: ["string", "null"],
    ColumnKind.ID: ["string", "null"],
    # free text, or a list or an object of texts
    ColumnKind.TEXT: ["string", "array", "object", "null"],
}
_DESCRIPTIONS = {
    ColumnKind.PERCENT: "a fraction: 1 is all of it",
    ColumnKind.MS: "milliseconds",
    ColumnKind.MIB: "MiB, 2^20 bytes",
    ColumnKind.RATE: "per second",
}


LIST_COLUMNS = (Column("name", kind=ColumnKind.ID), Column("kind", kind=ColumnKind.ID))


def schema_list() -> Report:
    """Return the outputs that have a schema."""
    rows = [
        {"name": name, "kind": "object" if name in {*SINGLE, *NESTED} else "array"}
        for name in sorted(OUTPUTS)
    ]
    columns = (Column("name", kind=ColumnKind.ID), Column("kind", kind=ColumnKind.ID))
    return Report("schema", columns, rows)


def schema_text(name: str) -> str:
    """Return the JSON Schema of the output `name` as indented JSON.

    Raises CannotAnswerError, with near matches, where there is none.
    """
    if name not in OUTPUTS:
        near = get_close_matches(name, OUTPUTS, 3)
        guess = f"did you mean {' or '.join(near)}?" if near else "'perfpredict schema' lists all"
        raise CannotAnswerError(f"no output named '{name}'", hint=guess)
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def schema_of(name: str) -> dict[str, JsonValue]:
    """Return the JSON Schema of the output `name`; more keys may be there."""
    head: dict[str, JsonValue] = {"$schema": _DRAFT, "title": f"perfpredict {name}"}
    row = _object(_columns(OUTPUTS[name]))
    if name in OPEN:
        row["additionalProperties"] = _property(Column(name, kind=OPEN[name]))
    if name in SINGLE:
        return head | row
    rows: dict[str, JsonValue] = {"type": "array", "items": row}
    if name in NESTED:
        key, where = NESTED[name]
        return head | _object(_columns(where), **{key: rows})
    return head | rows


def _columns(where: str) -> Sequence[Column]:
    module, _, attribute = where.partition(":")
    found: Sequence[Column] = getattr(
        importlib.import_module(f"perfpredict.reports.{module}"), attribute
    )
    return found


def _object(columns: Sequence[Column], **more: JsonValue) -> dict[str, JsonValue]:
    properties: dict[str, JsonValue] = {column.key: _property(column) for column in columns}
    return {
        "type": "object",
        "properties": properties | more,
        "required": [*properties, *more],
    }


def _property(column: Column) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"type": list(_TYPES[column.kind])}
    if column.kind is ColumnKind.TIME:
        found["format"] = "date-time"
    if column.kind in _DESCRIPTIONS:
        found["description"] = _DESCRIPTIONS[column.kind]
    return found
