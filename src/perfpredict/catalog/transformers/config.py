"""The facts of a transformer that decide what it computes; sizes in elements, tokens and layers."""

import math
from dataclasses import dataclass
from enum import StrEnum

from perfpredict.errors import InvalidInputError


class Kind(StrEnum):
    """Which passes a model has."""

    ENCODER = "encoder"
    DECODER = "decoder"
    ENCODER_DECODER = "encoder_decoder"
    VISION_ENCODER = "vision_encoder"
    AUDIO_ENCODER = "audio_encoder"
    SPEECH_TO_TEXT = "speech_to_text"
    TWO_TOWERS = "two_towers"
    """A text encoder and an image encoder side by side, as in CLIP."""
    VISION_LANGUAGE = "vision_language"
    """An image encoder whose tokens a text decoder reads, as in LLaVA."""
    IMAGE_CAPTIONER = "image_captioner"
    """An image encoder that a text decoder attends to, as in BLIP."""


class Norm(StrEnum):
    """Normalisation; each has its own number of launches in eager PyTorch."""

    LAYER = "layer"
    RMS = "rms"
    GEMMA_RMS = "gemma_rms"


class Activation(StrEnum):
    """Non-linearity of the feed-forward part."""

    RELU = "relu"
    GELU = "gelu"
    GELU_NEW = "gelu_new"
    """The tanh form written out in eight elementwise launches."""
    QUICK_GELU = "quick_gelu"
    SILU = "silu"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Low-rank queries, keys and values of DeepSeek V2 and V3."""

    query_rank: int | None
    kv_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int

    @property
    def cached_dim(self) -> int:
        """Elements kept per token and layer: the latent vector and the rotary key."""
        return self.kv_rank + self.rope_dim


class Relative(StrEnum):
    """Relative position schemes that add parameters or operations."""

    BUCKETS = "buckets"
    """T5 and MPNet: a table of biases, one per bucket and head."""
    DISENTANGLED = "disentangled"
    """DeBERTa: content-to-position and position-to-content products."""
    DISENTANGLED_SHARED = "disentangled_shared"
    """DeBERTa V2 and V3: the same, with the content's own projections."""
    CONVOLUTION = "convolution"
    """Wav2Vec2 and HuBERT: one grouped convolution before the first layer."""
    WINDOW_TABLE = "window_table"
    """BEiT: a table of biases over patch offsets in every layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Shape and launches of one attention block."""

    heads: int
    kv_heads: int
    head_dim: int
    is_fused_qkv: bool = False
    qkv_bias: bool = False
    key_bias: bool = True
    """False where the key projection alone has none; counts only with `qkv_bias`."""
    output_bias: bool = False
    has_sinks: bool = False
    rotary_share: float = 0.0
    """Share of each head's dimensions that is rotated."""
    has_qk_norm: bool = False
    scales_query: bool = False
    """Queries are multiplied by the scale in a launch of their own."""
    copies_heads: bool = False
    """Queries, keys and values are copied to one block a head."""
    is_materialised: bool = False
    """True where eager PyTorch writes the score matrix to memory."""
    window: int | None = None
    windowed_share: float = 1.0
    """Share of the layers that `window` bounds."""
    relative: Relative | None = None
    relative_positions: int = 0
    latent: LatentAttention | None = None

    @property
    def query_dim(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlp:
    """Feed-forward part of one layer."""

    intermediate: int
    is_gated: bool = False
    has_bias: bool = False
    activation: Activation = Activation.GELU
    is_fused_gate: bool = False
    """True where gate and up projection are one matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """Mixture of experts in place of the feed-forward part."""

    count: int
    per_token: int
    intermediate: int
    shared_intermediate: int = 0
    """Width of the experts that every token passes, all of them together."""
    has_shared_gate: bool = False
    dense_layers: int = 0
    """Leading layers that keep a plain feed-forward part."""
    has_bias: bool = False
    is_gated: bool = True

    def __post_init__(self) -> None:
        if self.per_token > self.count:
            raise InvalidInputError(
                f"experts_per_token ({self.per_token}) must not exceed experts ({self.count})"
            )

    def distinct(self, tokens: float) -> float:
        """Return how many experts `tokens` tokens are expected to touch, routed evenly."""
        untouched = math.pow(1.0 - self.per_token / self.count, tokens)
        return self.count * (1.0 - untouched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Equal layers on top of each other."""

    layers: int
    hidden: int
    attention: Attention
    mlp: Mlp
    experts: Experts | None = None
    norm: Norm = Norm.LAYER
    norms_per_layer: int = 2
    norm_bias: bool = True
    is_parallel: bool = False
    """Attention and feed-forward part read the same input and are added together."""
    has_cross_attention: bool = False
    has_final_norm: bool = False
    shares_layers: bool = False
    """One layer's weights serve all layers (ALBERT)."""
    has_layer_scale: bool = False

    def __post_init__(self) -> None:
        if self.attention.heads % self.attention.kv_heads:
            raise InvalidInputError(
                f"heads ({self.attention.heads}) must be a multiple of "
                f"kv_heads ({self.attention.kv_heads})"
            )
        if self.experts and self.experts.dense_layers > self.layers:
            raise InvalidInputError(
                f"dense_layers ({self.experts.dense_layers}) must not exceed layers ({self.layers})"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInput:
    """Token embeddings and what is done with the last hidden state."""

    vocab: int
    width: int
    """Embedding width; a projection follows where it is not the hidden size."""
    positions: int = 0
    """Rows of a learned position table, 0 where there is none."""
    fixed_positions: bool = False
    """Positions are computed sines, added but not learned."""
    types: int = 0
    has_norm: bool = False
    has_head: bool = False
    """Logits over the vocabulary are computed."""
    is_tied: bool = True
    head_bias: bool = False
    has_pooler: bool = False
    pooler_width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """Patch embedding of an image encoder."""

    image_size: int
    patch_size: int
    class_tokens: int = 1
    has_positions: bool = True
    patch_bias: bool = True
    has_pre_norm: bool = False
    has_pooler: bool = False
    pooled_attention: bool = False
    """SigLIP: one learned query attends to all patches."""

    def tokens(self, image_size: int | None = None) -> int:
        """Return tokens per image at `image_size` pixels (the model's own size if None)."""
        side = (image_size or self.image_size) // self.patch_size
        if side < 1:
            raise InvalidInputError(
                f"image_size {image_size} is smaller than one patch of {self.patch_size} pixels"
            )
        return side * side + self.class_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInput:
    """Front end of an audio encoder; its output is one token per frame."""

    mel_bins: int = 0
    """Whisper: log-mel bins of the two convolutions; 0 for raw waveforms."""
    frames: int = 0
    """Whisper: encoder tokens of the fixed 30 s window."""
    layer_normed: bool = False
    """Wav2Vec2 large: every convolution is normalised and has a bias."""
    has_feature_norm: bool = True
    """Layer normalisation of the convolutions' output before its projection."""
    has_mask_embedding: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """One named transformer."""

    name: str
    family: str
    architecture: str
    kind: Kind
    text: TextInput | None = None
    image: ImageInput | None = None
    audio: AudioInput | None = None
    encoder: Stack | None = None
    decoder: Stack | None = None
    tower: "TransformerConfig | None" = None
    """Image encoder of a two-tower or vision-language model."""
    projections: tuple[tuple[int, int, bool], ...] = ()
    """Linear layers (inputs, outputs, bias) that join the towers."""
    max_tokens: int | None = None
    """Longest sequence the published model accepts."""

    @property
    def stack(self) -> Stack:
        """The main stack: the decoder's where there is one, else the encoder's."""
        stack = self.decoder or self.encoder
        if stack is None:
            raise InvalidInputError(f"{self.name}: neither an encoder nor a decoder is described")
        return stack
