"""The columns in which every table spells out a workload and where it runs."""

from enum import StrEnum
from typing import TypeVar

import polars as pl

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import StoreUnusableError
from perfpredict.store.row_values import Row, integer, integer_or_none, text, text_or_none

Choice = TypeVar("Choice", bound=StrEnum)

WORKLOAD_SCHEMA: dict[str, pl.DataType] = {
    "workload_key": pl.String(),
    "model_name": pl.String(),
    "model_family": pl.String(),
    "batch_size": pl.Int32(),
    "sequence_length": pl.Int32(),
    "image_size": pl.Int32(),
    "input_tokens": pl.Int32(),
    "output_tokens": pl.Int32(),
    "precision": pl.String(),
    "quantization": pl.String(),
    "mode": pl.String(),
    "phase": pl.String(),
    "framework": pl.String(),
    "framework_version": pl.String(),
    "is_compiled": pl.Boolean(),
    "memory_format": pl.String(),
    "device_count": pl.Int32(),
    "concurrency": pl.Int32(),
}
"""Column name to type; `workload_key` is `Workload.key`."""

HARDWARE_SCHEMA: dict[str, pl.DataType] = {
    "hardware_platform": pl.String(),
    "device": pl.String(),
    "device_platform": pl.String(),
}
"""The name as the user gave it, the device it stood for, and that device's platform."""

COMPARED_COLUMNS = (
    "model_name", "batch_size", "sequence_length", "image_size", "input_tokens",
    "output_tokens", "precision", "quantization", "mode", "phase", "framework",
    "is_compiled", "memory_format", "device_count", "concurrency", "device",
)  # fmt: skip
"""Everything in which a prediction and a measurement must agree to be compared.

Not the framework's version: a prediction made without one must still meet its measurement.
"""


def workload_row(workload: Workload) -> dict[str, object]:
    """Return `workload` as the values of its columns."""
    return {
        "workload_key": workload.key,
        "model_name": workload.model,
        "model_family": workload.family,
        "batch_size": workload.batch_size,
        "sequence_length": workload.sequence_length,
        "image_size": workload.image_size,
        "input_tokens": workload.input_tokens,
        "output_tokens": workload.output_tokens,
        "precision": workload.precision.value,
        "quantization": workload.quantization,
        "mode": workload.mode.value,
        "phase": workload.phase.value if workload.phase else None,
        "framework": workload.framework,
        "framework_version": workload.framework_version,
        "is_compiled": workload.is_compiled,
        "memory_format": workload.memory_format,
        "device_count": workload.device_count,
        "concurrency": workload.concurrency,
    }


def workload_from_row(row: Row) -> Workload:
    """Return the workload that the columns of `row`, as a frame gives them, spell out."""
    return Workload(
        model=text(row, "model_name"),
        family=text_or_none(row, "model_family"),
        batch_size=integer(row, "batch_size"),
        sequence_length=integer_or_none(row, "sequence_length"),
        image_size=integer_or_none(row, "image_size"),
        input_tokens=integer_or_none(row, "input_tokens"),
        output_tokens=integer_or_none(row, "output_tokens"),
        precision=_member(Precision, row, "precision"),
        quantization=text_or_none(row, "quantization"),
        mode=_member(Mode, row, "mode"),
        phase=_member(Phase, row, "phase") if row["phase"] else None,
        framework=text_or_none(row, "framework"),
        framework_version=text_or_none(row, "framework_version"),
        is_compiled=bool(row["is_compiled"]),
        memory_format=text_or_none(row, "memory_format"),
        device_count=integer(row, "device_count"),
        concurrency=integer(row, "concurrency"),
    )


def _member(choices: type[Choice], row: Row, column: str) -> Choice:
    value = text(row, column)
    try:
        return choices(value)
    except ValueError as exc:
        raise StoreUnusableError(
            f"a stored row has the {column} {value!r}, which this version does not know",
            hint="another program or a newer perfpredict wrote it: 'perfpredict doctor' says which "
            "version this is",
        ) from exc
