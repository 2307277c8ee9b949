"""Measure a team store, and simulate 1,000 benchmark hosts that push to it.

    python scripts/measure_team_store.py postgresql://perf@127.0.0.1:5432/empty

The database must be empty. What is measured goes to standard output as the tables of docs/scale.md.
"""

import heapq
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from perfpredict.domain.measurement import Measurement
from perfpredict.domain.workload import Workload
from perfpredict.store import merging
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.maintenance import Place
from perfpredict.store.measurements import record_measurement, record_measurements
from perfpredict.store.places import Location, parse_location

ROWS_PER_PUSH = (1, 600, 9000)
HOSTS = 1000
ROWS_PER_HOST_PER_S = 10
SIMULATED_S = 3600


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one step took."""

    wall_s: float
    cpu_s: float
    """Of this process and of the server, which must run on this machine."""


def main(url: str) -> None:
    """Print every table."""
    team = parse_location(url)
    print(f"DuckDB {duckdb.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    Store.open(team, Access.WRITE).close()
    print("| step | seconds of CPU | seconds on the clock |\n| --- | --- | --- |")
    record_one_by_one(team)
    cost_by_rows = push_files(team)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    line = statistics.linear_regression(
        list(cost_by_rows), [cost.cpu_s for cost in cost_by_rows.values()]
    )
    print(f"a push = {line.intercept:.3f} s + {line.slope * 1e6:.0f} us a row, of CPU\n")
    print("| every host pushes each | share of the time in use | median wait | longest wait |")
    print("| --- | --- | --- | --- |")
    for interval_s in (60, 300, 900, 3600):
        show_simulated(interval_s, max(line.intercept, 0.0), line.slope)


def a_measurement() -> Measurement:
    """Return one measured workload."""
    return Measurement(
        workload=Workload(model="resnet50", batch_size=8),
        device="nvidia-l4", hardware_platform="cuda", measured_at=datetime.now(UTC), latency_ms=8.0,
    )  # fmt: skip


def record_one_by_one(team: Location) -> None:
    """Print what a row costs, with and without opening the store for it."""

    def opened() -> None:
        with Store.open(team, Access.WRITE) as store:
            record_measurement(store, a_measurement())

    show("open, record one row, close", [timed(opened) for _ in range(3)])
    with Store.open(team, Access.WRITE) as store:
        costs = [timed(lambda: record_measurement(store, a_measurement())) for _ in range(5)]
    show("record one row more", costs)


def push_files(team: Location) -> dict[int, Cost]:
    """Print what a push costs; returns it by how many rows are new."""
    cost_by_rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in ROWS_PER_PUSH:
            costs = []
            for attempt in range(3):
                here = Place(path=Path(folder) / f"{rows}-{attempt}.duckdb")
                with here.open(Access.WRITE) as store, store.transaction():
                    record_measurements(store, [a_measurement() for _ in range(rows)])
                costs.append(timed(partial(merging.push, here, Place(path=team))))
            cost_by_rows[rows] = show(f"push a file with {rows} new rows", costs)
        again = timed(partial(merging.push, here, Place(path=team)))
        show(f"push it again, {ROWS_PER_PUSH[-1]} rows known", [again])
        all_rows = Place(path=Path(folder) / "all.duckdb")
        pulled = timed(lambda: merging.push(Place(path=team), all_rows))
        show(f"pull all {3 * sum(ROWS_PER_PUSH) + 8} rows into a file", [pulled])
    return cost_by_rows


def timed(step: Callable[[], object]) -> Cost:
    """Return what `step` cost."""
    wall_s, cpu_s = time.perf_counter(), time.process_time() + server_cpu_s()
    step()
    return Cost(
        wall_s=time.perf_counter() - wall_s,
        cpu_s=time.process_time() + server_cpu_s() - cpu_s,
    )


def server_cpu_s() -> float:
    """Return the CPU seconds of all PostgreSQL processes here, ended ones included."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = file.read_text(encoding="ascii").rpartition(")")
            if name.endswith("(postgres"):
                ticks += sum(int(number) for number in rest.split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def show(step: str, costs: list[Cost]) -> Cost:
    """Print one line of the table, and return it: medians."""
    cost = Cost(
        wall_s=statistics.median(cost.wall_s for cost in costs),
        cpu_s=statistics.median(cost.cpu_s for cost in costs),
    )
    print(f"| {step} | {cost.cpu_s:.2f} | {cost.wall_s:.2f} |", flush=True)
    return cost


def show_simulated(interval_s: float, fixed_s: float, per_row_s: float) -> None:
    """Print how long pushes wait for their turn when every host pushes at its own moment.

    Turns are served one at a time, in the order of arrival.
    """
    chance = random.Random(1)
    turn_s = fixed_s + per_row_s * ROWS_PER_HOST_PER_S * interval_s
    arrivals = [chance.uniform(0, interval_s) for _ in range(HOSTS)]
    heapq.heapify(arrivals)
    free_at, waits = 0.0, []
    while (arrival := heapq.heappop(arrivals)) < SIMULATED_S + interval_s:
        begin = max(arrival, free_at)
        free_at = begin + turn_s
        waits.append(begin - arrival)
        # the next push of a host begins an interval after this one began
        heapq.heappush(arrivals, max(arrival + interval_s, free_at))
    share = HOSTS * turn_s / interval_s
    told = (
        f"{statistics.median(waits):.1f} s | {max(waits):.1f} s" if share < 1 else "grows | grows"
    )
    print(f"| {interval_s} s ({ROWS_PER_HOST_PER_S * interval_s} rows) | {share:.0%} | {told} |")


if __name__ == "__main__":
    main(sys.argv[1])
