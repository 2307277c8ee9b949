"""Files that users name, and the TOML in them."""

from pathlib import Path

import pytest

from perfpredict.catalog.given_files import read_given
from perfpredict.domain.toml_text import at_line, parse_toml
from perfpredict.errors import InvalidInputError


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")

    assert read_given(path, most_bytes=5) == b"12345"
    with pytest.raises(InvalidInputError, match="larger than 0 MiB"):
        read_given(path, most_bytes=4)


@pytest.mark.parametrize("name", ["missing", ".", "a\x00b", "x" * 5000])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot read"):
        read_given(tmp_path / name, most_bytes=10)


@pytest.mark.parametrize(
    ("text", "told"),
    [("a = ", "not valid TOML"), ("a = " + "[" * 100_000, "deep"), ("a = " + "9" * 5000, "limit")],
)
def test_broken_toml_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=f"x: not valid TOML.*{told}|x: {told}"):
        parse_toml("x", text)


def test_a_key_is_found_by_its_line_and_table() -> None:
    text = 'a = 1\n[price]\n"a" = 2\n[other]\nb = 3\n'

    assert parse_toml("x", text)["price"] == {"a": 2}
    assert at_line(text, "a") == " (at line 1)"
    assert at_line(text, "a", "price") == " (at line 3)"
    assert at_line(text, "b", "price") == ""
