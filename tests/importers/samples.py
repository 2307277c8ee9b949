"""The sample files of the presets, how many rows each has, and what it leaves to be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perfpredict.importers.options import Preset

PRESETS = Path(__file__).parent.parent / "data" / "presets"


@dataclass(frozen=True, slots=True)
class Sample:
    """One file below tests/data/presets."""

    path: str
    preset: Preset
    rows: int
    defaults: Mapping[str, str] = field(default_factory=dict)
    """All that the file does not say and must be given."""


def sample_bytes(path: str) -> bytes:
    """Return the content of a sample."""
    return (PRESETS / path).read_bytes()


_H100 = {"hardware": "H100", "precision": "bf16", "device_count": "1"}
_LLAMA = {**_H100, "model": "llama-3.1-8b"}
_SHAPE = {"input_tokens": "256", "output_tokens": "128"}

_SERVED = {**_H100, "framework": "vllm"}
_FORWARD = {"model": "bert-base-uncased", "hardware": "A100-80GB", "precision": "fp16",
            "batch_size": "8", "framework": "pytorch", "device_count": "1"}  # fmt: skip
_LOADGEN = {"model": "resnet50", "hardware": "nvidia-l4", "precision": "int8", "device_count": "1",
            "framework": "tensorrt"}  # fmt: skip

SAMPLES = (
    *(Sample(f"llama-bench/results.{end}", Preset.LLAMA_BENCH, 4)
      for end in ("json", "jsonl", "csv", "sql", "md")),
    Sample("vllm/serve.json", Preset.VLLM, 1, _H100),
    Sample("vllm/serve-appended.json", Preset.VLLM, 4),
    Sample("vllm/latency.json", Preset.VLLM, 1, {**_LLAMA, **_SHAPE, "batch_size": "8"}),
    Sample("vllm/throughput.json", Preset.VLLM, 1, {**_LLAMA, **_SHAPE}),
    Sample("sglang/results.jsonl", Preset.SGLANG, 4, {"hardware": "H100"}),
    Sample("guidellm/benchmarks.json", Preset.GUIDELLM, 5, _SERVED),
    Sample("aiperf/profile_export_aiperf.json", Preset.AIPERF, 1,
           {"precision": "bf16", "device_count": "1", "framework": "vllm"}),
    Sample("genai-perf/profile_export_genai_perf.json", Preset.GENAI_PERF, 3, _SERVED),
    Sample("optimum-benchmark/benchmark.json", Preset.OPTIMUM_BENCHMARK, 3),
    Sample("optimum-benchmark/benchmark_report.json", Preset.OPTIMUM_BENCHMARK, 1, _FORWARD),
    Sample("timm/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv", Preset.TIMM, 3),
    Sample("timm/results.json", Preset.TIMM, 2, {"hardware": "rtx4090", "precision": "amp"}),
    Sample("hyperfine/scan.json", Preset.HYPERFINE, 2,
           {"model": "resnet50", "hardware": "nvidia-l4", "precision": "fp16",
            "framework": "onnxruntime"}),
    *(Sample(f"mlperf/{scenario}-mlperf_log_summary.txt", Preset.MLPERF, 1, _LOADGEN)
      for scenario in ("server", "single", "multi")),
    Sample("llm-d/reports.json", Preset.LLM_D, 4),
)  # fmt: skip
