"""One accelerator or CPU type: a few rates and a memory size, each with its source."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from perfpredict.domain.precision import Precision
from perfpredict.errors import InvalidInputError


class DeviceKind(StrEnum):
    """What sort of machine it is; launch cost and efficiency differ by kind."""

    GPU = "gpu"
    CPU = "cpu"
    SOC = "soc"
    """GPU that shares its memory with a CPU on one chip."""
    ACCELERATOR = "accelerator"


class Platform(StrEnum):
    """Software platform a device is reached through; also an alias for one device."""

    CUDA = "cuda"
    ROCM = "rocm"
    MPS = "mps"
    OPENVINO = "openvino"
    QNN = "qnn"
    WEBNN = "webnn"
    WEBGPU = "webgpu"
    CPU = "cpu"
    SYCL = "sycl"
    """Intel GPUs through PyTorch XPU, SYCL or Level Zero."""
    VULKAN = "vulkan"
    HPU = "hpu"
    """Gaudi through SynapseAI."""
    RDU = "rdu"
    """SambaNova."""


class Origin(StrEnum):
    """Where a device entry comes from."""

    BUILTIN = "builtin"
    USER = "user"
    DETECTED = "detected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one device costs per hour, as somebody said on some day."""

    amount_per_hour: float
    currency: str
    date: str
    """ISO date the price was valid on."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Rates are dense peaks in base units; efficiencies below them belong to the predictor."""

    name: str
    vendor: str
    kind: DeviceKind
    platform: Platform
    memory_bytes: int
    bandwidth_bytes_per_s: float
    peak_flops_per_s: Mapping[Precision, float] = field(hash=False)
    """Per arithmetic format that the hardware has, as frameworks reach it (fp32 accumulate)."""
    architecture: str = ""
    year: int | None = None
    aliases: tuple[str, ...] = ()
    compute_units: int | None = None
    """SMs, CUs, Xe cores or CPU cores."""
    boost_mhz: float | None = None
    cache_bytes: int | None = None
    """Last-level cache."""
    tdp_w: float | None = None
    source: str = ""
    note: str = ""
    origin: Origin = Origin.BUILTIN
    is_probed: bool = False
    """True where the rates were measured on the machine and not read off a data sheet."""
    price: Price | None = None

    def __post_init__(self) -> None:
        if Precision.FP32 not in self.peak_flops_per_s:
            raise InvalidInputError(f"{self.name}: peak_flops_per_s must give fp32")
        rates = {f"peak of {p}": rate for p, rate in self.peak_flops_per_s.items()}
        rates |= {
            "memory_bytes": float(self.memory_bytes),
            "bandwidth_bytes_per_s": self.bandwidth_bytes_per_s,
        }
        for name, value in rates.items():
            if not (math.isfinite(value) and value > 0):
                raise InvalidInputError(f"{self.name}: {name} must be above 0, got {value}")
        frozen = MappingProxyType(dict(self.peak_flops_per_s))
        object.__setattr__(self, "peak_flops_per_s", frozen)

    @property
    def ridge_point(self) -> float:
        """FLOP per byte, in fp32, at which compute and memory take equally long."""
        return self.peak_flops_per_s[Precision.FP32] / self.bandwidth_bytes_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedDevice:
    """A device together with the name that was asked for."""

    requested: str
    """As the user gave it, e.g. `cuda`."""
    device: Device
    how: str
    """`name`, `alias`, `user alias`, `detected` or `reference`: which rule resolved it."""

    @property
    def is_platform_alias(self) -> bool:
        return self.how in {"user alias", "detected", "reference"}
