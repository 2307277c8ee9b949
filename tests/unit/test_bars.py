"""Bars in tables: where they begin and end, in Unicode and in ASCII, and which colour they take."""

import pytest

from perfpredict.reports.accuracy import STATISTICS
from perfpredict.reports.bars import bars
from perfpredict.reports.render import render
from perfpredict.reports.report import Column, ColumnKind, Drawing, OutputFormat, Report
from perfpredict.reports.table import fitting_columns, render_table
from perfpredict.reports.tones import ERROR_LEGEND, Tone, colored, tone_of

INTERVAL = Drawing("interval", "ms", "ms", "lo", "hi", colored_as="meets")
AMOUNT = Drawing("bar", "ms", "ms")
ROWS = (
    {"name": "a", "ms": 10.0, "lo": 1.0, "hi": 100.0, "meets": "yes"},
    {"name": "b", "ms": 100.0, "lo": 10.0, "hi": 1000.0, "meets": "no"},
    {"name": "c", "ms": None, "lo": None, "hi": None, "meets": "unknown"},
)
COLUMNS = (
    Column("name", kind=ColumnKind.ID, priority=0),
    Column("ms", kind=ColumnKind.MS, priority=0),
    Column("meets", kind=ColumnKind.ID, priority=2),
)


def test_intervals_of_all_rows_share_one_logarithmic_scale():
    drawn = bars(ROWS, INTERVAL, width=13, ascii_only=True)

    assert drawn == ["|---o---|", "    |---o---|", ""]
    assert bars(ROWS, INTERVAL, width=13, ascii_only=False)[0] == "├───●───┤"


def test_one_point_is_a_point():
    row = {"ms": 5.0, "lo": 5.0, "hi": 5.0}

    assert bars([row], INTERVAL, width=13, ascii_only=True) == ["o"]


@pytest.mark.parametrize(("value", "bar"), [(100.0, "#" * 10), (50.0, "#" * 5), (0.01, "#"),
                                            (0.0, ""), (None, ""), (float("nan"), "")])  # fmt: skip
def test_amounts_grow_from_zero_and_none_but_zero_is_invisible(value, bar):
    drawn = bars([{"ms": value}, {"ms": 100.0}], AMOUNT, width=10, ascii_only=True)

    assert drawn == [bar, "#" * 10]


def test_tables_draw_bars_and_programs_get_none():
    report = Report("trial", COLUMNS, ROWS, drawings=(INTERVAL,))

    table = render(report, OutputFormat.TABLE, width=80)
    assert "●" in table and "interval" in table
    assert "●" not in render(report, OutputFormat.TABLE, width=80, ascii_only=True)
    for other in (OutputFormat.PLAIN, OutputFormat.JSON, OutputFormat.CSV, OutputFormat.MARKDOWN):
        assert "●" not in render(report, other) and "interval" not in render(report, other)


def test_a_narrow_table_gives_up_its_bars_before_columns_of_more_weight():
    report = Report("trial", COLUMNS, ROWS, drawings=(INTERVAL,))

    assert "●" not in render(report, OutputFormat.TABLE, width=16)
    assert [c.key for c in fitting_columns(report, 16)] == ["name", "ms"]
    assert all(len(line) <= 34 for line in
               render(report, OutputFormat.TABLE, width=34).splitlines())  # fmt: skip


def test_a_bar_that_no_row_has_takes_no_room():
    empty = [{**row, "lo": None} for row in ROWS]
    report = Report("trial", COLUMNS, empty, drawings=(INTERVAL,))

    assert "interval" not in render(report, OutputFormat.TABLE, width=80)


def test_colours_say_what_the_words_beside_them_say():
    answers = [tone_of("meets", value) for value in (True, "pass", False, "unknown")]
    assert answers == [Tone.GOOD, Tone.GOOD, Tone.BAD, Tone.UNSURE]
    errors = [tone_of("rel_error", value) for value in (0.1, -0.2, 0.26, None)]
    assert errors == [Tone.GOOD, Tone.UNSURE, Tone.BAD, Tone.ABSENT]
    table = render(Report("trial", COLUMNS, ROWS), OutputFormat.TABLE, width=80, color=True)
    assert "\x1b[32myes" in table and "\x1b[31mno" in table
    assert colored("yes", Tone.GOOD) == "\x1b[32myes\x1b[0m"


def test_a_legend_stands_below_coloured_errors_only():
    columns = (Column("name"), Column("rel_error", kind=ColumnKind.PERCENT))
    report = Report("trial", columns, [{"name": "a", "rel_error": 0.5}])

    assert "red beyond" in render(report, OutputFormat.TABLE, width=80, color=True)
    assert "red beyond" not in render(report, OutputFormat.TABLE, width=80)


def test_sections_are_shown_to_people_one_after_the_other():
    section = Report("part", COLUMNS[:1], ROWS[:1], title="first")
    report = Report("whole", COLUMNS, ROWS, shown=(section, section), rows_key="rows")

    assert render(report, OutputFormat.PLAIN) == "first\nname\na\n\nfirst\nname\na\n"
    assert render(report, OutputFormat.TABLE, width=40).count("first") == 2
    assert render(report, OutputFormat.MARKDOWN).count("### first") == 2
    assert render(report, OutputFormat.CSV).splitlines()[0] == "name,ms,meets"


def test_what_was_measured_stands_on_the_interval_or_beyond_it():
    drawing = Drawing("", "ms", "ms", "lo", "hi", "actual", is_relative=True)
    rows = [
        {"ms": 10.0, "lo": 1.0, "hi": 100.0, "actual": 10.0},
        {"ms": 1.0, "lo": 0.1, "hi": 10.0, "actual": 1000.0},
    ]

    assert bars(rows, drawing, width=21, ascii_only=True) == [
        "|----x----|",
        "|----o----|         x",
    ]


@pytest.mark.parametrize("width", range(56, 130, 3))
def test_a_bar_with_a_long_heading_cuts_no_other_column(width):
    drawing = Drawing("a heading that is long", "value", "value", "lo", "hi", priority=1)
    columns = (
        Column("value", "value", ColumnKind.NUMBER, 0),
        Column("lo", "from", ColumnKind.NUMBER, 2),
        Column("hi", "to", ColumnKind.NUMBER, 2),
        Column("id", "id", ColumnKind.ID, 0),
    )
    row = {"value": 2.0, "lo": 1.0, "hi": 4.0, "id": "meas-01M8QESZ7909M8Z1DF9VAQNETP"}
    shown = render_table(Report("x", columns, [row], drawings=[drawing]), width=width, color=False)

    assert row["id"] in shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", range(60, 200, 5))
def test_no_bound_of_the_coverage_stands_without_it(width):
    row = {c.key: "latency" if c.key == "metric" else 0.5 for c in STATISTICS}
    shown = {column.key for column in fitting_columns(Report("x", STATISTICS, [row]), width)}

    assert "coverage" in shown or not {"coverage_lo", "coverage_hi"} & shown


def test_the_legend_of_errors_stands_where_there_is_an_error():
    column = Column("rel_error", "error", ColumnKind.PERCENT, 0)
    with_error, without = (Report("x", [column], rows) for rows in ([{"rel_error": 0.2}], []))

    assert ERROR_LEGEND in render_table(with_error, width=80, color=True)
    assert ERROR_LEGEND not in render_table(without, width=80, color=True)
