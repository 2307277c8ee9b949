"""Text that JSON can escape and no file can hold."""

import pytest

from perfpredict.importers.raw import is_encodable


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", True), ("Zoë 模型 🦆", True), ("\ud800", False), ("a\udcff", False), ("", True)],
)
def test_a_lone_surrogate_is_no_text(text: str, expected: bool) -> None:
    assert is_encodable(text) is expected
