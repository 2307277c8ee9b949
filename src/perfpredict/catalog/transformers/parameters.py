"""How many weights a configuration has, by formula; the same count as the published checkpoint."""

from perfpredict.catalog.transformers.config import (
    Attention,
    AudioInput,
    Experts,
    ImageInput,
    Kind,
    Mlp,
    Norm,
    Relative,
    Stack,
    TextInput,
    TransformerConfig,
)

# Wav2Vec2: seven convolutions over the waveform, as (kernel, stride)
WAVEFORM_CONVS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
WAVEFORM_CHANNELS = 512
# Wav2Vec2: kernel and groups of the convolution that stands for positions
POSITION_KERNEL, POSITION_GROUPS = 128, 16


def parameter_count(config: TransformerConfig) -> int:
    """Return the number of weights; tied matrices count once, all experts count."""
    hidden = config.stack.hidden
    total = sum(inputs * outputs + bias * outputs for inputs, outputs, bias in config.projections)
    for stack in (config.encoder, config.decoder):
        total += stack_parameters(stack) if stack else 0
    if config.text:
        # BART keeps positions and their normalisation once for each side
        sides = 2 if config.kind is Kind.ENCODER_DECODER else 1
        total += _text(config.text, hidden, sides)
    total += _image(config.image, config.stack) if config.image else 0
    total += _audio(config.audio, hidden) if config.audio else 0
    return total + (parameter_count(config.tower) if config.tower else 0)


def stack_parameters(stack: Stack) -> int:
    """Return the weights of all layers of one stack and its final normalisation."""
    hidden, attention = stack.hidden, stack.attention
    layer = attention_parameters(attention, hidden) + stack.norms_per_layer * _norm(stack)
    layer += 2 * hidden if stack.has_layer_scale else 0
    if stack.has_cross_attention:
        layer += attention_parameters(attention, hidden) + _norm(stack)
    copies = 1 if stack.shares_layers else stack.layers
    dense = stack.experts.dense_layers if stack.experts else copies
    total = copies * layer + dense * mlp_parameters(stack.mlp, hidden)
    if stack.experts:
        total += (copies - dense) * experts_parameters(stack.experts, hidden)
    total += _relative(attention, stack)
    return total + (_norm(stack) if stack.has_final_norm else 0)


def attention_parameters(attention: Attention, hidden: int) -> int:
    """Return the weights of one attention block, its normalised queries and keys included."""
    if attention.latent:
        return _latent(attention, hidden)
    query, kv = attention.query_dim, attention.kv_dim
    total = hidden * (query + 2 * kv) + query * hidden
    total += query + kv + kv * attention.key_bias if attention.qkv_bias else 0
    total += hidden if attention.output_bias else 0
    total += 2 * attention.head_dim if attention.has_qk_norm else 0
    return total + (attention.heads if attention.has_sinks else 0)


def mlp_parameters(mlp: Mlp, hidden: int) -> int:
    """Return the weights of one feed-forward part."""
    into = 2 if mlp.is_gated else 1
    bias = into * mlp.intermediate + hidden if mlp.has_bias else 0
    return (into + 1) * hidden * mlp.intermediate + bias


def experts_parameters(experts: Experts, hidden: int) -> int:
    """Return the weights of all experts of one layer, the router included."""
    into = 2 if experts.is_gated else 1
    one = (into + 1) * hidden * experts.intermediate
    one += into * experts.intermediate + hidden if experts.has_bias else 0
    router = hidden * experts.count + (experts.count if experts.has_bias else 0)
    shared = 3 * hidden * experts.shared_intermediate
    return experts.count * one + router + shared + (hidden if experts.has_shared_gate else 0)


def _latent(attention: Attention, hidden: int) -> int:
    latent = attention.latent
    assert latent is not None
    head = latent.nope_dim + latent.rope_dim
    if latent.query_rank is None:
        query = hidden * attention.heads * head
    else:
        query = latent.query_rank * (hidden + 1 + attention.heads * head)
    down = hidden * latent.cached_dim + latent.kv_rank
    up = latent.kv_rank * attention.heads * (latent.nope_dim + latent.value_dim)
    return query + down + up + attention.heads * latent.value_dim * hidden


def _norm(stack: Stack) -> int:
    return stack.hidden * (2 if stack.norm is Norm.LAYER and stack.norm_bias else 1)


def _relative(attention: Attention, stack: Stack) -> int:
    hidden, rows = stack.hidden, attention.relative_positions
    match attention.relative:
        case Relative.BUCKETS:
            return rows * attention.heads
        case Relative.DISENTANGLED:
            return rows * hidden + stack.layers * (2 * hidden * hidden + hidden)
        case Relative.DISENTANGLED_SHARED:
            return rows * hidden + _norm(stack)
        case Relative.CONVOLUTION:
            return hidden // POSITION_GROUPS * hidden * POSITION_KERNEL + hidden + POSITION_KERNEL
        case Relative.WINDOW_TABLE:
            return stack.layers * rows * attention.heads
        case None:
            return 0


def _text(text: TextInput, hidden: int, sides: int) -> int:
    total = text.width * (text.vocab + sides * text.positions + text.types)
    total += sides * 2 * text.width if text.has_norm else 0
    if text.width != hidden:
        # ALBERT projects up with a bias; OPT-350m projects up and down without one
        total += text.width * hidden + (text.width * hidden if text.has_head else hidden)
    if text.has_head:
        total += 0 if text.is_tied else text.vocab * text.width
        total += text.vocab if text.head_bias else 0
    return total + (hidden * hidden + hidden if text.has_pooler else 0)


def _image(image: ImageInput, stack: Stack) -> int:
    hidden = stack.hidden
    total = 3 * image.patch_size**2 * hidden + (hidden if image.patch_bias else 0)
    total += image.class_tokens * hidden
    total += image.tokens() * hidden if image.has_positions else 0
    total += 2 * hidden if image.has_pre_norm else 0
    total += hidden * hidden + hidden if image.has_pooler else 0
    if image.pooled_attention:
        total += hidden + 2 * hidden + mlp_parameters(stack.mlp, hidden)
        total += attention_parameters(stack.attention, hidden)
    return total


def _audio(audio: AudioInput, hidden: int) -> int:
    if audio.mel_bins:
        return 3 * hidden * (audio.mel_bins + hidden) + 2 * hidden + audio.frames * hidden
    channels = WAVEFORM_CHANNELS
    kernels = [kernel for kernel, _ in WAVEFORM_CONVS]
    total = channels * (kernels[0] + channels * sum(kernels[1:]))
    # one group norm after the first convolution, or a layer norm and a bias after each
    total += 3 * channels * len(kernels) if audio.layer_normed else 2 * channels
    total += 2 * channels if audio.has_feature_norm else 0
    total += hidden if audio.has_mask_embedding else 0
    return total + channels * hidden + hidden + 2 * hidden
