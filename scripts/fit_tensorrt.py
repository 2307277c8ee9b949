"""Fits how matrix units fall behind their peak, and what TensorRT fuses, on MLPerf's rows.

    python scripts/fit_tensorrt.py MEASUREMENTS.parquet

Five constants of models/roofline_constants.json: `operand_exponent` of GPUs, and of the framework
`tensorrt` the traffic and launches that fusing leaves, the host's time of a launch and of a pass.
They are fitted on all rounds and on all but each; what is printed is the error of each round under
either, with today's constants first. Licensed rows alone; recommenders, whose embedding tables are
no products, are left out.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from published_rows import PublishedRow, expressible_rows, licensed_rows, published_rows
from scipy.optimize import minimize

from perfpredict.domain.device import DeviceKind
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import Constants, load_constants
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

Floats = NDArray[np.float64]
NAMES = ("operand_exponent", "fused_traffic", "fused_launches", "host_s", "pass_s")
START = np.array([0.2, 0.1, 0.3, 2e-6, 5e-5])
WIDTHS = np.array([0.5, 1.0, 1.0, 0.7, 1.0])
"""Natural logarithms that a constant may differ from START by at the cost of one PENALTY."""
PENALTY = 0.002
HUBER = 0.3
FAMILIES = frozenset({"vision", "text_embedding", "audio", "diffusion"})
EVALUATIONS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is fitted to."""

    cases: Sequence[Case]
    log_ms: Floats
    """(n,) measured."""
    weights: Floats
    """(n,) so that no round, family and device outvotes another."""
    rounds: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[PublishedRow]) -> "Rows":
        """Return them from published rows."""
        cells = [(row.source, row.case.workload.family, row.case.device.name) for row in rows]
        counts = Counter(cells)
        return cls(
            cases=[row.case for row in rows],
            log_ms=np.log([row.latency_ms for row in rows]),
            weights=np.array([counts[cell] ** -0.5 for cell in cells]),
            rounds=np.array([row.source for row in rows], dtype=str),
        )

    def residuals(self, constants: Constants) -> Floats:
        """Return (n,) ln(predicted / measured)."""
        return np.log(RooflinePredictor(constants).latencies_ms(self.cases)) - self.log_ms


def constants_of(values: Floats) -> Constants:
    """Return today's constants with other values of NAMES."""
    found = dict(zip(NAMES, values.tolist(), strict=True))
    today = load_constants()
    gpu = replace(today.kinds["gpu"], operand_exponent=found.pop("operand_exponent"))
    tensorrt = replace(today.frameworks["tensorrt"], **found)
    return replace(
        today,
        kinds={**today.kinds, "gpu": gpu},
        frameworks={**today.frameworks, "tensorrt": tensorrt},
    )


def fitted(rows: Rows, chosen: NDArray[np.bool_]) -> Floats:
    """Return the values of NAMES that fit the chosen rows best."""

    def loss(logs: Floats) -> float:
        size = np.abs(rows.residuals(constants_of(np.exp(logs)))[chosen])
        each = np.where(size < HUBER, size**2 / 2.0, HUBER * (size - HUBER / 2.0))
        own = float((each * rows.weights[chosen]).sum() / rows.weights[chosen].sum())
        return own + PENALTY * float((((logs - np.log(START)) / WIDTHS) ** 2).sum())

    found = minimize(loss, np.log(START), method="Nelder-Mead", options={"maxfev": EVALUATIONS})
    return np.asarray(np.exp(found.x))


def tell(title: str, rows: Rows, constants: Constants) -> None:
    """Print the median error and bias of each round."""
    residuals = rows.residuals(constants)
    errors = np.abs(np.expm1(residuals))
    parts = [
        f"{name} {100 * np.median(errors[own]):.1f} % ({np.exp(np.median(residuals[own])):.2f})"
        for name in np.unique(rows.rounds)
        if (own := rows.rounds == name).any()
    ]
    print(f"{title}: {', '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    frame = expressible_rows(licensed_rows(parser.parse_args().measurements))
    rows = Rows.of([row for row in published_rows(frame) if is_fitted(row)])
    tell("today's constants", rows, load_constants())
    for name in ("", *np.unique(rows.rounds).tolist()):
        values = fitted(rows, rows.rounds != name)
        told = ", ".join(f"{one} {value:.3g}" for one, value in zip(NAMES, values, strict=True))
        tell(f"without {name or 'none'}: {told}", rows, constants_of(values))


def is_fitted(row: PublishedRow) -> bool:
    """Return whether a row is a forward pass under TensorRT that the sum is meant to know."""
    workload = row.case.workload
    return (
        workload.framework == "tensorrt"
        and workload.mode is Mode.INFERENCE
        and workload.phase is None
        and workload.family in FAMILIES
        and row.case.device.kind is not DeviceKind.CPU
    )


if __name__ == "__main__":
    main()
