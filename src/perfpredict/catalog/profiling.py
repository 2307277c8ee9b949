"""Which passes a workload runs, and how often: prompt, decode steps, encoder, images, sound."""

from dataclasses import dataclass

from perfpredict.catalog.networks import Network
from perfpredict.catalog.networks.network import network_profile
from perfpredict.catalog.profiling_tokens import Tokens, decode_segments, resolve_tokens
from perfpredict.catalog.totals import ModelTotals
from perfpredict.catalog.transformers import passes
from perfpredict.catalog.transformers.config import Kind, TransformerConfig
from perfpredict.catalog.transformers.diffusion import (
    DiffusionConfig,
    diffusion_passes,
)
from perfpredict.catalog.vision import VisionModel, size_caution, vision_profile
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import InvalidInputError

_COPYING_FRAMEWORKS = {None, "pytorch", "transformers", "pytorch-transformers"}
"""Those whose KV cache is a tensor that every decode step concatenates anew."""

Passes = tuple[tuple[float, OpProfile], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadProfile:
    """All passes of one workload over its whole batch, forward only.

    Training adds the backward pass, which is the predictor's factor.
    """

    passes: Passes
    """(how often it runs, what one run does)."""
    parameters: float
    kv_cache_elements: float = 0.0
    """At the longest context."""
    peak_activation_elements: float = 0.0
    cautions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    """Values the workload left open, e.g. `sequence_length=128 (default)`."""

    @property
    def flops(self) -> float:
        return sum(repeat * one.flops for repeat, one in self.passes)

    @property
    def op_count(self) -> float:
        return sum(repeat * one.op_count for repeat, one in self.passes)


def profile_transformer(config: TransformerConfig, workload: Workload) -> WorkloadProfile:
    """Return the passes of `workload` through a transformer."""
    tokens = resolve_tokens(config, workload)
    batch = workload.batch_size
    match config.kind:
        case Kind.ENCODER | Kind.AUDIO_ENCODER:
            _check_no_phase(config.name, workload)
            found = [(1.0, passes.encoder_profile(config, batch, tokens.prompt))]
        case Kind.VISION_ENCODER:
            _check_no_phase(config.name, workload)
            found = [(1.0, passes.vision_profile(config, batch, workload.image_size))]
        case Kind.TWO_TOWERS:
            _check_no_phase(config.name, workload)
            text = passes.encoder_profile(config, batch, tokens.prompt)
            found = [(1.0, text), (1.0, _tower(config, batch, workload.image_size))]
        case _:
            found = _generation(config, workload, tokens)
    return _gather(tuple(found), tokens.cautions, tokens.assumptions)


def profile_diffusion(config: DiffusionConfig, workload: Workload) -> WorkloadProfile:
    """Return text encoding, denoising steps and image decoding for one batch of images."""
    _check_no_phase(config.name, workload)
    found, assumptions = diffusion_passes(config, workload.batch_size, workload.image_size)
    return _gather(found, (), assumptions)


def profile_network(network: Network, workload: Workload) -> WorkloadProfile:
    """Return the one pass of a network that is written out for a batch of samples."""
    _check_no_phase(network.name, workload)
    length = workload.sequence_length or network.length
    one = network_profile(network, workload.batch_size, length)
    assumed = f"sequence_length={length} {network.length_unit} (default)"
    return _gather(((1.0, one),), (), () if workload.sequence_length else (assumed,))


def profile_vision(model: VisionModel, workload: Workload) -> WorkloadProfile:
    """Return the stored profile of a vision architecture at the workload's batch and size."""
    _check_no_phase(model.key, workload)
    image_size = workload.image_size or model.default_image_size
    one = vision_profile(model.key, image_size).for_batch(workload.batch_size)
    caution = size_caution(model, image_size)
    cautions = [caution] if caution else []
    if workload.sequence_length is not None:
        cautions.append(f"sequence_length is ignored: '{model.key}' reads no text")
    assumed = () if workload.image_size else (f"image_size={image_size} (the model's own)",)
    return _gather(((1.0, one),), tuple(cautions), assumed)


def profile_totals(totals: ModelTotals, workload: Workload) -> WorkloadProfile:
    """Return the coarse profile of a model of which only totals are known.

    Raises InvalidInputError for a phase of generation, which needs the architecture.
    """
    if workload.phase is not None:
        raise InvalidInputError(
            f"phase '{workload.phase.value}' needs the architecture of '{workload.model}'",
            hint="give its configuration with --config FILE instead of --params and --flops",
        )
    return profile_from_totals(
        parameters=totals.parameters,
        flops_per_sample=totals.flops_per_sample,
        batch_size=workload.batch_size,
    )


def profile_from_totals(
    *,
    parameters: float,
    flops_per_sample: float,
    batch_size: int = 1,
    activation_elements: float | None = None,
    layers: int = 50,
) -> WorkloadProfile:
    """Return a coarse profile of a model of which only totals are known.

    The work is spread over `layers` equal dense layers, each with a pointwise launch. Activations
    read and written per sample, where not given, are the FLOPs over twice the width of a square
    layer with that many weights: 2 * rows * width**2 FLOPs make rows * width activations.
    """
    if parameters <= 0 or flops_per_sample <= 0:
        raise InvalidInputError("parameters and flops_per_sample must be above 0")
    weights = parameters / layers
    moved = activation_elements
    if moved is None:
        moved = flops_per_sample / (2.0 * weights**0.5)
    each = moved * batch_size / layers
    dense = Op(
        op_class=OpClass.LINEAR,
        count=float(layers),
        flops=flops_per_sample * batch_size / layers,
        activation_elements_read=each,
        weight_elements_read=weights,
        elements_written=each,
    )
    plain = Op(
        op_class=OpClass.ELEMENTWISE,
        count=float(layers),
        flops=each,
        activation_elements_read=each,
        weight_elements_read=0.0,
        elements_written=each,
    )
    one = OpProfile(ops=(dense, plain), parameters=parameters, peak_activation_elements=3.0 * each)
    caution = "only totals of the model are known: its operations are guessed as equal dense layers"
    return _gather(((1.0, one),), (caution,), (f"layers={layers} (coarse profile)",))


def _generation(
    config: TransformerConfig, workload: Workload, tokens: Tokens
) -> list[tuple[float, OpProfile]]:
    """Return what comes before the decoder, its prompt, and its decode steps, as asked for."""
    batch, is_training = workload.batch_size, workload.mode is Mode.TRAINING
    copies = workload.framework in _COPYING_FRAMEWORKS and not is_training
    found: list[tuple[float, OpProfile]] = []
    if tokens.phase is not Phase.DECODE:
        found += [(1.0, one) for one in _ahead(config, workload, tokens)]
        prompt = passes.prefill_profile(
            config,
            batch,
            tokens.decoder_prompt,
            memory_tokens=tokens.memory,
            has_all_logits=is_training,
            copies_cache=copies,
        )
        found.append((1.0, prompt))
    for steps, context in decode_segments(config, tokens):
        step = passes.decode_profile(
            config, batch, context, memory_tokens=tokens.memory, copies_cache=copies
        )
        found.append((steps, step))
    return found


def _ahead(config: TransformerConfig, workload: Workload, tokens: Tokens) -> list[OpProfile]:
    batch = workload.batch_size
    if config.encoder is not None:
        return [passes.encoder_profile(config, batch, tokens.memory)]
    if config.tower is not None:
        return [_tower(config, batch, workload.image_size)]
    return []


def _tower(config: TransformerConfig, batch: int, image_size: int | None) -> OpProfile:
    return passes.vision_profile(config, batch, image_size)


def _check_no_phase(name: str, workload: Workload) -> None:
    if workload.phase is not None or workload.output_tokens is not None:
        asked = f"phase '{workload.phase.value}'" if workload.phase else "output_tokens"
        raise InvalidInputError(
            f"'{name}' generates no tokens, so {asked} has no meaning for it",
            hint="leave out the phase and the output tokens",
        )


def _gather(
    found: Passes, cautions: tuple[str, ...], assumptions: tuple[str, ...]
) -> WorkloadProfile:
    return WorkloadProfile(
        passes=found,
        parameters=max(one.parameters for _, one in found),
        kv_cache_elements=max(one.kv_cache_elements for _, one in found),
        peak_activation_elements=max(one.peak_activation_elements for _, one in found),
        cautions=cautions,
        assumptions=assumptions,
    )
