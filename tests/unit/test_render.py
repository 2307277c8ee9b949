"""Formats of a report: exact ones for programs, readable ones for people."""

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.commands.context import wants_color
from perfpredict.commands.settings import ColorChoice
from perfpredict.errors import InvalidInputError
from perfpredict.reports.render import render
from perfpredict.reports.report import (
    Column,
    ColumnKind,
    OutputFormat,
    Report,
    report_from_frame,
)
from perfpredict.reports.table import fitting_columns
from perfpredict.reports.text import (
    cell,
    display_width,
    local_text,
    percent,
    plain_value,
    significant,
    utc_text,
    visible,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COLUMNS = (
    Column("name", "device", ColumnKind.ID, 0),
    Column("latency_ms", "ms", ColumnKind.MS, 1),
    Column("share", "share", ColumnKind.PERCENT, 3),
    Column("at", "measured", ColumnKind.TIME, 4),
    Column("fits", "fits", ColumnKind.FLAG, 2),
    Column("note", "note", ColumnKind.TEXT, 5),
)
ROWS = (
    {"name": "nvidia-l4", "latency_ms": 1234.5678, "share": 0.12345, "at": NOON, "fits": True,
     "note": "a, b"},
    {"name": "cpu", "latency_ms": None, "share": math.nan, "at": None, "fits": False, "note": ""},
)  # fmt: skip
REPORT = Report("trial", COLUMNS, ROWS)


def text(value, kind=ColumnKind.TEXT, digits=3):
    return cell(value, kind, digits=digits)


def test_json_is_strict_has_full_precision_and_utc_times():
    rows = json.loads(render(REPORT, OutputFormat.JSON), parse_constant=pytest.fail)

    assert rows[0]["latency_ms"] == 1234.5678
    assert rows[0]["at"] == "2026-11-24T12:00:00Z"
    assert rows[1]["share"] is None and rows[1]["note"] == ""


def test_infinity_is_null_at_any_depth():
    assert plain_value({"a": [math.inf, {"b": math.nan}]}) == {"a": [None, {"b": None}]}


def test_a_single_report_is_one_object_with_its_extra_merged_in():
    report = Report("one", COLUMNS[:1], ROWS[:1], is_single=True, extra={"more": [1]})

    assert json.loads(render(report, OutputFormat.JSON)) == {"more": [1], "name": "nvidia-l4"}
    assert render(report, OutputFormat.PLAIN) == "device  nvidia-l4\n"


def test_a_rows_key_makes_json_an_object_and_leaves_tables_lists():
    report = Report("ranked", COLUMNS[:1], ROWS, extra={"id": "rec-1"}, rows_key="candidates")

    found = json.loads(render(report, OutputFormat.JSON))
    assert found == {"id": "rec-1", "candidates": [{"name": "nvidia-l4"}, {"name": "cpu"}]}
    assert render(report, OutputFormat.PLAIN) == "name\nnvidia-l4\ncpu\n"


def test_jsonl_is_one_object_a_line():
    lines = render(REPORT, OutputFormat.JSONL).splitlines()

    assert [json.loads(line)["name"] for line in lines] == ["nvidia-l4", "cpu"]


def test_json_for_an_ascii_stream_is_ascii():
    report = Report("one", COLUMNS[:1], [{"name": "Zoë"}])
    found = render(report, OutputFormat.JSON, ascii_only=True)

    assert found.isascii() and json.loads(found) == [{"name": "Zoë"}]


def test_csv_round_trips_and_leaves_absent_values_empty():
    rows = list(csv.DictReader(io.StringIO(render(REPORT, OutputFormat.CSV))))

    assert rows[0]["note"] == "a, b"
    assert float(rows[0]["latency_ms"]) == 1234.5678
    assert (rows[0]["fits"], rows[1]["latency_ms"], rows[1]["share"]) == ("true", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_free_text_is_no_formula_in_csv_and_untouched_in_json(start):
    report = Report("one", [Column("comment")], [{"comment": f"{start}1+1"}])
    (row,) = csv.DictReader(io.StringIO(render(report, OutputFormat.CSV), newline=""))

    assert row["comment"] == f"'{start}1+1"
    assert json.loads(render(report, OutputFormat.JSON)) == [{"comment": f"{start}1+1"}]


def test_negative_numbers_stay_numbers_in_csv():
    report = Report("one", [Column("error", kind=ColumnKind.NUMBER)], [{"error": -1.5}])

    assert render(report, OutputFormat.CSV) == "error\n-1.5\n"


def test_tsv_keeps_one_line_a_row():
    report = Report("one", [Column("comment")], [{"comment": "a\tb\nc\\"}])

    assert render(report, OutputFormat.TSV) == "comment\na\\tb\\nc\\\\\n"


def test_markdown_escapes_what_would_be_markup():
    report = Report("one", [Column("note")], [{"note": "a|b <b> `x` _y_"}])

    assert "| a\\|b &lt;b&gt; \\`x\\` \\_y\\_ |" in render(report, OutputFormat.MARKDOWN)


def test_plain_is_aligned_full_and_utc():
    lines = render(REPORT, OutputFormat.PLAIN).splitlines()

    assert lines[0] == "name       latency_ms   share  at                    fits  note"
    assert lines[1] == "nvidia-l4     1234.57  12.3 %  2026-11-24T12:00:00Z  yes   a, b"
    assert lines[2] == "cpu                 -       -  -                     no    -"


def test_tables_have_three_significant_digits():
    found = render(REPORT, OutputFormat.TABLE)

    assert "1230" in found and "1234" not in found
    assert "device" in found and "latency_ms" not in found


def test_narrow_tables_drop_the_least_important_columns_first():
    assert [c.key for c in fitting_columns(REPORT, 200)] == [c.key for c in COLUMNS]
    assert [c.key for c in fitting_columns(REPORT, 30)] == ["name", "latency_ms", "share", "fits"]
    assert [c.key for c in fitting_columns(REPORT, 5)] == ["name"]
    assert len(fitting_columns(REPORT, None)) == len(COLUMNS)


@given(st.integers(20, 300))
def test_no_line_of_a_table_is_wider_than_the_terminal(width):
    lines = render(REPORT, OutputFormat.TABLE, width=width).splitlines()

    assert max(map(display_width, lines)) <= width


def test_a_long_name_is_neither_cut_nor_wrapped():
    name = "org/" + "x" * 180
    report = Report("one", COLUMNS, [{"name": name}])

    assert name in render(report, OutputFormat.PLAIN)
    assert name in render(report, OutputFormat.TABLE)


def test_hostile_text_is_visible_and_never_markup():
    hostile = "[red]x[/] \x1b]0;title\x07 \u202egpj.exe\x00\n"
    report = Report("one", [Column("note")], [{"note": hostile}])

    for output_format in (OutputFormat.PLAIN, OutputFormat.TABLE):
        found = render(report, output_format, color=False)
        assert "[red]x[/]" in found
        assert "\x1b" not in found and "\u202e" not in found and "\x00" not in found
        assert r"\x1b]0;title\x07" in found and r"\u202egpj.exe\x00\n" in found


@given(st.text())
def test_visible_text_has_nothing_that_moves_the_cursor(value):
    shown = visible(value)

    assert not any(ord(character) < 32 or ord(character) == 127 for character in shown)
    assert shown.encode("utf-8").decode("utf-8") == shown


@given(st.text())
def test_json_gives_text_back_unchanged(value):
    report = Report("one", [Column("note")], [{"note": value}])

    assert json.loads(render(report, OutputFormat.JSON)) == [{"note": value}]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_csv_gives_names_back_unchanged(values):
    report = Report("one", [Column("name", kind=ColumnKind.ID)], [{"name": v} for v in values])
    found = list(csv.reader(io.StringIO(render(report, OutputFormat.CSV), newline="")))

    assert [name for (name,) in found[1:]] == values


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (1234.5, "1230"), (0.99951, "1.00"), (7.89, "7.89"), (0.000123456, "0.000123"),
     (1e-9, "1e-09"), (1.5e18, "1.5e+18"), (-12.345, "-12.3"), (99.96, "100"), (123, "123")],
)  # fmt: skip
def test_numbers_show_three_significant_digits(value, expected):
    assert significant(value, 3) == expected


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_shown_number_is_within_half_a_percent(value):
    assert math.isclose(float(significant(value, 3)), value, rel_tol=0.00501)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.0, "0 %"), (0.0004, "<0.1 %"), (-0.0004, ">-0.1 %"), (0.9999, ">99.9 %"), (1.0, "100 %"),
     (1.0002, ">100 %"), (0.25, "25 %"), (0.12345, "12.3 %"), (-0.5, "-50 %"), (123.4, "12340 %")],
)  # fmt: skip
def test_percentages_are_never_falsely_0_or_100(fraction, expected):
    assert percent(fraction) == expected


