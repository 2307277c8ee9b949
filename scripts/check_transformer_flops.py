"""Compares the formula profiles with real counts of `transformers` on PyTorch's meta device.

For each model: parameters of the module, FLOPs that PyTorch's own counter sees in one pass, and
launches that reach the dispatcher, each beside the formula's. Needs torch and transformers; loads
no weights and no network: `python scripts/check_transformer_flops.py [NAME ...]`.
"""

# mypy: disable-error-code="misc"
# torch has no types where it is not installed, so its classes cannot be told apart from Any.

import sys
from collections.abc import Callable, Iterable
from typing import Any  # torch and transformers are not typed

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from perfpredict.catalog.capture.torch_recorder import record_pass
from perfpredict.catalog.transformers import (
    TransformerConfig,
    encoder_profile,
    find_transformer,
    parameter_count,
    prefill_profile,
    vision_profile,
)
from perfpredict.domain.operations import Op, OpClass, OpProfile

BATCH, TOKENS = 2, 96
MATRIX_CLASSES = {
    OpClass.LINEAR,
    OpClass.MATMUL,
    OpClass.ATTENTION,
    OpClass.CONV_DENSE,
    OpClass.CONV_POINTWISE,
    OpClass.CONV_GROUPED,
}


class OneInput(torch.nn.Module):
    """Gives a module all its inputs, of which one is passed in."""

    def __init__(self, module: torch.nn.Module, inputs: dict[str, Any]) -> None:
        super().__init__()
        self.module = module
        self.first, *_ = inputs
        self.others = {name: value for name, value in inputs.items() if name != self.first}

    def forward(self, sample: torch.Tensor) -> object:
        return self.module(**{self.first: sample}, **self.others)


def text(**extra: Any) -> dict[str, Any]:
    return {"input_ids": torch.zeros(BATCH, TOKENS, dtype=torch.long, device="meta"), **extra}


def image(size: int) -> dict[str, Any]:
    return {"pixel_values": torch.zeros(BATCH, 3, size, size, device="meta")}


def encoder(config: TransformerConfig) -> list[OpProfile]:
    return [encoder_profile(config, BATCH, TOKENS)]


def prompt(config: TransformerConfig) -> list[OpProfile]:
    return [prefill_profile(config, BATCH, TOKENS)]


def both(config: TransformerConfig) -> list[OpProfile]:
    memory = config.audio.frames if config.audio else TOKENS
    decoder = prefill_profile(config, BATCH, TOKENS, memory_tokens=memory, has_all_logits=True)
    return [encoder_profile(config, BATCH, memory), decoder]


def pixels(config: TransformerConfig) -> list[OpProfile]:
    return [vision_profile(config, BATCH, None)]


def sound(config: TransformerConfig) -> list[OpProfile]:
    return [encoder_profile(config, BATCH, 49)]


def contrast(config: TransformerConfig) -> list[OpProfile]:
    return [encoder_profile(config, BATCH, 77), vision_profile(config, BATCH, None)]


