"""Questions about this machine: what it has, and what its CPU really reaches.

What looks at the machine is imported when it is asked: most commands name their devices.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfpredict.domain.device import Device

if TYPE_CHECKING:
    from perfpredict.catalog.detect import Survey
    from perfpredict.catalog.probe import ProbeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """This machine's CPU with measured rates."""

    device: Device
    result: "ProbeResult"


def survey_machine() -> "Survey":
    """Return what this machine has, and what its tools said."""
    from perfpredict.catalog.detect import survey

    return survey()


def detected_devices() -> tuple[Device, ...]:
    """Return this machine's devices whose rates are known."""
    return tuple(found.device for found in survey_machine().devices if found.device is not None)


def probe_this_machine(seconds: float) -> Probed:
    """Return this machine's CPU with rates measured in about `seconds`."""
    from perfpredict.catalog.probe import probe_cpu, probed_device

    found = survey_machine()
    result = probe_cpu(
        seconds, cache_bytes=found.cpu.cache_bytes, memory_bytes=found.cpu.memory_bytes
    )
    device = probed_device(found.cpu, result, found.devices[-1].device)
    return Probed(device=device, result=result)
