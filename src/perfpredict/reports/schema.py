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
    "hardware-show": "hardware:SHOW_COLUMNS",
    "measure-check": "measure:CHECK_COLUMNS",
    "measure-delete": "measure:DELETE_COLUMNS",
    "measure-import": "measure:IMPORT_COLUMNS",
    "measure-link": "measure:LINK_COLUMNS",
    "measure-list": "measure:LIST_COLUMNS",
    "measure-suggest": "measure_suggest:COLUMNS",
    "models-compare": "predictors:COMPARE_COLUMNS",
    "models-evaluate": "predictors:ACCURACY_COLUMNS",
    "models-importance": "predictors:IMPORTANCE_COLUMNS",
    "models-list": "predictors:LIST_COLUMNS",
    "models-show": "predictors:SHOW_COLUMNS",
    "models-store": "predictors:STORED_COLUMNS",
    "models-train": "predictors:TRAIN_COLUMNS",
    "models-verify": "predictors:VERIFY_COLUMNS",
    "perf-check": "accuracy:GATE_COLUMNS",
    "perf-errors": "accuracy:ERROR_COLUMNS",
    "perf-evaluate-groups": "evaluate_protocols:DETAIL_COLUMNS",
    "perf-evaluate-protocol": "evaluate_protocols:PROTOCOL_COLUMNS",
    "perf-explain": "explanation:EXPLANATION_COLUMNS",
    "perf-predict": "perf:PREDICTION_COLUMNS",
    "perf-report": "written_report:COLUMNS",
    "perf-sweep": "sweep:SWEEP_COLUMNS",
    "sample-clear": "sample:CLEAR_COLUMNS",
    "sample-generate": "sample:GENERATE_COLUMNS",
    "sample-status": "sample:STATUS_COLUMNS",
}
"""Name of a report → where its columns stand, below `perfpredict.reports`."""

SINGLE = frozenset(
    {
        "config-path",
        "config-set",
        "feedback-record",
        "hardware-change",
        "hardware-probe",
        "hardware-show",
        "measure-import",
        "measure-link",
        "models-show",
        "models-store",
        "perf-report",
        "sample-generate",
    }
)
"""Outputs that are one object and not a list."""

ROWS_KEYS: Mapping[str, str] = {"perf-explain": "parts", "perf-sweep": "points"}
"""Outputs that are an object which holds the list under this key, beside others."""

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


def schema_list() -> Report:
    """Return the outputs that have a schema."""
    rows = [
        {"name": name, "kind": "object" if name in {*SINGLE, *ROWS_KEYS} else "array"}
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
    module, _, attribute = OUTPUTS[name].partition(":")
    columns = getattr(importlib.import_module(f"perfpredict.reports.{module}"), attribute)
    row: dict[str, JsonValue] = {
        "type": "object",
        "properties": {column.key: _property(column) for column in columns},
        "required": [column.key for column in columns],
    }
    head: dict[str, JsonValue] = {"$schema": _DRAFT, "title": f"perfpredict {name}"}
    listed: dict[str, JsonValue] = {"type": "array", "items": row}
    if name in ROWS_KEYS:
        key = ROWS_KEYS[name]
        return head | {"type": "object", "properties": {key: listed}, "required": [key]}
    return head | (row if name in SINGLE else listed)


def _property(column: Column) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"type": list(_TYPES[column.kind])}
    if column.kind is ColumnKind.TIME:
        found["format"] = "date-time"
    if column.kind in _DESCRIPTIONS:
        found["description"] = _DESCRIPTIONS[column.kind]
    return found
