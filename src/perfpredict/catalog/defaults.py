"""Fills what a workload leaves open, the same for predictions and measurements, and says so."""

from dataclasses import replace

from perfpredict.catalog.models import ModelEntry
from perfpredict.catalog.profiling_tokens import DEFAULT_TEXT_TOKENS
from perfpredict.domain.workload import Phase, Workload


def with_defaults(workload: Workload, entry: ModelEntry) -> tuple[Workload, tuple[str, ...]]:
    """Return `workload` under the catalog's names and defaults, and what was assumed.

    The same request always becomes the same workload, so that a prediction made without a
    sequence length meets the measurement that names the default one.
    """
    changes: dict[str, str | int | Phase] = {"model": entry.name, "family": entry.family}
    assumptions: list[str] = []
    phase = workload.phase
    if phase is None and workload.output_tokens is not None and entry.is_generative:
        phase = Phase.GENERATE
        changes["phase"] = phase
    if phase in (Phase.PREFILL, Phase.GENERATE):
        _fill_tokens(workload, changes, assumptions)
    elif phase is Phase.DECODE or (entry.is_text and not entry.is_vision):
        _fill_length(workload, changes, assumptions, DEFAULT_TEXT_TOKENS)
    elif entry.default_length is not None:
        _fill_length(workload, changes, assumptions, entry.default_length)
    if entry.is_vision and workload.image_size is None and entry.image_size is not None:
        changes["image_size"] = entry.image_size
        assumptions.append(f"image_size={entry.image_size} (the model's own)")
    if workload.framework is None:
        compiled = "compiled" if workload.is_compiled else "eager"
        assumptions.append(f"framework=pytorch {compiled} (default)")
    return replace(workload, **changes), tuple(assumptions)  # type: ignore[arg-type]


def _fill_length(
    workload: Workload,
    changes: dict[str, str | int | Phase],
    assumptions: list[str],
    default: int,
) -> None:
    if workload.sequence_length is not None:
        return
    changes["sequence_length"] = workload.input_tokens or default
    if workload.input_tokens is None:
        assumptions.append(f"sequence_length={default} (default)")


def _fill_tokens(
    workload: Workload, changes: dict[str, str | int | Phase], assumptions: list[str]
) -> None:
    if workload.input_tokens is not None:
        return
    tokens = workload.sequence_length or DEFAULT_TEXT_TOKENS
    changes["input_tokens"] = tokens
    if workload.sequence_length is None:
        assumptions.append(f"input_tokens={tokens} (default)")
