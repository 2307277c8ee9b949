"""Serialized predictors of other libraries: the only module in which pickle and joblib load.

Loading a pickle runs whatever code it names. Therefore `load_object` is the one function that
does it, after the checksum and the signature (or the user's word) have been checked.
"""

import importlib.metadata
import io
import pickle
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import (
    CannotAnswerError,
    InvalidInputError,
    StoreUnusableError,
    UntrustedModelError,
)
from perfpredict.models.blobs import BlobFormat, check_size, detect_format, expand, list_globals
from perfpredict.models.signing import is_signed, sha256_of

Floats = NDArray[np.float64]

CHECK_ROWS = 5
"""Rows of the check vector that is kept with each stored predictor."""

_COMPARED_PACKAGES = ("scikit-learn", "lightgbm", "xgboost", "catboost", "numpy", "joblib")


class Regressor(Protocol):
    """What an object must offer to answer as a predictor: scikit-learn's `predict`."""

    def predict(self, rows: Floats) -> object:
        """Return one number a row of features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckVector:
    """Inputs and the answers they had when the predictor was stored."""

    rows: tuple[tuple[float, ...], ...]
    answers: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What makes stored bytes trustworthy: checksum, signature, versions, known answers."""

    sha256: str
    signature: str | None
    library_versions: Mapping[str, str]
    check: CheckVector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedObject:
    """A loaded predictor object and what to be wary of."""

    regressor: Regressor
    cautions: tuple[str, ...]


