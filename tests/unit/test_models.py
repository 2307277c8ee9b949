"""The front door: names, passes of a workload, configuration files."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfpredict.catalog.hf_config import read_config
from perfpredict.catalog.hf_families import FAMILIES
from perfpredict.catalog.models import describe, find_model, list_models, profile
from perfpredict.catalog.profiling import profile_from_totals
from perfpredict.catalog.transformers import parameter_count
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import ExitCode, InvalidInputError, UnknownModelError

LLAMA_FILE = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": False,
}  # fmt: skip


KEYS = sorted(
    {
        name
        for keys in FAMILIES.values()
        for names in (*keys.required.values(), *keys.optional.values())
        for name in names.split("|")
    }
    | {"mlp_ratio", "rotary_dim", "rotary_pct", "n_shared_experts", "position_buckets", "bias"}
)


def profile_of(name: str, **shape: object) -> object:
    return profile(find_model(name), Workload(model=name, **shape))  # type: ignore[arg-type]


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("bert-99", "bert-large-uncased"),
        ("bert_large_squad", "bert-large-uncased"),
        ("gptj-99", "gpt-j-6b"),
        ("Llama2-70B", "llama-2-70b"),
        ("llama2-70b-99.9", "llama-2-70b"),
        ("llama3.1-8b-edge", "llama-3.1-8b"),
        ("Llama 3.2:3b", "llama-3.2-3b"),
        ("DeepSeek R1 14b", "deepseek-r1-distill-qwen-14b"),
        ("DeepSeek R1 671b", "deepseek-r1"),
        ("gpt-oss 20b", "gpt-oss-20b"),
        ("01-ai/Yi-6B", "yi-6b"),
        ("TencentARC/Mistral_Pro_8B_v0.1", "mistral-pro-8b-v0.1"),
        ("microsoft/phi-1_5", "phi-1.5"),
        ("rho-math-1b-v0.1", "rho-math-1b-v0.1"),
        ("facebook/xglm-4.5B", "xglm-4.5b"),
        ("EleutherAI/polyglot-ko-12.8b", "polyglot-ko-12.8b"),
        ("stable-diffusion-xl", "stable-diffusion-xl-base-1.0"),
        ("resnet50", "resnet50"),
    ],
)
def test_names_as_people_write_them_resolve(given: str, canonical: str) -> None:
    assert find_model(given).name == canonical


def test_an_unknown_model_names_near_matches_and_the_way_out() -> None:
    with pytest.raises(UnknownModelError) as caught:
        find_model("bert-bas-uncased")

    assert caught.value.exit_code == ExitCode.CANNOT_ANSWER
    assert caught.value.hint is not None
    assert "'bert-base-uncased'" in caught.value.hint
    assert "use --config FILE, or --params and --flops" in caught.value.hint


def test_a_name_like_no_other_is_still_told_the_way_out() -> None:
    with pytest.raises(UnknownModelError) as caught:
        find_model("zzzzqqqq")

    assert caught.value.hint == "use --config FILE, or --params and --flops"


def test_resnet18_is_not_resnet152() -> None:
    small, large = profile_of("resnet18"), profile_of("resnet152")

    assert large.flops > 5 * small.flops  # type: ignore[attr-defined]


def test_models_list_by_family_and_pattern() -> None:
    names = [entry.name for entry in list_models(family="text_generation", glob="llama-3*")]

    assert "llama-3.1-405b" in names
    assert names == sorted(names)
    assert {entry.family for entry in list_models()} >= {
        "text_embedding", "text_generation", "text2text", "vision", "audio", "multimodal",
        "diffusion",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["bert-base", "gpt2", "t5-base", "mixtral-8x7b"])
def test_an_open_sequence_length_is_an_assumption(name: str) -> None:
    open_length = profile(find_model(name), Workload(model=name))
    given = profile(find_model(name), Workload(model=name, sequence_length=128))

    assert open_length.assumptions == ("sequence_length=128 (default)",)
    assert given.assumptions == ()
    assert open_length.passes == given.passes


@settings(max_examples=20, deadline=None)
@given(tokens=st.integers(1, 600), output=st.integers(1, 300))
def test_a_generation_costs_its_prompt_and_each_of_its_steps(tokens: int, output: int) -> None:
    whole = profile(
        find_model("gpt2-xl"),
        Workload(model="gpt2-xl", input_tokens=tokens, output_tokens=output),
    )
    prompt = profile(find_model("gpt2-xl"), Workload(model="gpt2-xl", sequence_length=tokens))
    steps = [
        profile(
            find_model("gpt2-xl"),
            Workload(model="gpt2-xl", phase=Phase.DECODE, sequence_length=tokens + done),
        ).flops
        for done in range(output - 1)
    ]

    assert whole.flops == pytest.approx(prompt.flops + sum(steps), rel=1e-9)
    assert sum(repeat for repeat, _ in whole.passes) == output


def test_steps_before_and_after_a_window_are_added_apart() -> None:
    entry = find_model("mistral-7b-v0.1")
    whole = profile(entry, Workload(model="m", input_tokens=4000, output_tokens=400))
    steps = [
        profile(entry, Workload(model="m", phase=Phase.DECODE, sequence_length=4000 + done)).flops
        for done in range(399)
    ]
    prompt = profile(entry, Workload(model="m", sequence_length=4000)).flops

    assert whole.flops == pytest.approx(prompt + sum(steps), rel=1e-7)


def test_a_text_encoder_refuses_output_tokens() -> None:
    with pytest.raises(InvalidInputError, match="generates no tokens"):
        profile_of("bert-base", output_tokens=5)


def test_more_tokens_than_the_model_accepts_is_a_caution() -> None:
    entry = find_model("bert-base")
    found = profile(entry, Workload(model="bert-base", sequence_length=1000))

    assert found.cautions == ("1000 tokens are more than the 512 that 'bert-base-uncased' accepts",)


def test_an_encoder_decoder_runs_its_encoder_once() -> None:
    found = profile(
        find_model("t5-base"), Workload(model="t5-base", input_tokens=100, output_tokens=9)
    )

    assert [repeat for repeat, _ in found.passes[:2]] == [1.0, 1.0]
    assert sum(repeat for repeat, _ in found.passes) == 1 + 9


def test_training_of_a_decoder_scores_every_token() -> None:
    entry = find_model("gpt2")
    inference = profile(entry, Workload(model="gpt2"))
    training = profile(entry, Workload(model="gpt2", mode=Mode.TRAINING))

    assert training.flops > inference.flops


def test_a_pipeline_runs_its_unet_at_every_step() -> None:
    found = profile(find_model("sdxl"), Workload(model="sdxl"))

    assert max(repeat for repeat, _ in found.passes) == 20
    assert any("steps=20" in text for text in found.assumptions)


def test_totals_alone_give_their_flops_and_a_caution() -> None:
    found = profile_from_totals(parameters=1e8, flops_per_sample=2e10, batch_size=4)
    dense = found.passes[0][1].ops[0]

    assert dense.count * dense.flops == pytest.approx(8e10)
    assert dense.count * dense.weight_elements_read == pytest.approx(1e8)
    assert found.cautions


def test_totals_of_zero_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        profile_from_totals(parameters=0, flops_per_sample=1)


def test_a_configuration_file_equals_the_named_model(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, LLAMA_FILE))
    named = find_model("llama-3.1-8b")

    assert parameter_count(config) == named.parameters
    assert (
        profile(config, Workload(model="x")).passes
        == profile(named, Workload(model="llama-3.1-8b")).passes
    )
    assert describe(config, source="config").source == "config"


def test_deepseek_and_clip_files_are_read(tmp_path: Path) -> None:
    deepseek = {
        "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
        "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
        "vocab_size": 129280, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128, "v_head_dim": 128, "n_routed_experts": 256,
        "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
        "first_k_dense_replace": 3, "tie_word_embeddings": False,
    }  # fmt: skip
    text = {
        "num_hidden_layers": 12, "hidden_size": 512, "num_attention_heads": 8,
        "intermediate_size": 2048, "vocab_size": 49408, "max_position_embeddings": 77,
    }  # fmt: skip
    vision = {
        "num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
        "intermediate_size": 3072, "image_size": 224, "patch_size": 32,
    }  # fmt: skip
    clip = {
        "model_type": "clip", "projection_dim": 512, "text_config": text, "vision_config": vision,
    }  # fmt: skip

    assert parameter_count(read_config(write(tmp_path, deepseek))) == 671_026_404_352
    assert parameter_count(read_config(write(tmp_path, clip))) == 151_277_312


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size"])
def test_a_missing_key_is_named_with_its_file(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, {name: value for name, value in LLAMA_FILE.items() if name != key})

    with pytest.raises(InvalidInputError, match=rf"config\.json: '{key}' is missing"):
        read_config(path)


def test_an_unknown_model_type_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no model_type 'mamba'") as caught:
        read_config(write(tmp_path, {"model_type": "mamba"}))

    assert caught.value.hint is not None
    assert "llama" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "", "not json", "[]", "3", "null", '{"model_type": 3}', "{}", "[" * 100_000,
        '{"model_type": "llama", "num_hidden_layers": NaN}',
        '{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}",
        json.dumps(LLAMA_FILE | {"hidden_size": 10**30}),
        json.dumps(LLAMA_FILE | {"hidden_size": -5}),
        json.dumps(LLAMA_FILE | {"hidden_size": "4096"}),
        json.dumps(LLAMA_FILE | {"num_attention_heads": 0}),
        json.dumps(LLAMA_FILE | {"num_key_value_heads": 0}),
        json.dumps(LLAMA_FILE | {"num_key_value_heads": 5}),
        json.dumps(LLAMA_FILE | {"num_hidden_layers": 0}),
        json.dumps(LLAMA_FILE | {"num_hidden_layers": 1.5}),
        json.dumps(LLAMA_FILE | {"num_hidden_layers": True}),
        json.dumps(LLAMA_FILE | {"num_hidden_layers": [1]}),
        json.dumps(LLAMA_FILE | {"model_type": "gpt2", "n_embd": "x"}),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInputError):
        read_config(write(tmp_path, content))


JSON_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.integers(0, 9),
    st.text(max_size=3), st.floats(allow_nan=False), st.just([1]), st.just({"a": 1}),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    model_type=st.sampled_from(sorted({*FAMILIES, "clip"})),
    changes=st.dictionaries(st.sampled_from(KEYS), JSON_VALUES, max_size=3),
)
def test_a_damaged_file_is_read_or_refused_but_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, model_type: str, changes: dict[str, object]
) -> None:
    content = dict.fromkeys(KEYS, 64) | {"num_hidden_layers": 2} | changes
    path = write(tmp_path_factory.mktemp("hf"), content | {"model_type": model_type})

    with contextlib.suppress(InvalidInputError):
        assert parameter_count(read_config(path)) > 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nowhere\.json"):
        read_config(tmp_path / "nowhere.json")
