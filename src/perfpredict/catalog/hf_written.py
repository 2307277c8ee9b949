"""Writes the catalog's transformers out as Hugging Face configurations, `hf_config` backwards.

What is written reads back as the same configuration; where it would not, there is an error.
"""

from collections.abc import Callable, Mapping

from perfpredict.catalog.hf_families import FAMILIES, LIKE
from perfpredict.catalog.transformers.config import Kind, Relative, Stack, TransformerConfig
from perfpredict.catalog.transformers.registry import architecture_traits
from perfpredict.errors import CannotAnswerError

Written = dict[str, object]

_KINDS = {Kind.ENCODER, Kind.DECODER, Kind.VISION_ENCODER}
"""One stack, whose facts stand in the file one by one."""
_CLASSIFIERS = {"vit": "ViTForImageClassification"}
"""What a model with one projection behind its last layer is in `transformers`."""
_DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_WRITTEN_BIAS = {"llama", "falcon"}
"""Architectures whose files say whether attention has biases."""


def written_config(config: TransformerConfig) -> Written:
    """Return the JSON object of a `config.json` that describes the model.

    Raises CannotAnswerError for an architecture that is not written out here.
    """
    found = [
        (model_type, keys)
        for model_type, keys in FAMILIES.items()
        if keys.architecture == config.architecture and model_type not in LIKE
    ]
    if config.kind not in _KINDS or not found or _departs(config):
        raise CannotAnswerError(
            f"the configuration of '{config.name}' is not written out here",
            hint="give its own with --config FILE.json, or your code with --python pkg.mod:make",
        )
    model_type, keys = found[0]
    facts = _facts(config)
    written: Written = {"model_type": model_type}
    for ours, theirs in {**keys.optional, **keys.required}.items():
        if facts.get(ours) is not None:
            written = dict.fromkeys(theirs.split("|"), facts[ours]) | written
    extra = _EXTRA.get(config.architecture)
    written |= {} if extra is None else extra(config)
    if config.projections:
        ((_, classes, _),) = config.projections
        written |= {"architectures": [_CLASSIFIERS[model_type]], "num_labels": classes}
    return written


def _departs(config: TransformerConfig) -> bool:
    """Return whether the model has a trait that its architecture has not and no key writes."""
    traits, attention = architecture_traits(config.architecture), config.stack.attention
    pairs = [
        (traits.get("fused_qkv", False), attention.is_fused_qkv),
        (traits.get("qk_norm", False), attention.has_qk_norm),
        (len(config.projections) > 1, False),
        (bool(config.projections) and config.architecture not in _CLASSIFIERS, False),
    ]
    if config.text is not None:
        pairs.append((traits.get("head", False), config.text.has_head))
    if config.architecture not in _WRITTEN_BIAS:
        pairs.append((traits.get("qkv_bias", False), attention.qkv_bias))
    return any(ours is not theirs for ours, theirs in pairs)


def _facts(config: TransformerConfig) -> Mapping[str, object]:
    """Return the facts of the one stack under the names that the catalog's files use."""
    stack = config.stack
    attention, text, image = stack.attention, config.text, config.image
    facts: dict[str, object] = {
        "layers": stack.layers,
        "hidden": stack.hidden,
        "heads": attention.heads,
        "kv_heads": attention.kv_heads,
        "head_dim": attention.head_dim,
        "intermediate": stack.mlp.intermediate,
        "window": attention.window,
        "parallel": stack.is_parallel,
        "max_tokens": config.max_tokens,
        "image_size": image.image_size if image else None,
        "patch_size": image.patch_size if image else None,
        **_latent(stack),
        **_experts(stack),
    }
    if text is not None:
        facts |= {
            "vocab": text.vocab,
            "embedding_width": text.width,
            # OPT adds two rows of its own, which its reader adds as well
            "positions": text.positions or None,
            "types": text.types or None,
            "tied": text.is_tied,
        }
    return facts


