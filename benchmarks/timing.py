"""Times a task beside its floor in one run, turn by turn, so that both meet the same machine.

The processor time of a task (its own process with all threads, or a child) is what is compared:
on a machine that others use as well, elapsed time says how busy they are. Both are kept.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 2**20
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took; `value` is what is compared: processor seconds, or bytes."""

    value: float
    elapsed_s: float


Task = Callable[[], Cost]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a task, its floor, and how far apart the two may be."""

    name: str
    size: int | None
    """Rows or cases; None for a command."""
    floor: str
    mark: float | None
    """Largest ratio; None where the row only shows how the task grows."""
    unit: str
    """`s` of processor time, or `MiB`."""
    ours: float
    ours_elapsed_s: float
    floor_cost: float
    floor_elapsed_s: float
    runs: int

    @property
    def ratio(self) -> float:
        return self.ours / self.floor_cost

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def paired(
    name: str, floor: str, mark: float | None, tasks: tuple[Task, Task], *,
    runs: int, size: int | None = None, unit: str = "s",
) -> Row:  # fmt: skip
    """Return the least cost of a task and of its floor over `runs` runs of each, in turn."""
    ours, floors = [], []
    for _ in range(runs):
        floors.append(tasks[1]())
        ours.append(tasks[0]())
    row = Row(
        name=name, size=size, floor=floor, mark=mark, unit=unit,
        ours=min(one.value for one in ours), floor_cost=min(one.value for one in floors),
        ours_elapsed_s=min(one.elapsed_s for one in ours),
        floor_elapsed_s=min(one.elapsed_s for one in floors), runs=runs,
    )  # fmt: skip
    scale = f" ({size:,})" if size else ""
    print(f"{name}{scale}: {row.ours:.3g} {unit}, ratio {row.ratio:.2f}", file=sys.stderr)
    return row


def in_process(work: Callable[[], object], prepare: Callable[[], object] | None = None) -> Task:
    """Return a task that runs `work` here; what `prepare` takes does not count."""

    def run() -> Cost:
        if prepare is not None:
            prepare()
        started, elapsed = time.process_time(), time.perf_counter()
        work()
        return Cost(value=time.process_time() - started, elapsed_s=time.perf_counter() - elapsed)

    return run


def command(arguments: Sequence[str], prepare: Callable[[], object] | None = None) -> Task:
    """Return a task that runs a program to its end; RuntimeError where it fails."""

    def run() -> Cost:
        if prepare is not None:
            prepare()
        started, usage = time.perf_counter(), _wait(arguments)
        return Cost(value=usage.ru_utime + usage.ru_stime, elapsed_s=time.perf_counter() - started)

    return run


def _wait(arguments: Sequence[str]) -> resource.struct_rusage:
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
    ) as child:
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}: {said.decode()}")
    return usage


def _environment() -> dict[str, str]:
    """Return what a program is started with: as for users, its modules are compiled once."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"COLUMNS": "100"}


def program(*arguments: str) -> list[str]:
    """Return the command line of perfpredict itself."""
    return [sys.executable, "-m", "perfpredict", *arguments]


def grown_bytes(prepare: str, work: str, *arguments: str) -> float:
    """Return by how much a process of its own grows, at its highest, while it runs `work`.

    Both are Python code, given `arguments` in sys.argv; what `prepare` loads and frees does not
    count. Linux forgets the highest mark where 5 is written to clear_refs.
    """
    script = f"""
import gc, re, sys
from pathlib import Path
def kib(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
{prepare}
gc.collect()
Path("/proc/self/clear_refs").write_text("5")
before = kib("VmRSS")
{work}
print(kib("VmHWM") - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE, text=True, check=True, env=_environment(),
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1]) * 1024.0
