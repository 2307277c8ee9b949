"""Tables for people: rich ones that fit a terminal, and aligned plain text that cuts nothing."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfpredict.reports.bars import LEAST_WIDTH, MOST_WIDTH, bars, is_drawn
from perfpredict.reports.report import Column, ColumnKind, Drawing, Report, Row
from perfpredict.reports.text import PLAIN_DIGITS, TABLE_DIGITS, cell, display_width, visible
from perfpredict.reports.tones import ERROR_LEGEND, Tone, is_error, tone_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_GAP = 2
_WRAP_AT = 36
"""Free text may be folded down to this many columns before others are hidden."""
_FOLD_AT_LEAST = 12


def render_plain(report: Report, *, color: bool = False) -> str:
    """Return aligned text with full values and UTC times, one line for each row."""
    if report.shown:
        return "\n".join(_plain_section(section, color=color) for section in report.shown)
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


def _plain_section(section: Report, *, color: bool) -> str:
    title = f"{visible(section.title)}\n" if section.title else ""
    return title + render_plain(section, color=color)


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


@dataclass(frozen=True, slots=True)
class _Fitting:
    columns: tuple[Column, ...]
    drawings: tuple[Drawing, ...]
    bar_width: int = MOST_WIDTH


def fitting_columns(report: Report, width: int | None) -> tuple[Column, ...]:
    """Return the columns that a table of `width` terminal columns shows; None is all of them.

    Columns of one priority come together or not at all, so that no bound stands without the other.
    """
    return _fitting(report, width).columns


def _fitting(report: Report, width: int | None) -> _Fitting:
    columns, keys = tuple(report.columns), {column.key for column in report.columns}
    drawings = tuple(
        one for one in report.drawings if one.after in keys and is_drawn(report.rows, one)
    )
    if width is None or report.is_single:
        return _Fitting(columns, drawings)
    needed = [(c.priority, _least_width(report, c) + _GAP, c.key) for c in columns]
    needed += [(d.priority, _least_bar(d) + _GAP, _place(d)) for d in drawings]
    shown: set[str] = set()
    left = width + _GAP
    for priority in sorted({priority for priority, _, _ in needed}):
        own = [(cells, key) for its, cells, key in needed if its == priority]
        wanted = sum(cells for cells, _ in own)
        if wanted <= left or priority == 0:
            shown.update(key for _, key in own)
            left -= wanted
    drawn = tuple(one for one in drawings if _place(one) in shown and one.after in shown)
    spare = max(left, 0) // len(drawn) if drawn else 0
    return _Fitting(
        tuple(column for column in columns if column.key in shown),
        drawn,
        min(LEAST_WIDTH + spare, MOST_WIDTH),
    )


def _least_bar(drawing: Drawing) -> int:
    return max(LEAST_WIDTH, display_width(drawing.heading))


def _place(drawing: Drawing) -> str:
    return f"bar of {drawing.value_key}"


def _least_width(report: Report, column: Column) -> int:
    widest = _full_width(report, column)
    if column.kind is ColumnKind.TEXT:
        widest = min(widest, max(_WRAP_AT, display_width(column.heading)))
    return widest


def render_table(
    report: Report, *, width: int | None, color: bool, ascii_only: bool = False
) -> str:
    """Return a table of at most `width` terminal columns, less important columns left out."""
    from rich.console import Console

    if report.shown:
        sections = (
            render_table(one, width=width, color=color, ascii_only=ascii_only)
            for one in report.shown
        )
        return "\n".join(sections)
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
    if report.title:
        console.print(visible(report.title), style="bold")
    fitting = _fitting(report, width)
    console.print(
        _rich_pairs(report) if report.is_single else _rich_rows(report, fitting, ascii_only)
    )
    if color and _has_errors(report, fitting):
        console.print(ERROR_LEGEND, style="dim")
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _has_errors(report: Report, fitting: _Fitting) -> bool:
    keys = [column.key for column in fitting.columns if is_error(column.key)]
    return any(row.get(key) is not None for row in report.rows for key in keys)


def _natural_width(report: Report) -> int:
    if report.is_single:
        return 10_000
    bars_width = len(report.drawings) * (MOST_WIDTH + _GAP)
    return sum(_full_width(report, c) + _GAP for c in report.columns) + _GAP + bars_width


def _full_width(report: Report, column: Column) -> int:
    texts = [_shown(row, column) for row in report.rows]
    return max(display_width(text) for text in [column.heading, *texts])


def _empty_table() -> "Table":
    from rich.table import Table

    return Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="bold",
    )


def _rich_rows(report: Report, fitting: _Fitting, ascii_only: bool) -> "Table":
    table = _empty_table()
    cells: list[Callable[[int], RenderableType]] = []
    for column in fitting.columns:
        _add_column(table, report, column)
        cells.append(_column_cells(report, column, fitting.columns[0]))
        for drawing in fitting.drawings:
            if drawing.after == column.key:
                table.add_column(drawing.heading, no_wrap=True, min_width=fitting.bar_width)
                cells.append(_bar_cells(report, drawing, fitting.bar_width, ascii_only))
    for place in range(len(report.rows)):
        table.add_row(*(of_row(place) for of_row in cells))
    return table


def _add_column(table: "Table", report: Report, column: Column) -> None:
    from rich.text import Text

    can_fold = column.kind is ColumnKind.TEXT
    table.add_column(
        Text(column.heading),
        justify="right" if column.is_numeric else "left",
        no_wrap=not can_fold,
        overflow="fold",
        min_width=min(_full_width(report, column), _FOLD_AT_LEAST) if can_fold else None,
    )


def _column_cells(
    report: Report, column: Column, first: Column
) -> "Callable[[int], RenderableType]":
    from rich.text import Text

    rows = report.rows
    return lambda place: Text(_shown(rows[place], column), style=_style(rows[place], column, first))


def _bar_cells(
    report: Report, drawing: Drawing, width: int, ascii_only: bool
) -> "Callable[[int], RenderableType]":
    from rich.text import Text

    drawn = bars(report.rows, drawing, width=width, ascii_only=ascii_only)
    key = drawing.colored_as
    tones = [tone_of(key, row[key]) if key else Tone.PLAIN for row in report.rows]
    return lambda place: Text(drawn[place], style=tones[place].value)


def _rich_pairs(report: Report) -> "Table":
    from rich.text import Text

    table = _empty_table()
    table.show_header = False
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for row in report.rows:
        for column in report.columns:
            value = row.get(column.key)
            style = tone_of(column.key, value).value
            table.add_row(Text(column.heading), Text(_shown(row, column), style=style))
    return table


def _shown(row: Row, column: Column) -> str:
    return cell(row.get(column.key), column.kind, digits=TABLE_DIGITS, is_local=True)


def _style(row: Row, column: Column, first: Column) -> str:
    tone = tone_of(column.key, row.get(column.key))
    if tone is Tone.PLAIN and column is first and column.kind is ColumnKind.ID:
        tone = Tone.NAME
    return tone.value
