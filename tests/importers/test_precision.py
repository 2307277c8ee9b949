"""Precision names with their quantisation schemes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.precision import Precision
from perfpredict.errors import InvalidInputError
from perfpredict.importers.precision import parse_precision


@pytest.mark.parametrize(
    ("text", "precision", "scheme"),
    [
        ("fp16", Precision.FP16, None),
        ("half", Precision.FP16, None),
        ("amp_fp16", Precision.AMP_FP16, None),
        ("int4_awq", Precision.INT4, "awq"),
        ("int4-gptq", Precision.INT4, "gptq"),
        ("int8_bnb", Precision.INT8, "bnb"),
        ("int8_bitsandbytes", Precision.INT8, "bnb"),
        ("q4_k_m", Precision.INT4, "q4_k_m"),
        ("Q4_K_M", Precision.INT4, "q4_k_m"),
        ("q8_0", Precision.INT8, "q8_0"),
        ("q5_k_m", Precision.INT4, "q5_k_m"),
        ("Q6_K", Precision.INT4, "q6_k"),
        ("fp8", Precision.FP8, None),
        ("mxfp4", Precision.INT4, "mxfp4"),
        ("uint4", Precision.INT4, None),
    ],
)
def test_width_and_scheme_are_told_apart(
    text: str, precision: Precision, scheme: str | None
) -> None:
    assert parse_precision(text) == (precision, scheme)


@pytest.mark.parametrize("text", ["unstated", "unknown", "", "n/a"])
def test_a_precision_that_is_not_stated_is_never_guessed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="precision is not stated"):
        parse_precision(text)


@pytest.mark.parametrize("text", ["fp12", "{'unet': 'fp8'}", "_awq"])
def test_what_is_no_precision_here_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_precision(text)


@given(st.text(max_size=12))
def test_any_text_is_a_precision_or_our_error(text: str) -> None:
    try:
        precision, _ = parse_precision(text)
    except InvalidInputError:
        return
    assert precision in Precision
