"""Facts of a Hugging Face `config.json` that stand under no key and are computed from others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perfpredict.catalog.transformers.table import LARGEST
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
    if not 0 <= value <= LARGEST:
        raise InvalidInputError(f"'{key}' must be from 0 to {LARGEST}")
    return float(value)


def four_times(facts: Facts, found: Mapping[str, object]) -> None:
    """GPT-2 and its kin: the feed-forward width is four times the hidden size unless given."""
    facts.setdefault("intermediate", 4 * size(facts, "hidden"))


def grouped(facts: Facts, found: Mapping[str, object]) -> None:
    """The library takes as many key-value heads as heads where the file names none."""
    facts.setdefault("kv_heads", facts["heads"])


def untied(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("tied", False)


def attention_bias(facts: Facts, found: Mapping[str, object]) -> None:
    has_bias = found.get("attention_bias")
    if isinstance(has_bias, bool):
        facts |= {"qkv_bias": has_bias, "output_bias": has_bias}


def rotary_dim(facts: Facts, found: Mapping[str, object]) -> None:
    """GPT-J and CodeGen give rotated dimensions, not their share."""
    hidden, heads = size(facts, "hidden"), size(facts, "heads")
    if heads > hidden:
        raise InvalidInputError(f"'heads' ({heads}) must not exceed the hidden size ({hidden})")
    head = hidden // heads
    facts["rotary_share"] = min(1.0, number(found, "rotary_dim", 64.0) / head)


def window(facts: Facts, found: Mapping[str, object]) -> None:
    """Qwen writes a window that it does not use."""
    if found.get("use_sliding_window") is False:
        facts.pop("window", None)


def falcon(facts: Facts, found: Mapping[str, object]) -> None:
    if found.get("new_decoder_architecture") is True:
        facts["norms_per_layer"] = 2
        facts["kv_heads"] = found.get("num_kv_heads") or facts["heads"]
    else:
        facts["kv_heads"] = 1 if found.get("multi_query", True) is True else facts["heads"]
        facts["norms_per_layer"] = 1 if facts.get("parallel", True) else 2
    has_bias = found.get("bias") is True
    facts |= {"qkv_bias": has_bias, "output_bias": has_bias, "mlp_bias": has_bias}
    facts["rotary_share"] = 0.0 if found.get("alibi") is True else 1.0


def neox(facts: Facts, found: Mapping[str, object]) -> None:
    facts["rotary_share"] = number(found, "rotary_pct", 0.25)


def partial_rotary(facts: Facts, found: Mapping[str, object]) -> None:
    if found.get("partial_rotary_factor") is not None:
        facts["rotary_share"] = number(found, "partial_rotary_factor", 1.0)


def opt(facts: Facts, found: Mapping[str, object]) -> None:
    # two rows of the position table are offset, OPT's own oddity
    facts["positions"] = size(facts, "max_tokens") + 2
    facts["final_norm"] = found.get("do_layer_norm_before") is not False


def t5(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("decoder_layers", facts["layers"])
    projection = str(found.get("feed_forward_proj", "relu"))
    facts["gated"] = projection.startswith("gated")
    facts["activation"] = "gelu_new" if projection.startswith("gated") else "relu"
    facts.setdefault("tied", True)


def bart(facts: Facts, found: Mapping[str, object]) -> None:
    facts["positions"] = size(facts, "max_tokens") + 2


def deberta(facts: Facts, found: Mapping[str, object]) -> None:
    buckets = number(found, "position_buckets", -1.0)
    if buckets > 0:
        facts["relative_positions"] = 2 * round(buckets)


def shared_experts(facts: Facts, found: Mapping[str, object]) -> None:
    shared = number(found, "n_shared_experts", 0.0)
    facts["shared_intermediate"] = round(shared) * size(facts, "expert_intermediate")


def moe_width(facts: Facts, found: Mapping[str, object]) -> None:
    facts.setdefault("expert_intermediate", facts["intermediate"])


def no_query_rank(facts: Facts, found: Mapping[str, object]) -> None:
    """DeepSeek V2 Lite says null for a rank that the architecture else has."""
    if found.get("q_lora_rank") is None:
        facts["query_rank"] = None


def mlp_ratio(facts: Facts, found: Mapping[str, object]) -> None:
    facts["intermediate"] = round(number(found, "mlp_ratio", 4.0) * size(facts, "hidden"))


def intermediate(facts: Facts, found: Mapping[str, object]) -> None:
    if "intermediate" not in facts:
        raise InvalidInputError("'intermediate_size' is missing")


def layer_normed(facts: Facts, found: Mapping[str, object]) -> None:
    facts["layer_normed_convs"] = found.get("feat_extract_norm") == "layer"