def test_counts_are_exact_and_flags_are_words():
    assert text(1234567, ColumnKind.COUNT) == "1234567"
    assert (text(True), text(False), text(None)) == ("yes", "no", "-")
    assert text(["a", 1]) == "a, 1"
    assert text({"a": [1, math.nan]}) == '{"a": [1, null]}'


def test_times_are_utc_with_a_z_or_local_with_a_zone():
    east = NOON.astimezone(timezone(timedelta(hours=5)))

    assert utc_text(east) == "2026-11-24T12:00:00Z"
    assert utc_text(NOON.replace(tzinfo=None)) == "2026-11-24T12:00:00Z"
    assert local_text(NOON).startswith("2026-11-2")


def test_sorting_puts_absent_values_last_in_both_directions():
    assert [row["name"] for row in REPORT.sorted_by("latency_ms").rows] == ["nvidia-l4", "cpu"]
    assert [row["name"] for row in REPORT.sorted_by("-latency_ms").rows] == ["nvidia-l4", "cpu"]
    assert [row["name"] for row in REPORT.sorted_by("name").rows] == ["cpu", "nvidia-l4"]


def test_choosing_columns_keeps_their_order_and_refuses_unknown_ones():
    assert [c.key for c in REPORT.with_columns(["fits", "name"]).columns] == ["fits", "name"]
    with pytest.raises(InvalidInputError, match="no column named 'nam'") as caught:
        REPORT.with_columns(["nam"])
    assert caught.value.hint == "did you mean name?"


