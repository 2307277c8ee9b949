"""A short measurement of this machine's CPU: what matrix products and memory really reach.

The peak of a data sheet is what no program reaches; the probe gives the achievable rate of fp32
and of memory, and scales the other precisions by their theoretical ratio to fp32.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from perfpredict.catalog.cpu_rates import CpuFacts, believable_cache_bytes, flop_per_clock
from perfpredict.domain.device import Device, DeviceKind, Origin, Platform
from perfpredict.domain.precision import Precision
from perfpredict.errors import CannotAnswerError, InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MATRIX_SIZES = (256, 512, 1024, 2048)
_FLOAT_BYTES = 4
_SMALLEST_ARRAY_BYTES = 64 * 2**20
_LARGEST_ARRAY_BYTES = 256 * 2**20
_CACHE_MULTIPLE = 4
_MEMORY_SHARE = 1 / 16
"""No array of the probe takes more than this part of the memory."""

_BUSY_SHARE = 0.7
"""Load per CPU over the last minute from which the probe warns; its own seconds add a little."""

# Variables that change which kernel or how many threads a BLAS library uses.
_KERNEL_VARIABLES = ("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "BLIS_ARCH_TYPE")
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """Rates that this machine reached, and how they were measured."""

    fp32_flops_per_s: float
    """The best over all matrix sizes."""
    flops_per_s_by_size: Mapping[int, float]
    """By rows of the square matrices."""
    copy_bytes_per_s: float
    """Read and written bytes of a copy."""
    stream_bytes_per_s: float
    """Read and written bytes of a sum of two arrays into a third."""
    array_bytes: int
    threads: str
    """What is known of the number of threads."""
    library: str
    """The library that numpy multiplies with."""
    how: str
    notes: tuple[str, ...] = ()

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """The better of copy and sum: either is reachable."""
        return max(self.copy_bytes_per_s, self.stream_bytes_per_s)


def probe_cpu(
    seconds: float = 3.0,
    *,
    cache_bytes: int | None = None,
    memory_bytes: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> ProbeResult:
    """Return the rates measured in about `seconds`: two thirds matrix products, one third memory.

    `cache_bytes` makes the arrays several times the last-level cache where `memory_bytes`
    allows that. Raises InvalidInputError for a time that is not above 0.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidInputError(f"seconds must be above 0, got {seconds}")
    each = seconds * 2 / 3 / len(_MATRIX_SIZES)
    by_size = {size: _matrix_rate(size, each) for size in _MATRIX_SIZES}
    size_bytes = array_bytes(cache_bytes, memory_bytes)
    copy, stream = _memory_rates(size_bytes, seconds / 3)
    variables = os.environ if environment is None else environment
    notes = environment_notes(variables) + busy_notes()
    if cache_bytes is not None and 2 * size_bytes < _CACHE_MULTIPLE * cache_bytes:
        notes += (
            f"arrays of {size_bytes >> 20} MiB do not exceed the reported cache of "
            f"{cache_bytes >> 20} MiB by much: the bandwidth may be the cache's",
        )
    return ProbeResult(
        fp32_flops_per_s=max(by_size.values()),
        flops_per_s_by_size=by_size,
        copy_bytes_per_s=copy,
        stream_bytes_per_s=stream,
        array_bytes=size_bytes,
        threads=_threads(variables),
        library=_library(),
        how=(
            f"numpy fp32 matrix products of {_MATRIX_SIZES[0]} to {_MATRIX_SIZES[-1]} rows, "
            f"copy and sum of arrays of {size_bytes >> 20} MiB; the best run of each"
        ),
        notes=notes,
    )


def array_bytes(cache_bytes: int | None, memory_bytes: int | None) -> int:
    """Return the size of one array: several caches, within bounds and a share of the memory."""
    wanted = _CACHE_MULTIPLE * (cache_bytes or 0)
    size = min(max(wanted, _SMALLEST_ARRAY_BYTES), _LARGEST_ARRAY_BYTES)
    return size if memory_bytes is None else min(size, int(memory_bytes * _MEMORY_SHARE))


