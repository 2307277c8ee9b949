"""Under which keys of a Hugging Face `config.json` each model type keeps its sizes."""

from perfpredict.catalog.hf_keys import (
    Derive,
    Keys,
    attention_bias,
    bart,
    deberta,
    falcon,
    four_times,
    grouped,
    intermediate,
    layer_normed,
    mlp_ratio,
    moe_width,
    neox,
    no_query_rank,
    opt,
    partial_rotary,
    rotary_dim,
    shared_experts,
    t5,
    untied,
    window,
)

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
        derived=(grouped, untied, *more),
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
        derived=(four_times, *more),
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
        derived=(grouped,),
    )


def _deepseek(architecture: str) -> Keys:
    keys = _llama(
        architecture,
        shared_experts,
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
        derived=(no_query_rank, *latent.derived),
    )


def _vision(architecture: str, *more: Derive) -> Keys:
    sizes = {key: name for key, name in _BERT.items() if key not in {"vocab", "intermediate"}}
    return Keys(
        architecture=architecture,
        required=sizes | {"image_size": "image_size", "patch_size": "patch_size"},
        optional={"intermediate": "intermediate_size"},
        derived=more or (intermediate,),
    )


def _sound(architecture: str) -> Keys:
    sizes = {key: name for key, name in _BERT.items() if key != "vocab"}
    return Keys(architecture=architecture, required=sizes, derived=(layer_normed,))


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
    "deberta-v2": _without(_bert("deberta_v2", deberta), "positions", "types"),
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
    "gptj": _gpt("gptj", rotary_dim, positions=""),
    "codegen": _gpt("codegen", rotary_dim, positions=""),
    "bloom": _gpt("bloom", positions="", max_tokens="seq_length"),
    "gpt_neox": _gpt("gpt_neox", neox, positions="", parallel="use_parallel_residual"),
    "falcon": _gpt(
        "falcon", falcon, positions="", intermediate="ffn_hidden_size", parallel="parallel_attn"
    ),
    "opt": Keys(
        architecture="opt",
        required=_BERT | {"intermediate": "ffn_dim", "max_tokens": "max_position_embeddings"},
        optional={"embedding_width": "word_embed_proj_dim"},
        derived=(opt,),
    ),
    "llama": _llama("llama", attention_bias),
    "mistral": _llama("mistral"),
    "mixtral": _llama(
        "mixtral", moe_width, experts="num_local_experts", experts_per_token="num_experts_per_tok"
    ),
    "qwen2": _llama("qwen2", window),
    "qwen3": _llama("qwen3", window),
    "qwen2_moe": _llama(
        "qwen2_moe",
        window,
        experts="num_experts|num_local_experts",
        experts_per_token="num_experts_per_tok",
        expert_intermediate="moe_intermediate_size",
        shared_intermediate="shared_expert_intermediate_size",
    ),
    "qwen3_moe": _llama(
        "qwen3_moe",
        window,
        experts="num_experts|num_local_experts",
        experts_per_token="num_experts_per_tok",
        expert_intermediate="moe_intermediate_size",
    ),
    "gemma": _gemma("gemma"),
    "gemma2": _gemma("gemma2"),
    "gemma3": _gemma("gemma3"),
    "phi": _llama("phi", partial_rotary),
    "phi3": _llama("phi3", partial_rotary),
    "stablelm": _llama("stablelm", partial_rotary),
    "gpt_oss": _llama(
        "gpt_oss",
        moe_width,
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
        derived=(t5,),
    ),
    "bart": Keys(
        architecture="bart",
        required=_BART,
        optional={"max_tokens": "max_position_embeddings"},
        derived=(bart,),
    ),
    "mbart": Keys(
        architecture="mbart",
        required=_BART,
        optional={"max_tokens": "max_position_embeddings"},
        derived=(bart,),
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
    "dinov2": _without(_vision("dinov2", mlp_ratio), "intermediate"),
}

CLIP_TEXT = Keys(
    architecture="clip",
    required=_BERT,
    optional={"positions": "max_position_embeddings", "max_tokens": "max_position_embeddings"},
)
CLIP_VISION = _vision("clip_vision")
