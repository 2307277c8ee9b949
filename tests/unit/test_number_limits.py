"""Numbers that are written rightly and still too large or too small to reckon with."""

import pytest

from perfpredict.domain.units import parse_number
from perfpredict.errors import InvalidInputError


@pytest.mark.parametrize(("text", "told"), [("1e999", "too large"), ("-1e-320", "too small")])
def test_a_number_beyond_what_can_be_reckoned_with_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"x: {told} \(got '{text}'\)"):
        parse_number("x", text)
