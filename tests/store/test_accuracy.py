"""The statistics of SQL against the same ones in plain Python."""

import contextlib
import math
import statistics
from datetime import timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfpredict.domain.accuracy import wilson_interval
from perfpredict.domain.measurement import Load
from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Basis
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.store.accuracy import GroupBy, accuracy, error_counts, list_errors
from perfpredict.store.corrections import delete_measurements, link_measurement
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurement, record_measurements
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.predictors import PredictorRecord, insert_predictor
from perfpredict.store.wilson import Z_95, wilson_bounds

from .builders import BERT, MINUTE, NOON, a_device, a_measurement, a_prediction


def a_pair(store, predicted_ms, actual_ms, *, model="m", prediction=None, **measured):
    """Store one prediction and the measurement that belongs to it; returns the latter's id."""
    workload = Workload(model=model)
    made = a_prediction(
        NOON - MINUTE, workload=workload, latency_ms=predicted_ms, **(prediction or {})
    )
    insert_predictions(store, [made], user=None)
    measurement = a_measurement(workload=workload, **({"latency_ms": actual_ms} | measured))
    return record_measurement(store, measurement, prediction_id=made.prediction_id).measurement_id


def one(store, **options):
    frame = accuracy(store, RowFilter(), [Metric.LATENCY], **options)
    assert frame.height == 1
    return frame.row(0, named=True)


def oracle(pairs, factor=2.0):
    """Return the statistics of (predicted, actual) pairs, straight from their definitions."""
    errors = [p - a for p, a in pairs]
    relative = [(p - a) / a for p, a in pairs]
    logs = [math.log(p / a) for p, a in pairs]
    actuals = [a for _, a in pairs]
    n = len(pairs)
    mean_actual = sum(actuals) / n
    sst = sum((a - mean_actual) ** 2 for a in actuals)
    has_r2 = n >= 10 and len(set(actuals)) > 1
    inside = sum(p / factor <= a <= p * factor for p, a in pairs)
    low, high = wilson(inside, n)
    return {
        "n": n,
        "median_abs_rel_error": statistics.median(map(abs, relative)),
        "mean_abs_rel_error": sum(map(abs, relative)) / n,
        "mean_rel_error": sum(relative) / n,
        "geo_error_factor": math.exp(sum(map(abs, logs)) / n),
        "bias_factor": math.exp(sum(logs) / n),
        "mean_error": sum(errors) / n,
        "mae": sum(map(abs, errors)) / n,
        "rmse": math.sqrt(sum(e * e for e in errors) / n),
        "r2": 1 - sum(e * e for e in errors) / sst if has_r2 else None,
        "std": statistics.stdev(errors) if n > 1 else None,
        "min_error": min(errors),
        "max_error": max(errors),
        "mean_predicted": sum(p for p, _ in pairs) / n,
        "mean_actual": mean_actual,
        "coverage": inside / n,
        "coverage_lo": low,
        "coverage_hi": high,
        "level": 0.9,
        "median_interval_ratio": factor * factor,
    }


def wilson(hits, n, z=1.959963984540054):
    """Return the roots p of (p̂ − p)² = z² p (1 − p) / n, by the quadratic formula."""
    share = hits / n
    a, b, c = 1 + z * z / n, -(2 * share + z * z / n), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


class Undo(Exception):
    """Ends a transaction without keeping anything of it."""


def away_from_the_bounds(pair):
    predicted, actual = pair
    return abs(abs(math.log(predicted / actual)) - math.log(2)) > 1e-9


values = st.floats(min_value=1e-3, max_value=1e6)
pairs_of_values = st.lists(
    st.tuples(values, values).filter(away_from_the_bounds), min_size=1, max_size=30
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=pairs_of_values)
def test_sql_equals_python(store, pairs):
    with contextlib.suppress(Undo), store.transaction():
        store_pairs(store, pairs)
        found = one(store)
        raise Undo

    for name, value in oracle(pairs).items():
        if value is None:
            assert found[name] is None, name
        elif name == "r2":
            # sums of squares of very unlike size cancel, in both
            assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
        else:
            assert found[name] == pytest.approx(value, rel=1e-8, abs=1e-9), name


def store_pairs(store, pairs):
    workloads = [Workload(model=f"m{i}") for i in range(len(pairs))]
    predictions = [
        a_prediction(NOON - MINUTE, workload=workload, latency_ms=predicted)
        for workload, (predicted, _) in zip(workloads, pairs, strict=True)
    ]
    measurements = [
        a_measurement(workload=workload, latency_ms=actual)
        for workload, (_, actual) in zip(workloads, pairs, strict=True)
    ]
    insert_predictions(store, predictions, user=None)
    record_measurements(store, measurements)


def test_r2_is_not_a_squared_correlation(store):
    for i in range(1, 13):
        a_pair(store, 3.0 * i, 1.0 * i, model=f"m{i}")

    assert one(store)["r2"] < -5


def test_r2_is_null_below_10_rows_and_without_variance(store):
    for i in range(12):
        a_pair(store, 4.0 + i, 5.0, model=f"m{i}")
    assert one(store)["r2"] is None
    few = accuracy(store, RowFilter(models=("m1*",)), [Metric.LATENCY])
    assert (few["n"][0], few["r2"][0]) == (3, None)


def test_one_row_has_no_standard_deviation_and_does_not_crash(store):
    a_pair(store, 8.0, 4.0)

    found = one(store)
    assert (found["n"], found["std"], found["r2"], found["mae"]) == (1, None, None, 4.0)


