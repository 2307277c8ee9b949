"""Transformers: named configurations and the operations that their passes launch."""

from perfpredict.catalog.transformers.build import build_config
from perfpredict.catalog.transformers.config import Kind, TransformerConfig
from perfpredict.catalog.transformers.parameters import parameter_count
from perfpredict.catalog.transformers.passes import (
    decode_profile,
    encoder_profile,
    prefill_profile,
    vision_profile,
)
from perfpredict.catalog.transformers.registry import find_transformer, transformer_names

__all__ = [
    "Kind",
    "TransformerConfig",
    "build_config",
    "decode_profile",
    "encoder_profile",
    "find_transformer",
    "parameter_count",
    "prefill_profile",
    "transformer_names",
    "vision_profile",
]
