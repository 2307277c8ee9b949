"""Measurements in Parquet files of any size, read in pieces: counts, a sample, features."""

import glob
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.models.feature_parts import FeaturePart, write_part
from perfpredict.models.observations import Target
from perfpredict.models.residual import Prior
from perfpredict.models.residual_fit import lesson_of
from perfpredict.services.training_rows import Split, gather, observations
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA

PART_ROWS = 100_000
"""Rows of a part, about as many as DuckDB puts into one group of a Parquet file."""
_DESCRIBED_AT_ONCE = 10_000
_SAMPLED_PER_DEVICE = 200
"""Rows of each device that a sample has at least, if there are so many."""
_HASH_RANGE = 2.0**64


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedRows:
    """Parquet files with the columns of the table of measurements."""

    paths: tuple[Path, ...]
    rows: int
    rows_by_model: Mapping[str, int]
    rows_by_device: Mapping[str, int]

    def sample(self, size: int, *, seed: int) -> pl.DataFrame:
        """Return about `size` rows, more of devices with few; the same for the same seed."""
        share = size / max(self.rows, 1)
        chance_by_device = {
            device: max(share, _SAMPLED_PER_DEVICE / rows)
            for device, rows in self.rows_by_device.items()
        }
        chance = pl.col("device").replace_strict(chance_by_device, return_dtype=pl.Float64)
        place = pl.col("measurement_id").hash(seed) / _HASH_RANGE
        return _usable(_scan(self.paths)).filter(place < chance).collect()

    def ids_among(self, ids: pl.Series, *, without_models: Set[str]) -> tuple[str, ...]:
        """Return which of `ids` are of rows here, but for those of `without_models`."""
        known = pl.col("measurement_id").is_in(ids.implode())
        is_out = pl.col("model_name").is_in(sorted(without_models))
        found = _usable(_scan(self.paths)).filter(known & ~is_out).select("measurement_id")
        return tuple(found.collect()["measurement_id"].to_list())

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the rows, PART_ROWS at a time and never all at once."""
        for path in self.paths:
            total = int(pl.scan_parquet(path).select(pl.len()).collect().item())
            for offset in range(0, total, PART_ROWS):
                yield _usable(_scan([path]).slice(offset, PART_ROWS)).collect()


def open_rows(pattern: str) -> StreamedRows:
    """Return the files that `pattern` names: a file, a folder or a glob.

    Raises CannotAnswerError where there are none, InvalidInputError for other columns.
    """
    paths = _paths(pattern)
    try:
        missing = set(MEASUREMENT_SCHEMA) - set(_scan(paths).collect_schema().names())
        if missing:
            raise InvalidInputError(
                f"--from: '{pattern}' lacks the columns {', '.join(sorted(missing)[:5])}",
                hint="'perfpredict db export DIR' writes such files",
            )
        counts = _usable(_scan(paths)).group_by("model_name", "device").len().collect()
    except (PolarsError, OSError) as exc:
        raise InvalidInputError(f"--from: '{pattern}' cannot be read: {exc}") from exc
    return StreamedRows(
        paths=tuple(paths),
        rows=int(counts["len"].sum()),
        rows_by_model=_totals(counts, "model_name"),
        rows_by_device=_totals(counts, "device"),
    )


def write_parts(
    rows: StreamedRows, folder: Path, catalog: DeviceCatalog, prior: Prior, *,
    without_models: Set[str], takes_contended: bool,
) -> list[FeaturePart]:  # fmt: skip
    """Write the features of all rows but those of `without_models` into `folder`."""
    parts: list[FeaturePart] = []
    for piece in rows.pieces():
        kept = piece.filter(~pl.col("model_name").is_in(sorted(without_models)))
        gathered = gather(kept, catalog, takes_contended=takes_contended)
        known = observations(gathered.configs, Target.LATENCY, Split.MODEL)
        if len(known) == 0:
            continue
        places = np.arange(len(known)) // _DESCRIBED_AT_ONCE
        lessons = [lesson_of(known.where(places == n), prior) for n in range(places[-1] + 1)]
        weights = [
            (rows.rows_by_model[model] * rows.rows_by_device[device]) ** -0.25
            for model, device in zip(known.models, known.devices, strict=True)
        ]
        target = np.concatenate([lesson.target for lesson in lessons])
        matrices = [lesson.matrix for lesson in lessons]
        parts.append(write_part(folder, len(parts), matrices, target, np.array(weights)))
    return parts


def _paths(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        table = path / "performance_measurements.parquet"
        found = [table] if table.is_file() else sorted(path.rglob("*.parquet"))
    else:
        names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - absolute too
        found = sorted(Path(name) for name in names)
    if not found:
        raise CannotAnswerError(f"--from: no Parquet file at '{pattern}'")
    return found


def _scan(paths: Sequence[Path]) -> pl.LazyFrame:
    return pl.scan_parquet(list(paths))


def _usable(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows that neither were deleted nor are samples."""
    names = list(MEASUREMENT_SCHEMA)
    kept = rows.filter(~pl.col("is_sample"))
    if "deleted_at" in rows.collect_schema().names():
        kept = kept.filter(pl.col("deleted_at").is_null())
    return kept.select(names)


def _totals(counts: pl.DataFrame, column: str) -> dict[str, int]:
    found = counts.group_by(column).agg(pl.col("len").sum())
    return {str(name): int(rows) for name, rows in found.iter_rows()}