LAST = {"logits_to_keep": 1}
DECODED = text(decoder_input_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long, device="meta"))
MEL = {"input_features": torch.zeros(BATCH, 80, 3000, device="meta")}
Case = tuple[str, dict[str, Any], dict[str, Any], Callable[[TransformerConfig], list[OpProfile]]]
LLAMA_8B = {
    "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
}  # fmt: skip
CASES: dict[str, Case] = {
    "bert-base-uncased": ("BertModel", {}, text(), encoder),
    "roberta-base": (
        "RobertaModel",
        {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1},
        text(),
        encoder,
    ),
    "distilbert-base-uncased": ("DistilBertModel", {}, text(), encoder),
    "albert-base-v2": (
        "AlbertModel",
        {
            "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072,
            "hidden_act": "gelu_new",
        },
        text(),
        encoder,
    ),
    "electra-base-discriminator": (
        "ElectraModel",
        {
            "embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12,
            "intermediate_size": 3072,
        },
        text(),
        encoder,
    ),
    "mpnet-base": (
        "MPNetModel", {"vocab_size": 30527, "max_position_embeddings": 514}, text(), encoder,
    ),
    "modernbert-base": ("ModernBertModel", {}, text(), encoder),
    "gpt2": ("GPT2LMHeadModel", {}, text(**LAST), prompt),
    "gpt-neo-1.3b": (
        "GPTNeoForCausalLM",
        {"attention_types": [[["global", "local"], 12]]},
        text(**LAST),
        prompt,
    ),
    "gpt-j-6b": ("GPTJForCausalLM", {}, text(**LAST), prompt),
    "codegen-2b": (
        "CodeGenForCausalLM",
        {"vocab_size": 51200, "n_embd": 2560, "n_layer": 32, "n_head": 32, "rotary_dim": 64},
        text(**LAST),
        prompt,
    ),
    "pythia-1b": (
        "GPTNeoXForCausalLM",
        {
            "vocab_size": 50304, "hidden_size": 2048, "num_hidden_layers": 16,
            "num_attention_heads": 8, "intermediate_size": 8192,
        },
        text(**LAST),
        prompt,
    ),
    "opt-1.3b": (
        "OPTForCausalLM",
        {
            "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 32,
            "ffn_dim": 8192, "word_embed_proj_dim": 2048,
        },
        text(**LAST),
        prompt,
    ),
    "bloom-560m": (
        "BloomForCausalLM",
        {"hidden_size": 1024, "n_layer": 24, "n_head": 16},
        text(**LAST),
        prompt,
    ),
    "falcon-7b": (
        "FalconForCausalLM",
        {"num_attention_heads": 71, "hidden_size": 4544, "num_hidden_layers": 32},
        text(**LAST),
        prompt,
    ),
    "mpt-7b": (
        "MptForCausalLM",
        {"d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432},
        text(**LAST),
        prompt,
    ),
    "xglm-564m": (
        "XGLMForCausalLM",
        {"num_layers": 24, "attention_heads": 16, "d_model": 1024, "ffn_dim": 4096},
        text(**LAST),
        prompt,
    ),
    "llama-3.1-8b": ("LlamaForCausalLM", LLAMA_8B, text(**LAST), prompt),
    "mistral-7b-v0.1": ("MistralForCausalLM", {}, text(**LAST), prompt),
    "qwen2-0.5b": (
        "Qwen2ForCausalLM",
        {
            "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
            "num_key_value_heads": 2, "intermediate_size": 4864, "tie_word_embeddings": True,
        },
        text(**LAST),
        prompt,
    ),
    "qwen3-0.6b": (
        "Qwen3ForCausalLM",
        {
            "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
            "num_key_value_heads": 8, "intermediate_size": 3072, "head_dim": 128,
            "tie_word_embeddings": True,
        },
        text(**LAST),
        prompt,
    ),
    "gemma-2-2b": (
        "Gemma2ForCausalLM",
        {"num_hidden_layers": 26, "hidden_size": 2304, "intermediate_size": 9216},
        text(**LAST),
        prompt,
    ),
    "gemma-3-1b": (
        "Gemma3ForCausalLM",
        {
            "hidden_size": 1152, "num_hidden_layers": 26, "num_attention_heads": 4,
            "num_key_value_heads": 1, "intermediate_size": 6912, "head_dim": 256,
            "vocab_size": 262144,
        },
        text(**LAST),
        prompt,
    ),
    "phi-2": (
        "PhiForCausalLM",
        {
            "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32,
            "intermediate_size": 10240, "partial_rotary_factor": 0.4,
        },
        text(**LAST),
        prompt,
    ),
    "phi-3-mini-4k-instruct": ("Phi3ForCausalLM", {}, text(**LAST), prompt),
    "stablelm-3b-4e1t": ("StableLmForCausalLM", {}, text(**LAST), prompt),
    "mixtral-8x7b": ("MixtralForCausalLM", {}, text(**LAST), prompt),
    "qwen1.5-moe-a2.7b": (
        "Qwen2MoeForCausalLM", {"qkv_bias": True, "num_key_value_heads": 16}, text(**LAST), prompt,
    ),
    "gpt-oss-20b": (
        "GptOssForCausalLM",
        {"num_hidden_layers": 24, "num_local_experts": 32},
        text(**LAST),
        prompt,
    ),
    "deepseek-v2-lite": (
        "DeepseekV2ForCausalLM",
        {
            "hidden_size": 2048, "num_hidden_layers": 27, "num_attention_heads": 16,
            "num_key_value_heads": 16, "intermediate_size": 10944, "q_lora_rank": None,
            "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
            "moe_intermediate_size": 1408, "first_k_dense_replace": 1, "vocab_size": 102400,
        },
        text(**LAST),
        prompt,
    ),
    "t5-base": (
        "T5ForConditionalGeneration",
        {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
        DECODED,
        both,
    ),
    "flan-t5-small": (
        "T5ForConditionalGeneration",
        {
            "d_ff": 1024, "num_layers": 8, "num_heads": 6, "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
        DECODED,
        both,
    ),
    "bart-base": (
        "BartForConditionalGeneration",
        {
            "d_model": 768, "encoder_layers": 6, "decoder_layers": 6,
            "encoder_attention_heads": 12, "decoder_attention_heads": 12,
            "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072,
        },
        DECODED,
        both,
    ),
    "vit-base-patch16-224": ("ViTForImageClassification", {"num_labels": 1000}, image(224), pixels),
    "beit-base-patch16-224": (
        "BeitForImageClassification",
        {"num_labels": 1000, "use_relative_position_bias": True, "use_mean_pooling": True},
        image(224),
        pixels,
    ),
    "dinov2-base": ("Dinov2Model", {"image_size": 518, "patch_size": 14}, image(518), pixels),
    "clip-vit-base-patch32": (
        "CLIPModel",
        {},
        image(224) | {"input_ids": torch.zeros(BATCH, 77, dtype=torch.long, device="meta")},
        contrast,
    ),
    "whisper-base": (
        "WhisperForConditionalGeneration",
        {
            "vocab_size": 51865, "d_model": 512, "encoder_layers": 6, "decoder_layers": 6,
            "encoder_attention_heads": 8, "decoder_attention_heads": 8,
            "encoder_ffn_dim": 2048, "decoder_ffn_dim": 2048,
        },
        {**MEL, "decoder_input_ids": DECODED["decoder_input_ids"]},
        both,
    ),
    "wav2vec2-base": (
        "Wav2Vec2Model", {}, {"input_values": torch.zeros(BATCH, 16000, device="meta")}, sound,
    ),
}  # fmt: skip


def count(case: Case) -> tuple[int, OpProfile]:
    """Return FLOPs by PyTorch's counter, and the launches, of one pass of the real module."""
    class_name, facts, inputs, _ = case
    kind = getattr(transformers, class_name)
    config = kind.config_class(**facts)
    attention = "eager" if class_name.startswith(("GptOss", "Gemma2", "T5")) else "sdpa"
    # grouped products of experts exist in bf16 only; normalisation then casts twice more
    dtype = torch.bfloat16 if hasattr(config, "num_experts_per_tok") else torch.float32
    with torch.device("meta"):
        try:
            model = kind._from_config(config, attn_implementation=attention, dtype=dtype)
        except ValueError:
            model = kind._from_config(config, attn_implementation="eager", dtype=dtype)
    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(**inputs)
    whole = OneInput(model, inputs)
    return counter.get_total_flops(), record_pass(whole, inputs[whole.first]).profile


def report(name: str, case: Case, *, shows_classes: bool) -> None:
    """Print one model's real numbers beside the formula's."""
    config = find_transformer(name)
    if config is None:
        sys.exit(f"no model named '{name}' in the catalog")
    profiles = case[3](config)
    ops = [op for profile in profiles for op in profile.ops]
    flops = sum(op.count * op.flops for op in ops if op.op_class in MATRIX_CLASSES)
    real_flops, real = count(case)
    # the module returns its cache, so the cache is alive in the real count
    peak = max(one.peak_activation_elements + one.kv_cache_elements for one in profiles)
    print(
        f"{name:26s} parameters {real.parameters:>12.0f} "
        f"{parameter_count(config) / real.parameters - 1:+.4f}  "
        f"flops {real_flops:>15d} {flops / max(real_flops, 1) - 1:+.4f}  "
        f"launches {real.op_count:>6.0f} {sum(op.count for op in ops):>7.0f}  "
        f"moved {_moved(ops) / _moved(real.ops) - 1:+.2f}  "
        f"peak {peak / real.peak_activation_elements - 1:+.2f}",
        flush=True,
    )
    if shows_classes:
        for label, listed in (("real", real.ops), ("formula", ops)):
            print(f"    {label}: {_by_class(listed)}")


def _moved(ops: Iterable[Op]) -> float:
    return sum(
        op.count * (op.activation_elements_read + op.weight_elements_read + op.elements_written)
        for op in ops
    )


def _by_class(ops: Iterable[Op]) -> dict[str, str]:
    """Return launches and millions of elements moved, by operation class."""
    return {
        op_class.value: f"{sum(op.count for op in chosen):.0f} ({_moved(chosen) / 1e6:.1f}M)"
        for op_class in OpClass
        if (chosen := [op for op in ops if op.op_class is op_class])
    }


def main() -> None:
    """Check the named models, or all of them."""
    names = sys.argv[1:] or list(CASES)
    for name in names:
        report(name, CASES[name], shows_classes=len(sys.argv) > 1)


if __name__ == "__main__":
    main()
