"""Fits the constants of the roofline sum to licensed published rows and writes them as JSON.

    python scripts/fit_roofline.py MEASUREMENTS.parquet [--write]

Stages: convolutions, matrix products and traffic of GPUs from image models; the same for CPUs;
framework, phase and multi-device terms from text generation. Every stage minimises a robust
(soft L1) loss of log(measured / predicted), shrunk towards `initial_constants.py`, with every
(source, device, framework, mode) weighted by the square root of its rows. The intervals come from
refits that leave out one device, or one architecture family, at a time.
"""

import argparse
import copy
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from initial_constants import VENDOR_LEVELS, initial_constants
from numpy.typing import NDArray
from published_rows import PublishedRow, licensed_rows, published_rows
from scipy.optimize import least_squares

from perfpredict.domain.device import DeviceKind
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import CONSTANTS_FILE, RESIDUAL_LEVELS, parse_constants
from perfpredict.models.memory import fits
from perfpredict.models.op_arrays import OpArrays, pack
from perfpredict.models.roofline_situation import framework_key
from perfpredict.models.roofline_sum import roofline_sum

Floats = NDArray[np.float64]
Path_ = tuple[str, ...]
"""Keys that lead to one constant in the JSON form."""

OUTPUT = Path(__file__).parent.parent / "src" / "perfpredict" / "models" / CONSTANTS_FILE
FRAMEWORKS = frozenset(initial_constants()["frameworks"])
SHRINKAGE = 0.15
"""Weight of a constant's log distance from its starting value, against one log residual."""
FEWEST_DEVICE_ROWS = 20
"""A device with fewer published rows does not shape the intervals."""
FACTOR_BY_DEVICES = {1: 2.0, 2: 1.5, 3: 1.5, 4: 1.25}
"""By how much the quantiles from so few devices are widened; a judgement, not a measurement."""
MAX_FIT_ROWS = 1500
"""Rows drawn per stage and fit; more changed the medians by less than their noise."""


def stage_parameters(stage: str, raw: dict[str, Any], rows: Sequence[PublishedRow]) -> list[Path_]:
    """Return which constants a stage may move, given the rows it sees."""
    kind = "cpu" if stage == "cpu" else "gpu"
    classes = raw["kinds"]["gpu"]["compute"]
    matrix = [c for c in classes if c.startswith("conv") or c in ("linear", "matmul", "attention")]
    keys = sorted({framework_key(row.case, raw["frameworks"]) for row in rows})
    chosen: list[Path_] = []
    if stage == "generation":
        chosen += [("kinds", "gpu", "memory", c) for c in ("linear", "attention")]
        chosen += [("kinds", "gpu", "level", "accelerator"), ("link_share",)]
        vendors = {row.case.device.vendor for row in rows}
        pairs = {f"{row.case.device.vendor}/{row.case.workload.framework}" for row in rows}
        chosen += [("kinds", "gpu", "level", n) for n in VENDOR_LEVELS if n in vendors | pairs]
        chosen += [
            ("frameworks", key, name)
            for key in keys
            for name in ("host_s", "pass_s", "level", "sync_s")
        ]
        return chosen
    chosen += [("kinds", kind, "compute", c) for c in matrix]
    chosen += [("kinds", kind, "memory", c) for c in classes]
    chosen += [("kinds", kind, name) for name in ("kernel_s", "cache_gain")]
    if stage == "gpu":
        chosen += [("kinds", kind, "level", name) for name in ("nhwc", "training")]
    if stage == "gpu":
        chosen += [("frameworks", "pytorch+compiled", "fused_traffic")]
        chosen += [("frameworks", "pytorch+compiled", "level")]
    return chosen


def stage_of(row: PublishedRow) -> str:
    """Return the stage that fits a row."""
    if row.case.device.kind is DeviceKind.CPU and row.case.workload.phase is None:
        return "cpu"
    return "gpu" if row.case.workload.phase is None else "generation"


def group_of(row: PublishedRow) -> str:
    """Return the group whose rows share a weight."""
    work = row.case.workload
    parts = (row.source, row.case.device.name, framework_key(row.case, FRAMEWORKS), work.mode)
    return "/".join(str(part) for part in (*parts, work.memory_format, work.device_count > 1))


def read(raw: dict[str, Any], path: Path_) -> float:
    node: Any = raw
    for key in path:
        node = node[key]
    return float(node)


def write(raw: dict[str, Any], path: Path_, value: float) -> None:
    node: Any = raw
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