def test_a_frame_becomes_a_report_with_kinds_from_names_and_types():
    frame = pl.DataFrame(
        {"prediction_id": ["pred-1"], "latency_ms": [1.5], "rel_error": [0.1], "n": [3],
         "fits": [True], "created_at": [NOON], "memory_mib": [1.0], "note": ["x"], "r2": [0.5]}
    )  # fmt: skip
    report = report_from_frame("list", frame)

    assert [column.kind for column in report.columns] == [
        ColumnKind.ID, ColumnKind.MS, ColumnKind.PERCENT, ColumnKind.COUNT, ColumnKind.FLAG,
        ColumnKind.TIME, ColumnKind.MIB, ColumnKind.TEXT, ColumnKind.NUMBER,
    ]  # fmt: skip
    assert json.loads(render(report, OutputFormat.JSON))[0]["created_at"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("choice", "environ", "is_terminal", "expected"),
    [
        (ColorChoice.ALWAYS, {"NO_COLOR": "1"}, False, True),
        (ColorChoice.NEVER, {"FORCE_COLOR": "1"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": "", "FORCE_COLOR": "1"}, False, True),
        (ColorChoice.AUTO, {"GITHUB_ACTIONS": "true"}, False, False),
        (ColorChoice.AUTO, {"TERM": "dumb"}, True, False),
        (ColorChoice.AUTO, {}, True, True),
    ],
)
def test_colour_is_decided_by_flag_environment_and_terminal(choice, environ, is_terminal, expected):
    assert wants_color(choice, environ, is_terminal=is_terminal) is expected
