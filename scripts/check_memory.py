"""Prints how far the memory formula and the learned correction are from published memory.

    python scripts/check_memory.py MEASUREMENTS.parquet

Every fitted variant is scored on rows that its folds left out: whole models, or whole devices.
Generation rows are what PyTorch allocated; training rows are what the driver showed, to which
the formula adds the documented size of a context. `timm` runs state no memory, but halved their
batch until it fitted, so each brackets it: this batch fitted, the next larger one did not.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import lightgbm
import numpy as np
from memory_rows import MemoryRow, memory_rows
from numpy.typing import NDArray

from perfpredict.domain.workload import Mode
from perfpredict.models.conformal import Calibration
from perfpredict.models.memory import CONTEXT_BYTES, fits, memory_use
from perfpredict.models.memory_fit import group_weights, left_out_bytes
from perfpredict.models.memory_interval import memory_interval, situation
from perfpredict.models.memory_parts import PARTS, part_matrix
from perfpredict.models.observations import FOLDS, fold_numbers

Floats = NDArray[np.float64]
Folds = NDArray[np.int64]
LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Batch sizes that `timm`'s benchmark retries with, smallest first."""
FIRST_TRIES = {Mode.TRAINING: (512,), Mode.INFERENCE: (256, 512, 1024)}
"""Batch sizes that runs began with, so that a larger one was never tried."""
LEVEL = 0.9
RIDGE = 0.01
LEARNED_PARTS = tuple(part.name for part in PARTS if not part.expected)


class Table:
    """Rows of one kind with what the variants need of them."""

    def __init__(self, rows: Sequence[MemoryRow]) -> None:
        self.rows = list(rows)
        self.cases = [row.case for row in rows]
        self.measured = np.array([row.memory_bytes for row in rows], dtype=np.float64)
        context = np.array([CONTEXT_BYTES if row.has_context else 0.0 for row in rows])
        self.formula: Floats = np.array([memory_use(case).total for case in self.cases]) + context
        self.parts = part_matrix(self.cases)
        self.models = [case.workload.model for case in self.cases]
        self.devices = [case.device.name for case in self.cases]

    def shares(self) -> Floats:
        """Return the parts over the formula's total."""
        return np.asarray(self.parts / self.formula[:, None], dtype=np.float64)


Variant = Callable[[Table, Folds], Floats]


def nothing_learned(table: Table, folds: Folds) -> Floats:
    return table.formula


def level_by_scheme(table: Table, folds: Folds) -> Floats:
    """Return the formula times the median ratio of the scheme's other rows."""
    ratios = np.log(table.measured / table.formula)
    schemes = np.array([row.scheme for row in table.rows])
    answer = table.formula.copy()
    for fold in np.unique(folds):
        for scheme in np.unique(schemes):
            inside = (folds != fold) & (schemes == scheme)
            outside = (folds == fold) & (schemes == scheme)
            if inside.any():
                answer[outside] *= np.exp(np.median(ratios[inside]))
    return answer


def ridge_on_shares(table: Table, folds: Folds) -> Floats:
    """Return the formula times exp(linear in the parts' shares)."""
    ratios, answer = np.log(table.measured / table.formula), table.formula.copy()
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        mean = table.shares()[inside].mean(axis=0)
        spread = table.shares()[inside].std(axis=0) + 1e-9
        scaled = np.clip((table.shares() - mean) / spread, -4, 4)
        scaled = np.column_stack([np.ones(len(scaled)), scaled])
        square = scaled[inside].T @ scaled[inside]
        square += RIDGE * inside.sum() * np.eye(scaled.shape[1])
        found = np.linalg.solve(square, scaled[inside].T @ ratios[inside])
        answer[outside] *= np.exp(scaled[outside] @ found)
    return answer


def trees_on_shares(table: Table, folds: Folds) -> Floats:
    """Return the formula times exp(trees on the parts' shares)."""
    return np.multiply(table.formula, _trees(table, folds, table.formula))


def sum_of_parts(table: Table, folds: Folds) -> Floats:
    return left_out_bytes(table.parts, table.measured, group_weights(table.models), folds)