def _latent(stack: Stack) -> Mapping[str, object]:
    latent = stack.attention.latent
    if latent is None:
        return {}
    return {
        "query_rank": latent.query_rank,
        "kv_rank": latent.kv_rank,
        "rope_dim": latent.rope_dim,
        "nope_dim": latent.nope_dim,
        "value_dim": latent.value_dim,
    }


def _experts(stack: Stack) -> Mapping[str, object]:
    experts = stack.experts
    if experts is None:
        return {}
    return {
        "experts": experts.count,
        "experts_per_token": experts.per_token,
        "expert_intermediate": experts.intermediate,
        "shared_intermediate": experts.shared_intermediate or None,
        "dense_layers": experts.dense_layers,
    }


def _rotated(config: TransformerConfig) -> Written:
    attention = config.stack.attention
    return {"rotary_dim": round(attention.rotary_share * attention.head_dim)}


def _partly_rotated(config: TransformerConfig) -> Written:
    return {"partial_rotary_factor": config.stack.attention.rotary_share}


def _neox(config: TransformerConfig) -> Written:
    return {"rotary_pct": config.stack.attention.rotary_share}


def _llama(config: TransformerConfig) -> Written:
    return {"attention_bias": config.stack.attention.qkv_bias}


def _opt(config: TransformerConfig) -> Written:
    return {"do_layer_norm_before": config.stack.has_final_norm}


def _falcon(config: TransformerConfig) -> Written:
    attention = config.stack.attention
    is_new = config.stack.is_parallel and config.stack.norms_per_layer == 2
    return {
        "new_decoder_architecture": is_new,
        "num_kv_heads": attention.kv_heads,
        "multi_query": attention.kv_heads == 1,
        **({"tie_word_embeddings": False} if config.text and not config.text.is_tied else {}),
        "bias": attention.qkv_bias,
        "alibi": attention.rotary_share == 0.0,
    }


def _deberta(config: TransformerConfig) -> Written:
    positions = config.stack.attention.relative_positions
    shared = config.stack.attention.relative is Relative.DISENTANGLED_SHARED
    return {**_DISENTANGLED, "position_buckets": positions // 2, "share_att_key": shared}


def _deberta_first(config: TransformerConfig) -> Written:
    return dict(_DISENTANGLED)


def _neo(config: TransformerConfig) -> Written:
    return {"attention_types": [[["global", "local"], config.stack.layers // 2]]}


def _gemma3(config: TransformerConfig) -> Written:
    # `gemma3` is the model with an image tower
    return {"model_type": "gemma3_text"}


def _deepseek(config: TransformerConfig) -> Written:
    experts, latent = config.stack.experts, config.stack.attention.latent
    if experts is None or latent is None:
        return {}
    return {
        "n_shared_experts": experts.shared_intermediate // experts.intermediate,
        "q_lora_rank": latent.query_rank,
    }


def _ratio(config: TransformerConfig) -> Written:
    return {"mlp_ratio": round(config.stack.mlp.intermediate / config.stack.hidden)}


def _unwindowed(config: TransformerConfig) -> Written:
    return {"use_sliding_window": config.stack.attention.window is not None}


_EXTRA: Mapping[str, Callable[[TransformerConfig], Written]] = {
    "gptj": _rotated,
    "codegen": _rotated,
    "phi": _partly_rotated,
    "phi3": _partly_rotated,
    "stablelm": _partly_rotated,
    "gpt_neox": _neox,
    "llama": _llama,
    "opt": _opt,
    "falcon": _falcon,
    "gpt_neo": _neo,
    "gemma3": _gemma3,
    "deberta": _deberta_first,
    "deberta_v2": _deberta,
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "dinov2": _ratio,
    "qwen2": _unwindowed,
    "qwen3": _unwindowed,
    "qwen2_moe": _unwindowed,
    "qwen3_moe": _unwindowed,
}
"""Keys that the reader computes facts from, by architecture."""
