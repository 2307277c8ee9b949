from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.measurement import Load
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.learners import Algorithm
from perfpredict.models.observations import Target
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.judging import ActivePredictor
from perfpredict.services.predictor_accuracy import Contender, compare, evaluate, sign_test
from perfpredict.services.predictor_storing import prepare_trained, save
from perfpredict.services.predictors import active_predictor, load_predictor
from perfpredict.services.train import TrainedMetric, TrainingPlan, train
from perfpredict.services.training_rows import Split, gather
from perfpredict.store import predictors as stored
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import list_measurements

from .made_store import MODELS, made_measurements, make_store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RIDGE = TrainingPlan(algorithm=Algorithm.RIDGE)


def rows_of(path, row_filter=None):
    with Store.open(path, Access.READ) as store:
        return gather(list_measurements(store, row_filter or RowFilter()), DeviceCatalog())


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = make_store(tmp_path_factory.mktemp("db") / "p.duckdb", made_measurements())
    return rows_of(path)


def test_training_finds_the_factor_and_beats_the_roofline(rows):
    trained = train(rows, TrainingPlan(), prior=RooflinePredictor())

    (score,) = trained.scores
    assert score.target is Target.LATENCY
    assert score.accuracy.geo_error_factor < 1.1
    assert score.roofline_geo_error_factor == pytest.approx(1.7, rel=0.1)
    assert "memory was not measured, so it is not learned" in trained.notes


def test_held_out_models_are_not_in_training(rows):
    trained = train(rows, RIDGE)

    held_out = set(trained.scores[0].held_out)
    ids = {one: c.case.workload.model for c in rows.configs for one in c.measurement_ids}
    assert len(held_out) == 2
    assert not held_out & {ids[one] for one in trained.measurement_ids}
    assert trained.training_rows == len(trained.measurement_ids) == 32
    assert trained.cut_off == max(
        c.measured_at for c in rows.configs if c.measurement_ids[0] in trained.measurement_ids
    )


def test_training_again_holds_out_the_same_models(rows):
    assert train(rows, RIDGE).scores[0].held_out == train(rows, RIDGE).scores[0].held_out


@pytest.mark.parametrize("split", list(Split))
def test_every_split_trains(rows, split):
    trained = train(rows, TrainingPlan(algorithm=Algorithm.RIDGE, split=split))

    assert trained.scores[0].accuracy.geo_error_factor < 1.2


def test_a_split_by_time_holds_out_the_newest(rows):
    trained = train(rows, TrainingPlan(algorithm=Algorithm.RIDGE, split=Split.TIME))

    newest_known = trained.cut_off
    held_out = [c for c in rows.configs if c.measurement_ids[0] not in trained.measurement_ids]
    assert len(held_out) == 8
    assert all(config.measured_at > newest_known for config in held_out)


def test_too_few_rows_are_an_error_that_says_how_many(tmp_path):
    path = make_store(tmp_path / "p.duckdb", made_measurements(MODELS[:3]))

    with pytest.raises(TooFewRowsError, match="12 usable rows, training needs 30"):
        train(rows_of(path), RIDGE)


def test_one_model_measured_often_needs_another_split(tmp_path):
    path = make_store(
        tmp_path / "p.duckdb", made_measurements(MODELS[:1], batch_sizes=range(1, 41))
    )

    with pytest.raises(TooFewRowsError, match="1 groups by model") as caught:
        train(rows_of(path), RIDGE)
    assert "--split config" in caught.value.hint
    random = TrainingPlan(algorithm=Algorithm.RIDGE, split=Split.RANDOM)
    assert train(rows_of(path), random).scores[0].accuracy.geo_error_factor < 1.1


def test_open_load_and_contradictions_are_left_out(tmp_path):
    good = made_measurements()
    open_loop = made_measurements(MODELS[:2], load=Load.OPEN)
    contradicting = made_measurements(MODELS[2:3], throughput_per_s=0.001)
    path = make_store(tmp_path / "p.duckdb", [*good, *open_loop, *contradicting])

    rows = rows_of(path)

    assert rows.left_out == {"open load": 8, "throughput contradicts latency": 4}
    assert rows.row_count == len(good)


def test_sample_rows_are_left_out_as_soon_as_there_are_real_ones(tmp_path):
    samples = made_measurements(factor=9.0, is_sample=True)
    only = make_store(tmp_path / "only.duckdb", samples)
    mixed = make_store(tmp_path / "mixed.duckdb", [*samples, *made_measurements()])

    assert train(rows_of(only), RIDGE).is_sample
    assert not train(rows_of(mixed), RIDGE).is_sample
    assert rows_of(mixed).row_count == 40
    assert rows_of(mixed, RowFilter(include_sample=True)).row_count == 80


def test_repeats_count_as_one_configuration(tmp_path):
    repeats = [m for seed in range(5) for m in made_measurements(MODELS[:2], seed=seed)]
    rows = rows_of(make_store(tmp_path / "p.duckdb", repeats))

    assert len(rows.configs) == 8
    assert rows.row_count == 40
    first = [m.latency_ms for m in repeats if m.workload == repeats[0].workload]
    config = next(c for c in rows.configs if c.case.workload.key == repeats[0].workload.key)
    assert config.latency_ms == pytest.approx(np.median(first))


