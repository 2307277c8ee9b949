"""Memory: what the formula must keep to whatever its constants, and what the fit learns."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.memory import (
    AUTOCAST_BYTES,
    MemoryUse,
    fits,
    memory_use,
    usable_bytes,
)
from perfpredict.models.memory_fit import LOWEST, MemoryCorrection, fit_memory
from perfpredict.models.memory_interval import FACTORS, memory_interval, situation
from perfpredict.models.memory_ops import op_facts
from perfpredict.models.memory_parts import PARTS, part_matrix
from perfpredict.models.memory_weights import stored_weights, unconverted_weights
from perfpredict.models.predictor import Case

DEVICE = DeviceCatalog().find("nvidia-a100-sxm-80gb")
PLAIN = ("resnet50", "efficientnet_b0", "bert-base-uncased", "vit-base-patch16-224")
DECODERS = ("gpt2", "opt-125m", "llama-2-7b", "mistral-7b-v0.1")


def make(model: str, device: str | None = None, **given_values: object) -> Case:
    entry = find_model(model)
    base: dict[str, object] = {"model": entry.name}
    if entry.is_text and not entry.is_generative:
        base["sequence_length"] = 128
    workload = Workload(**(base | given_values))  # type: ignore[arg-type]
    found = DEVICE if device is None else DeviceCatalog().find(device)
    return Case(workload=workload, device=found, profile=profile(entry, workload))


def generate(model: str, **given_values: object) -> Case:
    asked: dict[str, object] = {
        "phase": Phase.GENERATE,
        "input_tokens": 256,
        "output_tokens": 64,
        "precision": Precision.FP16,
        "framework": "transformers",
    }
    return make(model, **(asked | given_values))


def use_of(model: str, **given_values: object) -> MemoryUse:
    maker = generate if model in DECODERS else make
    return memory_use(maker(model, **given_values))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("model", PLAIN)
def test_memory_is_affine_in_the_batch(model: str, mode: Mode) -> None:
    one, two, four = (use_of(model, batch_size=b, mode=mode).total for b in (1, 2, 4))

    assert four - two == pytest.approx(2 * (two - one), rel=1e-9)


@pytest.mark.parametrize("model", DECODERS)
def test_memory_of_generation_is_affine_in_the_batch(model: str) -> None:
    one, two, four = (use_of(model, batch_size=b).total for b in (1, 2, 4))

    assert four - two == pytest.approx(2 * (two - one), rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    model=st.sampled_from(DECODERS),
    batch=st.integers(1, 64),
    tokens=st.integers(16, 1024),
    framework=st.sampled_from(["transformers", "vllm", "llama.cpp"]),
)
def test_more_samples_or_tokens_never_take_less(
    model: str, batch: int, tokens: int, framework: str
) -> None:
    asked = {"batch_size": batch, "input_tokens": tokens, "framework": framework}
    base = use_of(model, **asked).total

    assert use_of(model, **(asked | {"batch_size": batch + 1})).total > base
    assert use_of(model, **(asked | {"input_tokens": tokens + 64})).total > base


def test_larger_models_of_one_family_take_more() -> None:
    totals = [use_of(m).total for m in ("opt-125m", "opt-350m", "opt-2.7b", "opt-6.7b")]

    assert totals == sorted(totals)


@pytest.mark.parametrize("model", DECODERS)
def test_narrower_weights_take_less(model: str) -> None:
    quantised = {"quantization": "bnb"}
    fp32 = use_of(model, precision=Precision.FP32).weights
    fp16 = use_of(model, precision=Precision.FP16).weights
    int8 = use_of(model, precision=Precision.INT8, **quantised).weights
    int4 = use_of(model, precision=Precision.INT4, **quantised).weights

    assert int4 < int8 < fp16 < fp32
    assert fp32 == 2 * fp16


def test_embedding_and_head_stay_in_16_bits() -> None:
    # llama-2-7b: 32000 x 4096 each; norms are 65 x 4096
    kept = unconverted_weights(generate("llama-2-7b", precision=Precision.INT8))

    assert kept == pytest.approx(2 * 32000 * 4096 + 65 * 4096, rel=1e-6)


def test_a_tied_embedding_is_kept_once() -> None:
    # gpt2: 50257 x 768 words and 1024 x 768 positions; the rest are norms and biases
    kept = unconverted_weights(generate("gpt2", precision=Precision.INT8))

    assert kept == pytest.approx((50257 + 1024) * 768, rel=0.01)


def test_experts_that_no_token_reached_are_converted_too() -> None:
    case = generate("mixtral-8x7b-v0.1", precision=Precision.INT4, output_tokens=1, input_tokens=1)
    stored = stored_weights(case)

    assert stored.wide == pytest.approx(2 * 32000 * 4096, rel=0.02)


def test_encoders_keep_their_embedding_in_16_bits() -> None:
    # clip-vit-large-patch14: 49408 words and 77 positions of 768
    kept = unconverted_weights(make("clip-vit-large-patch14", precision=Precision.INT8))

    assert kept == pytest.approx((49408 + 77) * 768, rel=0.1)


def test_image_models_are_converted_whole() -> None:
    case = make("resnet50", precision=Precision.INT8)

    assert stored_weights(case).total_bytes == case.profile.parameters


def test_llama_cpp_converts_every_matrix() -> None:
    case = generate(
        "llama-2-7b", precision=Precision.INT4, quantization="q4_k_m", framework="llama.cpp"
    )

    # llama.cpp lists 3.80 GiB for llama-2-7b in Q4_K_M
    assert stored_weights(case).total_bytes / 2**30 == pytest.approx(3.80, rel=0.01)


def test_tensor_parallel_devices_share_weights_and_cache() -> None:
    one, two = (use_of("llama-2-7b", device_count=n) for n in (1, 2))

    assert two.weights == one.weights / 2
    assert two.kv_cache == one.kv_cache / 2
    assert two.workspace == one.workspace


def test_the_kv_cache_is_what_the_shape_says() -> None:
    # 32 layers, 8 of 32 heads keep keys and values of 128, two bytes each
    use = use_of("mistral-7b-v0.1", batch_size=3, input_tokens=256, output_tokens=1)

    assert use.kv_cache == 2 * 32 * 3 * 256 * 8 * 128 * 2


def test_a_decode_step_has_room_for_its_prompt() -> None:
    decode = generate("llama-2-7b", phase=Phase.DECODE)
    prefill = generate("llama-2-7b", phase=Phase.PREFILL, output_tokens=None)

    ratio = memory_use(decode).activations / memory_use(prefill).activations
    assert ratio == pytest.approx(1.0, abs=0.02)


def test_a_server_computes_long_prompts_in_chunks() -> None:
    asked = {"batch_size": 64, "input_tokens": 2048}
    served = use_of("llama-2-7b", framework="vllm", **asked)
    eager = use_of("llama-2-7b", framework="transformers", **asked)

    assert served.activations < eager.activations / 10
    assert served.kv_cache == eager.kv_cache


def test_training_keeps_gradients_and_two_moments() -> None:
    case = make("resnet50", mode=Mode.TRAINING)

    assert memory_use(case).training == case.profile.parameters * 12


def test_16_bit_training_takes_16_bytes_a_weight() -> None:
    # ZeRO: 2 weights, 2 gradients, 4 + 4 + 4 master copy and moments
    use = use_of("bert-base-uncased", mode=Mode.TRAINING, precision=Precision.BF16)

    assert (use.weights + use.training) / use.weights * 2 == pytest.approx(16)


def test_autocast_keeps_both_copies_of_the_weights() -> None:
    plain = use_of("resnet50")
    mixed = use_of("resnet50", precision=Precision.AMP_FP16)

    assert mixed.weights / plain.weights == (4 + AUTOCAST_BYTES) / 4


def test_resnet50_keeps_what_autograd_says() -> None:
    # saved-tensor hooks report 84.4 MB of fp32 values for one image of 224 pixels
    kept = op_facts(make("resnet50", mode=Mode.TRAINING).profile).kept_elements

    assert kept * 4 / 1e6 == pytest.approx(84.4, rel=0.25)


def test_a_server_needs_room_for_one_sample_of_its_batch_only() -> None:
    # 64 samples of 4096 tokens are 128 GB of cache; published runs of it ran in waves
    asked = {"batch_size": 64, "input_tokens": 2048, "output_tokens": 2048}
    served = generate("llama-2-7b", framework="vllm", **asked)

    assert memory_use(served).total > usable_bytes(served)
    assert fits(served)
    assert not fits(generate("llama-2-7b", framework="transformers", **asked))


def test_what_cannot_hold_the_weights_does_not_fit() -> None:
    case = make(
        "llama-2-70b",
        device="nvidia-a10g",
        phase=Phase.GENERATE,
        input_tokens=1,
        output_tokens=1,
        framework="vllm",
        precision=Precision.FP16,
    )

    assert not fits(case)


@settings(deadline=None, max_examples=25)
@given(low=st.floats(0.05, 0.9), more=st.floats(0.01, 0.09), model=st.sampled_from(DECODERS))
def test_memory_intervals_are_nested(low: float, more: float, model: str) -> None:
    case = generate(model)
    inner, outer = (memory_interval(case, 1e9, level) for level in (low, low + more))

    assert outer.lower < inner.lower < 1e9 < inner.upper < outer.upper


def test_every_situation_has_factors() -> None:
    cases = (
        generate("gpt2"),
        generate("gpt2", precision=Precision.INT8),
        make("resnet50"),
        make("resnet50", is_compiled=True),
        make("resnet50", mode=Mode.TRAINING),
    )

    assert {situation(case) for case in cases} == set(FACTORS)


def made_rows() -> tuple[tuple[Case, ...], np.ndarray, list[str]]:  # type: ignore[type-arg]
    cases = tuple(
        generate(model, batch_size=batch, precision=precision)
        for model in (*DECODERS, "opt-350m", "opt-2.7b")
        for batch in (1, 4, 16)
        for precision in (Precision.FP16, Precision.FP32)
    )
    return cases, np.array([memory_use(c).total for c in cases]), [c.workload.model for c in cases]


def test_rows_that_agree_with_the_formula_teach_nothing() -> None:
    cases, formula, groups = made_rows()
    correction = fit_memory(cases, formula, groups)

    assert correction.coefficients == pytest.approx([part.expected for part in PARTS], abs=1e-6)
    assert correction.predict(cases) == pytest.approx(formula)


def test_a_second_copy_of_the_cache_is_found() -> None:
    cases, formula, groups = made_rows()
    cache = np.array([memory_use(case).kv_cache for case in cases])
    correction = fit_memory(cases, formula + cache, groups)

    off = np.abs(correction.predict(cases) / (formula + cache) - 1)
    assert off.mean() < 0.01
    assert np.abs(formula / (formula + cache) - 1).mean() > 0.05


def test_a_few_odd_rows_do_not_move_the_weights_far() -> None:
    cases, formula, groups = made_rows()
    measured = formula.copy()
    measured[:3] *= 5.0
    found = dict(
        zip(
            [p.name for p in PARTS],
            fit_memory(cases, measured, groups).coefficients,
            strict=True,
        )
    )

    assert found["weights"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_a_learned_answer_stays_affine_and_grows_with_the_batch(seed: int) -> None:
    cases, formula, groups = made_rows()
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.5, len(cases)))
    correction = fit_memory(cases, formula * noise, groups)
    answers = correction.predict([generate("gpt2", batch_size=b) for b in (1, 2, 4)])

    assert 0 < answers[0] < answers[1] < answers[2]
    assert answers[2] - answers[1] == pytest.approx(2 * (answers[1] - answers[0]), rel=1e-6)
    for part, value in zip(PARTS, correction.coefficients, strict=True):
        assert value >= LOWEST * part.expected


def test_a_correction_survives_json() -> None:
    cases, formula, groups = made_rows()
    correction = fit_memory(cases, formula * 1.1, groups)
    again = MemoryCorrection.from_json(correction.to_json())

    assert again == correction
    assert again.quantiles(cases[0], 0.9) == correction.quantiles(cases[0], 0.9)


@pytest.mark.parametrize(
    "damage",
    [
        {"coefficients": {}},
        {"coefficients": {part.name: -1.0 for part in PARTS}},
        {"coefficients": {part.name: "much" for part in PARTS}},
        {"calibration": None},
        {"row_count": None},
    ],
)
def test_a_damaged_correction_is_refused(damage: dict[str, object]) -> None:
    cases, formula, groups = made_rows()
    content = fit_memory(cases, formula, groups).to_json() | damage

    with pytest.raises(InvalidInputError):
        MemoryCorrection.from_json(content)


def test_rows_of_one_model_cannot_be_checked() -> None:
    cases, formula, _ = made_rows()

    with pytest.raises(TooFewRowsError, match="one group"):
        fit_memory(cases, formula, ["same"] * len(cases))


def test_a_row_without_memory_is_refused() -> None:
    cases, formula, groups = made_rows()
    formula[0] = 0.0

    with pytest.raises(InvalidInputError, match="above 0"):
        fit_memory(cases, formula, groups)


def test_parts_of_the_formula_add_up_to_it() -> None:
    cases, formula, _ = made_rows()
    counted = np.array([part.expected for part in PARTS])

    assert part_matrix(cases) @ counted == pytest.approx(formula)


def test_equal_profiles_are_told_apart_by_what_they_are_not_by_where() -> None:
    case = make("resnet50")
    again = replace(case, profile=replace(case.profile))

    assert op_facts(again.profile) == op_facts(case.profile)
