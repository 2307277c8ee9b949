"""The predictor of generation: terms by hand, factors recovered, answers, JSON."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import CannotAnswerError, StoreUnusableError, TooFewRowsError
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.generation_factors import MEANS, groups_of
from perfpredict.models.generation_fit import fit_factors
from perfpredict.models.generation_parts import SERVED
from perfpredict.models.generation_rates import EAGER_MATRIX_LAUNCH_S
from perfpredict.models.generation_sum import FACTOR_OF_TERM, FACTORS, add_up
from perfpredict.models.generation_terms import TERMS, Term, terms_of, waves
from perfpredict.models.generation_training import MANNERS, device_folds, fit_generation
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

from .generation_cases import DEVICES, case_of, encoder_case, fitted, made_latencies_ms, many_cases


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


@pytest.mark.parametrize(("precision", "launches"), [(Precision.INT8, 16), (Precision.INT4, 8)])
def test_bitsandbytes_launches_many_operators_for_a_product(precision, launches):
    plain = hand_made("transformers")
    case = replace(plain, workload=replace(plain.workload, precision=precision, quantization="bnb"))
    place = TERMS.index(Term.STEP_MATRIX_LAUNCHES)

    before, after = (terms_of([one])[0][place] for one in (plain, case))

    # one product and one attention, run three times
    assert before == pytest.approx(3 * 2 * EAGER_MATRIX_LAUNCH_S)
    assert after == pytest.approx(3 * (launches + 1) * EAGER_MATRIX_LAUNCH_S)


def test_bitsandbytes_multiplies_prompts_in_int8_and_four_bits_in_fp32():
    fp16 = case_of(framework="transformers", phase=Phase.PREFILL)
    peaks = fp16.device.peak_flops_per_s
    place = TERMS.index(Term.PROMPT_PRODUCTS)

    def products_s(precision):
        workload = replace(fp16.workload, precision=precision, quantization="bnb")
        return terms_of([replace(fp16, workload=workload)])[0][place]

    expected = terms_of([fp16])[0][place] * peaks[Precision.FP16]
    assert products_s(Precision.INT8) == pytest.approx(expected / peaks[Precision.INT8])
    assert products_s(Precision.INT4) == pytest.approx(expected / peaks[Precision.FP32])


def test_an_eager_framework_that_was_not_learned_is_surer_than_a_server(predictor):
    eager, server = predictor.predict(
        [case_of(framework="transformers"), case_of(framework="sglang")], 0.9
    )

    assert 1.5 < eager.latency_ms.interval.ratio < server.latency_ms.interval.ratio


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


def test_the_predictor_of_generation_answers_nothing_else(predictor):
    with pytest.raises(CannotAnswerError, match="without a phase"):
        predictor.predict([encoder_case()], 0.9)
