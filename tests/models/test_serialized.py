import ast
import bz2
import gzip
import io
import lzma
import os
import pickle
import zlib
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

import perfpredict
from perfpredict.errors import (
    CannotAnswerError,
    InvalidInputError,
    StoreUnusableError,
    UntrustedModelError,
)
from perfpredict.models import blobs, serialized, signing
from perfpredict.models.blobs import BlobFormat, check_size, detect_format, expand, list_globals
from perfpredict.models.serialized import Seal, dump_object, load_object

KEY = b"k" * 32
FEATURES = ("batch_size", "sequence_length")
SOURCE = Path(perfpredict.__file__).parent


class Hostile:
    """Creates a file as soon as anybody loads it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


class Odd:
    """Not a regressor at all."""


@pytest.fixture
def forest():
    generator = np.random.default_rng(0)
    rows = generator.uniform(1, 100, (60, 2))
    return RandomForestRegressor(n_estimators=5, random_state=0).fit(rows, rows.sum(axis=1))


def sealed(blob, regressor=None, key=KEY):
    return Seal(
        sha256=signing.sha256_of(blob),
        signature=signing.sign(signing.sha256_of(blob), key),
        library_versions=serialized.current_versions(blob),
        check=serialized.make_check_vector(regressor, 2) if regressor is not None else None,
    )


def test_what_was_stored_here_loads_here_and_answers_bit_equal(forest):
    blob = dump_object(forest)
    rows = np.random.default_rng(1).uniform(1, 100, (20, 2))

    loaded = load_object(blob, sealed(blob, forest), features=FEATURES, key=KEY)

    assert (loaded.regressor.predict(rows) == forest.predict(rows)).all()
    assert loaded.cautions == ()


def test_joblib_reads_what_is_exported(forest):
    again = joblib.load(io.BytesIO(dump_object(forest)))

    assert (again.predict([[1.0, 2.0]]) == forest.predict([[1.0, 2.0]])).all()


def test_a_blob_that_another_key_signed_is_not_loaded(tmp_path):
    blob = dump_object(Hostile(tmp_path / "made"))

    with pytest.raises(UntrustedModelError, match=r"mkdir"):
        load_object(blob, sealed(blob, key=b"x" * 32), features=FEATURES, key=KEY)

    assert not (tmp_path / "made").exists()


def test_trust_given_in_so_many_words_loads_a_foreign_blob(forest):
    blob = dump_object(forest)
    seal = replace(sealed(blob, forest), signature=None)

    assert load_object(blob, seal, features=FEATURES, key=KEY, trust=True).cautions == ()


def test_a_changed_byte_is_refused_before_anything_is_loaded(tmp_path):
    blob = bytearray(dump_object(Hostile(tmp_path / "made")))
    seal = sealed(bytes(blob))
    blob[-1] ^= 1

    with pytest.raises(StoreUnusableError, match="sha256"):
        load_object(bytes(blob), seal, features=FEATURES, key=KEY, trust=True)

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_listing_what_a_pickle_names_runs_nothing(tmp_path, protocol):
    blob = pickle.dumps(Hostile(tmp_path / "made"), protocol=protocol)

    listing = list_globals(blob)

    assert listing.is_complete
    assert [name.split(".")[-1] for name in listing.global_names] == ["mkdir"]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("compress", [bytes, zlib.compress, gzip.compress, bz2.compress,
                                      lzma.compress])  # fmt: skip
def test_listing_sees_through_compression(tmp_path, compress):
    blob = compress(pickle.dumps(Hostile(tmp_path / "made")))

    assert detect_format(blob) is BlobFormat.PICKLE
    assert any(name.endswith("mkdir") for name in list_globals(blob).global_names)


def test_names_behind_the_arrays_of_a_joblib_file_are_found(tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump([np.arange(1000.0), Hostile(tmp_path / "made")], path)

    listing = list_globals(path.read_bytes())

    assert not listing.is_complete
    assert any(name.endswith("mkdir") for name in listing.global_names)
    assert not (tmp_path / "made").exists()


def test_an_object_of_the_same_features_in_another_order_is_refused():
    import pandas as pd

    frame = pd.DataFrame({"batch_size": [1.0, 2, 3], "sequence_length": [1.0, 5, 2]})
    model = LinearRegression().fit(frame, [1.0, 2.0, 3.0])

    serialized.check_feature_count(model, FEATURES)
    with pytest.raises(InvalidInputError, match="fitted on batch_size, sequence_length"):
        serialized.check_feature_count(model, FEATURES[::-1])


def test_another_number_of_features_is_refused(forest):
    with pytest.raises(InvalidInputError, match="3 features are named"):
        serialized.check_feature_count(forest, ("a", "b", "c"))


def test_other_library_versions_are_a_caution_and_other_answers_an_error(forest):
    blob = dump_object(forest)
    seal = replace(sealed(blob, forest), library_versions={"scikit-learn": "0.1"})

    loaded = load_object(blob, seal, features=FEATURES, key=KEY)
    assert loaded.cautions[0].startswith("stored with scikit-learn 0.1, loaded with 1.")

    changed = replace(seal, check=replace(seal.check, answers=(1.0,) * 5))
    with pytest.raises(CannotAnswerError, match=r"otherwise .*scikit-learn 0\.1"):
        load_object(blob, changed, features=FEATURES, key=KEY)


def test_an_object_without_predict_is_refused():
    blob = dump_object({"not": "a model"})

    with pytest.raises(InvalidInputError, match="'predict'"):
        load_object(blob, sealed(blob), features=FEATURES, key=KEY)


def test_a_pickle_cut_short_is_an_error_of_ours(forest):
    blob = pickle.dumps(forest)[:-100]

    with pytest.raises(CannotAnswerError, match="cannot be loaded"):
        load_object(blob, sealed(blob), features=FEATURES, key=KEY)


def test_what_cannot_be_pickled_is_said():
    with pytest.raises(InvalidInputError, match="cannot be serialized"):
        dump_object(lambda rows: rows)


@pytest.mark.parametrize(
    ("blob", "name"),
    [
        (b"", "m.joblib"),
        (b"just some text, not a model at all", "m.joblib"),
        (b"PK\x03\x04rest", "m.joblib"),
        (b"anything", "m.onnx"),
        (b"anything", "m.skops"),
    ],
)
def test_what_is_no_predictor_is_refused_with_what_is_supported(blob, name):
    with pytest.raises(InvalidInputError):
        detect_format(blob, name)


def test_a_blob_over_the_limit_is_refused():
    with pytest.raises(InvalidInputError, match=r"257.0 MiB, more than 256 MiB"):
        check_size(257 * 2**20)


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_blob_that_expands_without_end_is_refused(compress):
    with pytest.raises(StoreUnusableError, match="expands to more than 2 MiB"):
        expand(compress(bytes(10 * 2**20)), limit=2 * 2**20)


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_compressed_bytes_cut_short_are_refused_or_recognised(compress):
    content = np.random.default_rng(0).bytes(100_000)

    assert expand(compress(content)) == content
    with pytest.raises(StoreUnusableError, match="damaged"):
        expand(compress(content)[:-5000])


def test_lightgbm_text_loads_without_trust_but_not_when_damaged():
    import lightgbm

    rows = np.random.default_rng(0).uniform(size=(50, 2))
    booster = lightgbm.train(
        {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2},
        lightgbm.Dataset(rows, rows[:, 0]),
        num_boost_round=3,
    )
    blob = booster.model_to_string().encode()
    seal = replace(sealed(blob), signature=None)

    assert detect_format(blob) is BlobFormat.LIGHTGBM
    loaded = load_object(blob, seal, features=FEATURES, key=KEY)
    assert loaded.regressor.predict(rows) == pytest.approx(booster.predict(rows))

    short = blob[:200]
    with pytest.raises(StoreUnusableError, match="cut short"):
        load_object(short, sealed(short), features=FEATURES, key=KEY)


def test_the_key_is_made_once_and_for_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.delenv(signing.KEY_VARIABLE, raising=False)
    monkeypatch.setattr(signing, "key_path", lambda: tmp_path / "config" / "key")

    first, second = signing.signing_key(), signing.signing_key()

    assert first == second
    assert len(first) == 32
    assert (tmp_path / "config" / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["key"]


def test_a_key_that_others_can_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv(signing.KEY_VARIABLE, raising=False)
    monkeypatch.setattr(signing, "key_path", lambda: tmp_path / "key")
    signing.signing_key()
    (tmp_path / "key").chmod(0o644)

    with pytest.raises(UntrustedModelError, match="by others"):
        signing.signing_key()


def test_a_team_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(signing.KEY_VARIABLE, "s" * 20)
    assert signing.signing_key() == b"s" * 20

    monkeypatch.setenv(signing.KEY_VARIABLE, "short")
    with pytest.raises(InvalidInputError, match="at least 16"):
        signing.signing_key()


def imported_roots(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_only_one_module_can_load_code():
    dangerous = {"pickle", "_pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}
    loading = [
        path.relative_to(SOURCE).as_posix()
        for path in sorted(SOURCE.rglob("*.py"))
        if dangerous & set(imported_roots(ast.parse(path.read_text("utf-8"))))
    ]

    assert loading == ["models/serialized.py"]


def test_nothing_evaluates_text_as_code():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile"}, path


def test_loading_happens_in_one_function():
    tree = ast.parse((SOURCE / "models" / "serialized.py").read_text("utf-8"))
    callers = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in {"load", "loads", "Unpickler"}
    }

    assert callers == {"_unpickle"}


def test_the_limits_are_those_that_are_documented():
    assert blobs.MAX_BLOB_BYTES == 256 * 2**20
