"""How many tokens each pass of a workload sees; what was left open is said as an assumption."""

from dataclasses import dataclass
from itertools import pairwise

from perfpredict.catalog.transformers.config import Kind, TransformerConfig
from perfpredict.domain.workload import Phase, Workload

DEFAULT_TEXT_TOKENS = 128
"""Tokens of a text whose length is not given."""
DEFAULT_SOUND_FRAMES = 499
"""Encoder tokens of ten seconds of sound at 16 kHz in Wav2Vec2 and HuBERT."""
_PIECES = 4
"""Into how many stretches of equal length a generation is cut; costs are affine inside each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens per sample, resolved."""

    phase: Phase
    prompt: int
    """Text tokens (or sound frames) read."""
    decoder_prompt: int
    """Tokens of the decoder's first pass."""
    memory: int
    """Encoder tokens that a decoder attends to; 0 where there is no cross-attention."""
    output: int | None
    context: float | None = None
    """Cached tokens of a single decode step."""
    cautions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def resolve_tokens(config: TransformerConfig, workload: Workload) -> Tokens:
    """Return the token counts of `workload` for this kind of model."""
    prompt, assumptions = _prompt(config, workload)
    output = workload.output_tokens
    phase = workload.phase or (Phase.PREFILL if output is None else Phase.GENERATE)
    memory, first = _memory_and_first(config, workload, prompt)
    context = None
    if phase is Phase.DECODE:
        context = first + (output or 0) / 2.0
    longest = first + (output or 0)
    return Tokens(
        phase=phase,
        prompt=prompt,
        decoder_prompt=first,
        memory=memory,
        output=output,
        context=context,
        cautions=_cautions(config, workload, max(longest, prompt)),
        assumptions=assumptions,
    )


def decode_segments(config: TransformerConfig, tokens: Tokens) -> list[tuple[float, float]]:
    """Return (steps, mean cached tokens) of the decode steps.

    The prompt's pass gives the first output token, so `output - 1` steps follow, each with one
    token more in the cache. Costs are affine in the context on either side of a window's length,
    so the mean context of a stretch stands for it.
    """
    if tokens.context is not None:
        return [(1.0, tokens.context)]
    if tokens.phase is not Phase.GENERATE or tokens.output is None or tokens.output < 2:
        return []
    start, end = tokens.decoder_prompt, tokens.decoder_prompt + tokens.output - 1
    window = config.stack.attention.window
    cuts = {start, end} | {start + (end - start) * piece // _PIECES for piece in range(_PIECES)}
    if window is not None and start < window < end:
        cuts.add(window)
    ordered = sorted(cuts)
    return [(float(high - low), (low + high - 1) / 2.0) for low, high in pairwise(ordered)]


def _prompt(config: TransformerConfig, workload: Workload) -> tuple[int, tuple[str, ...]]:
    given = workload.input_tokens or workload.sequence_length
    if config.audio and config.audio.frames:
        return config.audio.frames, ()
    if given is not None:
        return given, ()
    if config.kind is Kind.VISION_ENCODER:
        size = config.image.image_size if config.image else None
        open_size = workload.image_size is None
        return 1, ((f"image_size={size} (the model's own)",) if open_size else ())
    if config.audio:
        return DEFAULT_SOUND_FRAMES, (f"sequence_length={DEFAULT_SOUND_FRAMES} (10 s of sound)",)
    if config.kind is Kind.TWO_TOWERS and config.max_tokens:
        return config.max_tokens, (f"sequence_length={config.max_tokens} (the model's own)",)
    return DEFAULT_TEXT_TOKENS, (f"sequence_length={DEFAULT_TEXT_TOKENS} (default)",)


def _memory_and_first(
    config: TransformerConfig, workload: Workload, prompt: int
) -> tuple[int, int]:
    """Return encoder tokens and the tokens of the decoder's first pass."""
    starts_alone = workload.output_tokens is not None or workload.phase is not None
    match config.kind:
        case Kind.ENCODER_DECODER:
            return prompt, 1 if starts_alone else prompt
        case Kind.SPEECH_TO_TEXT:
            text = workload.sequence_length or DEFAULT_TEXT_TOKENS
            return prompt, 1 if starts_alone else text
        case Kind.VISION_LANGUAGE:
            return 0, prompt + image_tokens(config, workload.image_size)
        case Kind.IMAGE_CAPTIONER:
            return image_tokens(config, workload.image_size), 1 if starts_alone else prompt
        case _:
            return 0, prompt


def image_tokens(config: TransformerConfig, image_size: int | None) -> int:
    """Return how many tokens the image tower hands on; LLaVA leaves the class token out."""
    image = config.tower.image if config.tower else None
    if image is None:
        return 0
    tokens = image.tokens(image_size)
    return tokens - image.class_tokens if config.kind is Kind.VISION_LANGUAGE else tokens


def _cautions(config: TransformerConfig, workload: Workload, longest: int) -> tuple[str, ...]:
    cautions: list[str] = []
    reads_text = config.kind not in {Kind.VISION_ENCODER, Kind.SPEECH_TO_TEXT, Kind.AUDIO_ENCODER}
    if reads_text and config.max_tokens is not None and longest > config.max_tokens:
        cautions.append(
            f"{longest} tokens are more than the {config.max_tokens} that '{config.name}' accepts"
        )
    if workload.image_size is not None and config.image is None and config.tower is None:
        cautions.append(f"image_size is ignored: '{config.name}' reads no images")
    return tuple(cautions)