def test_versions_of_a_framework_are_configurations_of_their_own(tmp_path):
    made = made_measurements(MODELS[:1])[:1]
    versioned = [
        replace(one, workload=replace(one.workload, framework_version=version))
        for one in made
        for version in ("2.1.0+cu121", "2.4.0+cu124", None)
    ]
    rows = rows_of(make_store(tmp_path / "p.duckdb", versioned))

    found = [config.case.workload.framework_version for config in rows.configs]
    assert sorted(found, key=str) == ["2.1.0+cu121", "2.4.0+cu124", None]


def test_memory_is_learned_where_it_was_measured(tmp_path):
    rows = rows_of(make_store(tmp_path / "p.duckdb", made_measurements(has_memory=True)))

    both = train(rows, RIDGE)
    memory = train(rows, TrainingPlan(algorithm=Algorithm.RIDGE, metric=TrainedMetric.MEMORY))

    assert [score.target for score in both.scores] == [Target.LATENCY, Target.MEMORY]
    assert [score.target for score in memory.scores] == [Target.MEMORY]
    score = both.scores[1]
    assert score.accuracy.geo_error_factor < 1.15
    assert score.roofline_geo_error_factor == pytest.approx(1.3, rel=0.01)


def test_a_predictor_that_is_no_better_than_the_active_one_says_so(rows):
    first = train(rows, RIDGE)
    active = ActivePredictor(
        predictor=first.predictor, measurement_ids=frozenset(first.measurement_ids)
    )

    again = train(rows, RIDGE, active=active)

    assert again.scores[0].active_geo_error_factor == pytest.approx(
        again.scores[0].compared_geo_error_factor
    )
    assert not again.is_better


def test_an_active_predictor_is_not_scored_on_what_it_was_trained_on(rows):
    every = frozenset(one for config in rows.configs for one in config.measurement_ids)
    active = ActivePredictor(predictor=RooflinePredictor(), measurement_ids=every)

    assert train(rows, RIDGE, active=active).scores[0].active_geo_error_factor is None


def test_stored_and_loaded_it_predicts_the_same(tmp_path):
    path = make_store(tmp_path / "p.duckdb", made_measurements())
    trained = train(rows_of(path), TrainingPlan())
    model_id = new_id(IdKind.MODEL, NOW)

    with Store.open(path, Access.WRITE) as store:
        save(store, prepare_trained(trained, model_id=model_id, now=NOW, activate=True))
        loaded = load_predictor(store, model_id)
        active = active_predictor(store)
        known = stored.training_measurement_ids(store, model_id)

    cases = [config.case for config in rows_of(path).configs]
    assert loaded.predict(cases, 0.9) == trained.predictor.predict(cases, 0.9)
    assert active.name == loaded.name == model_id
    assert known == frozenset(trained.measurement_ids)


def test_evaluation_leaves_out_what_was_in_training(rows):
    trained = train(rows, RIDGE)
    seen = frozenset(trained.measurement_ids)

    found = evaluate(rows, trained.predictor, measurement_ids=seen, level=0.9)

    latency = next(one for one in found.by_metric if one.metric == "latency")
    throughput = next(one for one in found.by_metric if one.metric == "throughput")
    assert (latency.n_configs, found.in_sample) == (8, 32)
    assert latency.accuracy.geo_error_factor == pytest.approx(throughput.accuracy.geo_error_factor)
    assert latency.accuracy.bias_factor == pytest.approx(1 / throughput.accuracy.bias_factor)
    assert latency.accuracy.coverage == throughput.accuracy.coverage


def test_evaluating_on_training_rows_alone_is_refused(rows):
    every = frozenset(one for config in rows.configs for one in config.measurement_ids)

    with pytest.raises(TooFewRowsError, match="40 of 40 were in training"):
        evaluate(rows, RooflinePredictor(), measurement_ids=every, level=0.9)


def test_a_comparison_uses_the_same_unseen_rows_for_all(rows):
    trained = train(rows, RIDGE)
    contenders = [
        Contender(name="roofline", predictor=RooflinePredictor(), measurement_ids=frozenset()),
        Contender(
            name="own",
            predictor=trained.predictor,
            measurement_ids=frozenset(trained.measurement_ids),
        ),
    ]

    roofline, own = compare(rows, contenders, level=0.9)

    assert roofline.n == own.n == 8
    assert (roofline.wins, own.wins) == (0, 8)
    assert roofline.p_value is None
    assert own.p_value == pytest.approx(2 / 2**8)
    with pytest.raises(InvalidInputError, match="at least two"):
        compare(rows, contenders[:1], level=0.9)


def test_the_sign_test_is_that_of_the_textbook():
    assert sign_test([0] * 9 + [2], [1] * 10) == pytest.approx(22 / 1024)
    assert sign_test([1, 2], [1, 2]) == 1.0
    assert sign_test([0, 2], [1, 1]) == 1.0


@pytest.mark.parametrize("changes", [{"test_size": 0.0}, {"level": 1.0}, {"min_rows": 0}])
def test_a_plan_out_of_range_is_refused(changes):
    with pytest.raises(InvalidInputError, match=next(iter(changes))):
        TrainingPlan(**changes)
