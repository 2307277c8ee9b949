"""Train on Parquet files that need not fit into memory, here or on the workers of a cluster.

The trees learn from every row. Intervals, scores and memory come from a sample that is judged as
any other training is; so the intervals are those of trees that saw less.
"""

import tempfile
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from perfpredict.errors import InvalidInputError
from perfpredict.models.distributed_fit import fit_on_workers
from perfpredict.models.feature_parts import FeaturePart, fit_parts
from perfpredict.models.learners import Algorithm, Learner
from perfpredict.models.reference import load_reference
from perfpredict.models.residual import ResidualPredictor
from perfpredict.services.streamed_rows import StreamedRows, write_parts
from perfpredict.services.train import Trained, TrainedMetric, TrainingPlan, train
from perfpredict.services.training_material import Material
from perfpredict.services.training_rows import Split, gather

SAMPLE_ROWS = 30_000


def train_streamed(
    rows: StreamedRows,
    plan: TrainingPlan,
    material: Material,
    *,
    scratch: Path | None = None,
    scheduler: str | None = None,
    takes_contended: bool = False,
    sample_rows: int = SAMPLE_ROWS,
) -> Trained:
    """Return a predictor whose trees were fitted to all `rows` but those of held-out models.

    `scratch` is where features are kept meanwhile, 0.6 kB a row; the workers of the Dask
    `scheduler` must see it under the same path.
    """
    _check(plan)
    prior = load_reference()
    sample = gather(
        rows.sample(sample_rows, seed=plan.seed), material.catalog, takes_contended=takes_contended
    )
    learned: list[FeaturePart] = []
    withheld: Set[str] = frozenset()
    with tempfile.TemporaryDirectory(prefix="perfpredict-", dir=scratch) as folder:

        def fit_all(predictor: ResidualPredictor, held_out: Set[str]) -> ResidualPredictor:
            nonlocal withheld
            withheld = held_out
            learned.extend(
                write_parts(
                    rows, Path(folder), material.catalog, prior,
                    without_models=held_out, takes_contended=takes_contended,
                )
            )  # fmt: skip
            learner = (
                fit_parts(learned, seed=plan.seed)
                if scheduler is None
                else fit_on_workers(scheduler, learned, seed=plan.seed)
            )
            return _with_learner(predictor, learner)

        trained = train(
            sample, replace(plan, algorithm=Algorithm.LIGHTGBM), prior=prior,
            active=material.active, refit=fit_all,
        )  # fmt: skip
    count = sum(part.rows for part in learned)
    note = f"trees learned from {count} rows; intervals and scores from {sample.row_count}"
    return replace(
        trained,
        training_rows=count,
        measurement_ids=rows.ids_among(
            material.measurements["measurement_id"], without_models=withheld
        ),
        notes=(note, *trained.notes),
    )


def _check(plan: TrainingPlan) -> None:
    if plan.split is not Split.MODEL or plan.algorithm is Algorithm.RIDGE:
        raise InvalidInputError("--from: trees are fitted, split by model and no other way")
    if plan.metric is TrainedMetric.MEMORY:
        raise InvalidInputError(
            "--from: latency is learned from all rows, so --metric memory is not"
        )


def _with_learner(predictor: ResidualPredictor, learner: Learner) -> ResidualPredictor:
    """Return `predictor` with other trees, and all else as it was."""
    assert predictor.corrector is not None, "without latency there is nothing to refit"
    return ResidualPredictor(
        prior=predictor.prior,
        corrector=replace(predictor.corrector, learner=learner),
        memory=predictor.memory,
        name=predictor.name,
    )
