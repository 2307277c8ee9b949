"""Writes a report in the format asked for: JSON, CSV and others exactly, tables for people."""

import json
from collections.abc import Callable, Iterator, Mapping

from perfpredict.reports.report import (
    Column,
    ColumnKind,
    JsonValue,
    OutputFormat,
    Report,
    Row,
    Style,
)
from perfpredict.reports.table import render_plain, render_table
from perfpredict.reports.text import TABLE_DIGITS, cell, plain_value

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(
    report: Report,
    output_format: OutputFormat,
    *,
    width: int | None = None,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """Return `report` as text that ends with a newline, or as nothing for an empty CSV row set.

    Args:
        report: what to write.
        output_format: any but `auto`, which the caller resolves.
        width: terminal columns that a table must fit; None does not limit it.
        color: whether tables may use ANSI colours.
        ascii_only: whether JSON escapes what is not ASCII, and bars are drawn in ASCII.
    """
    if output_format in _EXACT:
        return _EXACT[output_format](report, ascii_only)
    if output_format is OutputFormat.TABLE:
        text = render_table(report, width=width, color=color, ascii_only=ascii_only)
    else:
        text = render_plain(report, color=color)
    style = Style(width=width or Style().width, color=color, ascii_only=ascii_only)
    return "\n".join([text, *(figure.draw(style) for figure in report.figures)])


def _render_json(report: Report, ascii_only: bool) -> str:
    rows = [_json_row(report, row) for row in report.rows]
    document: JsonValue = rows
    if report.is_single:
        document = {**_extra(report), **(rows[0] if rows else {})}
    elif report.rows_key:
        document = {**_extra(report), report.rows_key: rows}
    text = json.dumps(document, indent=2, ensure_ascii=ascii_only, allow_nan=False)
    return _without_surrogates(text) + "\n"


def _render_jsonl(report: Report, ascii_only: bool) -> str:
    extra = _extra(report) if report.is_single else {}
    lines = (
        json.dumps({**extra, **_json_row(report, row)}, ensure_ascii=ascii_only, allow_nan=False)
        for row in report.rows
    )
    return "".join(f"{_without_surrogates(line)}\n" for line in lines)


def _json_row(report: Report, row: Row) -> dict[str, JsonValue]:
    return {column.key: plain_value(row.get(column.key)) for column in report.columns}


def _extra(report: Report) -> dict[str, JsonValue]:
    return {key: plain_value(value) for key, value in report.extra.items()}


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _render_csv(report: Report, _ascii_only: bool) -> str:
    lines = [[column.key for column in report.columns], *_exact_rows(report)]
    # an empty line would be no row at all
    return "".join(f"{','.join(map(_csv_cell, line)) or chr(34) * 2}\n" for line in lines)


def _csv_cell(text: str) -> str:
    """Return `text` quoted where RFC 4180 wants it, also for a lone carriage return."""
    if not text or text.strip() != text or any(mark in text for mark in '",\r\n'):
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if text else ""
    return text


def _render_tsv(report: Report, _ascii_only: bool) -> str:
    lines = ["\t".join(column.key for column in report.columns)]
    for row in _exact_rows(report):
        lines.append("\t".join(_tsv_cell(value) for value in row))
    return "\n".join(lines) + "\n"


def _tsv_cell(text: str) -> str:
    escapes = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text


def _exact_rows(report: Report) -> Iterator[list[str]]:
    for row in report.rows:
        yield [_exact(row.get(column.key), column) for column in report.columns]


def _exact(value: JsonValue, column: Column) -> str:
    """Return the value in full precision, empty where absent.

    Text that a spreadsheet would run as a formula gets a leading apostrophe; JSON has it as it is.
    """
    value = plain_value(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        is_formula = column.kind is ColumnKind.TEXT and value.startswith(_FORMULA_STARTS)
        return f"'{value}" if is_formula else value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _render_markdown(report: Report, ascii_only: bool) -> str:
    if report.shown:
        return "\n".join(_render_markdown(section, ascii_only) for section in report.shown)
    heading = f"### {markdown_text(report.title)}\n\n" if report.title else ""
    if report.is_single:
        pairs = [
            (column.heading, _shown(row.get(column.key), column))
            for row in report.rows
            for column in report.columns
        ]
        return heading + _markdown_table(["field", "value"], ["---", "---"], map(list, pairs))
    rules = ["---:" if column.is_numeric else "---" for column in report.columns]
    rows = (
        [_shown(row.get(column.key), column) for column in report.columns] for row in report.rows
    )
    return heading + _markdown_table([c.heading for c in report.columns], rules, rows)


def _markdown_table(headings: list[str], rules: list[str], rows: Iterator[list[str]]) -> str:
    lines = [headings, *rows]
    texts = [f"| {' | '.join(map(markdown_text, line))} |" for line in lines]
    return "\n".join([texts[0], f"| {' | '.join(rules)} |", *texts[1:]]) + "\n"


def markdown_text(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{character}" if character in r"\`*_[]|" else character for character in text)


def _shown(value: JsonValue, column: Column) -> str:
    return cell(value, column.kind, digits=TABLE_DIGITS)


_EXACT: Mapping[OutputFormat, Callable[[Report, bool], str]] = {
    OutputFormat.JSON: _render_json,
    OutputFormat.JSONL: _render_jsonl,
    OutputFormat.CSV: _render_csv,
    OutputFormat.TSV: _render_tsv,
    OutputFormat.MARKDOWN: _render_markdown,
}
