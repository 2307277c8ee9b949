"""The fitted constants of the roofline sum, read from the JSON file that ships with the package."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

CONSTANTS_FILE = "roofline_constants.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEfficiency:
    """Shares of the peak rates that operations reach on one kind of hardware."""

    compute: Mapping[str, float]
    """Op class → share of the arithmetic peak, above 0."""
    memory: Mapping[str, float]
    """Op class → share of the bandwidth; above 1 where operands mostly stay in cache."""
    kernel_s: float
    """Seconds that the device spends on a launch beyond arithmetic and traffic."""
    norm: float
    """Exponent p of (compute^p + memory^p)^(1/p): 1 adds, infinity is the hard maximum."""
    cache_gain: float
    """Bandwidth gain of an operation that fits the last-level cache entirely."""
    core_exponent: float
    """Work split over more cores reaches less of their peak: share * (cores / reference) ** -x."""
    kernel_core_exponent: float
    """Waking and joining more cores takes longer: kernel_s * (cores / reference) ** x."""
    operand_exponent: float
    """Matrix units that take in more than OPERANDS bytes for each fp32 operation of the vector
    units reach less of their peak: share * (bytes / OPERANDS) ** -x (domain/rates.py)."""
    level: Mapping[str, float]
    """Device-time factor per situation, e.g. `nhwc`, `training`, `accelerator`; absent is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkEfficiency:
    """What a framework adds to the device's own time."""

    host_s: float
    """Seconds the host needs to launch one operation."""
    pass_s: float
    """Fixed seconds of one pass (scheduling, sampling, Python)."""
    level: float
    """Factor on the device's time."""
    fused_traffic: float
    """Share of the element-wise traffic that is left after kernel fusion."""
    fused_launches: float
    """Share of the element-wise launches that is left after kernel fusion."""
    sync_s: float
    """Seconds per tensor-parallel synchronisation beyond the bytes on the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """All constants, and the residuals they left on the rows they were fitted to."""

    version: str
    kinds: Mapping[str, DeviceEfficiency]
    """`gpu` and `cpu`; other kinds of device use `gpu`."""
    frameworks: Mapping[str, FrameworkEfficiency]
    """Canonical framework name; `<name>+compiled` where compiling changes it."""
    quantization: Mapping[str, float]
    """Factor on the time of linear layers per quantisation scheme; absent is 1."""
    link_share: float
    """Device-to-device bandwidth as a share of memory bandwidth."""
    residual_quantiles: Mapping[str, tuple[float, ...]]
    """Situation → |log residual| at RESIDUAL_LEVELS, from groups that were left out."""


REFERENCE_CORES = 14
"""Cores of the CPU that most published CPU rows come from (Core i9-10940X)."""
OPERANDS = 4.0
"""Bytes that the vector units take in themselves; the shares of the peak were fitted there."""
RESIDUAL_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99)


@cache
def load_constants() -> Constants:
    """Return the constants that ship with the package; see docs/accuracy.md for their fit."""
    text = resources.files("perfpredict.models").joinpath(CONSTANTS_FILE).read_text("utf-8")
    return parse_constants(text)


def parse_constants(text: str) -> Constants:
    """Return constants from the JSON that `Constants` is written as; KeyError where one lacks."""
    raw = json.loads(text)
    return Constants(
        version=raw["version"],
        kinds={name: DeviceEfficiency(**kind) for name, kind in raw["kinds"].items()},
        frameworks={n: FrameworkEfficiency(**f) for n, f in raw["frameworks"].items()},
        quantization=raw["quantization"],
        link_share=raw["link_share"],
        residual_quantiles={k: tuple(v) for k, v in raw["residual_quantiles"].items()},
    )
