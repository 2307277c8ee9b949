"""What the user says about files that are to be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from perfpredict.domain.device import ResolvedDevice


class FileFormat(StrEnum):
    """Formats that are read."""

    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Preset(StrEnum):
    """Layouts of which more is known than the column names say."""

    PUBLISHED = "published"
    """Tidied published measurements: `hardware_id`, `model_key`, `latency_kind`, `quality` …"""
    LLAMA_BENCH = "llama-bench"
    VLLM = "vllm"
    SGLANG = "sglang"
    GUIDELLM = "guidellm"
    AIPERF = "aiperf"
    GENAI_PERF = "genai-perf"
    OPTIMUM_BENCHMARK = "optimum-benchmark"
    TIMM = "timm"
    HYPERFINE = "hyperfine"
    MLPERF = "mlperf"
    LLM_D = "llm-d"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read, which columns mean what, and what stands in for missing ones."""

    resolve_device: Callable[[str], ResolvedDevice]
    """Raises UnknownDeviceError for a name that is no device."""
    now: datetime
    """Aware; rows without a time get it, and rows more than a day after it are refused."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Column in the file to field."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Unit by field, where column names do not say it."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Text by field, for files that lack the column and cells that are empty."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values by column of the file; other rows are left out as if they were not there."""
    input_format: FileFormat | None = None
    preset: Preset | None = None
    source: str | None = None
    """Stored for rows that name no source; None: the file's name."""
    encoding: str | None = None
    decimal_comma: bool = False
    accepts_new_hardware: bool = False
    includes_suspect: bool = False