def residuals(rows: Sequence[PublishedRow], arrays: OpArrays, raw: dict[str, Any]) -> Floats:
    """Return log(measured / predicted) of `rows` under the constants `raw`."""
    constants = parse_constants(json.dumps(raw))
    predicted_s = roofline_sum([row.case for row in rows], arrays, constants).latency_s
    measured_s = np.array([row.latency_ms for row in rows]) / 1e3
    return np.asarray(np.log(measured_s / predicted_s), dtype=np.float64)


def thin(rows: Sequence[PublishedRow], seed: int) -> list[PublishedRow]:
    """Return at most MAX_FIT_ROWS rows, drawn evenly over the groups."""
    if len(rows) <= MAX_FIT_ROWS:
        return list(rows)
    by_group: dict[str, list[PublishedRow]] = defaultdict(list)
    for row in rows:
        by_group[group_of(row)].append(row)
    rng = np.random.default_rng(seed)
    each = max(MAX_FIT_ROWS // len(by_group), 1)
    return [
        members[i]
        for _, members in sorted(by_group.items())
        for i in sorted(rng.permutation(len(members))[:each])
    ]


def fit_stage(
    stage: str, rows: Sequence[PublishedRow], raw: dict[str, Any], seed: int = 0
) -> dict[str, Any]:
    """Return the constants after a stage; rows of other stages are ignored."""
    chosen = thin([row for row in rows if stage_of(row) == stage], seed)
    start = initial_constants()
    if len(chosen) < 20:
        return raw
    # constants move by factors, so one that is nothing stays nothing
    parameters = [path for path in stage_parameters(stage, raw, chosen) if read(start, path) > 0]
    centre = np.log([read(start, path) for path in parameters])
    counts: dict[str, int] = defaultdict(int)
    for row in chosen:
        counts[group_of(row)] += 1
    weights = np.array([counts[group_of(row)] ** -0.25 for row in chosen])
    arrays = pack([row.case for row in chosen])
    moved = copy.deepcopy(raw)

    def loss(theta: Floats) -> Floats:
        for path, value in zip(parameters, theta, strict=True):
            write(moved, path, float(np.exp(value)))
        data = weights * residuals(chosen, arrays, moved)
        return np.concatenate([data, SHRINKAGE * np.sqrt(len(parameters)) * (theta - centre)])

    first = np.log([read(raw, path) for path in parameters])
    found = least_squares(loss, first, loss="soft_l1", f_scale=0.1, max_nfev=25)
    for path, value in zip(parameters, found.x, strict=True):
        write(moved, path, float(np.exp(value)))
    return moved


def fit(rows: Sequence[PublishedRow], seed: int = 0) -> dict[str, Any]:
    """Return constants fitted to `rows`, all stages one after another."""
    raw = initial_constants()
    for stage in ("gpu", "cpu", "generation"):
        raw = fit_stage(stage, rows, raw, seed)
    return raw


def left_out(
    rows: Sequence[PublishedRow],
    stage: str,
    fitted: dict[str, Any],
    group: Callable[[PublishedRow], str],
    folds: int,
) -> tuple[list[PublishedRow], Floats]:
    """Return rows of a stage with their residuals under constants fitted without their fold."""
    members = [row for row in rows if stage_of(row) == stage]
    names = sorted({group(row) for row in members})
    order = np.random.default_rng(0).permutation(len(names))
    fold_of = {names[i]: position % folds for position, i in enumerate(order)}
    tested: list[PublishedRow] = []
    found: list[Floats] = []
    for fold in range(min(folds, len(names))):
        inside = [row for row in members if fold_of[group(row)] != fold]
        outside = [row for row in members if fold_of[group(row)] == fold]
        raw = fit_stage(stage, inside, copy.deepcopy(fitted))
        found.append(residuals(outside, pack([row.case for row in outside]), raw))
        tested += outside
    return tested, np.concatenate(found)


def quantiles(values: Floats) -> list[float]:
    """Return |residual| at RESIDUAL_LEVELS, with the finite-sample correction of conformal sets."""
    ordered = np.sort(np.abs(values))
    n = len(ordered)
    ranks = [min(int(np.ceil(level * (n + 1))), n) - 1 for level in RESIDUAL_LEVELS]
    return [round(float(ordered[rank]), 4) for rank in ranks]


def summary(rows: Sequence[PublishedRow], values: Floats) -> str:
    """Return a table of median APE and bias per group."""
    by_group: dict[str, list[float]] = defaultdict(list)
    for row, value in zip(rows, values, strict=True):
        by_group[group_of(row)].append(float(value))
    lines = []
    for name, members in sorted(by_group.items()):
        ape = np.abs(np.expm1(-np.array(members)))
        lines.append(
            f"{name:70s} n={len(members):5d} median APE {np.median(ape):6.1%} "
            f"bias {np.mean(-np.array(members)):+.2f}"
        )
    return "\n".join(lines)


def balanced(rows: Sequence[PublishedRow], values: Floats, seed: int = 0) -> Floats:
    """Return residuals in which every device counts alike, by drawing with replacement."""
    by_device: dict[str, list[float]] = defaultdict(list)
    for row, value in zip(rows, values, strict=True):
        by_device[row.case.device.name].append(float(value))
    rng = np.random.default_rng(seed)
    draws = [rng.choice(np.array(members), 2000) for _, members in sorted(by_device.items())]
    return np.concatenate(draws)


def starts_by_stage(rows: Sequence[PublishedRow]) -> dict[str, dict[str, Any]]:
    """Return what each stage starts from: only generation builds on another stage's constants."""
    start = initial_constants()
    return {"gpu": start, "cpu": start, "generation": fit_stage("gpu", rows, start)}


def interval_tables(rows: Sequence[PublishedRow], fitted: dict[str, Any]) -> dict[str, list[float]]:
    """Return |log residual| quantiles per situation, each from rows whose device was left out.

    Few devices say little about how much devices differ, so their quantiles are widened. Image
    models on CPUs were published for one CPU: its residuals under the fit are widened most.
    """
    tested: list[PublishedRow] = []
    parts: list[Floats] = []
    for stage, start in starts_by_stage(rows).items():
        if stage == "cpu":
            stage_rows = [row for row in rows if stage_of(row) == stage]
            values = residuals(stage_rows, pack([row.case for row in stage_rows]), fitted)
        else:
            stage_rows, values = left_out(rows, stage, start, lambda row: row.case.device.name, 12)
        print(f"\nheld out, {stage}:\n{summary(stage_rows, values)}", file=sys.stderr)
        tested += stage_rows
        parts.append(values)
    values = np.concatenate(parts)
    tables: dict[str, list[float]] = {}
    for name, keep in _SITUATIONS.items():
        chosen = [i for i, row in enumerate(tested) if keep(row)]
        counts = Counter(tested[i].case.device.name for i in chosen)
        members = [i for i in chosen if counts[tested[i].case.device.name] >= FEWEST_DEVICE_ROWS]
        devices = len({tested[i].case.device.name for i in members})
        wider = FACTOR_BY_DEVICES.get(devices, 1.0)
        drawn = balanced([tested[i] for i in members], values[members])
        tables[name] = [round(wider * q, 4) for q in quantiles(drawn)]
        print(f"interval of {name}: {devices} devices, widened by {wider}", file=sys.stderr)
    tables["other"] = [round(1.5 * q, 4) for q in quantiles(balanced(tested, values))]
    return tables


_SITUATIONS: dict[str, Callable[[PublishedRow], bool]] = {
    "cpu/inference": lambda row: stage_of(row) == "cpu",
    "inference": lambda row: stage_of(row) == "gpu" and row.case.workload.mode is Mode.INFERENCE,
    "training": lambda row: row.case.workload.mode is Mode.TRAINING,
    "generation": lambda row: stage_of(row) == "generation",
}


def fitting_share(rows: Sequence[PublishedRow]) -> float:
    """Return the share of training rows, all of which ran, that the memory model lets fit."""
    trained = [row.case for row in rows if row.case.workload.mode is Mode.TRAINING]
    return sum(fits(case) for case in trained) / len(trained)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--write", action="store_true", help="replace the shipped constants")
    arguments = parser.parse_args()
    rows = [row for row in published_rows(licensed_rows(arguments.measurements)) if fits(row.case)]
    print(f"{len(rows)} rows", file=sys.stderr)
    print(f"training rows that fit in memory: {fitting_share(rows):.1%}", file=sys.stderr)
    raw = fit(rows)
    print(summary(rows, residuals(rows, pack([r.case for r in rows]), raw)), file=sys.stderr)
    raw["version"] = "roofline-3"
    raw["residual_quantiles"] = interval_tables(rows, raw)
    text = json.dumps(raw, indent=1, sort_keys=True) + "\n"
    if arguments.write:
        OUTPUT.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
