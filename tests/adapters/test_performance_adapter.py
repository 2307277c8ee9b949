"""Models of other libraries: stored, signed, listed, loaded, and answering."""

import pytest

from perfpredict import CannotAnswerError, InvalidInputError, UntrustedModelError

numpy = pytest.importorskip("numpy")
linear = pytest.importorskip("sklearn.linear_model")
neighbors = pytest.importorskip("sklearn.neighbors")

FEATURES = ["batch_size", "sequence_length"]
SCOPE = {"target_metric": "throughput", "hardware_platform": "cuda", "model_family": "embedding"}
ASKED = {"model_name": "bert-base-uncased", "hardware_platform": "cuda", "batch_size": 8}


def fitted(factor=10.0):
    """Return a regressor that answers `factor` x batch_size."""
    rows = numpy.array([[b, s] for b in (1.0, 2.0, 8.0, 32.0) for s in (64.0, 128.0)])
    return linear.LinearRegression().fit(rows, factor * rows[:, 0])


def test_what_is_stored_is_loaded_with_what_was_said_of_it(ml_adapter):
    model_id = ml_adapter.store_model(
        fitted(), "LinearRegression", **SCOPE, features=FEATURES, training_score=0.95,
        validation_score=0.92, test_score=numpy.float64(0.9),
    )  # fmt: skip

    model, metadata = ml_adapter.load_model(**SCOPE)

    assert model.predict([[8.0, 128.0]])[0] == pytest.approx(80.0)
    assert metadata["model_id"] == model_id
    assert (metadata["features"], metadata["test_score"]) == (FEATURES, 0.9)
    assert (metadata["model_type"], metadata["is_trusted"]) == ("LinearRegression", True)


def test_the_newest_of_a_scope_is_loaded(ml_adapter):
    ml_adapter.store_model(fitted(1.0), **SCOPE, features=FEATURES)
    newer = ml_adapter.store_model(fitted(2.0), **SCOPE, features=FEATURES)

    assert ml_adapter.load_model(**SCOPE)[1]["model_id"] == newer
    assert ml_adapter.load_model(model_id=newer)[1]["model_id"] == newer


def test_nothing_stored_is_an_error(ml_adapter):
    with pytest.raises(CannotAnswerError, match="no predictor of throughput"):
        ml_adapter.load_model(**SCOPE)
    with pytest.raises(InvalidInputError, match="target_metric"):
        ml_adapter.load_model()


def test_a_stored_model_that_fits_answers(ml_adapter, repository):
    before = ml_adapter.predict(**ASKED)
    assert before["predictor"] == "reference"
    model_id = ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)

    after = ml_adapter.predict(**ASKED)

    assert (after["predictor"], after["basis"]) == (model_id, "learned")
    assert after["throughput"] == pytest.approx(80.0)
    assert after["latency"] == pytest.approx(100.0)
    assert after["throughput_lower"] < 80 < after["throughput_upper"]
    stored = repository.get_predictions()
    assert {row["prediction_id"] for row in stored} == {
        before["prediction_id"], after["prediction_id"]
    }  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [{"hardware_platform": "cpu"}, {"model_name": "resnet50"}],
)
def test_a_model_of_another_scope_does_not_answer(ml_adapter, other):
    ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)

    assert ml_adapter.predict(**{**ASKED, **other})["predictor"] == "reference"


def test_a_model_whose_features_nobody_can_compute_does_not_answer_and_that_is_said(ml_adapter):
    ml_adapter.store_model(fitted(), **SCOPE, features=["batch_size", "phase_of_the_moon"])

    answer = ml_adapter.predict(**ASKED)

    assert answer["predictor"] == "reference"
    assert any("'phase_of_the_moon'" in caution for caution in answer["cautions"])
    assert ml_adapter.load_model(**SCOPE)[1]["unknown_features"] == ["phase_of_the_moon"]


def test_the_narrower_scope_answers_and_latency_before_memory(ml_adapter):
    narrow = ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)
    ml_adapter.store_model(fitted(), target_metric="latency", features=FEATURES)
    ml_adapter.store_model(fitted(), **{**SCOPE, "target_metric": "memory_usage"},
                           features=FEATURES)  # fmt: skip

    assert ml_adapter.predict(**ASKED)["predictor"] == narrow


def test_importance_is_kept_by_itself_native_or_by_permutation(ml_adapter, repository):
    native = ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)
    rows = numpy.array([[b, s] for b in (1.0, 10.0, 100.0) for s in (1.0, 100.0)])
    without = neighbors.KNeighborsRegressor(1).fit(rows, rows[:, 0])
    permuted = ml_adapter.store_model(without, **SCOPE, features=FEATURES)

    first = repository.get_feature_importance(native)
    second = repository.get_feature_importance(model_id=permuted)

    assert [row["feature_name"] for row in first] == FEATURES
    assert (first[0]["rank"], first[0]["method"]) == (1, "coef_")
    assert sum(row["share"] for row in first) == pytest.approx(1)
    assert {row["method"] for row in second} == {"permutation"}


def test_importance_can_be_given(ml_adapter, repository):
    model_id = ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)

    repository.store_feature_importance(model_id, {"batch_size": 1, "sequence_length": 3}, "shap")

    assert [
        (row["rank"], row["feature_name"], row["share"], row["method"])
        for row in repository.get_feature_importance(model_id)
    ] == [(1, "sequence_length", 0.75, "shap"), (2, "batch_size", 0.25, "shap")]
    with pytest.raises(InvalidInputError, match="importance"):
        repository.store_feature_importance(model_id, {"batch_size": float("nan")})


def test_models_are_listed_by_scope(ml_adapter, repository):
    model_id = ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)

    (row,) = repository.get_prediction_models(target_metric="throughput", model_family="embedding")
    assert (row["model_id"], row["is_active"]) == (model_id, False)
    assert "blob" not in row
    assert repository.get_prediction_models(hardware_platform="rocm") == []
    assert repository.get_prediction_models(limit=0) == []


def test_what_another_user_stored_is_not_loaded_unasked(ml_adapter, monkeypatch):
    ml_adapter.store_model(fitted(), **SCOPE, features=FEATURES)
    monkeypatch.setenv("PERFPREDICT_SIGNING_KEY", "the key of somebody else")

    with pytest.raises(UntrustedModelError):
        ml_adapter.load_model(**SCOPE)
    assert ml_adapter.predict(**ASKED)["predictor"] == "reference"
    assert ml_adapter.load_model(**SCOPE, trust=True)[0].predict([[1.0, 64.0]])[0] > 0


@pytest.mark.parametrize(
    "wrong",
    [{"features": []}, {"features": ["batch_size"]}, {"target_metric": "speed"},
     {"training_score": float("nan")}],
)  # fmt: skip
def test_what_cannot_be_a_predictor_is_refused(ml_adapter, repository, wrong):
    with pytest.raises(InvalidInputError):
        ml_adapter.store_model(fitted(), **{**SCOPE, "features": FEATURES, **wrong})
    with pytest.raises(InvalidInputError, match="predict"):
        ml_adapter.store_model(object(), **SCOPE, features=FEATURES)

    assert repository.get_prediction_models() == []
