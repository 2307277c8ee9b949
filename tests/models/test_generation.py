"""The predictor of generation: terms by hand, factors recovered, answers, JSON."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import WorkloadProfile, find_model, profile
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import CannotAnswerError, StoreUnusableError, TooFewRowsError
from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.generation_factors import MEANS, groups_of
from perfpredict.models.generation_fit import fit_factors
from perfpredict.models.generation_parts import SERVED
from perfpredict.models.generation_sum import FACTOR_OF_TERM, FACTORS, add_up
from perfpredict.models.generation_terms import TERMS, Term, terms_of, waves
from perfpredict.models.generation_training import MANNERS, device_folds, fit_generation
from perfpredict.models.predictor import Case
from perfpredict.models.reference import ReferencePredictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.work_kinds import GENERATION

DEVICES = DeviceCatalog()
MODELS = ("llama-2-7b", "llama-2-13b", "mistral-7b", "gpt2", "llama-3-8b", "qwen2-7b")


def case_of(
    model: str = "llama-2-7b",
    device: str = "nvidia-a100-sxm-40gb",
    *,
    phase: Phase = Phase.GENERATE,
    framework: str = "vllm",
    batch_size: int = 1,
    input_tokens: int = 128,
    output_tokens: int = 64,
) -> Case:
    """Return a case of the catalog's model on the catalog's device."""
    workload = Workload(
        model=model,
        batch_size=batch_size,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        precision=Precision.FP16,
        phase=phase,
        framework=framework,
    )
    return Case(
        workload=workload,
        device=DEVICES.find(device),
        profile=profile(find_model(model), workload),
    )


def many_cases(device: str = "nvidia-a100-sxm-40gb") -> list[Case]:
    """Return cases of six models, two servers, and several shapes."""
    return [
        case_of(model, device, framework=framework, batch_size=batch, input_tokens=prompt)
        for model in MODELS
        for framework in ("vllm", "tensorrt-llm")
        for batch in (1, 4, 16)
        for prompt in (128, 512)
    ]


def made_latencies_ms(cases: list[Case], factor: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return what physics expects times `factor`, with 3 % noise."""
    expected = np.tile(MEANS, (len(cases), 1))
    overlap = np.full(len(cases), MANNERS[SERVED].host_overlap)
    latency_s = add_up(terms_of(cases), expected, overlap).latency_s
    noise = np.random.default_rng(seed).normal(0.0, 0.03, len(cases))
    return latency_s * 1e3 * factor * np.exp(noise)


def fitted(**options: object) -> tuple[GenerationPredictor, list[Case]]:
    cases = many_cases() + many_cases("nvidia-h100-sxm")
    models = [case.workload.model for case in cases]
    made = made_latencies_ms(cases)
    return fit_generation(cases, made, models, ["made"] * len(cases), **options), cases


@pytest.fixture(scope="module")
def predictor() -> GenerationPredictor:
    return fitted()[0]


def hand_made(framework: str, device_count: int = 1) -> Case:
    """Return one decode step: a product of 1000 x 2000 weights, and a cache of 500 elements."""
    product = Op(
        op_class=OpClass.LINEAR, count=3.0, flops=4e6, activation_elements_read=1000.0,
        weight_elements_read=2e6, elements_written=2000.0,
    )  # fmt: skip
    attention = Op(
        op_class=OpClass.ATTENTION, count=3.0, flops=8000.0, activation_elements_read=500.0,
        weight_elements_read=0.0, elements_written=100.0,
    )  # fmt: skip
    step = OpProfile(
        ops=(product, attention), parameters=6e6, peak_activation_elements=1.0,
        kv_cache_elements=1500.0, syncs=6.0, sync_elements=12_000.0,
    )  # fmt: skip
    workload = Workload(
        model="made", phase=Phase.DECODE, precision=Precision.FP16, framework=framework,
        sequence_length=10, device_count=device_count,
    )  # fmt: skip
    made = WorkloadProfile(passes=((1.0, step),), parameters=6e6, kv_cache_elements=1500.0)
    return Case(workload=workload, device=DEVICES.find("nvidia-a100-sxm-40gb"), profile=made)


