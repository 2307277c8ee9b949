"""JSON and JSON lines, whole and broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.errors import InvalidInputError
from perfpredict.importers.json_rows import read_json, read_json_lines
from perfpredict.importers.raw import PROBLEM, ROW

KEYS = st.sampled_from(["a", "b", "c d"])
VALUES = st.one_of(st.text(max_size=5), st.integers(), st.floats(allow_nan=False), st.booleans())


def test_objects_keep_their_line_and_their_numbers_as_written() -> None:
    table = read_json("f.json", b'[{"a":1.50,"b":null},\n\n {"b":true,"c":"x"}]')

    assert table.frame.select(ROW, "a", "b", "c").rows() == [
        (1, "1.50", None, None),
        (3, None, "true", "x"),
    ]


def test_one_object_and_objects_in_a_row_are_tables_too() -> None:
    assert read_json("f.json", b'{"a":1}').frame.height == 1
    assert read_json("f.json", b'{"a":1}\n{"a":2}').frame[ROW].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.json: the file is empty"),
        (b"3", "f.json:1: an array of objects is needed, not a single value"),
        (b'[{"a":1},\n{"a":', "f.json:2: not valid JSON: expecting value"),
        (b'[{"a":1}', "f.json:1: not valid JSON: the file ends inside the array"),
        (b'[{"a":1} {"a":2}]', "f.json:1: not valid JSON: a comma is missing"),
        (b'[{"a":1}]\nx', "f.json:2: not valid JSON: text follows the array"),
        (b'[{"a":1,\n"a":2}]', "f.json:1: the key 'a' is given twice"),
        (b"[" * 100_000, "f.json:1: values are nested too deeply"),
    ],
)
def test_broken_json_is_refused_by_file_and_line(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_json("f.json", data)

    assert caught.value.message == message


def test_nested_and_endless_numbers_stay_for_the_check_to_refuse() -> None:
    table = read_json("f.json", b'[{"a":{"b":1},"c":[1],"d":NaN,"e":' + b"9" * 400 + b"}]")

    assert table.frame.select("a", "c", "d").row(0) == ("{…}", "[…]", "NaN")
    assert table.frame["e"].item() == "9" * 400


def test_a_broken_line_of_json_lines_is_a_problem_of_that_line() -> None:
    table = read_json_lines("f.jsonl", b'{"a":1}\n\nnope\n3\n{"a":2}\n')

    assert table.frame.select(ROW, PROBLEM).rows() == [
        (1, None),
        (3, "not valid JSON: expecting value"),
        (4, "not an object with named values"),
        (5, None),
    ]


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1), min_size=1, max_size=20))
def test_both_forms_of_the_same_rows_read_alike(rows: list[dict[str, object]]) -> None:
    array = read_json("f.json", json.dumps(rows, indent=1).encode())
    lines = read_json_lines("f.jsonl", "\n".join(map(json.dumps, rows)).encode())

    assert array.frame.select(array.columns).equals(lines.frame.select(array.columns))
    assert array.frame.height == len(rows)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_error(data: bytes) -> None:
    for parse in (read_json, read_json_lines):
        try:
            parse("f.json", data)
        except InvalidInputError as error:
            assert error.message.startswith("f.json")
