"""Which names and texts are stored."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.names import clean_name, clean_text, parse_whole_number
from perfpredict.errors import InvalidInputError

GOOD = ["bert-base-uncased", "meta-llama/Llama-3.1-8B", "my model:q4_k_m", "org@1.2+cu", "Zoë",
        "模型", "x" * 200, "हिन्दी", "../x", "3060 Ti"]  # fmt: skip
BAD = ["", "   ", "x" * 201, "-x", "--help", "=HYPERLINK(1)", "+x", "@x", "a'b", 'a"b', "a;b",
       "[red]", "a\nb", "a\tb", "a\x00b", "\x1b]0;x", "a\u202eb", "a\u200bb", "\ufeffx", "\udcff",
       "a*", "😀", "a|b", "a\\b", "<b>", "a,b"]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_usual_names_are_kept(name):
    assert clean_name("model", name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", BAD)
def test_other_names_are_refused_by_field(name):
    with pytest.raises(InvalidInputError, match=r"^model: "):
        clean_name("model", name)


def test_composed_and_decomposed_letters_are_one_name():
    assert clean_name("model", "e\u0301") == clean_name("model", "\u00e9") == "\u00e9"


@given(st.text())
def test_a_kept_name_is_kept_again_and_is_no_option_or_formula(text):
    try:
        name = clean_name("model", text)
    except InvalidInputError:
        return
    assert clean_name("model", name) == name
    assert name[0] not in "-=+@" and name.isprintable() and name.encode()


@pytest.mark.parametrize("text", ["", "a\nb", "=1", "\x1b[31m", "\u202e", "😀", "x" * 10_000])
def test_texts_are_kept_as_they_are(text):
    assert clean_text("comment", text) == text


@pytest.mark.parametrize("text", ["\x00", "\udcff", "x" * 10_001])
def test_texts_that_cannot_be_stored_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"^comment: "):
        clean_text("comment", text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1e3", "nan", "", "２", "1_0", "0x1",
                                  str(2**31), str(2**63), "9" * 5000, "+1", "1 0"])  # fmt: skip
def test_whole_numbers_outside_the_range_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"^--batch-size: must be a whole number from 1 to"):
        parse_whole_number("--batch-size", text, highest=1_000_000)


def test_whole_numbers_are_read():
    assert parse_whole_number("--batch-size", " 1000000", highest=1_000_000) == 1_000_000
    assert parse_whole_number("--limit", "0", lowest=0, highest=10) == 0