def test_weights_and_cache_of_a_step_are_their_bytes_over_the_bandwidth():
    case = hand_made("vllm")

    seconds = dict(zip(TERMS, terms_of([case])[0], strict=True))

    bandwidth = case.device.bandwidth_bytes_per_s
    assert seconds[Term.STEP_WEIGHTS] == pytest.approx(3 * 2e6 * 2 / bandwidth)
    assert seconds[Term.STEP_CACHE] == pytest.approx(3 * 600 * 2 / bandwidth)
    assert seconds[Term.STEP_UNSHARED_CACHE] == pytest.approx(3 * 4000 * 2 / bandwidth)
    assert seconds[Term.STEP_MATRIX_LAUNCHES] == pytest.approx(6e-6)
    assert seconds[Term.STEP_PRODUCTS] == pytest.approx(
        3 * 4e6 / case.device.peak_flops_per_s[Precision.FP16]
    )
    assert seconds[Term.PROMPT_PRODUCTS] == 0.0
    assert seconds[Term.REQUEST] == 0.0


def test_a_server_splits_every_layer_and_llama_cpp_splits_by_layers():
    split, by_layers = terms_of([hand_made("vllm", 4), hand_made("llama.cpp", 4)])
    alone = terms_of([hand_made("vllm")])[0]
    weights, other = TERMS.index(Term.STEP_WEIGHTS), TERMS.index(Term.OTHER_LAYERS)

    assert split[weights] == pytest.approx(alone[weights] / 4)
    assert split[TERMS.index(Term.SYNC_TRAFFIC)] > 0
    assert by_layers[weights] == pytest.approx(alone[weights])
    assert by_layers[other] == pytest.approx(0.75 * alone[weights])


def test_a_server_runs_more_waves_the_less_its_cache_fits():
    small = case_of(batch_size=8, input_tokens=128, output_tokens=128)
    large = case_of(batch_size=512, input_tokens=2048, output_tokens=2048)
    eager = replace(large, workload=replace(large.workload, framework="transformers"))

    assert waves(small) == 1.0
    assert waves(large) > 4.0
    assert waves(eager) == 1.0


def test_the_shares_of_the_terms_add_up_to_one_and_are_derivatives():
    cases = many_cases()[:8]
    seconds, factors = terms_of(cases), np.tile(MEANS, (8, 1))
    overlap = np.full(8, 1.5)
    timing = add_up(seconds, factors, overlap)

    assert timing.term_shares.sum(axis=1) == pytest.approx(np.ones(8))
    for place in range(len(FACTORS)):
        moved = factors.copy()
        moved[:, place] += 1e-5
        slope = np.log(add_up(seconds, moved, overlap).latency_s / timing.latency_s) / 1e-5
        assert slope == pytest.approx(timing.factor_shares[:, place], abs=1e-4)
    assert len(FACTOR_OF_TERM) == len(TERMS)


def test_the_fit_recovers_a_known_factor():
    cases = many_cases()
    truth = MEANS.copy()
    truth[FACTORS.index(Term.STEP_WEIGHTS)] += 0.5
    overlap = np.full(len(cases), MANNERS[SERVED].host_overlap)
    seconds = terms_of(cases)
    latency_s = add_up(seconds, np.tile(truth, (len(cases), 1)), overlap).latency_s

    groups = groups_of(cases)
    factors = fit_factors(seconds, np.log(latency_s), groups, np.ones(len(cases)), MANNERS[SERVED])
    found = add_up(seconds, factors.log_factors(groups), overlap).latency_s
    learned = factors.log_factors(groups).mean(axis=0)[FACTORS.index(Term.STEP_WEIGHTS)]

    assert np.median(np.abs(found / latency_s - 1.0)) < 0.01
    assert learned == pytest.approx(truth[FACTORS.index(Term.STEP_WEIGHTS)], abs=0.15)


