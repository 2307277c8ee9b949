"""What is run: a model together with its shape, precision and mode."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from perfpredict.domain.precision import Precision
from perfpredict.domain.quantization import WIDE, precision_of_scheme
from perfpredict.errors import InvalidInputError

MAX_BATCH_SIZE = 1_000_000
MAX_TOKENS = 10_000_000
DEFAULT_FRAMEWORK = "pytorch"


class Mode(StrEnum):
    """Whether weights are used or learned."""

    INFERENCE = "inference"
    TRAINING = "training"


class Phase(StrEnum):
    """Which part of text generation is meant."""

    PREFILL = "prefill"
    """One pass over the prompt; latency is the time to first token."""
    DECODE = "decode"
    """One step with a filled KV cache; latency is the time per output token."""
    GENERATE = "generate"
    """Prompt and all output tokens, end to end."""


MEMORY_FORMATS = {"channels_last": "nhwc", "channels-last": "nhwc", "contiguous": "nchw"}
"""PyTorch's names of the layouts that result files call nhwc and nchw."""


def parse_memory_format(text: str) -> str:
    """Return the one name of a memory format; a name that is not in the table is its own."""
    name = text.strip().casefold()
    return MEMORY_FORMATS.get(name, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Model, shape, precision and mode; equal workloads are expected to run equally fast."""

    model: str
    family: str | None = None
    """Broad family, derived from the catalog; never part of the identity."""
    batch_size: int = 1
    sequence_length: int | None = None
    """Tokens (or audio frames) per sample; for decode the tokens already in the KV cache."""
    image_size: int | None = None
    """Height and width in pixels."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    precision: Precision = Precision.FP32
    """Of weights and arithmetic. Beside a scheme whose width is known it is the weights' own:
    fp16 with `q4_0` becomes int4."""
    quantization: str | None = None
    """Scheme of quantised weights (`awq`, `gptq`, `bnb`, `q4_k_m`, `mxfp4` …) where known."""
    mode: Mode = Mode.INFERENCE
    phase: Phase | None = None
    framework: str | None = None
    """Canonical framework name, e.g. `pytorch`, `vllm`; None: the catalog's default."""
    framework_version: str | None = None
    """Version as its publisher writes it, e.g. `2.4.0+cu124`; `released` tells its date.

    It is never part of the identity: a prediction made without a version must still meet its
    measurement.
    """
    is_compiled: bool = False
    memory_format: str | None = None
    device_count: int = 1
    concurrency: int = 1

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise InvalidInputError("model must not be blank")
        if self.quantization is not None and self.precision in WIDE:
            # a frozen dataclass lets its own initialiser correct a field in no other way
            stored = precision_of_scheme(self.quantization) or self.precision
            object.__setattr__(self, "precision", stored)
        _check_range("batch_size", self.batch_size, MAX_BATCH_SIZE)
        _check_range("device_count", self.device_count, 100_000)
        _check_range("concurrency", self.concurrency, MAX_BATCH_SIZE)
        for name in ("sequence_length", "image_size", "input_tokens", "output_tokens"):
            value = getattr(self, name)
            if value is not None:
                _check_range(name, value, MAX_TOKENS)
        if self.phase is Phase.GENERATE and self.output_tokens is None:
            raise InvalidInputError("output_tokens must be given for phase 'generate'")

    @property
    def framework_name(self) -> str:
        """The framework, or the one that the catalog takes where none is named."""
        return self.framework or DEFAULT_FRAMEWORK

    @property
    def key(self) -> str:
        """32 hex digits, equal for equal workloads; neither family nor version is part of it."""
        parts = (
            self.model, self.batch_size, self.sequence_length, self.image_size,
            self.input_tokens, self.output_tokens, self.precision.value, self.quantization,
            self.mode.value, self.phase.value if self.phase else None, self.framework,
            self.is_compiled, self.memory_format, self.device_count, self.concurrency,
        )  # fmt: skip
        text = "\x1f".join("" if part is None else str(part) for part in parts)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _check_range(name: str, value: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInputError(f"{name} must be a whole number, got {value!r}")
    if not 1 <= value <= highest:
        raise InvalidInputError(f"{name} must be from 1 to {highest}, got {value}")
