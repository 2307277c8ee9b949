"""Parameters, FLOPs and caches of the formula profiles against independent counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfpredict.catalog.transformers import (
    decode_profile,
    encoder_profile,
    find_transformer,
    parameter_count,
    prefill_profile,
    transformer_names,
    vision_profile,
)
from perfpredict.catalog.transformers.config import Experts, TransformerConfig
from perfpredict.catalog.transformers.diffusion import diffusion_parameters, find_diffusion
from perfpredict.catalog.transformers.registry import aliases, fold
from perfpredict.catalog.transformers.table import Table
from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.errors import InvalidInputError

MATRIX_CLASSES = {
    OpClass.LINEAR,
    OpClass.MATMUL,
    OpClass.ATTENTION,
    OpClass.CONV_DENSE,
    OpClass.CONV_POINTWISE,
    OpClass.CONV_GROUPED,
}

# Parameters of the modules that transformers 5.24 builds on the meta device from the published
# configuration (sum of numel over parameters()), or, marked with M, as the model card states.
MODULE_PARAMETERS = {
    "bert-base-uncased": 109_482_240,
    "bert-large-uncased": 335_141_888,
    "roberta-base": 124_645_632,
    "distilbert-base-uncased": 66_362_880,
    "albert-base-v2": 11_683_584,
    "electra-base-discriminator": 108_891_648,
    "mpnet-base": 109_486_464,
    "modernbert-base": 149_014_272,
    "gpt2": 124_439_808,
    "gpt2-xl": 1_557_611_200,
    "gpt-neo-1.3b": 1_315_575_808,
    "gpt-j-6b": 6_050_882_784,
    "codegen-2b": 2_779_356_160,
    "pythia-1b": 1_011_781_632,
    "gpt-neox-20b": 20_554_567_680,
    "opt-1.3b": 1_315_758_080,
    "bloom-560m": 559_214_592,
    "falcon-7b": 6_921_720_704,
    "llama-2-7b": 6_738_415_616,
    "llama-3.1-8b": 8_030_261_248,
    "mistral-7b-v0.1": 7_241_732_096,
    "mixtral-8x7b": 46_702_792_704,
    "qwen1.5-moe-a2.7b": 14_315_784_192,
    "gemma-7b": 8_537_680_896,
    "gemma-2-2b": 2_614_341_888,
    "phi-1.5": 1_418_270_720,
    "phi-3-mini-4k-instruct": 3_821_079_552,
    "stablelm-3b-4e1t": 2_795_443_200,
    "gpt-oss-120b": 116_829_156_672,
    "deepseek-v3": 671_026_404_352,
    "t5-small": 60_506_624,
    "bart-large": 406_291_456,
    "m2m100-418m": 483_905_536,
    "whisper-tiny": 37_760_640,
    "wav2vec2-base": 94_371_712,
    "hubert-base-ls960": 94_371_712,
    "clip-vit-base-patch32": 151_277_313,
}
PUBLISHED_MILLIONS = {
    "xlm-roberta-base": 278.0,
    "xlm-roberta-large": 559.9,
    "all-minilm-l6-v2": 22.7,
    "deberta-v3-base": 183.8,
    "deberta-v3-large": 434.0,
    "llama-3.1-70b": 70_554,
    "llama-3.1-405b": 405_853,
    "llama-3.2-1b": 1_236,
    "llama-3.2-3b": 3_213,
    "tinyllama-1.1b": 1_100,
    "yi-34b": 34_389,
    "qwen2.5-7b": 7_616,
    "qwen2.5-32b": 32_764,
    "qwen3-8b": 8_191,
    "qwen3-30b-a3b": 30_532,
    "gemma-2-9b": 9_242,
    "deepseek-v2": 235_741,
    "deepseek-v2-lite": 15_706,
    "gpt-oss-20b": 20_915,
    "decilm-7b": 7_044,
    "t5-3b": 2_852,
    "flan-t5-xl": 2_850,
    "whisper-large-v3": 1_543.5,
    "vit-base-patch16-224": 86.57,
    "vit-large-patch16-224": 304.3,
    "siglip-base-patch16-224": 203.2,
    "blip-image-captioning-base": 247.4,
    "llava-1.5-7b": 7_063,
}

# FLOPs that torch.utils.flop_counter.FlopCounterMode (torch 2.13) counts on the meta device for
# batch 2 of 96 tokens, logits of the last token: scripts/check_transformer_flops.py prints them.
COUNTED_FLOPS = {
    "bert-base-uncased": 33_296_744_448,
    "roberta-base": 33_296_744_448,
    "distilbert-base-uncased": 16_647_192_576,
    "albert-base-v2": 33_334_493_184,
    "electra-base-discriminator": 33_294_385_152,
    "mpnet-base": 33_296_744_448,
    "modernbert-base": 43_599_790_080,
    "gpt2": 33_448_774_656,
    "gpt-neo-1.3b": 467_892_051_968,
    "gpt-j-6b": 2_173_944_987_648,
    "codegen-2b": 972_931_727_360,
    "pythia-1b": 312_065_654_784,
    "opt-1.3b": 467_892_174_848,
    "bloom-560m": 118_803_660_800,
    "falcon-7b": 2_556_267_986_944,
    "mpt-7b": 2_484_391_116_800,
    "xglm-564m": 118_824_665_088,
    "llama-3.1-8b": 2_691_824_615_424,
    "mistral-7b-v0.1": 2_690_247_557_120,
    "qwen2-0.5b": 139_535_384_576,
    "qwen3-0.6b": 173_964_525_568,
    "gemma-2-2b": 783_607_136_256,
    "gemma-3-1b": 271_111_421_952,
    "phi-2": 972_931_727_360,
    "phi-3-mini-4k-instruct": 1_399_211_163_648,
    "stablelm-3b-4e1t": 980_975_616_000,
}
# The same for batch 2 at the model's own image size.
COUNTED_IMAGE_FLOPS = {
    "vit-base-patch16-224": 70_255_312_896,
    "beit-base-patch16-224": 70_255_312_896,
    "dinov2-base": 606_294_872_064,
}
# Launches that the same pass makes (views not counted), printed by the same script.
COUNTED_LAUNCHES = {
    "bert-base-uncased": 153,
    "distilbert-base-uncased": 76,
    "albert-base-v2": 238,
    "gpt2": 235,
    "pythia-1b": 396,
    "opt-1.3b": 371,
    "bloom-560m": 620,
    "llama-3.1-8b": 1169,
    "qwen2-0.5b": 881,
    "qwen3-0.6b": 1361,
    "phi-2": 1037,
    "stablelm-3b-4e1t": 908,
    "mpt-7b": 630,
}


def config_of(name: str) -> TransformerConfig:
    config = find_transformer(name)
    assert config is not None
    return config


def matrix_flops(profile: OpProfile) -> float:
    return sum(op.count * op.flops for op in profile.ops if op.op_class in MATRIX_CLASSES)


def one_pass(name: str, batch: int, tokens: int) -> OpProfile:
    config = config_of(name)
    if config.decoder is None:
        return encoder_profile(config, batch, tokens)
    return prefill_profile(config, batch, tokens)


@pytest.mark.parametrize("name", MODULE_PARAMETERS)
def test_parameters_equal_those_of_the_real_module(name: str) -> None:
    assert parameter_count(config_of(name)) == pytest.approx(MODULE_PARAMETERS[name], rel=2e-5)


@pytest.mark.parametrize("name", PUBLISHED_MILLIONS)
def test_parameters_are_those_published(name: str) -> None:
    assert parameter_count(config_of(name)) / 1e6 == pytest.approx(
        PUBLISHED_MILLIONS[name], rel=0.005
    )


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # unet/ and vae/ files of the repositories, loaded by diffusers
        ("sd-1.5-unet", 859.52),
        ("sd-2.1-unet", 865.91),
        ("sdxl-unet", 2567.46),
        ("sdxl-vae-decoder", 49.49),
    ],
)
def test_parts_of_stable_diffusion_have_their_published_parameters(
    name: str, millions: float
) -> None:
    config = find_diffusion(name)
    assert config is not None

    assert diffusion_parameters(config) / 1e6 == pytest.approx(millions, rel=1e-4)


@pytest.mark.parametrize("name", COUNTED_FLOPS)
def test_flops_equal_pytorchs_own_count(name: str) -> None:
    assert matrix_flops(one_pass(name, 2, 96)) == pytest.approx(COUNTED_FLOPS[name], rel=1e-6)


@pytest.mark.parametrize("name", COUNTED_IMAGE_FLOPS)
def test_flops_of_image_encoders_equal_pytorchs_own_count(name: str) -> None:
    found = matrix_flops(vision_profile(config_of(name), 2, None))

    assert found == pytest.approx(COUNTED_IMAGE_FLOPS[name], rel=1e-6)


@pytest.mark.parametrize("name", COUNTED_LAUNCHES)
def test_launches_are_those_of_eager_pytorch(name: str) -> None:
    assert one_pass(name, 2, 96).op_count == pytest.approx(COUNTED_LAUNCHES[name], rel=0.06)


@pytest.mark.parametrize(
    ("name", "memory_tokens", "counted"),
    [("t5-base", 96, 87_614_816_256), ("whisper-base", 1500, 216_027_955_200)],
)
def test_flops_of_encoder_and_decoder_equal_pytorchs_own_count(
    name: str, memory_tokens: int, counted: int
) -> None:
    config = config_of(name)
    flops = matrix_flops(encoder_profile(config, 2, memory_tokens))
    flops += matrix_flops(
        prefill_profile(config, 2, 96, memory_tokens=memory_tokens, has_all_logits=True)
    )

    assert flops == pytest.approx(counted, rel=1e-6)


def test_flops_of_both_towers_equal_pytorchs_own_count() -> None:
    config = config_of("clip-vit-base-patch32")
    flops = matrix_flops(encoder_profile(config, 2, 77))
    flops += matrix_flops(vision_profile(config, 2, None))

    # the counter also sees the 2 x 2 similarities, 4096 FLOPs
    assert flops == pytest.approx(29_554_331_648, rel=1e-6)


def test_flops_of_disentangled_attention_equal_pytorchs_own_count() -> None:
    # counted on the CPU, since the module reads values that the meta device has not
    found = matrix_flops(one_pass("deberta-v3-base", 2, 96))

    assert found == pytest.approx(51_413_778_432, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "counted", "fused"),
    [
        ("gpt2", 494_128_128, 12 * 4 * 2 * 12 * 97 * 64),
        ("qwen2-0.5b", 1_975_844_864, 24 * 4 * 2 * 14 * 97 * 64),
    ],
)
def test_flops_of_a_decode_step_equal_pytorchs_own_count(
    name: str, counted: int, fused: int
) -> None:
    # one token after 96 on the CPU, where the counter does not see the fused attention
    found = matrix_flops(decode_profile(config_of(name), 2, 96))

    assert found == pytest.approx(counted + fused, rel=1e-6)


def test_flops_of_a_mixture_are_those_outside_its_experts_and_two_experts_a_token() -> None:
    # the counter does not see grouped products; three matrices of 4096 x 14336 an expert
    outside = 525_986_693_120
    experts = 32 * (2 * 96) * 2 * 3 * 2 * 4096 * 14336

    found = matrix_flops(one_pass("mixtral-8x7b", 2, 96))

    assert found == pytest.approx(outside + experts, rel=1e-6)


def test_every_configuration_builds_and_has_a_profile() -> None:
    for name in transformer_names():
        config = config_of(name)
        has_text = config.text is not None or config.audio is not None
        if config.image is not None:
            assert vision_profile(config, 1, None).flops > 0, name
        if config.encoder is not None and has_text:
            assert encoder_profile(config, 1, 32).flops > 0, name
        if config.decoder is not None:
            assert decode_profile(config, 1, 32).flops > 0, name


def test_there_are_at_least_300_configurations_and_all_aliases_are_folded() -> None:
    assert len(transformer_names()) >= 300
    assert all(alias == fold(alias) for alias in aliases())


def test_an_organisation_is_never_dropped_in_general() -> None:
    assert find_transformer("google-bert/bert-base-uncased") is not None
    assert find_transformer("somebody-else/bert-base-uncased") is None


def test_names_match_whatever_their_case_and_composition() -> None:
    assert config_of("BERT-Base-Uncased").name == "bert-base-uncased"
    assert config_of("  Llama 3.1:70b ").name == "llama-3.1-70b"


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["bert-base", "gpt2", "llama-3.1-8b", "mixtral-8x7b", "deberta-v3-base"]),
    batch=st.integers(1, 64),
    tokens=st.integers(1, 512),
)
def test_flops_grow_with_batch_and_sequence(name: str, batch: int, tokens: int) -> None:
    here = one_pass(name, batch, tokens).flops

    assert one_pass(name, batch + 1, tokens).flops > here
    assert one_pass(name, batch, tokens + 1).flops > here


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 64), context=st.integers(1, 20_000))
def test_a_decode_step_is_affine_in_its_context(batch: int, context: int) -> None:
    config = config_of("llama-3.1-8b")
    first, second, third = (decode_profile(config, batch, context + step) for step in (0, 100, 200))

    assert third.flops - second.flops == pytest.approx(second.flops - first.flops)
    assert third.kv_cache_elements - second.kv_cache_elements == pytest.approx(
        second.kv_cache_elements - first.kv_cache_elements
    )
    # 2 * layers * kv_heads * head_dim elements per token
    assert second.kv_cache_elements - first.kv_cache_elements == batch * 100 * 2 * 32 * 8 * 128


def test_a_window_bounds_the_cache_of_mistral() -> None:
    config = config_of("mistral-7b-v0.1")

    assert (
        decode_profile(config, 1, 30_000).kv_cache_elements
        == decode_profile(config, 1, 5_000).kv_cache_elements
    )


def test_latent_attention_keeps_the_latent_vector_only() -> None:
    config = config_of("deepseek-v3")

    # (512 + 64) elements per token and layer, 61 layers
    assert decode_profile(config, 1, 99).kv_cache_elements == 100 * 61 * 576


def test_a_server_does_not_copy_its_cache() -> None:
    config = config_of("llama-2-7b")
    eager = decode_profile(config, 4, 1000)
    served = decode_profile(config, 4, 1000, copies_cache=False)

    assert eager.op_count - served.op_count == 2 * 32
    assert eager.flops == served.flops


def test_one_token_touches_as_many_experts_as_it_is_routed_to() -> None:
    experts = Experts(count=8, per_token=2, intermediate=1)

    assert experts.distinct(1) == pytest.approx(2.0)
    assert experts.distinct(2) == pytest.approx(8 * (1 - 0.75**2))
    assert experts.distinct(10_000) == pytest.approx(8.0)


def test_a_decode_step_of_a_mixture_reads_the_active_weights_only() -> None:
    config = config_of("mixtral-8x7b")
    read = sum(op.count * op.weight_elements_read for op in decode_profile(config, 1, 1).ops)

    # 12.9 billion active parameters (Mixtral paper), of which the embedding is not read whole
    assert read == pytest.approx(12.9e9 - 131e6, rel=0.01)


def test_training_computes_the_logits_of_all_tokens() -> None:
    config = config_of("gpt2")
    extra = prefill_profile(config, 2, 64, has_all_logits=True).flops
    extra -= prefill_profile(config, 2, 64).flops

    assert extra == 2.0 * (2 * 64 - 2) * 768 * 50257


def test_an_image_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="smaller than one patch"):
        vision_profile(config_of("vit-base-patch16-224"), 1, 8)


def test_a_text_encoder_has_no_decode_step() -> None:
    with pytest.raises(InvalidInputError, match="no text decoder"):
        decode_profile(config_of("bert-base"), 1, 10)


def test_a_misspelt_fact_is_named() -> None:
    table = Table({"name": "x", "layrs": 3})

    with pytest.raises(InvalidInputError, match="unknown key 'layrs'"):
        table.check_all_used()