def test_one_odd_row_hardly_moves_the_fit():
    cases = many_cases()
    made = made_latencies_ms(cases)
    odd = made.copy()
    odd[5] *= 20.0
    models, sources = [case.workload.model for case in cases], ["made"] * len(cases)

    clean = fit_generation(cases, made, models, sources, leaves_out=False)
    moved = fit_generation(cases, odd, models, sources, leaves_out=False)

    ratio = moved.latencies_ms(cases[40:]) / clean.latencies_ms(cases[40:])
    assert np.abs(np.log(ratio)).max() < 0.1


def test_equal_rows_give_equal_bytes_and_json_gives_equal_answers(predictor):
    again, cases = fitted()
    text = json.dumps(predictor.to_json(), allow_nan=False)
    loaded = GenerationPredictor.from_json(json.loads(text), RooflinePredictor())

    assert json.dumps(again.to_json(), allow_nan=False) == text
    assert loaded.version == predictor.version
    assert (loaded.latencies_ms(cases) == predictor.latencies_ms(cases)).all()
    assert loaded.predict(cases, 0.8) == predictor.predict(cases, 0.8)


def test_intervals_are_finite_positive_and_nested(predictor):
    cases = [
        case_of(),
        case_of(device="amd-mi250"),
        case_of(framework="transformers"),
        case_of(framework="never-seen", device="intel-max-1550", phase=Phase.DECODE),
    ]
    levels = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    answers = [predictor.predict(cases, level) for level in levels]

    for narrow, wide in pairwise(answers):
        for one, other in zip(narrow, wide, strict=True):
            inner, outer = one.latency_ms.interval, other.latency_ms.interval
            assert 0.0 < outer.lower <= inner.lower <= one.latency_ms.value
            assert one.latency_ms.value <= inner.upper <= outer.upper < np.inf


def test_an_unknown_device_has_a_wider_interval_and_a_caution(predictor):
    known, unknown = predictor.predict([case_of(), case_of(device="amd-mi250")], 0.9)

    assert known.cautions == ()
    assert known.similar_rows == 36
    assert unknown.latency_ms.interval.ratio > known.latency_ms.interval.ratio
    assert "no row of vllm on amd-mi250 was in training" in unknown.cautions
    assert unknown.is_extrapolated


def test_the_shares_of_time_and_launching_add_up_to_one(predictor):
    for answer in predictor.predict(many_cases()[:6], 0.9):
        total = sum(share.share for share in answer.time_shares) + answer.launch_share
        assert total == pytest.approx(1.0)
        assert answer.time_shares[0].op_class is OpClass.LINEAR


def test_siblings_are_left_out_in_different_folds():
    folds = device_folds(many_cases() + many_cases("nvidia-h100-sxm") + many_cases("amd-mi250")[:5])

    assert len(set(folds[:72].tolist())) == 1
    assert folds[0] != folds[72]
    assert folds[-1] == -1


def calibrated_ratio(
    predictor: GenerationPredictor, device: str, factor: float, odd: float = 1.0
) -> tuple[float, float]:
    """Return calibrated over uncalibrated latency and width, from ten rows of a device.

    Its rows are `factor` slower than predicted, and one of them `odd` times that.
    """
    cases = many_cases(device)
    truth = predictor.latencies_ms(cases) * factor
    truth[0] *= odd
    rows = [MeasuredCase(case=cases[n], latency_ms=float(truth[n])) for n in range(0, 50, 5)]
    rest = [case for n, case in enumerate(cases) if n % 5]
    before = predictor.predict(rest, 0.9)
    after = predictor.calibrated(rows).predict(rest, 0.9)
    moved = [b.latency_ms.value / a.latency_ms.value for a, b in zip(before, after, strict=True)]
    width = [
        np.log(b.latency_ms.interval.ratio) / np.log(a.latency_ms.interval.ratio)
        for a, b in zip(before, after, strict=True)
    ]
    return float(np.median(moved)), float(np.median(width))


