"""Quantities with units: what is understood, and what is refused with its field named."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.units import (
    parse_bytes,
    parse_duration_ms,
    parse_number,
    parse_positive,
    parse_rate,
)
from perfpredict.errors import InvalidInputError

PARSERS = [parse_duration_ms, parse_bytes, parse_rate, parse_number, parse_positive]
REFUSED = ["nan", "inf", "-inf", "infinity", "", " ", "abc", "1,5", "１", "٣", "0x10", "1_000",
           "1e999", "--1", "1 2", "1.2.3", ".", "e5", "1e", "5e+", "\n5", "1\n", "½"]  # fmt: skip
NOT_POSITIVE = ["-1", "-0.0", "-1e3"]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_plain_number_is_refused_by_name(parse, text):
    with pytest.raises(InvalidInputError, match=r"^--latency: "):
        parse("--latency", text)


@pytest.mark.parametrize("parse", [parse_duration_ms, parse_rate, parse_positive])
@pytest.mark.parametrize("text", [*NOT_POSITIVE, "0", "1e-400"])
def test_durations_and_rates_must_be_above_zero(parse, text):
    with pytest.raises(InvalidInputError, match="must be a number above 0"):
        parse("--latency", text)


def test_memory_may_be_zero_but_not_below():
    assert parse_bytes("--memory", "0") == 0
    for text in ("-1", "-1GiB", "1e300TiB"):
        with pytest.raises(InvalidInputError, match=r"^--memory: "):
            parse_bytes("--memory", text)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("7.89", 7.89), ("7.89ms", 7.89), ("0.5s", 500), ("300us", 0.3), ("300 µs", 0.3),
     ("2e3ns", 0.002), (" 5 ", 5), ("1min", 60_000), ("5e-1s", 500), (".5", 0.5)],
)  # fmt: skip
def test_durations(text, milliseconds):
    assert parse_duration_ms("--latency", text) == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024.5", 1024.5 * 2**20), ("1.5GiB", 1.5 * 2**30), ("1024MB", 1024e6), ("1 kB", 1000),
     ("8GB", 8e9), ("3B", 3), ("1TiB", 2**40)],
)  # fmt: skip
def test_sizes_tell_powers_of_two_from_powers_of_ten(text, size):
    assert parse_bytes("--memory", text) == pytest.approx(size)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("123.45", (123.45, None)), ("123/s", (123, None)),
     ("5samples/s", (5, ThroughputUnit.SAMPLES)), ("7 tokens/s", (7, ThroughputUnit.TOKENS)),
     ("2batches/s", (16, None))],
)  # fmt: skip
def test_rates(text, expected):
    assert parse_rate("--throughput", text, work_per_batch=8) == expected


def test_batches_need_the_batch_size():
    with pytest.raises(InvalidInputError, match="needs the batch size"):
        parse_rate("--throughput", "2batches/s")


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_duration_ms, "5 h"), (parse_bytes, "5 Gb"), (parse_rate, "5/min")]
)
def test_an_unknown_unit_brings_the_known_ones(parse, text):
    with pytest.raises(InvalidInputError, match="unknown unit") as caught:
        parse("--x", text)
    assert caught.value.hint is not None and caught.value.hint.startswith("units: ")


def test_a_decimal_comma_brings_a_hint():
    with pytest.raises(InvalidInputError) as caught:
        parse_number("--x", "1,5")
    assert caught.value.hint == "write a decimal point, not a comma"


@given(st.floats(min_value=1e-200, max_value=1e200))
def test_numbers_are_read_back_exactly(value):
    assert parse_duration_ms("x", repr(value)) == value
    assert parse_number("x", repr(value)) == value
    assert parse_rate("x", f"{value!r}/s") == (value, None)


@given(st.floats(min_value=1e-100, max_value=1e100))
def test_units_scale_as_they_should(value):
    second, milli = parse_duration_ms("x", f"{value!r}s"), parse_duration_ms("x", f"{value!r}ms")

    assert math.isclose(second, 1000 * milli)
    binary, decimal = parse_bytes("x", f"{value!r}MiB"), parse_bytes("x", f"{value!r}MB")
    assert math.isclose(binary / decimal, 1.048576)


@given(st.text())
def test_any_text_is_a_finite_number_or_an_error_of_ours(text):
    for parse in (parse_duration_ms, parse_bytes, parse_number):
        try:
            value = parse("field", text)
        except InvalidInputError as exc:
            assert exc.message.startswith("field: ")
        else:
            assert math.isfinite(value)
            assert text.isascii() or "µ" in text or "μ" in text