def sum_without(*names: str) -> Variant:
    """Return the variant that sums all parts but those of `names`."""
    is_counted = np.array([part.name not in names for part in PARTS], dtype=np.float64)

    def predict(table: Table, folds: Folds) -> Floats:
        weights = group_weights(table.models)
        return left_out_bytes(table.parts * is_counted, table.measured, weights, folds)

    return predict


def sum_then_trees(table: Table, folds: Folds) -> Floats:
    """Return the sum of parts times exp(small trees on what it leaves of the other folds)."""
    base = sum_of_parts(table, folds)
    return base * _trees(table, folds, base, leaves=7, rounds=100)


VARIANTS: dict[str, Variant] = {
    "formula": nothing_learned,
    "formula x level of the scheme": level_by_scheme,
    "formula x ridge on shares": ridge_on_shares,
    "formula x trees on shares": trees_on_shares,
    "sum of the formula's parts": sum_without(*LEARNED_PARTS),
    "sum without position tables": sum_without("position_tables"),
    "sum without causal masks": sum_without("causal_masks"),
    "sum without prompt logits": sum_without("prompt_logits"),
    "sum without int8 outliers": sum_without("int8_weights"),
    "**sum of all parts** (`fit_memory`)": sum_of_parts,
    "sum of all parts x small trees": sum_then_trees,
}


def _trees(
    table: Table, folds: Folds, base: Floats, *, leaves: int = 15, rounds: int = 300
) -> Floats:
    answer = np.ones_like(base)
    parameters = {
        "objective": "huber", "alpha": 0.1, "learning_rate": 0.05, "num_leaves": leaves,
        "min_data_in_leaf": 10, "num_threads": 1, "verbosity": -1, "seed": 0,
        "deterministic": True,
    }  # fmt: skip
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        label = np.log(table.measured / base)[inside]
        data = lightgbm.Dataset(table.shares()[inside], label=label)
        booster = lightgbm.train(parameters, data, num_boost_round=rounds)
        answer[outside] = np.exp(np.asarray(booster.predict(table.shares()[outside])))
    return answer


def scored_table(title: str, table: Table) -> str:
    """Return one Markdown table: every variant under both protocols, by scheme."""
    schemes = sorted({row.scheme for row in table.rows})
    by_model = fold_numbers(table.models, seed=0, folds=min(FOLDS, len(set(table.models))))
    names = {name: place for place, name in enumerate(sorted(set(table.devices)))}
    by_device = np.array([names[name] for name in table.devices], dtype=np.int64)
    models, devices = len(set(table.models)), len(names)
    head = ["variant", "unseen model: mean", "median", "p90", "device left out: mean", "median"]
    lines = [
        f"\n## {title}\n\n{len(table.rows)} rows, {models} models, {devices} devices\n",
        "| " + " | ".join([*head, *schemes]) + " |",
        "| " + " | ".join("---" for _ in [*head, *schemes]) + " |",
    ]
    for name, variant in VARIANTS.items():
        seen = np.abs(variant(table, by_model) / table.measured - 1.0)
        moved = np.abs(variant(table, by_device) / table.measured - 1.0)
        cells = [seen.mean(), np.median(seen), np.quantile(seen, 0.9), moved.mean()]
        cells += [np.median(moved)]
        for scheme in schemes:
            cells.append(seen[[row.scheme == scheme for row in table.rows]].mean())
        lines.append(f"| {name} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |")
    return "\n".join(lines)


