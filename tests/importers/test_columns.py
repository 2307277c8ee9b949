"""Which names of columns are recognised, and what the user can say about the others."""

import pytest

from perfpredict.errors import InvalidInputError
from perfpredict.importers.columns import (
    match_columns,
    parse_meaning,
    parse_pairs,
    parse_units,
)


@pytest.mark.parametrize(
    ("name", "field", "unit"),
    [
        ("model_name", "model", None),
        ("Hardware Platform", "hardware", None),
        ("seq_length", "sequence_length", None),
        ("latency", "latency", None),
        ("latency_s", "latency", "s"),
        ("Latency (ms)", "latency", "ms"),
        ("latency_p50_ms", "latency", "ms"),
        ("p99_latency_us", "latency_p99", "us"),
        ("memory_mb", "memory", "mb"),
        ("memory_gib", "memory", "gib"),
        ("tokens_per_s", "throughput", "tokens/s"),
        ("timestamp", "measured_at", None),
        ("framework_version", "framework_version", None),
        ("torch_version", "framework_version", None),
        ("vLLM version", "framework_version", None),
    ],
)
def test_usual_names_are_recognised_with_their_units(
    name: str, field: str, unit: str | None
) -> None:
    meaning = parse_meaning(name)

    assert meaning is not None
    assert (meaning.field, meaning.unit) == (field, unit)


def test_a_name_that_says_nothing_is_not_guessed() -> None:
    assert parse_meaning("tps") is None


def test_a_mapped_column_wins_over_a_recognised_one() -> None:
    found = match_columns("f.csv", ["latency", "lat2"], {"lat2": "latency"})

    assert found["latency"][0] == "lat2"


def test_two_columns_for_one_field_must_be_chosen_between() -> None:
    with pytest.raises(InvalidInputError, match="'latency_ms' and 'latency_s' both give latency"):
        match_columns("f.csv", ["latency_ms", "latency_s"], {})

    found = match_columns("f.csv", ["latency_ms", "latency_s"], {"latency_s": "ignore"})
    assert found["latency"][0] == "latency_ms"


def test_the_concrete_device_wins_over_its_platform() -> None:
    found = match_columns("f.csv", ["hardware_platform", "device"], {})

    assert found["hardware"][0] == "device"


def test_a_mapping_to_or_from_nowhere_names_near_matches() -> None:
    with pytest.raises(InvalidInputError) as caught:
        match_columns("f.csv", ["latency"], {"latncy": "latency"})
    assert caught.value.hint == "did you mean latency?"

    with pytest.raises(InvalidInputError) as caught:
        match_columns("f.csv", ["x"], {"x": "sequenze_length"})
    assert caught.value.hint == "did you mean sequence_length?"


@pytest.mark.parametrize("text", ["latency", "=s", "latency=", "a=b,,c=d"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_pairs("--unit", [text])


def test_units_are_checked_against_their_field() -> None:
    assert parse_units(["latency=s,memory=MB"])["latency"] == "s"
    with pytest.raises(InvalidInputError, match="no unit of latency named 'MB'"):
        parse_units(["latency=MB"])
    with pytest.raises(InvalidInputError, match="precision has no unit"):
        parse_units(["precision=ms"])