def test_ten_rows_of_a_slower_device_move_it_there(predictor):
    moved, width = calibrated_ratio(predictor, "amd-mi250", 1.7)

    assert moved == pytest.approx(1.7, rel=0.05)
    assert width < 0.6


def test_ten_rows_of_a_slower_card_of_a_known_vendor_move_it_most_of_the_way(predictor):
    moved, width = calibrated_ratio(predictor, "nvidia-rtx-4090", 1.7)

    assert moved == pytest.approx(1.7, rel=0.15)
    assert width <= 1.0


@pytest.mark.parametrize("device", ["nvidia-a100-sxm-40gb", "amd-mi250"])
def test_one_odd_row_of_ten_moves_a_device_little(predictor, device):
    moved, _ = calibrated_ratio(predictor, device, 1.0, odd=10.0)

    assert moved == pytest.approx(1.0, abs=0.1)


def test_rows_of_one_device_leave_the_others_as_they_were(predictor):
    row = MeasuredCase(case=case_of(), latency_ms=1e6)
    calibrated = predictor.calibrated([row])
    other = [case_of(device="nvidia-h100-sxm")]

    assert calibrated.predict(other, 0.9) == predictor.predict(other, 0.9)
    assert calibrated.version == f"{predictor.version}+1"
    assert predictor.calibrated([]).predict(other, 0.9) == predictor.predict(other, 0.9)


def test_damage_and_other_formats_are_refused(predictor):
    content = predictor.to_json()
    roofline = RooflinePredictor()

    with pytest.raises(StoreUnusableError, match="not of the format"):
        GenerationPredictor.from_json(content | {"format": "another"}, roofline)
    with pytest.raises(CannotAnswerError, match="other terms"):
        GenerationPredictor.from_json(content | {"terms": ["one"]}, roofline)
    with pytest.raises(StoreUnusableError, match="damaged"):
        GenerationPredictor.from_json(content | {"widths": {}}, roofline)


def test_no_rows_are_an_error():
    with pytest.raises(TooFewRowsError):
        fit_generation([], [], [], [])


def encoder_case() -> Case:
    workload = Workload(model="bert-base-uncased", batch_size=4, sequence_length=128)
    made = profile(find_model("bert-base-uncased"), workload)
    return Case(workload=workload, device=DEVICES.find("amd-mi250"), profile=made)


def test_the_reference_calibrates_each_kind_of_work_by_its_own_rows(predictor):
    reference = ReferencePredictor(RooflinePredictor(), {GENERATION: predictor})
    cases = [case_of(device="amd-mi250"), encoder_case()]
    before = [one.latency_ms.value for one in reference.predict(cases, 0.9)]
    rows = [
        MeasuredCase(case=case, latency_ms=latency_ms * 2.0)
        for case, latency_ms in zip(cases, before, strict=True)
    ]

    calibrated = reference.calibrated(rows)
    after = [one.latency_ms.value for one in calibrated.predict(cases, 0.9)]
    of_generation = reference.calibrated(rows[:1]).predict(cases, 0.9)

    assert calibrated.version == f"{reference.version}+2"
    assert 1.5 < after[0] / before[0] < 2.05
    assert 1.1 < after[1] / before[1] < 2.05
    assert of_generation[0].latency_ms.value == pytest.approx(after[0])
    assert of_generation[1].latency_ms.value == pytest.approx(before[1])


def test_the_predictor_of_generation_answers_nothing_else(predictor):
    with pytest.raises(CannotAnswerError, match="without a phase"):
        predictor.predict([encoder_case()], 0.9)
