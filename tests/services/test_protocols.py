"""Protocols: no group on two sides, known figures for known predictors, the same every time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.services.protocols import (
    ProtocolName,
    SplitOptions,
    Variant,
    run_protocol,
    run_protocols,
)
from perfpredict.services.protocols_rows import GatheredRows, Slice
from perfpredict.services.protocols_runs import ProtocolPlan, run_plan
from perfpredict.services.protocols_splits import FEWEST_SCORED, balanced_folds, plan
from perfpredict.services.protocols_variants import VariantName, built_in

from .made_rows import DEVICES, MODELS, Knowing, made_row, made_rows

GROUPS = {
    ProtocolName.UNSEEN_MODEL: lambda row: row.model,
    ProtocolName.UNSEEN_ARCHITECTURE: lambda row: row.architecture,
    ProtocolName.UNSEEN_DEVICE: lambda row: row.device,
}
PLACES = st.tuples(
    st.sampled_from(MODELS), st.sampled_from(DEVICES), st.none() | st.integers(1, 28)
)
ROWS = st.lists(PLACES, min_size=2, max_size=60).map(
    lambda places: [made_row(model, device, day=day) for model, device, day in places]
)
OPTIONS = st.builds(
    SplitOptions,
    folds=st.integers(2, 6),
    shots=st.sets(st.integers(1, 8), min_size=1, max_size=3).map(lambda n: tuple(sorted(n))),
    seeds=st.integers(1, 2),
    own_fold_rows=st.integers(1, 12),
    seed=st.integers(0, 3),
)


def splits_of(protocol, rows, options):
    """Return the splits, none where the rows do not allow the protocol."""
    try:
        return list(plan(protocol, rows, options))
    except TooFewRowsError:
        return []


def members(rows, places, of):
    return {of(rows[place]) for place in places}


def variant_of(rows, *, factor=1.0, width=1.1):
    """Return a variant that knows the truth of all rows, times `factor`."""

    def calibrate(predictor, given_rows):
        told = predictor.predict([row.case for row in given_rows], 0.9)
        logs = [
            math.log(row.latency_ms / one.latency_ms.value)
            for row, one in zip(given_rows, told, strict=True)
        ]
        return predictor.scaled(math.exp(sum(logs) / len(logs)))

    return Variant(
        name="knowing",
        fit=lambda _: Knowing(rows, factor=factor, width=width),
        calibrate=calibrate,
    )


def whole(result):
    return next(one for one in result.slices if one.slice == "all")


@pytest.mark.parametrize("protocol", GROUPS)
@given(rows=ROWS, options=OPTIONS)
def test_no_group_is_on_both_sides_and_every_row_is_scored_once(protocol, rows, options):
    of = GROUPS[protocol]
    splits = splits_of(protocol, rows, options)

    for split in splits:
        assert not members(rows, split.train, of) & members(rows, split.test, of)
        assert len(split.train) + len(split.test) == len(rows)
    if splits:
        scored = [int(place) for split in splits for place in split.test]
        assert sorted(scored) == list(range(len(rows)))


def test_one_network_under_two_names_is_held_out_as_a_whole():
    names = (*MODELS, "deit_base_patch16_224", "vit_base_patch16_224")
    rows = made_rows(models=names, devices=DEVICES[:2], batch_sizes=(1,))

    for seed in range(10):
        for split in plan(ProtocolName.UNSEEN_MODEL, rows, SplitOptions(seed=seed)):
            scored = members(rows, split.test, lambda row: row.model)
            assert ("deit_base_patch16_224" in scored) == ("vit_base_patch16_224" in scored)


@given(rows=ROWS, options=OPTIONS)
def test_both_unseen_trains_on_neither_the_model_nor_the_device(rows, options):
    for split in splits_of(ProtocolName.BOTH, rows, options):
        for of in (GROUPS[ProtocolName.UNSEEN_MODEL], GROUPS[ProtocolName.UNSEEN_DEVICE]):
            assert not members(rows, split.train, of) & members(rows, split.test, of)


@given(rows=ROWS, options=OPTIONS)
def test_few_shot_rows_are_of_the_new_device_and_never_scored(rows, options):
    for split in splits_of(ProtocolName.FEW_SHOT, rows, options):
        scored = members(rows, split.test, lambda row: row.device)
        assert len(split.given) == split.shots
        assert not set(split.given) & set(split.test)
        assert members(rows, split.given, lambda row: row.device) == scored
        assert not scored & members(rows, split.train, lambda row: row.device)
        assert len(scored) == 1
        assert len(split.test) >= FEWEST_SCORED


@given(rows=ROWS, options=OPTIONS)
def test_by_date_trains_on_older_days_only_and_leaves_out_undated_rows(rows, options):
    for split in splits_of(ProtocolName.BY_DATE, rows, options):
        older = members(rows, split.train, lambda row: row.measured_on)
        newer = members(rows, split.test, lambda row: row.measured_on)
        assert None not in older | newer
        assert max(older) < min(newer)


@pytest.mark.parametrize("protocol", ProtocolName)
@given(rows=ROWS, options=OPTIONS)
def test_the_same_seed_gives_the_same_splits(protocol, rows, options):
    first, second = (splits_of(protocol, rows, options) for _ in range(2))

    for one, other in zip(first, second, strict=True):
        assert (one.fold, one.shots, one.seed) == (other.fold, other.shots, other.seed)
        for side in ("train", "test", "given"):
            assert list(getattr(one, side)) == list(getattr(other, side))


def test_more_given_rows_contain_the_fewer():
    options = SplitOptions(shots=(1, 3, 10), seeds=2)
    splits = list(plan(ProtocolName.FEW_SHOT, made_rows(), options))

    by_choice = {(s.fold, s.seed, s.shots): set(s.given) for s in splits}
    for (fold, seed, shots), chosen in by_choice.items():
        if shots > 1:
            fewer = {1: None, 3: 1, 10: 3}[shots]
            assert by_choice[fold, seed, fewer] < chosen


def test_given_rows_state_their_batch_where_enough_do():
    rows = made_rows(devices=DEVICES[:2], batch_sizes=(1, 2, 4, 8))
    stated = {place for place, row in enumerate(rows) if row.model != MODELS[0]}
    rows = [
        row if place in stated else replace(row, is_batch_assumed=True)
        for place, row in enumerate(rows)
    ]
    per_device = len(stated) // 2
    options = SplitOptions(shots=(2, per_device), seeds=2, own_fold_rows=2)

    for split in plan(ProtocolName.FEW_SHOT, rows, options):
        if split.shots == 2:
            assert set(split.given.tolist()) <= stated
        assert len(split.given) + len(split.test) == len(rows) // 2


def test_devices_of_few_rows_share_folds_and_others_are_left_out_alone():
    few = [made_row("gpt2", device) for device in ("nvidia-l4", "nvidia-t4", "nvidia-a10")]
    rows = [*made_rows(devices=DEVICES[:2], batch_sizes=(1, 2, 4, 8)), *few]

    splits = list(plan(ProtocolName.UNSEEN_DEVICE, rows, SplitOptions(folds=2)))

    folds = [members(rows, split.test, lambda row: row.device) for split in splits]
    assert {DEVICES[0]} in folds
    assert {DEVICES[1]} in folds
    assert len(folds) == 4


@pytest.mark.parametrize("protocol", ProtocolName)
def test_a_perfect_predictor_has_no_error_under_any_protocol(protocol):
    rows = [
        made_row(model, device, batch_size=size, day=day)
        for day, device in enumerate(DEVICES, start=1)
        for model in MODELS
        for size in (1, 2, 4)
    ]

    results = run_protocol(
        protocol, rows, variant_of(rows), options=SplitOptions(folds=3, shots=(1, 3))
    )

    for result in results:
        score = whole(result)
        assert score.group_median_ape == score.median_ape == score.mape == 0
        assert (score.geo_error_factor, score.bias_factor) == (1, 1)
        assert score.coverage == 1
        assert score.median_interval_ratio == pytest.approx(1.1**2)
        assert score.top1_regret in (None, 0)
        assert score.rank_correlation in (None, pytest.approx(1))
    assert [result.shots for result in results] == (
        [1, 3] if protocol is ProtocolName.FEW_SHOT else [0]
    )


def test_a_constant_factor_is_seen_and_one_row_of_the_device_mends_it():
    rows = made_rows()
    twice = variant_of(rows, factor=2.0)

    (unseen,) = run_protocol(ProtocolName.UNSEEN_DEVICE, rows, twice)
    (one_row,) = run_protocol(ProtocolName.FEW_SHOT, rows, twice, options=SplitOptions(shots=(1,)))

    before, after = whole(unseen), whole(one_row)
    assert (before.median_ape, before.mape) == (pytest.approx(1), pytest.approx(1))
    assert before.geo_error_factor == before.bias_factor == pytest.approx(2)
    assert before.coverage == 0
    assert after.mape == pytest.approx(0, abs=1e-12)
    assert after.coverage == 1
    assert after.rows == len(rows) - len(DEVICES)


def test_the_shrunk_offset_of_ten_rows_takes_off_most_of_a_constant_factor():
    rows = made_rows(factors=dict.fromkeys(DEVICES, 3.0))
    roofline = built_in(VariantName.ROOFLINE_SUM)

    results = run_protocols(
        [ProtocolName.UNSEEN_DEVICE, ProtocolName.FEW_SHOT], rows, roofline,
        options=SplitOptions(shots=(1, 10)),
    )  # fmt: skip

    factors = [whole(result).geo_error_factor for result in results]
    assert factors[0] == pytest.approx(3)
    assert factors[0] > factors[1] > factors[2]
    assert factors[2] < 1.1


def test_a_median_over_groups_is_not_moved_by_one_large_group():
    rows = made_rows(devices=DEVICES[:3], batch_sizes=(1,)) + made_rows(
        devices=DEVICES[3:4], batch_sizes=(1, 2, 4, 8, 16, 32), factors={DEVICES[3]: 0.5}
    )
    roofline = built_in(VariantName.ROOFLINE_SUM)

    (result,) = run_protocol(ProtocolName.UNSEEN_DEVICE, rows, roofline)

    score = whole(result)
    assert score.group_median_ape == pytest.approx(0, abs=1e-12)
    assert score.median_ape == pytest.approx(1)
    by_group = {g.group: g for g in result.groups if g.slice == "all"}
    assert by_group[DEVICES[3]].median_ape == pytest.approx(1)
    assert by_group[DEVICES[3]].rows == 36


def test_the_worst_covered_device_of_enough_rows_is_named():
    sizes = tuple(range(1, 10))
    rows = made_rows(devices=DEVICES[:3], batch_sizes=sizes, factors={DEVICES[1]: 30.0})
    rows += made_rows(devices=DEVICES[3:4], batch_sizes=(1,), factors={DEVICES[3]: 1000.0})
    roofline = built_in(VariantName.ROOFLINE_SUM)

    (result,) = run_protocol(ProtocolName.UNSEEN_DEVICE, rows, roofline)

    worst = whole(result).worst_device
    assert worst is not None
    assert (worst.group, worst.rows, worst.coverage) == (DEVICES[1], 54, 0)
    assert whole(result).worst_group == worst


def test_choosing_the_slower_device_costs_what_it_takes_longer():
    rows = [
        made_row("gpt2", "nvidia-rtx-4090", latency_ms=20.0),
        made_row("gpt2", "nvidia-l4", latency_ms=10.0),
        made_row("gpt2", "nvidia-t4", latency_ms=40.0),
        # of another class, so neither better nor worse than those
        made_row("gpt2", "intel-i9-10940x", latency_ms=1.0),
    ]
    roofline = built_in(VariantName.ROOFLINE_SUM)

    (result,) = run_protocol(ProtocolName.UNSEEN_DEVICE, rows, roofline)

    score = whole(result)
    assert (score.ranked_sets, score.correlated_sets) == (1, 1)
    assert score.top1_regret == pytest.approx(1.0)
    assert score.rank_correlation == pytest.approx(0.5)


def test_generation_is_told_from_other_work_and_vendors_apart():
    found = {row.slices for row in made_rows(models=("resnet50", "gpt2"), batch_sizes=(1,))}

    assert found == {
        (Slice.ALL, Slice.STATED, Slice.VISION, Slice.VISION_GPU),
        (Slice.ALL, Slice.STATED, Slice.VISION, Slice.VISION_CPU),
        (Slice.ALL, Slice.STATED, Slice.OTHER_INFERENCE),
    }


def test_equal_training_rows_are_fitted_once_and_no_scored_row_was_fitted():
    rows = made_rows()
    fitted = []

    class Checking(Knowing):
        def predict(self, cases, level):
            assert not {id(case) for case in cases} & self.seen
            return super().predict(cases, level)

    def fit(own):
        fitted.append(own)
        predictor = Checking(rows)
        predictor.seen = {id(row.case) for row in own}
        return predictor

    variant = Variant(name="checking", fit=fit, calibrate=lambda predictor, _: predictor)
    run_protocols(
        [ProtocolName.UNSEEN_DEVICE, ProtocolName.FEW_SHOT, ProtocolName.UNSEEN_MODEL], rows,
        variant, options=SplitOptions(own_fold_rows=1, folds=3),
    )  # fmt: skip

    assert len(fitted) == len(DEVICES) + 3


@pytest.mark.parametrize("name", VariantName)
def test_every_built_in_variant_answers_and_gives_the_same_again(name):
    rows = made_rows(factors={"nvidia-l4": 1.5, "intel-i9-10940x": 0.7})
    options = SplitOptions(folds=2, shots=(3,), seeds=1)
    protocols = [ProtocolName.UNSEEN_MODEL, ProtocolName.FEW_SHOT]

    first, second = (
        run_protocols(protocols, rows, built_in(name), options=options) for _ in range(2)
    )

    assert first == second
    assert [whole(result).rows for result in first] == [len(rows), len(rows) - 3 * len(DEVICES)]
    assert all(0 <= whole(result).coverage <= 1 for result in first)


def test_the_constant_of_the_roofline_baseline_is_learned_from_the_other_models():
    rows = made_rows(devices=DEVICES[:1])
    longer = made_rows(devices=DEVICES[:1], factors={DEVICES[0]: 5.0})
    options = SplitOptions(folds=2)

    scores = [
        whole(run_protocol(
            ProtocolName.UNSEEN_MODEL, own, built_in(VariantName.ROOFLINE_CONSTANT),
            options=options,
        )[0])
        for own in (rows, longer)
    ]  # fmt: skip

    assert scores[0].mape == pytest.approx(scores[1].mape)


def test_a_protocol_that_the_rows_do_not_allow_is_an_error_by_name_and_said_with_all():
    gathered = GatheredRows(rows=tuple(made_rows(devices=DEVICES[:1])), left_out={})
    asked = {
        "protocols": (ProtocolName.UNSEEN_MODEL, ProtocolName.UNSEEN_DEVICE),
        "variants": (VariantName.ROOFLINE_SUM,),
        "splits": SplitOptions(),
    }

    with pytest.raises(TooFewRowsError, match="no device can be left out"):
        run_plan(gathered, ProtocolPlan(**asked))
    run = run_plan(gathered, ProtocolPlan(**asked, skips_impossible=True))

    assert [result.protocol for result in run.results] == [ProtocolName.UNSEEN_MODEL]
    assert "no device can be left out" in run.skipped[ProtocolName.UNSEEN_DEVICE]


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"folds": 1}, "folds"), ({"seeds": 0}, "seeds"), ({"shots": (0,)}, "shots")],
)
def test_impossible_options_are_refused(changes, told):
    with pytest.raises(InvalidInputError, match=told):
        SplitOptions(**changes)


def test_progress_is_told_before_each_fit():
    rows = made_rows(devices=DEVICES[:1])
    seen = []

    run_protocols(
        [ProtocolName.UNSEEN_MODEL], rows, variant_of(rows), options=SplitOptions(folds=3),
        on_progress=seen.append,
    )  # fmt: skip

    assert [(state.done, state.total) for state in seen] == [(0, 3), (1, 3), (2, 3)]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 40), st.sampled_from("ab")), min_size=8, max_size=40),
    seed=st.integers(0, 5),
)
def test_folds_hold_whole_groups_and_about_equally_many_rows_of_each_kind(sizes, seed):
    groups = [f"group {place}" for place, (rows, _) in enumerate(sizes) for _ in range(rows)]
    kinds = [kind for rows, kind in sizes for _ in range(rows)]

    folds = balanced_folds(groups, kinds, seed=seed, folds=4)

    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == len(sizes)
    for kind in set(kinds):
        largest = max(rows for rows, own in sizes if own == kind)
        loads = [sum(1 for k, f in zip(kinds, folds, strict=True) if (k, f) == (kind, fold))
                 for fold in range(4)]  # fmt: skip
        assert max(loads) - min(loads) <= largest


def test_folds_do_not_depend_on_the_order_of_rows():
    groups = ["a", "b", "b", "c", "c", "c", "d"]

    forth = balanced_folds(groups, ["x"] * 7, seed=0, folds=2)
    back = balanced_folds(groups[::-1], ["x"] * 7, seed=0, folds=2)

    assert list(forth) == list(back[::-1])
