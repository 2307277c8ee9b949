"""Tables for people: rich ones that fit a terminal, and aligned plain text that cuts nothing."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, Report, Row
from perfpredict.reports.text import PLAIN_DIGITS, TABLE_DIGITS, cell, display_width, visible

if TYPE_CHECKING:
    from rich.table import Table

_GAP = 2
_WRAP_AT = 36
"""Free text may be folded down to this many columns before others are hidden."""
_FOLD_AT_LEAST = 12


def render_plain(report: Report, *, color: bool = False) -> str:
    """Return aligned text with full values and UTC times, one line for each row."""
    if report.is_single:
        return _plain_pairs(report)
    grid = [[column.key for column in report.columns]]
    grid += [
        [cell(row.get(c.key), c.kind, digits=PLAIN_DIGITS) for c in report.columns]
        for row in report.rows
    ]
    widths = [max(display_width(text) for text in texts) for texts in zip(*grid, strict=True)]
    lines = [_plain_line(texts, widths, report.columns) for texts in grid]
    if color and lines:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "".join(f"{line}\n" for line in lines)


def _plain_pairs(report: Report) -> str:
    widest = max((display_width(column.heading) for column in report.columns), default=0)
    lines = []
    for row in report.rows:
        for column in report.columns:
            text = cell(row.get(column.key), column.kind, digits=PLAIN_DIGITS)
            padding = " " * (widest - display_width(column.heading) + _GAP)
            lines.append(f"{column.heading}{padding}{text}\n")
    return "".join(lines)


def _plain_line(texts: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = []
    for text, width, column in zip(texts, widths, columns, strict=True):
        padding = " " * (width - display_width(text))
        padded.append(padding + text if column.is_numeric else text + padding)
    return (" " * _GAP).join(padded).rstrip()


def fitting_columns(report: Report, width: int | None) -> tuple[Column, ...]:
    """Return the columns that a table of `width` terminal columns shows; None is all of them.

    Columns of one priority come together or not at all, so that no bound stands without the other.
    """
    columns = tuple(report.columns)
    if width is None or report.is_single:
        return columns
    needed = {column.key: _least_width(report, column) + _GAP for column in columns}
    shown: set[str] = set()
    left = width + _GAP
    for priority in sorted({column.priority for column in columns}):
        keys = [column.key for column in columns if column.priority == priority]
        wanted = sum(needed[key] for key in keys)
        if wanted <= left or priority == 0:
            shown.update(keys)
            left -= wanted
    return tuple(column for column in columns if column.key in shown)


def _least_width(report: Report, column: Column) -> int:
    widest = _full_width(report, column)
    if column.kind is ColumnKind.TEXT:
        widest = min(widest, max(_WRAP_AT, display_width(column.heading)))
    return widest


def render_table(report: Report, *, width: int | None, color: bool) -> str:
    """Return a table of at most `width` terminal columns, less important columns left out."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width or _natural_width(report),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(_rich_pairs(report) if report.is_single else _rich_rows(report, width))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _natural_width(report: Report) -> int:
    if report.is_single:
        return 10_000
    return sum(_full_width(report, column) + _GAP for column in report.columns) + _GAP


def _full_width(report: Report, column: Column) -> int:
    texts = [_shown(row, column) for row in report.rows]
    return max(display_width(text) for text in [column.heading, *texts])


def _empty_table(report: Report) -> "Table":
    from rich.table import Table
    from rich.text import Text

    return Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="bold",
        title=Text(visible(report.title)) if report.title else None,
        title_style="bold",
        title_justify="left",
    )


def _rich_rows(report: Report, width: int | None) -> "Table":
    from rich.text import Text

    columns = fitting_columns(report, width)
    table = _empty_table(report)
    for column in columns:
        can_fold = column.kind is ColumnKind.TEXT
        table.add_column(
            Text(column.heading),
            justify="right" if column.is_numeric else "left",
            no_wrap=not can_fold,
            overflow="fold",
            min_width=min(_full_width(report, column), _FOLD_AT_LEAST) if can_fold else None,
        )
    for row in report.rows:
        table.add_row(*(Text(_shown(row, c), style=_style(row, c, columns[0])) for c in columns))
    return table


def _rich_pairs(report: Report) -> "Table":
    from rich.text import Text

    table = _empty_table(report)
    table.show_header = False
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for row in report.rows:
        for column in report.columns:
            table.add_row(Text(column.heading), Text(_shown(row, column)))
    return table


def _shown(row: Row, column: Column) -> str:
    return cell(row.get(column.key), column.kind, digits=TABLE_DIGITS, is_local=True)


def _style(row: Row, column: Column, first: Column) -> str:
    if row.get(column.key) is None:
        return "dim"
    return "cyan" if column is first and column.kind is ColumnKind.ID else ""
