"""The one door to every model that the catalog knows: look-up by name, listing, profiles.

Transformers are asked first, then Stable Diffusion's parts, the written-out networks, and the
vision architectures.
"""

import difflib
import fnmatch
from dataclasses import dataclass

from perfpredict.catalog.capture.captured import CapturedModel, profile_captured
from perfpredict.catalog.networks import Network, find_network, network_aliases, network_names
from perfpredict.catalog.networks.network import network_parameters
from perfpredict.catalog.profiling import (
    WorkloadProfile,
    profile_diffusion,
    profile_from_totals,
    profile_network,
    profile_totals,
    profile_transformer,
    profile_vision,
)
from perfpredict.catalog.totals import ModelTotals
from perfpredict.catalog.transformers.config import Kind, TransformerConfig
from perfpredict.catalog.transformers.diffusion import (
    DiffusionConfig,
    diffusion_aliases,
    diffusion_names,
    diffusion_parameters,
    find_diffusion,
)
from perfpredict.catalog.transformers.parameters import parameter_count
from perfpredict.catalog.transformers.registry import (
    aliases,
    find_transformer,
    fold,
    transformer_names,
)
from perfpredict.catalog.vision import (
    VisionModel,
    find_vision_model,
    near_vision_names,
    vision_model_names,
)
from perfpredict.domain.workload import Workload
from perfpredict.errors import UnknownModelError

__all__ = [
    "ModelEntry",
    "WorkloadProfile",
    "describe",
    "find_model",
    "list_models",
    "profile",
    "profile_from_totals",
]

_GENERATIVE = {
    Kind.DECODER,
    Kind.ENCODER_DECODER,
    Kind.SPEECH_TO_TEXT,
    Kind.VISION_LANGUAGE,
    Kind.IMAGE_CAPTIONER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """What the catalog knows of one model."""

    name: str
    """Canonical name."""
    family: str
    architecture: str
    parameters: int
    source: str = "catalog"
    sequence_length: int | None = None
    """Longest sequence in tokens that the published model accepts, None where it reads no text."""
    default_length: int | None = None
    """Length of one sample (frames of sound, tokens, pairs) of a network that is no transformer."""
    image_size: int | None = None
    """Default height and width in pixels, None where it reads no images."""
    is_text: bool = False
    is_vision: bool = False
    is_generative: bool = False
    """Produces tokens one by one and so has prefill and decode phases."""
    config: (
        TransformerConfig | DiffusionConfig | VisionModel | ModelTotals | Network | CapturedModel
    )
    """What profiles are made from."""


def find_model(name: str) -> ModelEntry:
    """Return the catalog's entry for `name` or an alias.

    Raises UnknownModelError, naming near matches.
    """
    transformer = find_transformer(name)
    if transformer is not None:
        return describe(transformer)
    diffusion = find_diffusion(name)
    if diffusion is not None:
        return _describe_diffusion(diffusion)
    network = find_network(name)
    if network is not None:
        return _describe_network(network)
    vision = find_vision_model(name)
    if vision is None:
        raise UnknownModelError(f"no model named '{name}' in the catalog", hint=_hint(name))
    return ModelEntry(
        name=vision.key,
        family=vision.family,
        architecture=vision.architecture,
        parameters=round(vision.parameters),
        image_size=vision.default_image_size,
        is_vision=True,
        config=vision,
    )


def describe(config: TransformerConfig, *, source: str = "catalog") -> ModelEntry:
    """Return the entry of a transformer configuration, named or read from a file."""
    image = config.image or (config.tower.image if config.tower else None)
    return ModelEntry(
        name=config.name,
        family=config.family,
        architecture=config.architecture,
        parameters=parameter_count(config),
        source=source,
        sequence_length=config.max_tokens,
        image_size=image.image_size if image else None,
        is_text=config.text is not None,
        is_vision=image is not None,
        is_generative=config.kind in _GENERATIVE,
        config=config,
    )


def profile(model: ModelEntry | TransformerConfig, workload: Workload) -> WorkloadProfile:
    """Return the passes that `workload` runs through `model`, at its whole batch."""
    config = model if isinstance(model, TransformerConfig) else model.config
    if isinstance(config, TransformerConfig):
        return profile_transformer(config, workload)
    if isinstance(config, ModelTotals):
        return profile_totals(config, workload)
    if isinstance(config, DiffusionConfig):
        return profile_diffusion(config, workload)
    if isinstance(config, Network):
        return profile_network(config, workload)
    if isinstance(config, CapturedModel):
        return profile_captured(config, workload)
    return profile_vision(config, workload)


def model_names() -> list[str]:
    """Return the canonical names of all models, sorted."""
    return sorted({
        *transformer_names(), *diffusion_names(), *network_names(), *vision_model_names()
    })  # fmt: skip


def list_models(family: str | None = None, glob: str | None = None) -> list[ModelEntry]:
    """Return the entries of one family (all if None) whose name fits `glob`, sorted by name."""
    names = set(model_names())
    if glob is not None:
        names = {name for name in names if fnmatch.fnmatchcase(fold(name), fold(glob))}
    entries = (find_model(name) for name in sorted(names))
    return [entry for entry in entries if family is None or entry.family == family]


def _describe_diffusion(config: DiffusionConfig) -> ModelEntry:
    return ModelEntry(
        name=config.name,
        family="diffusion",
        architecture=config.architecture,
        parameters=diffusion_parameters(config),
        image_size=config.image_size,
        is_vision=True,
        config=config,
    )


def _describe_network(network: Network) -> ModelEntry:
    return ModelEntry(
        name=network.name,
        family=network.family,
        architecture=network.architecture,
        parameters=round(network_parameters(network)),
        default_length=network.length,
        config=network,
    )


def _hint(name: str) -> str:
    way_out = "use --config FILE, or --params and --flops"
    near = _near_matches(name)
    return f"did you mean {', '.join(near)}? if not, {way_out}" if near else way_out


def _near_matches(name: str, count: int = 4) -> list[str]:
    """Return canonical names and aliases that are spelt like `name` or contain it."""
    wanted = fold(name)
    known = {**aliases(), **diffusion_aliases(), **network_aliases()}
    spelt = difflib.get_close_matches(wanted, known, n=count, cutoff=0.7)
    last = wanted.rsplit("/", 1)[-1]
    holding = [key for key in known if len(last) > 3 and last in key]
    canonical = dict.fromkeys(known[key] for key in [*spelt, *sorted(holding, key=len)])
    canonical |= dict.fromkeys(near_vision_names(name))
    return [f"'{match}'" for match in list(canonical)[:count]]
