"""Questions about this machine: what it has, and what its CPU really reaches."""

from dataclasses import dataclass

from perfpredict.catalog.detect import Survey, survey
from perfpredict.catalog.probe import ProbeResult, probe_cpu, probed_device
from perfpredict.domain.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """This machine's CPU with measured rates."""

    device: Device
    result: ProbeResult


def survey_machine() -> Survey:
    """Return what this machine has, and what its tools said."""
    return survey()


def detected_devices() -> tuple[Device, ...]:
    """Return this machine's devices whose rates are known."""
    return tuple(found.device for found in survey().devices if found.device is not None)


def probe_this_machine(seconds: float) -> Probed:
    """Return this machine's CPU with rates measured in about `seconds`."""
    found = survey()
    result = probe_cpu(
        seconds, cache_bytes=found.cpu.cache_bytes, memory_bytes=found.cpu.memory_bytes
    )
    device = probed_device(found.cpu, result, found.devices[-1].device)
    return Probed(device=device, result=result)
