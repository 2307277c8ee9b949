"""Profiles of one pass of a transformer: encoder, prompt, decode step, image or sound."""

from dataclasses import replace

from perfpredict.catalog.transformers.attention import Shape
from perfpredict.catalog.transformers.config import Kind, Stack, TransformerConfig
from perfpredict.catalog.transformers.inputs import (
    embed_audio,
    embed_image,
    embed_text,
    image_output,
    text_output,
)
from perfpredict.catalog.transformers.layers import stack_ops
from perfpredict.catalog.transformers.memory import (
    kv_cache_elements,
    logits_elements,
    peak_elements,
)
from perfpredict.catalog.transformers.ops import activate, linear
from perfpredict.catalog.transformers.parameters import parameter_count
from perfpredict.domain.operations import Op, OpProfile, merge_equal_ops
from perfpredict.errors import InvalidInputError


def encoder_profile(config: TransformerConfig, batch: int, sequence_length: int) -> OpProfile:
    """Return one pass of the encoder over `sequence_length` tokens (audio: frames) a sample."""
    stack = config.encoder
    if stack is None:
        raise InvalidInputError(f"{config.name} has no encoder")
    shape = Shape(batch=batch, queries=sequence_length)
    if config.audio:
        ops = embed_audio(config.audio, stack.hidden, batch, sequence_length)
    elif config.text:
        ops = embed_text(config.text, stack.hidden, shape.rows)
    else:
        raise InvalidInputError(f"{config.name} reads neither text nor sound")
    # the front end of raw waveforms is wider than any layer
    front = 2.0 * max(op.elements_written for op in ops)
    ops += stack_ops(stack, shape)
    if config.text and not config.decoder:
        ops += text_output(config.text, stack.hidden, batch)
    ops += _projected(config, batch)
    return _profile(config, ops, max(front, peak_elements(stack, shape)))


def vision_profile(config: TransformerConfig, batch: int, image_size: int | None) -> OpProfile:
    """Return one pass of the image encoder; `image_size` in pixels, None for the model's own."""
    owner = config if config.image else config.tower
    if owner is None or owner.image is None or owner.encoder is None:
        raise InvalidInputError(f"{config.name} has no image encoder")
    stack = owner.encoder
    tokens = owner.image.tokens(image_size)
    shape = Shape(batch=batch, queries=tokens)
    ops = embed_image(owner.image, stack.hidden, batch, tokens)
    ops += stack_ops(stack, shape)
    ops += image_output(owner.image, stack, batch, tokens)
    if config.kind is Kind.VISION_LANGUAGE:
        ops += _projector_ops(config, batch * (tokens - owner.image.class_tokens))
    else:
        ops += _projected(owner, batch)
    return _profile(config, ops, peak_elements(stack, shape))


def prefill_profile(
    config: TransformerConfig,
    batch: int,
    tokens: int,
    *,
    memory_tokens: int = 0,
    has_all_logits: bool = False,
    copies_cache: bool = True,
) -> OpProfile:
    """Return the decoder's pass over a prompt, with the logits of its last token only.

    Generation needs no other logits, though older releases of `transformers` compute all of
    them; training needs all (`has_all_logits`). `copies_cache` as for a decode step.
    """
    stack = config.decoder
    if stack is None or config.text is None:
        raise InvalidInputError(f"{config.name} has no text decoder")
    shape = Shape(batch=batch, queries=tokens, copies_cache=copies_cache)
    ops = embed_text(config.text, stack.hidden, shape.rows)
    ops += stack_ops(stack, shape, memory_tokens=memory_tokens)
    scored = shape.rows if has_all_logits else float(batch)
    ops += _head_transform(config, scored)
    ops += text_output(config.text, stack.hidden, scored)
    peak = peak_elements(stack, shape) + logits_elements(config.text, scored)
    cache = _caches(config, batch, tokens, memory_tokens)
    return _split(_profile(config, ops, peak, cache), stack, shape.rows)


def decode_profile(
    config: TransformerConfig,
    batch: int,
    context_tokens: float,
    *,
    memory_tokens: int = 0,
    copies_cache: bool = True,
) -> OpProfile:
    """Return one decode step that reads `context_tokens` cached tokens and adds one.

    `copies_cache`: eager `transformers` concatenates every layer's cache anew at each step;
    servers with paged or preallocated caches do not.
    """
    stack = config.decoder
    if stack is None or config.text is None:
        raise InvalidInputError(f"{config.name} has no text decoder")
    shape = Shape(batch=batch, queries=1.0, cached=context_tokens, copies_cache=copies_cache)
    ops = embed_text(config.text, stack.hidden, shape.rows)
    ops += stack_ops(stack, shape, memory_tokens=memory_tokens)
    ops += _head_transform(config, batch)
    ops += text_output(config.text, stack.hidden, batch)
    peak = peak_elements(stack, shape) + logits_elements(config.text, batch)
    cache = _caches(config, batch, context_tokens + 1, memory_tokens)
    return _split(_profile(config, ops, peak, cache), stack, float(batch))


def _projected(config: TransformerConfig, samples: float) -> list[Op]:
    """Return the linear layers on one pooled vector per sample: classes, shared space."""
    return [
        linear(samples, inputs, outputs, bias=bias) for inputs, outputs, bias in config.projections
    ]


def _head_transform(config: TransformerConfig, rows: float) -> list[Op]:
    """Return BLIP's dense layer ahead of the logits."""
    return _projected(config, rows) if config.kind is Kind.IMAGE_CAPTIONER else []


def _projector_ops(config: TransformerConfig, rows: float) -> list[Op]:
    """Return the linear layers that carry image tokens into the decoder."""
    ops: list[Op] = []
    for inputs, outputs, bias in config.projections:
        ops += activate(config.stack.mlp.activation, rows * inputs) if ops else []
        ops.append(linear(rows, inputs, outputs, bias=bias))
    return ops


def _caches(config: TransformerConfig, batch: int, context: float, memory_tokens: int) -> float:
    stack = config.stack
    total = kv_cache_elements(stack, batch, context)
    if stack.has_cross_attention:
        total += kv_cache_elements(stack, batch, memory_tokens)
    return total


def _split(profile: OpProfile, stack: Stack, rows: float) -> OpProfile:
    """Return a decoder's profile with what splitting its layers over devices exchanges.

    Two all-reduces a layer, after attention and after the MLP, each of rows x hidden values
    (Shoeybi et al. 2019, Megatron-LM).
    """
    syncs = 2.0 * stack.layers
    return replace(profile, syncs=syncs, sync_elements=syncs * rows * stack.hidden)


def _profile(
    config: TransformerConfig, ops: list[Op], peak: float, cache: float = 0.0
) -> OpProfile:
    return OpProfile(
        ops=merge_equal_ops(ops),
        parameters=float(parameter_count(config)),
        peak_activation_elements=peak,
        kv_cache_elements=cache,
    )