def test_swapping_predicted_and_actual_keeps_the_factor_and_turns_the_bias(store):
    a_pair(store, 8.0, 4.0, model="high")
    a_pair(store, 4.0, 8.0, model="low")

    found = {row["model"]: row for row in accuracy(store, RowFilter(), [], ["model"]).to_dicts()}
    assert found["high"]["geo_error_factor"] == pytest.approx(found["low"]["geo_error_factor"])
    assert found["high"]["bias_factor"] == pytest.approx(1 / found["low"]["bias_factor"])


def test_what_is_no_evidence_is_left_out_and_counted(store):
    a_pair(store, 8.0, 8.0, model="good")
    a_pair(store, 8.0, 4.0, model="looked-up", prediction={"basis": Basis.MEASURED})
    a_pair(store, 8.0, 4.0, model="afterwards", prediction={"is_retrospective": True})
    a_pair(store, 8.0, 4.0, model="open", load=Load.OPEN)
    a_pair(store, 8.0, 4.0, model="contradicts", throughput_per_s=1.0)

    found = one(store)
    assert (found["n"], found["n_excluded"], found["mae"]) == (1, 4, 0.0)
    assert one(store, include_retrospective=True)["n"] == 2
    by_basis = accuracy(store, RowFilter(), [Metric.LATENCY], ["basis"])
    assert by_basis.select("basis", "n").rows() == [("measured", 1), ("roofline", 1)]


def test_pairs_that_the_predictor_was_trained_on_are_in_sample(store):
    measured = record_measurement(store, a_measurement(NOON)).measurement_id
    model_id = new_id(IdKind.MODEL, NOON)
    record = PredictorRecord(
        model_id=model_id, created_at=NOON, model_type="lightgbm", target_metric="latency",
        format="lightgbm-text", features=("a",),
    )  # fmt: skip
    insert_predictor(store, record, b"blob", training_measurement_ids=[measured])
    made = a_prediction(NOON - MINUTE, predictor=model_id, basis=Basis.LEARNED)
    insert_predictions(store, [made], user=None)
    (error,) = link_measurement(store, measured, made.prediction_id).errors
    assert error.in_sample
    assert one(store)["n"] == 0
    assert one(store, include_in_sample=True)["n"] == 1


def test_repeats_of_one_workload_are_one_config(store):
    insert_predictions(store, [a_prediction(NOON - MINUTE)], user=None)
    record_measurements(store, [a_measurement() for _ in range(5)])

    assert (one(store)["n"], one(store)["n_configs"]) == (5, 1)


def test_every_grouping_gives_the_same_total(store):
    for i, device in enumerate(["nvidia-l4", "nvidia-a10", "nvidia-l4"]):
        made = a_prediction(
            NOON - MINUTE, workload=Workload(model=f"m{i}", batch_size=i + 1),
            hardware=a_device(device), latency_ms=5.0,
        )  # fmt: skip
        insert_predictions(store, [made], user=None)
        record_measurement(
            store,
            a_measurement(NOON + timedelta(days=7 * i), workload=made.workload, device=device),
        )

    for group in GroupBy:
        frame = accuracy(store, RowFilter(), [Metric.LATENCY], [group])
        assert frame["n"].sum() == 3, group
    assert accuracy(store, RowFilter(), [], ["device", "batch_size"]).height == 3
    with pytest.raises(InvalidInputError, match="'colour'"):
        accuracy(store, RowFilter(), [], ["colour"])


def test_a_deleted_measurement_leaves_the_statistics(store):
    a_pair(store, 8.0, 8.0)
    deleted = a_pair(store, 8.0, 4.0, model="n")
    delete_measurements(store, [deleted], now=NOON)

    assert one(store)["n"] == 1


def test_no_pairs_can_be_explained(store):
    record_measurement(store, a_measurement())

    assert accuracy(store, RowFilter(), []).height == 0
    assert error_counts(store, RowFilter()) == {"measurements": 1, "linked": 0}


def test_listed_errors_say_which_way_they_are_wrong(store):
    a_pair(store, 8.0, 4.0, throughput_per_s=250.0)

    rows = list_errors(store, RowFilter()).select("metric", "direction", "rel_error").rows()
    assert rows == [("latency", "pessimistic", 1.0), ("throughput", "pessimistic", -0.5)]


def test_samples_leave_the_statistics_with_the_first_real_measurement(store):
    a_pair(store, 8.0, 4.0, model="made-up", prediction={"is_sample": True}, is_sample=True)
    assert one(store)["mae"] == 4.0
    a_pair(store, 8.0, 8.0, model="real")

    assert one(store)["mae"] == 0.0
    assert accuracy(store, RowFilter(include_sample=True), [Metric.LATENCY])["n"].to_list() == [2]
    assert accuracy(store, RowFilter(only_sample=True), [Metric.LATENCY])["mae"].to_list() == [4.0]
    assert BERT.model not in list_errors(store, RowFilter())["model_name"].to_list()


@pytest.mark.parametrize("n", [1, 3, 11_000, 20_088])
def test_the_interval_of_a_share_stays_between_nothing_and_everything(n):
    low, high = wilson_bounds("share", "n")
    query = f"select {low}, {high} from (values ($share, $n)) as t (share, n)"
    with duckdb.connect() as connection:
        for share in (0.0, 1.0):
            given_values = {"share": share, "n": float(n), "z": Z_95}
            (found,) = connection.execute(query, given_values).fetchall()
            assert found == pytest.approx(wilson_interval(round(share * n), n), abs=1e-12)
            assert 0.0 <= found[0] <= found[1] <= 1.0
        nothing = {"share": None, "n": 0.0, "z": Z_95}
        assert connection.execute(query, nothing).fetchall() == [(None, None)]