def dump_object(model: object, *, compress: int = 3) -> bytes:
    """Return `model` as a zlib-compressed pickle, which `joblib.load` reads as well.

    A plain pickle and not joblib's own layout: its instructions can be listed without loading.
    """
    try:
        content = pickle.dumps(model, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise InvalidInputError(
            f"a {type(model).__name__} cannot be serialized: {exc}",
            hint="define its class at the top level of a module, not inside a function",
        ) from exc
    blob = zlib.compress(content, compress)
    check_size(len(blob))
    return blob


def load_object(
    blob: bytes, seal: Seal, *, features: Sequence[str], key: bytes, trust: bool = False
) -> LoadedObject:
    """Return the predictor object in `blob`, which only here is ever loaded.

    Raises StoreUnusableError where the bytes are not those that were stored, UntrustedModelError
    where `key` did not sign them and `trust` is not given, CannotAnswerError where the
    object cannot be loaded here or answers otherwise than when it was stored.
    """
    check_sha256(blob, seal.sha256)
    blob_format = detect_format(blob)
    if blob_format is BlobFormat.LIGHTGBM:
        regressor = _load_lightgbm(blob)
    else:
        check_trust(blob, seal, key=key, trust=trust)
        regressor = _unpickle(expand(blob), seal.library_versions)
    cautions = version_cautions(seal.library_versions)
    check_feature_count(regressor, features)
    _check_answers(regressor, seal, cautions)
    return LoadedObject(regressor=regressor, cautions=cautions)


def check_sha256(blob: bytes, sha256: str) -> None:
    """Raise StoreUnusableError unless `blob` has this checksum."""
    if sha256_of(blob) != sha256:
        raise StoreUnusableError(
            "the stored predictor is damaged: its bytes do not have the stored sha256",
            hint="store it again from its file, or restore a backup",
        )


def check_trust(blob: bytes, seal: Seal, *, key: bytes, trust: bool) -> None:
    """Raise UntrustedModelError unless `key` signed these bytes or the user said `trust`.

    The checksum in `seal` must have been checked before.
    """
    if trust or is_signed(seal.sha256, seal.signature, key):
        return
    listing = list_globals(blob)
    names = ", ".join(listing.global_names[:8]) or "no class or function"
    raise UntrustedModelError(
        f"this predictor was not stored by you, and loading it runs code; it names {names}",
        hint="if you know where it comes from: 'perfpredict models trust ID', or --trust",
    )


def current_versions(blob: bytes) -> dict[str, str]:
    """Return the installed versions of the libraries that `blob` needs, and of numpy."""
    if detect_format(blob) is BlobFormat.PICKLE:
        roots = {name.split(".", 1)[0] for name in list_globals(blob).global_names}
    else:
        roots = {"lightgbm"}
    packages = {"sklearn": "scikit-learn"}
    wanted = {packages.get(root, root) for root in roots} | {"numpy"}
    return {name: version for name in sorted(wanted) if (version := _installed(name))}


def version_cautions(stored: Mapping[str, str]) -> tuple[str, ...]:
    """Return one caution for each library whose version differs from the stored one."""
    return tuple(
        f"stored with {name} {version}, loaded with {_installed(name) or 'none'}"
        for name, version in stored.items()
        if name in _COMPARED_PACKAGES and _installed(name) != version
    )


def make_check_vector(regressor: Regressor, feature_count: int) -> CheckVector | None:
    """Return five rows of inputs, spread over decades, and what `regressor` answers to them.

    None where it answers with anything but one finite number a row.
    """
    generator = np.random.default_rng(0)
    rows = 10.0 ** generator.uniform(-1, 3, size=(CHECK_ROWS, feature_count))
    answers = answers_of(regressor, rows)
    if answers is None or not np.isfinite(answers).all():
        return None
    return CheckVector(
        rows=tuple(tuple(row) for row in rows.tolist()), answers=tuple(answers.tolist())
    )


def check_feature_count(regressor: Regressor, features: Sequence[str]) -> None:
    """Raise InvalidInputError where the object was fitted on other features than `features`."""
    names = getattr(regressor, "feature_names_in_", None)
    if names is not None and [str(name) for name in names] != list(features):
        raise InvalidInputError(
            f"features are {', '.join(features)}, but the predictor was fitted on "
            f"{', '.join(str(name) for name in names)}"
        )
    count = getattr(regressor, "n_features_in_", None)
    if count is None and callable(getattr(regressor, "num_feature", None)):
        count = regressor.num_feature()  # type: ignore[attr-defined]  # a LightGBM booster
    if isinstance(count, int) and count != len(features):
        raise InvalidInputError(
            f"{len(features)} features are named, but the predictor was fitted on {count}"
        )


def as_regressor(model: object) -> Regressor:
    """Return `model` if it can answer, else raise InvalidInputError."""
    if not callable(getattr(model, "predict", None)):
        raise InvalidInputError(f"a {type(model).__name__} has no 'predict' method")
    return cast("Regressor", model)


def native_importance(regressor: Regressor, feature_count: int) -> tuple[Floats, str]:
    """Return how much each feature matters, and the method: its own, else permutation.

    Permutation: by how much the answers to inputs spread over decades move, on average, when
    one column is shuffled. It needs no training rows, which are not here.
    """
    for attribute in ("feature_importances_", "coef_"):
        own = getattr(regressor, attribute, None)
        values = None if own is None else np.abs(np.asarray(own, dtype=np.float64)).reshape(-1)
        if values is not None and len(values) == feature_count:
            return values, attribute
    if callable(getattr(regressor, "feature_importance", None)):
        gain = regressor.feature_importance(importance_type="gain")  # type: ignore[attr-defined]
        return np.asarray(gain, dtype=np.float64), "gain"
    return _permutation(regressor, feature_count), "permutation"


def _permutation(regressor: Regressor, feature_count: int) -> Floats:
    generator = np.random.default_rng(0)
    rows = 10.0 ** generator.uniform(-1, 3, size=(200, feature_count))
    base = answers_of(regressor, rows)
    moved = np.zeros(feature_count)
    for column in range(feature_count):
        shuffled = rows.copy()
        shuffled[:, column] = generator.permutation(shuffled[:, column])
        answers = answers_of(regressor, shuffled)
        if base is not None and answers is not None:
            moved[column] = float(np.nanmean(np.abs(answers - base)))
    return moved


def _unpickle(content: bytes, versions: Mapping[str, str]) -> Regressor:
    """Load an object from bytes that somebody vouches for: nothing else in perfpredict does."""
    import joblib

    failures = (
        pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError,
        TypeError, ValueError,
    )  # fmt: skip
    try:
        with warnings.catch_warnings():
            # scikit-learn warns of another version; so does `version_cautions`, with both named
            warnings.simplefilter("ignore")
            model: object = joblib.load(io.BytesIO(content))
    except failures as exc:
        stored = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise CannotAnswerError(
            f"the stored predictor cannot be loaded here: {exc}",
            hint=f"it was stored with {stored}" if stored else None,
        ) from exc
    return as_regressor(model)


def _load_lightgbm(blob: bytes) -> Regressor:
    import lightgbm

    text = _tree_text(blob)
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as exc:
        raise CannotAnswerError(f"not a LightGBM model: {exc}") from exc
    return cast("Regressor", booster)


def _tree_text(blob: bytes) -> str:
    """Return LightGBM's text; StoreUnusableError where it is cut short, on which it would crash."""
    text = blob.decode("utf-8", "replace")
    is_whole = "\nend of trees" in text and "\ufffd" not in text
    if not is_whole or re.search(r"^num_class=\d+$", text, re.MULTILINE) is None:
        raise StoreUnusableError("the LightGBM text is cut short or damaged")
    return text


def _check_answers(regressor: Regressor, seal: Seal, cautions: tuple[str, ...]) -> None:
    if seal.check is None:
        return
    answers = answers_of(regressor, np.asarray(seal.check.rows, dtype=np.float64))
    expected = np.asarray(seal.check.answers)
    if answers is None or answers.shape != expected.shape:
        is_equal = False
    else:
        is_equal = bool(np.allclose(answers, expected, rtol=1e-6, atol=1e-12))
    if not is_equal:
        raise CannotAnswerError(
            "the predictor answers otherwise than when it was stored"
            + (f" ({'; '.join(cautions)})" if cautions else ""),
            hint="install the versions it was stored with, or fit and store it again",
        )


def answers_of(regressor: Regressor, rows: Floats) -> Floats | None:
    """Return the answers to `rows`, None where they are not one number a row."""
    with warnings.catch_warnings():
        # scikit-learn warns of rows without column names; their order was checked
        warnings.simplefilter("ignore")
        found = regressor.predict(rows)
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    is_column = values.ndim == 1 or values.shape[1:] == (1,)
    return values.reshape(-1) if is_column and values.size == len(rows) else None


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