def environment_notes(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return a note for each variable that holds the matrix library back."""
    kernels = tuple(
        f"{name}={environment[name]} chooses the matrix kernels: the rate may be below what "
        "this CPU reaches without it"
        for name in _KERNEL_VARIABLES
        if environment.get(name)
    )
    threads = tuple(
        f"{name}={environment[name]} limits the threads"
        for name in _THREAD_VARIABLES
        if environment.get(name)
    )
    return kernels + threads


def busy_notes() -> tuple[str, ...]:
    """Return a note where other programs were busy during the last minute."""
    if not hasattr(os, "getloadavg"):
        return ()
    load, threads = os.getloadavg()[0], _thread_count()
    if load < _BUSY_SHARE * threads:
        return ()
    return (f"the machine was busy (load {load:.1f} on {threads} CPUs): rates may be too low",)


def probed_device(facts: CpuFacts, probe: ProbeResult, detected: Device | None) -> Device:
    """Return this machine's CPU with the measured rates.

    fp32 and bandwidth are measured. Other precisions are scaled by their theoretical ratio to
    fp32 (a library that does not use the instructions stays below it). The name is never a
    catalog entry's: `local-cpu`, or `local-` and the entry's name. Raises CannotAnswerError
    where the memory size is unknown.
    """
    base = _unmeasured(facts) if detected is None else detected
    note = "; ".join(
        (
            facts.model_name,
            "precisions other than fp32 are scaled by their theoretical ratio to fp32",
            *probe.notes,
        )
    )
    return replace(
        base,
        name=base.name if base.name.startswith("local-") else f"local-{base.name}",
        aliases=(),
        bandwidth_bytes_per_s=probe.bandwidth_bytes_per_s,
        peak_flops_per_s={
            p: probe.fp32_flops_per_s * peak / base.peak_flops_per_s[Precision.FP32]
            for p, peak in base.peak_flops_per_s.items()
        },
        source=f"measured on this machine: {probe.how}; {probe.library}",
        note=note,
        origin=Origin.DETECTED,
        is_probed=True,
    )


def _unmeasured(facts: CpuFacts) -> Device:
    """Return the CPU with rates right only in their ratios, at one FLOP per clock and core."""
    if facts.memory_bytes is None:
        raise CannotAnswerError("the memory of this machine is not readable")
    return Device(
        name="local-cpu",
        vendor=facts.vendor,
        kind=DeviceKind.CPU,
        platform=Platform.CPU,
        memory_bytes=facts.memory_bytes,
        bandwidth_bytes_per_s=1.0,
        peak_flops_per_s=dict(flop_per_clock(facts)),
        architecture=facts.machine,
        compute_units=None if facts.usable_cores is None else max(1, round(facts.usable_cores)),
        cache_bytes=believable_cache_bytes(facts),
    )


def _matrix_rate(size: int, seconds: float) -> float:
    """Return the best FLOP/s of `size` x `size` fp32 products, 2 n^3 FLOP each."""
    import numpy as np

    generator = np.random.default_rng(0)
    left = generator.random((size, size), dtype=np.float32)
    right = generator.random((size, size), dtype=np.float32)
    product = np.empty_like(left)

    def multiply() -> None:
        np.matmul(left, right, out=product)

    return 2 * size**3 / _best_time(multiply, seconds)


def _memory_rates(size_bytes: int, seconds: float) -> tuple[float, float]:
    """Return bytes/s of a copy (read + write) and of a sum (two reads + write)."""
    import numpy as np

    source = np.ones(size_bytes // _FLOAT_BYTES, dtype=np.float32)
    other = np.ones_like(source)
    target = np.zeros_like(source)
    parts = _thread_count()
    with ThreadPoolExecutor(max_workers=parts) as pool:
        copy = _in_threads(pool, parts, np.copyto, (target, source))
        add = _in_threads(pool, parts, _add, (target, source, other))
        copy_s, add_s = _best_time(copy, seconds / 2), _best_time(add, seconds / 2)
    return 2 * source.nbytes / copy_s, 3 * source.nbytes / add_s


def _add(
    target: "NDArray[np.float32]", left: "NDArray[np.float32]", right: "NDArray[np.float32]"
) -> None:
    import numpy as np

    np.add(left, right, out=target)


def _in_threads(
    pool: ThreadPoolExecutor,
    parts: int,
    work: Callable[..., None],
    arrays: "tuple[NDArray[np.float32], ...]",
) -> Callable[[], None]:
    """Return a function that does `work` on slices of the arrays, one thread each.

    numpy lets go of the interpreter's lock while it copies or adds.
    """
    edges = [len(arrays[0]) * i // parts for i in range(parts + 1)]
    slices = [tuple(array[start:stop] for array in arrays) for start, stop in pairwise(edges)]

    def run() -> None:
        for done in [pool.submit(work, *slice_) for slice_ in slices]:
            done.result()

    return run


def _best_time(work: Callable[[], None], seconds: float) -> float:
    """Return the shortest time of one run, after one to warm up, over at least two runs."""
    work()
    best = math.inf
    runs = 0
    end = time.perf_counter() + seconds
    while runs < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
        runs += 1
    return best


def _thread_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads(environment: Mapping[str, str]) -> str:
    limits = [f"{n}={environment[n]}" for n in _THREAD_VARIABLES if environment.get(n)]
    return f"{_thread_count()} usable" + (f", limited by {', '.join(limits)}" if limits else "")


def _library() -> str:
    """Return the name and version of the library that numpy was built with."""
    import numpy as np

    config = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    return f"numpy {np.__version__} with {blas['name']} {blas['version']}"
