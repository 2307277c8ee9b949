"""The presets by name, in the order in which they are tried on a file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from perfpredict.errors import InvalidInputError
from perfpredict.importers.options import Preset
from perfpredict.importers.presets import (
    aiperf,
    guidellm,
    hyperfine,
    llama_bench,
    llm_d,
    mlperf,
    optimum,
    sglang,
    timm,
    vllm,
)
from perfpredict.importers.presets.asking import REQUIRED
from perfpredict.importers.presets.foreign import ForeignFile
from perfpredict.importers.presets.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetReader:
    """How the files of one tool are known and read."""

    recognises: Callable[[ForeignFile], bool]
    rows: Callable[[ForeignFile], Iterable[Row]]
    asked: tuple[str, ...] = REQUIRED
    """Fields that must be given by option where a file does not say them."""


_SERVED = (*REQUIRED, "device_count", "framework")

_OPEN = ("model", "hardware", "precision", "device_count", "framework")
"""Rates without a batch size can be evaluated, if not stored."""

READERS: Mapping[Preset, PresetReader] = {
    Preset.LLAMA_BENCH: PresetReader(recognises=llama_bench.recognises, rows=llama_bench.rows),
    Preset.SGLANG: PresetReader(recognises=sglang.recognises, rows=sglang.rows, asked=_SERVED),
    Preset.VLLM: PresetReader(recognises=vllm.recognises, rows=vllm.rows, asked=_SERVED),
    Preset.GUIDELLM: PresetReader(
        recognises=guidellm.recognises, rows=guidellm.rows, asked=_SERVED
    ),
    Preset.AIPERF: PresetReader(
        recognises=aiperf.recognises_aiperf, rows=aiperf.aiperf_rows, asked=_SERVED
    ),
    Preset.GENAI_PERF: PresetReader(
        recognises=aiperf.recognises_genai_perf, rows=aiperf.genai_perf_rows, asked=_SERVED
    ),
    Preset.OPTIMUM_BENCHMARK: PresetReader(
        recognises=optimum.recognises, rows=optimum.rows, asked=_SERVED
    ),
    Preset.TIMM: PresetReader(recognises=timm.recognises, rows=timm.rows),
    Preset.HYPERFINE: PresetReader(
        recognises=hyperfine.recognises, rows=hyperfine.rows, asked=(*REQUIRED, "framework")
    ),
    Preset.MLPERF: PresetReader(recognises=mlperf.recognises, rows=mlperf.rows, asked=_OPEN),
    Preset.LLM_D: PresetReader(recognises=llm_d.recognises, rows=llm_d.rows, asked=_SERVED),
}


def find_preset(file: ForeignFile, wanted: Preset | None) -> Preset | None:
    """Return whose file it is, None where no preset knows it.

    Raises InvalidInputError where the `wanted` one does not.
    """
    if wanted is Preset.PUBLISHED:
        return None
    if wanted is not None:
        if not READERS[wanted].recognises(file):
            raise InvalidInputError(f"{file.name}: not a file that preset '{wanted}' knows")
        return wanted
    return next((name for name, reader in READERS.items() if reader.recognises(file)), None)
