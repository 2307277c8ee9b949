"""Which workloads `measure run` can measure just as they are asked about."""

from typing import TypeGuard

from perfpredict.catalog.models import ModelEntry
from perfpredict.catalog.transformers.config import Kind, TransformerConfig
from perfpredict.catalog.vision import VisionModel
from perfpredict.domain.workload import Mode, Workload
from perfpredict.errors import UnknownModelError
from perfpredict.services.model_source import known_model

_RUN_FRAMEWORKS = {None, "pytorch"}
_BUILT_KINDS = {Kind.ENCODER, Kind.DECODER, Kind.VISION_ENCODER}


def is_measured_by_run(workload: Workload) -> bool:
    """Return whether `measure run MODEL` measures just this, given a machine with the device."""
    try:
        model = known_model(workload.model)
    except UnknownModelError:
        return False  # described by options that `measure run` would need too
    # without a phase, it measures prefill and decode and not one pass over the tokens
    is_one_run = not model.is_generative or workload.phase is not None
    return (
        is_built(model)
        and is_one_run
        and workload.mode is Mode.INFERENCE
        and workload.framework in _RUN_FRAMEWORKS
        # the installed one is what runs
        and workload.framework_version is None
        and workload.quantization is None
        and workload.device_count == workload.concurrency == 1
    )


def is_built(entry: ModelEntry) -> bool:
    """Return whether PyTorch can build the model from what the catalog knows."""
    return isinstance(entry.config, VisionModel) or is_written_out(entry.config)


def is_written_out(config: object) -> TypeGuard[TransformerConfig]:
    """Return whether a configuration can be written as Hugging Face reads it."""
    return isinstance(config, TransformerConfig) and config.kind in _BUILT_KINDS
