"""Compares ways to learn the residual of the roofline sum on forward passes, all on the same folds.

    python scripts/compare_learners.py MEASUREMENTS.parquet [--only NAME ...]

For each variant: median APE of latency for models that were left out (five folds, models of one
name together) and for left-out architectures, of image models on GPUs, on the CPU, and of the
other licensed rows. Every variant that was tried with it is listed.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray
from train_reference import usable_rows

from perfpredict.features import FEATURES, KIND_FEATURES, SHAPE_FEATURES
from perfpredict.models.observations import describe, fold_numbers
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.work_kinds import FORWARD, kind_of_work
from perfpredict.services.protocols_rows import ScoredRow

Floats = NDArray[np.float64]

SHIPPED = {
    "objective": "huber", "alpha": 0.3, "learning_rate": 0.08, "num_leaves": 47,
    "min_data_in_leaf": 4, "lambda_l2": 0.3, "feature_fraction": 0.8, "bagging_fraction": 0.8,
    "bagging_freq": 1, "extra_trees": True, "num_threads": 1, "deterministic": True,
    "force_row_wise": True, "seed": 0, "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Changes to what ships."""

    parameters: dict[str, object]
    rounds: int = 1000
    weight_power: float = 0.25
    without: str = r"$^"
    """Features whose names match are left out."""


VARIANTS = {
    "as shipped": Variant(parameters={}),
    "no weights": Variant(parameters={}, weight_power=0.0),
    "square-root weights": Variant(parameters={}, weight_power=0.5),
    "best thresholds, not random ones": Variant(parameters={"extra_trees": False}),
    "coarser leaves (20 rows)": Variant(parameters={"min_data_in_leaf": 20}),
    "31 leaves, 800 rounds at 0.05": Variant(
        parameters={"num_leaves": 31, "learning_rate": 0.05}, rounds=800
    ),
    "63 leaves": Variant(parameters={"num_leaves": 63}),
    "squared error": Variant(parameters={"objective": "l2"}),
    "without the framework's release": Variant(parameters={}, without="framework_released"),
    "without finer kinds of operations": Variant(
        parameters={}, without="|".join(f"^{re.escape(name)}$" for name in KIND_FEATURES)
    ),
    "without shapes of operations": Variant(
        parameters={}, without="|".join(f"^{re.escape(name)}$" for name in SHAPE_FEATURES)
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Forward rows as every variant sees them."""

    rows: Sequence[ScoredRow]
    matrix: Floats
    target: Floats
    """ln(measured / roofline)"""

    @classmethod
    def of(cls, rows: Sequence[ScoredRow]) -> "Data":
        prior, cases = RooflinePredictor(), [row.case for row in rows]
        measured = np.array([row.latency_ms for row in rows])
        return cls(
            rows=rows,
            matrix=describe(cases, prior.constants).matrix,
            target=np.log(measured / prior.latencies_ms(cases)),
        )

    def weights(self, power: float) -> Floats:
        models = Counter(row.model for row in self.rows)
        devices = Counter(row.case.device.name for row in self.rows)
        sizes = [models[row.model] * devices[row.case.device.name] for row in self.rows]
        return np.array(sizes, dtype=np.float64) ** -power


def left_out_errors(data: Data, variant: Variant, groups: Sequence[str]) -> Floats:
    """Return |predicted / measured - 1| of each row, predicted without its group."""
    kept = [not re.search(variant.without, name) for name in FEATURES]
    matrix, weights = data.matrix[:, kept], data.weights(variant.weight_power)
    folds = fold_numbers(groups, seed=0)
    answers = np.empty(len(groups))
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        rows = lightgbm.Dataset(matrix[inside], label=data.target[inside], weight=weights[inside])
        booster = lightgbm.train(SHIPPED | variant.parameters, rows, variant.rounds)
        answers[outside] = booster.predict(matrix[outside], num_threads=1)
    return np.abs(np.expm1(answers - data.target))


GROUPS: dict[str, Callable[[ScoredRow], str]] = {
    "unseen model": lambda row: row.model,
    "unseen architecture": lambda row: row.architecture,
}
SLICES: dict[str, Callable[[ScoredRow], bool]] = {
    "vision, GPU": lambda row: row.source == "timm" and row.case.device.kind.value == "gpu",
    "vision, CPU": lambda row: row.source == "timm" and row.case.device.kind.value == "cpu",
    "others": lambda row: row.source != "timm",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--only", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    arguments = parser.parse_args()
    rows = [
        row
        for row in usable_rows(arguments.measurements)
        if kind_of_work(row.case.workload) == FORWARD
    ]
    data = Data.of(rows)
    chosen = {name: np.array([keep(row) for row in rows]) for name, keep in SLICES.items()}
    heads = [f"{group}: {name}" for group in GROUPS for name in SLICES]
    print(f"| variant | {' | '.join(heads)} |\n|{' --- |' * (len(heads) + 1)}")
    for name in arguments.only:
        cells = []
        for key in GROUPS.values():
            errors = left_out_errors(data, VARIANTS[name], [key(row) for row in rows])
            cells += [f"{np.median(errors[own]):.1%}" for own in chosen.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
