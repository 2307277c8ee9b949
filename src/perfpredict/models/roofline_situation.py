"""Constants of the roofline sum that hold for one case, by what it runs on and under."""

from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from perfpredict.domain.device import Device, DeviceKind
from perfpredict.domain.identity import Same
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import (
    ArithmeticRate,
    arithmetic_rate,
    convolution_rate,
    operands_per_vector_flop,
)
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import (
    OPERANDS,
    REFERENCE_CORES,
    Constants,
    DeviceEfficiency,
    FrameworkEfficiency,
)
from perfpredict.models.op_arrays import REMEMBERED_PROFILES
from perfpredict.models.predictor import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Constants looked up for one case."""

    kind: str
    framework: FrameworkEfficiency
    level: float
    convolution_level: float
    matrix_share: float
    """Of what products reach of their peak, what is left where the units are fed no faster."""
    convolution_share: float
    """The same of convolutions."""
    quantization: float
    core_ratio: float
    """Cores over the reference's; 1 where they do not matter or are not known."""


_BUILT_ON = {"deepspeed-mii": "deepspeed"}
"""Servers that share the kernels, and the constants, of another framework."""


def framework_key(case: Case, known: Container[str]) -> str:
    """Return the key of the framework constants that fit the case; PyTorch's for one unknown."""
    name = case.workload.framework_name
    name = _BUILT_ON.get(name, name)
    if name not in known:
        name = "pytorch"
    compiled = f"{name}+compiled"
    return compiled if case.workload.is_compiled and compiled in known else name


def unknown_parts(case: Case, constants: Constants) -> tuple[str, ...]:
    """Return, as cautions, what the workload names and the constants know nothing of."""
    workload = case.workload
    said: list[str] = []
    framework = _BUILT_ON.get(workload.framework_name, workload.framework)
    if framework is not None and framework not in constants.frameworks:
        said.append(f"nothing is known of framework '{workload.framework}': predicted as pytorch")
    if workload.quantization is not None and workload.quantization not in constants.quantization:
        said.append(
            f"nothing is known of quantization '{workload.quantization}': only its width counts"
        )
    levels = constants.kinds["gpu"].level
    if workload.memory_format is not None and workload.memory_format not in levels:
        said.append(f"memory format '{workload.memory_format}' is not known and changes nothing")
    return tuple(said)


def situation(case: Case, constants: Constants) -> Situation:
    """Return the constants that hold for `case`."""
    workload = case.workload
    return _situation(
        Same(case.device),
        framework_key(case, constants.frameworks),
        workload.framework,
        workload.mode is Mode.TRAINING,
        workload.memory_format,
        workload.precision,
        workload.quantization,
        Same(constants),
    )


@lru_cache(maxsize=REMEMBERED_PROFILES)
def _situation(
    same_device: Same[Device],
    framework: str,
    framework_said: str | None,
    is_training: bool,
    memory_format: str | None,
    precision: Precision,
    quantization: str | None,
    same_constants: Same[Constants],
) -> Situation:
    device, constants = same_device.value, same_constants.value
    kind = "cpu" if device.kind is DeviceKind.CPU else "gpu"
    efficiency = constants.kinds[kind]
    own = constants.frameworks[framework]
    levels = [device.kind.value, device.vendor, f"{device.vendor}/{framework_said}"]
    if is_training:
        levels.append("training")
    level = prod(efficiency.level.get(name, 1.0) for name in levels)
    rate = arithmetic_rate(device, precision, quantization=quantization)
    convolution = convolution_rate(device, precision, rate)
    return Situation(
        kind=kind,
        framework=own,
        level=level * own.level,
        convolution_level=efficiency.level.get(memory_format or "", 1.0),
        matrix_share=_fed_share(device, rate, efficiency),
        convolution_share=_fed_share(device, convolution, efficiency),
        quantization=constants.quantization.get(quantization or "", 1.0),
        core_ratio=(device.compute_units or REFERENCE_CORES) / REFERENCE_CORES
        if kind == "cpu"
        else 1.0,
    )


def _fed_share(device: Device, rate: ArithmeticRate, efficiency: DeviceEfficiency) -> float:
    """Return 1, or less where the matrix units outrun what feeds them.

    Fitted to NVIDIA's devices; what others reach is in the level of their vendor.
    """
    if device.vendor != "nvidia":
        return 1.0
    operands = operands_per_vector_flop(device, rate)
    return float(max(operands / OPERANDS, 1.0) ** -efficiency.operand_exponent)
