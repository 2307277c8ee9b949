"""Under which keys of a Hugging Face `config.json` each model type keeps its sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perfpredict.errors import InvalidInputError

Facts = dict[str, object]
Derive = Callable[[Facts, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """How one model type is read: our key on the left, theirs (`a|b`: either) on the right."""

    architecture: str
    required: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[Derive, ...] = ()
    """Functions that compute what no key holds."""


def size(facts: Mapping[str, object], key: str) -> int:
    """Return a whole number at least 1 out of `facts`, for arithmetic."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"'{key}' must be a whole number of at least 1")
    return value


def number(found: Mapping[str, object], key: str, otherwise: float) -> float:
    """Return a number out of the file, or what the library takes where the key is absent."""
    value = found.get(key)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"'{key}' must be a number")
    return float(value)


def _four_times(facts: Facts, found: Mapping[str, object]) -> None:
    """GPT-2 and its kin: the feed-forward width is four times the hidden size unless given."""
    facts.setdefault("intermediate", 4 * size(facts, "hidden"))


def _grouped(facts: Facts, found: Mapping[str, object]) -> None:
    """The library takes as many key-value heads as heads where the file names none."""
    facts.setdefault("kv_heads", facts["heads"])


def _untied(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("tied", False)


def _attention_bias(facts: Facts, found: Mapping[str, object]) -> None:
    has_bias = found.get("attention_bias")
    if isinstance(has_bias, bool):
        facts |= {"qkv_bias": has_bias, "output_bias": has_bias}


def _rotary_dim(facts: Facts, found: Mapping[str, object]) -> None:
    """GPT-J and CodeGen give rotated dimensions, not their share."""
    head = size(facts, "hidden") // size(facts, "heads")
    facts["rotary_share"] = min(1.0, number(found, "rotary_dim", 64.0) / head)


def _window(facts: Facts, found: Mapping[str, object]) -> None:
    """Qwen writes a window that it does not use."""
    if found.get("use_sliding_window") is False:
        facts.pop("window", None)


def _falcon(facts: Facts, found: Mapping[str, object]) -> None:
    if found.get("new_decoder_architecture") is True:
        facts["norms_per_layer"] = 2
        facts["kv_heads"] = found.get("num_kv_heads") or facts["heads"]
    else:
        facts["kv_heads"] = 1 if found.get("multi_query", True) is True else facts["heads"]
        facts["norms_per_layer"] = 1 if facts.get("parallel", True) else 2
    has_bias = found.get("bias") is True
    facts |= {"qkv_bias": has_bias, "output_bias": has_bias, "mlp_bias": has_bias}
    facts["rotary_share"] = 0.0 if found.get("alibi") is True else 1.0


def _neox(facts: Facts, found: Mapping[str, object]) -> None:
    facts["rotary_share"] = number(found, "rotary_pct", 0.25)


def _partial_rotary(facts: Facts, found: Mapping[str, object]) -> None:
    if found.get("partial_rotary_factor") is not None:
        facts["rotary_share"] = number(found, "partial_rotary_factor", 1.0)


def _opt(facts: Facts, found: Mapping[str, object]) -> None:
    # two rows of the position table are offset, OPT's own oddity
    facts["positions"] = size(facts, "max_tokens") + 2
    facts["final_norm"] = found.get("do_layer_norm_before") is not False


def _t5(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("decoder_layers", facts["layers"])
    projection = str(found.get("feed_forward_proj", "relu"))
    facts["gated"] = projection.startswith("gated")
    facts["activation"] = "gelu_new" if projection.startswith("gated") else "relu"
    facts.setdefault("tied", True)


def _bart(facts: Facts, found: Mapping[str, object]) -> None:
    facts["positions"] = size(facts, "max_tokens") + 2


def _deberta(facts: Facts, found: Mapping[str, object]) -> None:
    buckets = number(found, "position_buckets", -1.0)
    if buckets > 0:
        facts["relative_positions"] = 2 * round(buckets)


def _shared_experts(facts: Facts, found: Mapping[str, object]) -> None:
    shared = number(found, "n_shared_experts", 0.0)
    facts["shared_intermediate"] = round(shared) * size(facts, "expert_intermediate")


def _moe_width(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("expert_intermediate", facts["intermediate"])


def _no_query_rank(facts: Facts, found: Mapping[str, object]) -> None:
    """DeepSeek V2 Lite says null for a rank that the architecture else has."""
    if found.get("q_lora_rank") is None:
        facts["query_rank"] = None


def _mlp_ratio(facts: Facts, found: Mapping[str, object]) -> None:
    facts["intermediate"] = round(number(found, "mlp_ratio", 4.0) * size(facts, "hidden"))


def _intermediate(facts: Facts, found: Mapping[str, object]) -> None:
    if "intermediate" not in facts:
        raise InvalidInputError("'intermediate_size' is missing")


def _layer_normed(facts: Facts, found: Mapping[str, object]) -> None:
    facts["layer_normed_convs"] = found.get("feat_extract_norm") == "layer"


_BERT = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocab": "vocab_size",
}
_BERT_OPTIONAL = {
    "positions": "max_position_embeddings",
    "types": "type_vocab_size",
    "max_tokens": "max_position_embeddings",
}
_LLAMA_OPTIONAL = {
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "tied": "tie_word_embeddings",
    "max_tokens": "max_position_embeddings",
    "window": "sliding_window",
}
_GPT2 = {
    "layers": "n_layer|num_layers|num_hidden_layers",
    "hidden": "n_embd|hidden_size",
    "heads": "n_head|num_heads|num_attention_heads",
    "vocab": "vocab_size",
}
_GPT2_OPTIONAL = {
    "intermediate": "n_inner|intermediate_size",
    "positions": "n_positions|max_position_embeddings",
    "max_tokens": "n_positions|max_position_embeddings",
}
_BART = {
    "layers": "encoder_layers",
    "decoder_layers": "decoder_layers",
    "hidden": "d_model",
    "heads": "encoder_attention_heads",
    "intermediate": "encoder_ffn_dim",
    "vocab": "vocab_size",
}


def _llama(architecture: str, *more: Derive, **required: str) -> Keys:
    return Keys(
        architecture=architecture,
        required=_BERT | required,
        optional=_LLAMA_OPTIONAL,
        derived=(_grouped, _untied, *more),
    )


def _bert(architecture: str, *more: Derive, **required: str) -> Keys:
    return Keys(
        architecture=architecture,
        required=_BERT | required,
        optional=_BERT_OPTIONAL,
        derived=more,
    )


def _gpt(architecture: str, *more: Derive, **changed: str) -> Keys:
    optional = {key: name for key, name in _GPT2_OPTIONAL.items() if key not in changed}
    return Keys(
        architecture=architecture,
        required=_GPT2,
        optional=optional | {key: name for key, name in changed.items() if name},
        derived=(_four_times, *more),
    )


def _without(keys: Keys, *names: str) -> Keys:
    optional = {key: name for key, name in keys.optional.items() if key not in names}
    return Keys(
        architecture=keys.architecture,
        required=keys.required,
        optional=optional,
        derived=keys.derived,
    )


def _gemma(architecture: str) -> Keys:
    """Gemma's files leave `tie_word_embeddings` out, which for it means tied."""
    return Keys(
        architecture=architecture,
        required=_BERT,
        optional=_LLAMA_OPTIONAL,
        derived=(_grouped,),
    )


def _deepseek(architecture: str) -> Keys:
    keys = _llama(
        architecture,
        _shared_experts,
        kv_rank="kv_lora_rank",
        rope_dim="qk_rope_head_dim",
        nope_dim="qk_nope_head_dim",
        value_dim="v_head_dim",
        experts="n_routed_experts",
        experts_per_token="num_experts_per_tok",
        expert_intermediate="moe_intermediate_size",
        dense_layers="first_k_dense_replace",
    )
    latent = _without(keys, "head_dim", "kv_heads", "window")
    return Keys(
        architecture=architecture,
        required=latent.required,
        optional={**latent.optional, "query_rank": "q_lora_rank"},
        derived=(_no_query_rank, *latent.derived),
    )


def _vision(architecture: str, *more: Derive) -> Keys:
    sizes = {key: name for key, name in _BERT.items() if key not in {"vocab", "intermediate"}}
    return Keys(
        architecture=architecture,
        required=sizes | {"image_size": "image_size", "patch_size": "patch_size"},
        optional={"intermediate": "intermediate_size"},
        derived=more or (_intermediate,),
    )


def _sound(architecture: str) -> Keys:
    sizes = {key: name for key, name in _BERT.items() if key != "vocab"}
    return Keys(architecture=architecture, required=sizes, derived=(_layer_normed,))


LIKE = {
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "mt5": "t5",
    "ministral": "mistral",
    "gemma3_text": "gemma3",
    "yi": "llama",
    "internlm": "llama",
}
"""Model types that are read as another."""

FAMILIES: dict[str, Keys] = {
    "bert": _bert("bert"),
    "roberta": _bert("roberta"),
    "mpnet": _without(_bert("mpnet"), "types"),
    "albert": _bert("albert", embedding_width="embedding_size"),
    "electra": _bert("electra", embedding_width="embedding_size"),
    "deberta": _without(_bert("deberta"), "positions", "types"),
    "deberta-v2": _without(_bert("deberta_v2", _deberta), "positions", "types"),
    "modernbert": _without(_bert("modernbert"), "positions", "types"),
    "distilbert": Keys(
        architecture="distilbert",
        required={
            "layers": "n_layers",
            "hidden": "dim",
            "heads": "n_heads",
            "intermediate": "hidden_dim",
            "vocab": "vocab_size",
        },
        optional={"positions": "max_position_embeddings", "max_tokens": "max_position_embeddings"},
    ),
    "gpt2": _gpt("gpt2"),
    "gpt_neo": _gpt("gpt_neo", window="window_size"),
    "gptj": _gpt("gptj", _rotary_dim, positions=""),
    "codegen": _gpt("codegen", _rotary_dim, positions=""),
    "bloom": _gpt("bloom", positions="", max_tokens="seq_length"),
    "gpt_neox": _gpt("gpt_neox", _neox, positions="", parallel="use_parallel_residual"),
    "falcon": _gpt(
        "falcon", _falcon, positions="", intermediate="ffn_hidden_size", parallel="parallel_attn"
    ),
    "opt": Keys(
        architecture="opt",
        required=_BERT | {"intermediate": "ffn_dim", "max_tokens": "max_position_embeddings"},
        optional={"embedding_width": "word_embed_proj_dim"},
        derived=(_opt,),
    ),
    "llama": _llama("llama", _attention_bias),
    "mistral": _llama("mistral"),
    "mixtral": _llama(
        "mixtral", _moe_width, experts="num_local_experts", experts_per_token="num_experts_per_tok"
    ),
    "qwen2": _llama("qwen2", _window),
    "qwen3": _llama("qwen3", _window),
    "qwen2_moe": _llama(
        "qwen2_moe",
        _window,
        experts="num_experts|num_local_experts",
        experts_per_token="num_experts_per_tok",
        expert_intermediate="moe_intermediate_size",
        shared_intermediate="shared_expert_intermediate_size",
    ),
    "qwen3_moe": _llama(
        "qwen3_moe",
        _window,
        experts="num_experts|num_local_experts",
        experts_per_token="num_experts_per_tok",
        expert_intermediate="moe_intermediate_size",
    ),
    "gemma": _gemma("gemma"),
    "gemma2": _gemma("gemma2"),
    "gemma3": _gemma("gemma3"),
    "phi": _llama("phi", _partial_rotary),
    "phi3": _llama("phi3", _partial_rotary),
    "stablelm": _llama("stablelm", _partial_rotary),
    "gpt_oss": _llama(
        "gpt_oss",
        _moe_width,
        experts="num_local_experts",
        experts_per_token="num_experts_per_tok|experts_per_token",
    ),
    "deepseek_v2": _deepseek("deepseek_v2"),
    "deepseek_v3": _deepseek("deepseek_v3"),
    "t5": Keys(
        architecture="t5",
        required={
            "layers": "num_layers",
            "hidden": "d_model",
            "heads": "num_heads",
            "head_dim": "d_kv",
            "intermediate": "d_ff",
            "vocab": "vocab_size",
        },
        optional={
            "decoder_layers": "num_decoder_layers",
            "tied": "tie_word_embeddings",
            "relative_positions": "relative_attention_num_buckets",
        },
        derived=(_t5,),
    ),
    "bart": Keys(
        architecture="bart",
        required=_BART,
        optional={"max_tokens": "max_position_embeddings"},
        derived=(_bart,),
    ),
    "mbart": Keys(
        architecture="mbart",
        required=_BART,
        optional={"max_tokens": "max_position_embeddings"},
        derived=(_bart,),
    ),
    "pegasus": Keys(architecture="pegasus", required=_BART),
    "m2m_100": Keys(architecture="m2m_100", required=_BART),
    "marian": Keys(architecture="marian", required=_BART),
    "whisper": Keys(
        architecture="whisper",
        required=_BART,
        optional={
            "mel_bins": "num_mel_bins",
            "frames": "max_source_positions",
            "positions": "max_target_positions",
            "max_tokens": "max_target_positions",
        },
    ),
    "wav2vec2": _sound("wav2vec2"),
    "hubert": _sound("hubert"),
    "vit": _vision("vit"),
    "deit": _vision("deit"),
    "dinov2": _without(_vision("dinov2", _mlp_ratio), "intermediate"),
}

CLIP_TEXT = Keys(
    architecture="clip",
    required=_BERT,
    optional={"positions": "max_position_embeddings", "max_tokens": "max_position_embeddings"},
)
CLIP_VISION = _vision("clip_vision")