def coverage_lines(table: Table) -> list[str]:
    """Return how often the shipped interval and the conformal one hold, by situation."""
    folds = fold_numbers(table.models, seed=0, folds=min(FOLDS, len(set(table.models))))
    predicted = sum_of_parts(table, folds)
    residuals = np.log(table.measured / predicted)
    inside: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
    for fold in np.unique(folds):
        others = folds != fold
        groups = [name for name, is_other in zip(table.models, others, strict=True) if is_other]
        kinds = [(situation(table.cases[place]),) for place in np.flatnonzero(others)]
        calibration = Calibration.of(residuals[others], groups, kinds)
        for place in np.flatnonzero(~others):
            factors = calibration.factors((situation(table.cases[place]),), LEVEL)
            shipped = memory_interval(table.cases[place], float(table.formula[place]), LEVEL)
            inside[situation(table.cases[place])].append(
                (
                    bool(shipped.lower <= table.measured[place] <= shipped.upper),
                    bool(factors.lower <= residuals[place] <= factors.upper),
                    float(np.exp(factors.upper - factors.lower)),
                )
            )
    return [
        f"| {name} | {len(found)} | {np.mean([one[0] for one in found]):.1%} "
        f"| {np.mean([one[1] for one in found]):.1%} | {np.mean([one[2] for one in found]):.2f} |"
        for name, found in sorted(inside.items())
    ]


def capacity_lines(rows: Sequence[MemoryRow]) -> list[str]:
    """Return which share of `timm` runs, all of which ran, is said to fit, and the brackets."""
    by_kind: dict[str, list[MemoryRow]] = defaultdict(list)
    for row in rows:
        way = "compiled" if row.case.workload.is_compiled else "eager"
        by_kind[f"{row.case.workload.mode}, {way}"].append(row)
    lines = []
    for kind, members in sorted(by_kind.items()):
        said = np.mean([fits(row.case) for row in members])
        brackets = [bracket for row in members if (bracket := bracket_of(row))]
        low, high = np.array(brackets).T
        held = np.mean([holds(row) for row in members if bracket_of(row)])
        lines.append(
            f"| {kind} | {len(members)} | {said:.1%} | {len(brackets)} "
            f"| {np.mean((low <= 1) & (high > 1)):.0%} | {np.median(np.sqrt(low * high)):.2f} "
            f"| {np.quantile(low, 0.05):.2f} to {np.quantile(high, 0.95):.2f} | {held:.1%} |"
        )
    return lines


def bracket_of(row: MemoryRow) -> tuple[float, float] | None:
    """Return measured over predicted memory as a range, None where no larger batch was tried."""
    workload = row.case.workload
    batch = workload.batch_size
    if batch not in LADDER[:-1] or batch in FIRST_TRIES[workload.mode]:
        return None
    use = memory_use(row.case)
    step = LADDER[LADDER.index(batch) + 1] / batch
    plain = float(row.case.device.memory_bytes) - CONTEXT_BYTES
    return plain / (use.total + use.activations * (step - 1.0)), plain / use.total


def holds(row: MemoryRow) -> bool:
    """Return whether the shipped interval meets the bracket."""
    bracket = bracket_of(row)
    assert bracket is not None
    interval = memory_interval(row.case, 1.0, LEVEL)
    return interval.lower <= bracket[1] and bracket[0] <= interval.upper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    rows = list(memory_rows(parser.parse_args().measurements))
    stated = [row for row in rows if row.memory_bytes is not None]
    generation = [row for row in stated if row.case.workload.mode is Mode.INFERENCE]
    tables = {
        "Generation": [row for row in generation if not row.is_speed_suspect],
        "Generation, AWQ and GPTQ": [row for row in generation if row.is_speed_suspect],
        "Training": [row for row in stated if row.case.workload.mode is Mode.TRAINING],
    }
    built = {title: Table(members) for title, members in tables.items() if members}
    for title, table in built.items():
        print(scored_table(title, table))
    print("\n## Intervals of 90 %\n")
    print("| situation | rows | formula: inside | learned: inside | upper/lower |")
    print("| --- | --- | --- | --- | --- |")
    for title in ("Generation", "Training"):
        print("\n".join(coverage_lines(built[title])))
    print("\n## Runs that filled a card\n")
    print("| kind | runs | said to fit | bracketed | formula inside | measured/predicted | range "
          "| interval meets |")  # fmt: skip
    print("| " + "--- | " * 8)
    print("\n".join(capacity_lines([row for row in rows if row.memory_bytes is None])))


if __name__ == "__main__":
    main()
