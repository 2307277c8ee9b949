"""Turns one flat table of facts (a TOML entry, a translated config.json) into a configuration."""

from collections.abc import Mapping

from perfpredict.catalog.transformers.config import (
    Activation,
    Attention,
    AudioInput,
    Experts,
    ImageInput,
    Kind,
    LatentAttention,
    Mlp,
    Norm,
    Relative,
    Stack,
    TextInput,
    TransformerConfig,
)
from perfpredict.catalog.transformers.table import Table

_DECODERS = {Kind.DECODER, Kind.VISION_LANGUAGE}
_BOTH = {Kind.ENCODER_DECODER, Kind.SPEECH_TO_TEXT}


def build_config(
    facts: Mapping[str, object], *, tower: TransformerConfig | None = None
) -> TransformerConfig:
    """Return the configuration that `facts` describe; a missing fact is an error that names it."""
    table = Table(facts)
    kind = Kind(table.text("kind"))
    stack = _stack(table)
    encoder = None if kind in _DECODERS or kind is Kind.IMAGE_CAPTIONER else stack
    decoder = stack if kind in _DECODERS else None
    if kind in _BOTH:
        decoder = _stack(table, decoder=True)
    if kind is Kind.IMAGE_CAPTIONER:
        decoder = _stack(table, decoder=True)
    config = TransformerConfig(
        name=table.text("name"),
        family=table.text("family"),
        architecture=table.text("architecture"),
        kind=kind,
        text=_text(table, stack.hidden) if table.has("vocab") else None,
        image=_image(table) if table.has("patch_size") else None,
        audio=_audio(table) if table.has("mel_bins") or table.flag("waveform") else None,
        encoder=encoder,
        decoder=decoder,
        tower=tower,
        projections=table.triples("projections"),
        max_tokens=table.integer_or_none("max_tokens"),
    )
    table.check_all_used()
    return config


def _stack(table: Table, *, decoder: bool = False) -> Stack:
    return Stack(
        layers=table.size("decoder_layers" if decoder else "layers"),
        hidden=table.size("hidden"),
        attention=_attention(table),
        mlp=_mlp(table),
        experts=_experts(table) if table.has("experts") else None,
        norm=Norm(table.text("norm")),
        norms_per_layer=table.integer("norms_per_layer", 2),
        norm_bias=table.flag("norm_bias", True),
        is_parallel=table.flag("parallel"),
        has_cross_attention=decoder,
        has_final_norm=table.flag("final_norm"),
        shares_layers=table.flag("shares_layers"),
        has_layer_scale=table.flag("layer_scale"),
    )


def _attention(table: Table) -> Attention:
    heads = table.size("heads")
    relative = table.text_or_none("relative")
    return Attention(
        heads=heads,
        kv_heads=table.size("kv_heads", heads),
        head_dim=table.size("head_dim", table.size("hidden") // heads),
        is_fused_qkv=table.flag("fused_qkv"),
        qkv_bias=table.flag("qkv_bias"),
        key_bias=table.flag("key_bias", True),
        output_bias=table.flag("output_bias"),
        has_sinks=table.flag("sinks"),
        rotary_share=table.number("rotary_share", 0.0),
        has_qk_norm=table.flag("qk_norm"),
        scales_query=table.flag("scales_query"),
        copies_heads=table.flag("copies_heads"),
        is_materialised=table.flag("materialised"),
        window=table.integer_or_none("window"),
        windowed_share=table.number("windowed_share", 1.0),
        relative=Relative(relative) if relative else None,
        relative_positions=table.integer("relative_positions", 0),
        latent=_latent(table) if table.has("kv_rank") else None,
    )


def _latent(table: Table) -> LatentAttention:
    return LatentAttention(
        query_rank=table.integer_or_none("query_rank"),
        kv_rank=table.integer("kv_rank"),
        rope_dim=table.integer("rope_dim"),
        nope_dim=table.integer("nope_dim"),
        value_dim=table.integer("value_dim"),
    )


def _mlp(table: Table) -> Mlp:
    return Mlp(
        intermediate=table.size("intermediate"),
        is_gated=table.flag("gated"),
        has_bias=table.flag("mlp_bias"),
        activation=Activation(table.text("activation")),
        is_fused_gate=table.flag("fused_gate"),
    )


def _experts(table: Table) -> Experts:
    return Experts(
        count=table.size("experts"),
        per_token=table.size("experts_per_token"),
        intermediate=table.size("expert_intermediate"),
        shared_intermediate=table.integer("shared_intermediate", 0),
        has_shared_gate=table.flag("shared_gate"),
        dense_layers=table.integer("dense_layers", 0),
        has_bias=table.flag("expert_bias"),
    )


def _text(table: Table, hidden: int) -> TextInput:
    return TextInput(
        vocab=table.size("vocab"),
        width=table.size("embedding_width", hidden),
        positions=table.integer("positions", 0),
        fixed_positions=table.flag("fixed_positions"),
        types=table.integer("types", 0),
        has_norm=table.flag("embedding_norm"),
        has_head=table.flag("head"),
        is_tied=table.flag("tied"),
        head_bias=table.flag("head_bias"),
        has_pooler=table.flag("pooler"),
    )


def _image(table: Table) -> ImageInput:
    return ImageInput(
        image_size=table.size("image_size"),
        patch_size=table.size("patch_size"),
        class_tokens=table.integer("class_tokens", 1),
        has_positions=table.flag("image_positions", True),
        patch_bias=table.flag("patch_bias", True),
        has_pre_norm=table.flag("pre_norm"),
        has_pooler=table.flag("image_pooler"),
        pooled_attention=table.flag("pooled_attention"),
    )


def _audio(table: Table) -> AudioInput:
    return AudioInput(
        mel_bins=table.integer("mel_bins", 0),
        frames=table.integer("frames", 0),
        layer_normed=table.flag("layer_normed_convs"),
        has_feature_norm=table.flag("feature_norm", True),
        has_mask_embedding=table.flag("mask_embedding", True),
    )
