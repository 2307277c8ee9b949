"""Rows to try things with, and a look at what a database holds afterwards."""

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perfpredict.domain.device import Device, DeviceKind, Platform, ResolvedDevice
from perfpredict.domain.measurement import Measurement
from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction
from perfpredict.domain.workload import Workload
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurements
from perfpredict.store.predictions import insert_predictions

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
RECORD_ARGUMENTS = ("bert-base-uncased", "--hardware", "nvidia-l4", "--latency", "8ms", "-q")
"""A measurement of a model and a device that the catalog knows."""
ERRORS_PER_MEASUREMENT = 3


def make_predicted(path: Path, now: datetime | None = None) -> None:
    """Make a database with the one prediction that the scripts' measurements belong to."""
    with Store.open(path, Access.WRITE) as store:
        insert_predictions(store, [a_prediction(now or datetime.now(UTC))], user=None)


def make_measured(path: Path, rows: int) -> None:
    """Make a database with a prediction and `rows` measurements of it, all different."""
    now = datetime.now(UTC)
    make_predicted(path, now - timedelta(minutes=1))
    with Store.open(path, Access.WRITE) as store:
        record_measurements(store, [a_measurement(now, 1.0 + place / 8) for place in range(rows)])


def a_prediction(at: datetime) -> Prediction:
    """Return a prediction of workload `m` on device `d`, with all three metrics."""
    device = Device(
        name="d", vendor="nvidia", kind=DeviceKind.GPU, platform=Platform.CUDA,
        memory_bytes=24 * 2**30, bandwidth_bytes_per_s=3e11,
        peak_flops_per_s={Precision.FP32: 3e13},
    )  # fmt: skip
    return Prediction(
        workload=Workload(model="m"),
        hardware=ResolvedDevice(requested="d", device=device, how="name"),
        latency_ms=_estimate(8.0),
        throughput_per_s=_estimate(125.0),
        throughput_unit=ThroughputUnit.SAMPLES,
        memory_bytes=_estimate(2.0**30),
        memory_capacity_bytes=24.0 * 2**30,
        fits=True,
        basis=Basis.ROOFLINE,
        predictor="roofline",
        predictor_version="1",
        prediction_id=new_id(IdKind.PREDICTION, at),
        created_at=at,
    )


def a_measurement(at: datetime, latency_ms: float = 8.0) -> Measurement:
    """Return a measurement of `m` on `d`, with all three metrics."""
    return Measurement(
        workload=Workload(model="m"), device="d", hardware_platform="cuda", measured_at=at,
        latency_ms=latency_ms, throughput_per_s=1000 / latency_ms, memory_bytes=1e9 + latency_ms,
    )  # fmt: skip


def unpack_golden(version: int, path: Path) -> Path:
    """Write the database that the code of schema `version` made to `path`; returns `path`."""
    path.write_bytes(gzip.decompress((GOLDEN / f"schema-{version}.duckdb.gz").read_bytes()))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a database holds, as far as it must hang together."""

    measurement_ids: tuple[str, ...]
    """Ascending."""
    errors_by_measurement: dict[str, int]

    @property
    def half_rows(self) -> list[str]:
        """Measurements without their errors, and errors without their measurement."""
        whole = dict.fromkeys(self.measurement_ids, ERRORS_PER_MEASUREMENT)
        return [name for name, _ in whole.items() ^ self.errors_by_measurement.items()]


def held(path: Path) -> Held:
    """Return what the database at `path` holds."""
    with Store.open(path, Access.READ) as store:
        ids = store.rows("select measurement_id from performance_measurements order by 1")
        errors = store.rows(
            "select measurement_id, count(*) from prediction_errors group by 1 order by 1"
        )
    return Held(
        measurement_ids=tuple(str(name) for (name,) in ids),
        errors_by_measurement={str(name): int(str(count)) for name, count in errors},
    )


def _estimate(value: float) -> Estimate:
    return Estimate(value=value, interval=Interval(lower=value / 2, upper=value * 2, coverage=0.9))


RECORD = """
    import sys
    from datetime import datetime, timezone
    from pathlib import Path
    from perfpredict.domain.measurement import Measurement
    from perfpredict.domain.workload import Workload
    from perfpredict.store.access import Access
    from perfpredict.store.gateway import Store
    from perfpredict.store.measurements import record_measurement

    db, count, keeps_open = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "keep"

    def open_store():
        return Store.open(db, Access.WRITE, lock_timeout_s=250)

    def record(store):
        return record_measurement(store, Measurement(
            workload=Workload(model="m"), device="d", hardware_platform="cuda",
            measured_at=datetime.now(timezone.utc),
            latency_ms=8.0, throughput_per_s=125.0, memory_bytes=1e9,
        )).measurement_id

    print("ready", flush=True)
    sys.stdin.readline()
    if keeps_open:
        store = open_store()
        for _ in range(count):
            print(record(store), flush=True)
        if sys.argv[4:] == ["die"]:
            import os
            os._exit(0)
        store.close()
    else:
        for _ in range(count):
            with open_store() as store:
                done = record(store)
            print(done, flush=True)
"""
"""Records argv[2] measurements, told after each commit; begins after a line on standard input.

argv[3] is `keep` for one open database or `each` for opening it anew; `die` leaves the log behind.
"""
