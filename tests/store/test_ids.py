from datetime import timedelta

import pytest

from perfpredict.errors import InvalidInputError
from perfpredict.store.ids import IdKind, check_id, new_id, new_ids

from .builders import NOON


def test_ids_have_their_kind_and_26_characters():
    kind, _, body = new_id(IdKind.MEASUREMENT, NOON).partition("-")

    assert (kind, len(body)) == ("meas", 26)


def test_ids_sort_in_the_order_they_were_made_also_when_the_clock_goes_back():
    made = [
        *new_ids(IdKind.PREDICTION, NOON + timedelta(days=9000), 1000),
        *new_ids(IdKind.PREDICTION, NOON + timedelta(days=8999), 1000),
        new_id(IdKind.PREDICTION, NOON),
    ]

    assert made == sorted(set(made))


@pytest.mark.parametrize(
    "text", ["", "meas-", "meas-01", "pred-01KAV8XXXX", "meas-'; drop", "meas-" + "0" * 27, "x"]
)
def test_what_is_no_measurement_id_is_refused(text):
    with pytest.raises(InvalidInputError):
        check_id(IdKind.MEASUREMENT, text)


def test_a_prefix_of_eight_characters_is_accepted_in_any_case():
    assert check_id(IdKind.MEASUREMENT, " MEAS-01kav8zz ") == "meas-01KAV8ZZ"


def test_ids_made_at_once_are_numbers_in_a_row():
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    made = [one.removeprefix("meas-") for one in new_ids(IdKind.MEASUREMENT, NOON, 3000)]

    numbers = [sum(digits.index(c) << 5 * p for p, c in enumerate(reversed(m))) for m in made]

    assert numbers == list(range(numbers[0], numbers[0] + 3000))
