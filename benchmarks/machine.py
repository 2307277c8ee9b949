"""What the benchmarks ran on, so that their times can be read."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("duckdb", "lightgbm", "numpy", "polars", "typer")


def described() -> str:
    """Return processor, cores, memory, versions and how busy the machine is, in one sentence."""
    cores = len(os.sched_getaffinity(0))
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {cores} cores, {gib:.0f} GiB, {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, {versions}"
    )


def load() -> float:
    """Return how many processes were running or waiting over the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
