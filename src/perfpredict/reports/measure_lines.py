"""The lines that measure a workload: on its machine with `measure run`, elsewhere by hand."""

import shlex

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Workload


def run_line(workload: Workload, device: str) -> str:
    """Return the line that measures `workload` on the machine that has `device`."""
    return shlex.join(["perfpredict", "measure", "run", *_words(workload, device)])


def record_line(workload: Workload, device: str) -> str:
    """Return the line that records a latency of `workload`, which is to be filled in for MS."""
    words = shlex.join(["perfpredict", "measure", "record", *_words(workload, device)])
    return f"{words} --latency MS"


def _words(workload: Workload, device: str) -> list[str]:
    given = {
        "--hardware": device,
        "--batch-size": workload.batch_size,
        "--seq-length": workload.sequence_length,
        "--image-size": workload.image_size,
        "--input-tokens": workload.input_tokens,
        "--output-tokens": workload.output_tokens,
        "--precision": None if workload.precision is Precision.FP32 else workload.precision,
        "--mode": None if workload.mode is Mode.INFERENCE else workload.mode,
        "--phase": workload.phase,
        "--framework": workload.framework,
        "--framework-version": workload.framework_version,
        "--quantization": workload.quantization,
        "--memory-format": workload.memory_format,
        "--devices": None if workload.device_count == 1 else workload.device_count,
        "--concurrency": None if workload.concurrency == 1 else workload.concurrency,
    }
    words = [
        word for name, value in given.items() if value is not None for word in (name, str(value))
    ]
    return [workload.model, *words, *(["--compile"] if workload.is_compiled else [])]
