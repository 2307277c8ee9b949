import pytest

from perfpredict.errors import InvalidInputError, StoreUnusableError, UnknownIdError
from perfpredict.store.corrections import delete_measurements
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurement
from perfpredict.store.predictors import (
    FeatureImportance,
    PredictorRecord,
    activate,
    active_predictor,
    delete_predictor,
    get_predictor,
    insert_predictor,
    list_importance,
    list_predictors,
    predictor_blob,
    set_trust,
    training_measurement_ids,
)

from .builders import NOON, a_measurement


def a_record(**changes):
    values = {
        "model_id": new_id(IdKind.MODEL, NOON), "created_at": NOON, "model_type": "lightgbm",
        "target_metric": "latency", "format": "lightgbm-text", "features": ("b", "a"),
    }  # fmt: skip
    return PredictorRecord(**(values | changes))


def insert(store, **changes):
    record = a_record(**changes)
    insert_predictor(store, record, b"blob")
    return record.model_id


def test_a_predictor_comes_back_as_it_was_stored(store):
    made = a_record(metadata={"seed": 0, "text": "é"}, test_score=-0.5, training_rows=7, user="ann")
    insert_predictor(store, made, b"\x00blob")
    found = get_predictor(store, made.model_id[:20])

    for name in ("model_id", "created_at", "features", "metadata", "test_score", "user"):
        assert getattr(found, name) == getattr(made, name), name
    assert found.size_bytes == 5
    assert predictor_blob(store, made.model_id) == b"\x00blob"


def test_changed_bytes_are_refused_before_anybody_loads_them(store):
    model_id = insert(store)
    store.execute("update prediction_models set blob = 'evil'::blob")

    with pytest.raises(StoreUnusableError, match="not those that were stored"):
        predictor_blob(store, model_id)


def test_a_list_has_no_blob_and_real_predictors_hide_sample_ones(store):
    insert(store, is_sample=True)
    assert list_predictors(store).height == 1
    real = insert(store, model_type="RandomForestRegressor")

    assert "blob" not in list_predictors(store).columns
    assert list_predictors(store)["model_id"].to_list() == [real]
    assert list_predictors(store, include_sample=True).height == 2
    assert list_predictors(store, model_type="lightgbm").is_empty()


def test_one_predictor_is_active_for_each_metric_and_scope(store):
    first = insert(store, is_active=True)
    second = insert(store, is_active=True)
    scoped = insert(store, is_active=True, hardware_platform="cuda")

    assert active_predictor(store, "latency").model_id == second
    assert active_predictor(store, "latency", hardware_platform="cuda").model_id == scoped
    assert active_predictor(store, "memory") is None
    activate(store, first)
    assert active_predictor(store, "latency").model_id == first
    assert store.rows("select count(*) from prediction_models where is_active") == [(2,)]


def test_importances_are_listed_by_rank(store):
    record = a_record()
    items = [
        FeatureImportance(feature_name=n, importance_score=s, share=s, rank=r, method="gain")
        for n, s, r in (("b", 0.3, 2), ("a", 0.7, 1))
    ]
    insert_predictor(store, record, b"blob", items)

    assert list_importance(store, record.model_id)["feature_name"].to_list() == ["a", "b"]


def test_deleting_a_training_row_makes_the_predictor_stale(store):
    measured = record_measurement(store, a_measurement()).measurement_id
    record = a_record()
    insert_predictor(store, record, b"blob", training_measurement_ids=[measured])
    other = insert(store)
    assert training_measurement_ids(store, record.model_id) == {measured}

    delete_measurements(store, [measured], now=NOON)

    assert get_predictor(store, record.model_id).is_stale
    assert not get_predictor(store, other).is_stale


def test_trust_can_be_given_and_taken_back(store):
    model_id = insert(store)

    assert set_trust(store, model_id, "signature").signature == "signature"
    assert set_trust(store, model_id, None).signature is None


def test_a_deleted_predictor_leaves_nothing_behind(store):
    record = a_record()
    item = FeatureImportance(
        feature_name="a", importance_score=1.0, share=1.0, rank=1, method="gain"
    )
    insert_predictor(store, record, b"blob", [item], training_measurement_ids=["meas-x"])
    delete_predictor(store, record.model_id)

    for table in ("prediction_models", "feature_importance", "prediction_model_rows"):
        assert store.rows(f"select count(*) from {table}") == [(0,)]
    with pytest.raises(UnknownIdError):
        get_predictor(store, record.model_id)


def test_an_empty_blob_is_refused(store):
    with pytest.raises(InvalidInputError, match="got 0"):
        insert_predictor(store, a_record(), b"")
