"""CSV and TSV in every variant that people's files come in."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.errors import InvalidInputError
from perfpredict.importers.delimited import read_delimited
from perfpredict.importers.raw import PROBLEM, ROW


def cells(data: bytes, **options: str) -> list[tuple[str | None, ...]]:
    table = read_delimited("f.csv", data, **options)
    return table.frame.select(table.columns).rows()


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\n1,2\n3,4",
        b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n",
        b"a;b\n1;2\n3;4\n",
        b"a\tb\n1\t2\n3\t4\n",
        b"\n\na,b\n\n1,2\n\n3,4\n\n",
        b'"a","b"\n"1","2"\n3,4\n',
        "a,b\n1,2\n3,4\n".encode("utf-16"),
        b"a,b\n1,2\n,\n3,4\n",
    ],
)
def test_variants_of_one_table_read_alike(data: bytes) -> None:
    assert cells(data) == [("1", "2"), ("3", "4")]


def test_latin_1_is_read_when_it_is_said() -> None:
    assert cells("a,b\né,2\n".encode("latin-1"), encoding="latin-1") == [("é", "2")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.csv: the file is empty"),
        (b" \n\n", "f.csv: the file is empty"),
        ("a,b\n1,é\n".encode("latin-1"), "f.csv:2: not utf-8 text (byte 0xe9)"),
        (b"a,b,a\n1,2,3\n", "f.csv:1: two columns are named 'a'"),
        (b"a,,c\n1,2,3\n", "f.csv:1: column 2 has no name"),
        (b'a,b\n1,2\n3,"x\n', "f.csv:3: a quote is opened and never closed"),
        (b"a,b\n1,\x00\n", "f.csv:2: not a text file (it has zero bytes)"),
        (b"a,_row\n1,2\n", "f.csv:1: a column is named '_row', which is kept for rejected rows"),
    ],
)
def test_what_is_no_table_is_refused_by_file_and_line(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_delimited("f.csv", data)

    assert caught.value.message == message


def test_ragged_rows_are_kept_as_problems_with_their_lines() -> None:
    table = read_delimited("f.csv", b'a,b\n1\n"x\ny",2\n1,2,3\n4,5\n')

    assert table.frame.select(ROW, PROBLEM).rows() == [
        (2, "1 cells where the header has 2"),
        (3, None),
        (5, "3 cells where the header has 2"),
        (6, None),
    ]


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert cells(b"a,b\n") == []


def test_ten_thousand_columns_are_read() -> None:
    header = ",".join(f"c{number}" for number in range(10_000))

    table = read_delimited("f.csv", f"{header}\n{'1,' * 9_999}1\n".encode())

    assert len(table.columns) == 10_000


text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    min_size=1,
    max_size=8,
)
cell = st.one_of(text, text.map(lambda t: f'{t}"{t}'), text.map(lambda t: f"{t}\n{t},{t}"))


@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=12))
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second"), *rows])
    kept = [row for row in rows if re.search(r'[^\s,;|"]', "".join(row))]

    table = read_delimited("f.csv", out.getvalue().encode(), separator=",")

    assert table.frame.select(table.columns).rows() == kept
    numbers = table.frame[ROW].to_list()
    assert numbers == sorted(set(numbers))
