"""What a measurement's own process is asked to do, to and from one line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase
from perfpredict.measuring.timing import Limits


class Backend(StrEnum):
    """What executes the workload."""

    TORCH = "torch"
    ONNXRUNTIME = "onnxruntime"
    EXEC = "exec"
    PYTHON = "python"


class Place(StrEnum):
    """Where it is executed, as frameworks call it."""

    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Source(StrEnum):
    """Where the torch backend gets its module from."""

    TIMM = "timm"
    TRANSFORMERS = "transformers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The workload's size, as the catalog filled it in."""

    batch_size: int
    sequence_length: int | None = None
    image_size: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    phase: Phase | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    """Open dimensions of an ONNX file by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One measurement of one workload."""

    backend: Backend
    target: str
    """Model name for torch, else the command, the callable or the path of the file."""
    model: str
    shape: Shape
    precision: Precision = Precision.FP32
    is_compiled: bool = False
    channels_last: bool = False
    place: Place = Place.CPU
    threads: int
    source: Source | None = None
    config: Mapping[str, object] | None = None
    """Hugging Face configuration."""
    memory_limit_bytes: int | None = None
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "RunRequest":
        found = json.loads(text)
        found["backend"] = Backend(found["backend"])
        found["precision"] = Precision(found["precision"])
        found["place"] = Place(found["place"])
        found["source"] = Source(found["source"]) if found["source"] else None
        phase = found["shape"].pop("phase")
        found["shape"] = Shape(**found["shape"], phase=Phase(phase) if phase else None)
        found["limits"] = Limits(**found["limits"])
        return cls(**found)
