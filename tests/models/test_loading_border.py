"""Every way in which a stored predictor is refused, or answers oddly, on its way in."""

import lzma
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from perfpredict.errors import (
    CannotAnswerError,
    InvalidInputError,
    StoreUnusableError,
    UntrustedModelError,
)
from perfpredict.models import blobs, serialized, signing
from perfpredict.models.blobs import BlobFormat

KEY = b"k" * 32


class Answering:
    """Answers with what it was given, and may say how much each feature matters."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, rows):
        return self.answer(rows)


class Gaining(Answering):
    def feature_importance(self, importance_type):
        assert importance_type == "gain"
        return [1.0, 2.0]

    def num_feature(self):
        return 2


def sealed(blob, check=None):
    sha256 = signing.sha256_of(blob)
    return serialized.Seal(
        sha256=sha256, signature=signing.sign(sha256, KEY), library_versions={}, check=check
    )


def load(blob, check=None, features=("batch_size",)):
    return serialized.load_object(blob, sealed(blob, check), features=features, key=KEY)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda rows: [1.0] * len(rows), True),
        (lambda rows: [[1.0]] * len(rows), True),
        (lambda rows: [[1.0, 2.0]] * len(rows), False),
        (lambda rows: [1.0] * (len(rows) - 1), False),
        (lambda _rows: "text", False),
        (lambda _rows: [object()], False),
        (lambda rows: [float("nan")] * len(rows), False),
    ],
)
def test_a_check_vector_is_made_of_one_finite_number_a_row(answer, expected):
    made = serialized.make_check_vector(Answering(answer), 2)

    assert (made is not None) == expected
    if made is not None:
        assert len(made.rows) == len(made.answers) == serialized.CHECK_ROWS


def test_importance_is_the_predictors_own_else_found_by_shuffling():
    linear = LinearRegression().fit([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], [1.0, 2.0, 3.0])
    assert serialized.native_importance(linear, 2)[1] == "coef_"
    values, method = serialized.native_importance(Gaining(len), 2)
    assert (values.tolist(), method) == ([1.0, 2.0], "gain")
    values, method = serialized.native_importance(Answering(lambda rows: rows[:, 0]), 2)
    assert method == "permutation" and values[0] > values[1] == 0
    values, _ = serialized.native_importance(Answering(lambda _rows: None), 2)
    assert values.tolist() == [0.0, 0.0]
    other = Answering(lambda rows: rows[:, 0])
    other.coef_ = [1.0]  # one value for two features is not one each
    assert serialized.native_importance(other, 2)[1] == "permutation"


def test_a_booster_tells_how_many_features_it_was_fitted_on():
    serialized.check_feature_count(Gaining(len), ("a", "b"))
    with pytest.raises(InvalidInputError, match="fitted on 2"):
        serialized.check_feature_count(Gaining(len), ("a",))
    serialized.check_feature_count(Answering(len), ("a", "b", "c"))


@pytest.mark.parametrize("answer", [lambda _rows: None, lambda _rows: [1.0] * 5])
def test_other_answers_than_when_it_was_stored_are_refused(answer, monkeypatch):
    check = serialized.CheckVector(rows=((1.0,),), answers=(2.0,))
    monkeypatch.setattr(serialized, "_unpickle", lambda *_: Answering(answer))

    with pytest.raises(CannotAnswerError, match="answers otherwise"):
        load(pickle.dumps(1), check)


@pytest.mark.parametrize(
    "blob",
    [
        b"tree\nnum_class=1\n",
        b"tree\n\xff\xfe\nnum_class=1\n\nend of trees\n",
        b"tree\r\nend of trees\n",
    ],
)
def test_a_broken_lightgbm_text_never_reaches_lightgbm(blob):
    with pytest.raises(StoreUnusableError, match="cut short or damaged"):
        load(blob)


def test_what_lightgbm_refuses_is_an_error_of_ours():
    blob = b"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\n\nend of trees\n"

    with pytest.raises((CannotAnswerError, StoreUnusableError)):
        load(blob)


def test_formats_are_told_by_their_first_bytes():
    assert blobs.detect_format(b'{"format": "perfpredict residual 1"}') is BlobFormat.RESIDUAL
    assert blobs.detect_format(b"tree\r\n") is BlobFormat.LIGHTGBM
    assert blobs.detect_format(lzma.compress(pickle.dumps(1))) is BlobFormat.PICKLE


def test_only_a_plain_pickle_is_compressed():
    blob = pickle.dumps([1] * 1000)
    small = blobs.compressed(blob, 6)

    assert len(small) < len(blob)
    assert blobs.expand(small) == blob
    assert blobs.compressed(blob, 0) == blob
    assert blobs.compressed(small, 6) == small
    assert blobs.compressed(b"tree\n", 6) == b"tree\n"


@pytest.mark.parametrize("blob", [b"\x78\x9cxxxxxxxx", b"\x1f\x8bxxxxxxx", b"BZhxxxxxxxx",
                                  b"\xfd7zXZ\x00xxxxxxxxxx"])  # fmt: skip
def test_what_only_looks_compressed_is_damaged(blob):
    with pytest.raises(StoreUnusableError, match="damaged"):
        blobs.expand(blob)


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    monkeypatch.delenv(signing.KEY_VARIABLE, raising=False)
    path = tmp_path / "config" / "key"
    monkeypatch.setattr(signing, "key_path", lambda: path)
    return path


def test_an_existing_key_is_never_made(key_file, monkeypatch):
    assert signing.existing_key() is None
    assert not key_file.exists()
    made = signing.signing_key()
    assert signing.existing_key() == made
    monkeypatch.setenv(signing.KEY_VARIABLE, "a key of the team")
    assert signing.existing_key() == b"a key of the team"


def test_a_key_that_cannot_be_made_is_told(key_file):
    key_file.parent.write_text("a file where the folder should be")

    with pytest.raises(UntrustedModelError, match="no signing key can be made"):
        signing.signing_key()


def test_a_damaged_key_is_told(key_file):
    signing.signing_key()
    key_file.write_bytes(b"short")

    with pytest.raises(UntrustedModelError, match="damaged: 5 bytes"):
        signing.signing_key()


def test_of_two_first_keys_one_counts_for_both(key_file, monkeypatch):
    link = os.link

    def other_first(source, target):
        if not key_file.exists():
            key_file.write_bytes(b"o" * 32)
            key_file.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", other_first)

    assert signing.signing_key() == b"o" * 32
    assert [path.name for path in key_file.parent.iterdir()] == ["key"]


def test_an_unsigned_checksum_is_not_signed():
    seal = sealed(b"x")

    assert signing.is_signed(seal.sha256, seal.signature, KEY)
    for signature in (None, "", "é", "0" * 64):
        assert not signing.is_signed(seal.sha256, signature, KEY)
    assert not signing.is_signed(replace(seal, sha256="0" * 64).sha256, seal.signature, KEY)


def test_numbers_of_the_check_vector_are_plain():
    made = serialized.make_check_vector(Answering(lambda rows: np.ones(len(rows))), 1)

    assert made is not None and all(type(value) is float for value in made.answers)
