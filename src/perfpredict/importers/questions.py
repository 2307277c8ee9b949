"""Reads files of workloads to predict: one row a workload, columns named as in measurements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from perfpredict.domain.framework_versions import parse_framework_version
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.names import clean_name, parse_whole_number
from perfpredict.domain.workload import (
    MAX_BATCH_SIZE,
    MAX_TOKENS,
    Mode,
    Phase,
    Workload,
    parse_memory_format,
)
from perfpredict.errors import InvalidInputError
from perfpredict.importers.columns import parse_meaning
from perfpredict.importers.options import FileFormat
from perfpredict.importers.precision import parse_precision
from perfpredict.importers.raw import PROBLEM, ROW
from perfpredict.importers.sources import read_file

_tokens = partial(parse_whole_number, highest=MAX_TOKENS)
_PARSERS: Mapping[str, Callable[[str, str], object]] = {
    "model": clean_name,
    "family": clean_name,
    "batch_size": partial(parse_whole_number, highest=MAX_BATCH_SIZE),
    "sequence_length": _tokens,
    "image_size": _tokens,
    "input_tokens": _tokens,
    "output_tokens": _tokens,
    "quantization": clean_name,
    "memory_format": lambda field, text: parse_memory_format(clean_name(field, text)),
    "device_count": _tokens,
    "concurrency": partial(parse_whole_number, highest=MAX_BATCH_SIZE),
    "mode": lambda field, text: _choice(field, text, Mode),
    "phase": lambda field, text: _choice(field, text, Phase),
    "framework": lambda field, text: parse_framework(clean_name(field, text)),
    "framework_version": parse_framework_version,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One workload, and the hardware that its row names, if any."""

    workload: Workload
    hardware: str | None
    place: str
    """File and line, for messages."""


def read_questions(
    path: str, input_format: FileFormat | None, defaults: Workload
) -> list[Question]:
    """Return the workloads in a file (`-` is standard input); empty cells take the defaults.

    Raises InvalidInputError naming file, line and column of the first bad value, and for a
    column that says nothing about a workload.
    """
    source = read_file(path, input_format, None)
    meanings = {column: _field(source.name, column) for column in source.table.columns}
    if "model" not in meanings.values():
        raise InvalidInputError(f"{source.name}: no column names the model")
    questions: list[Question] = []
    for row in source.table.frame.iter_rows(named=True):
        place = f"{source.name}:{row[ROW]}"
        if row.get(PROBLEM):
            raise InvalidInputError(f"{place}: {row[PROBLEM]}")
        cells = {
            field: row[column].strip()
            for column, field in meanings.items()
            if row[column] is not None and row[column].strip()
        }
        questions.append(_question(cells, defaults, place))
    if not questions:
        raise InvalidInputError(f"{source.name}: no rows")
    return questions


def _field(file: str, column: str) -> str:
    meaning = parse_meaning(column)
    known = {*_PARSERS, "precision", "hardware", "is_compiled"}
    if meaning is None or meaning.field not in known:
        raise InvalidInputError(
            f"{file}: column '{column}' says nothing about a workload",
            hint=f"columns: {', '.join(sorted(known))}",
        )
    return meaning.field


def _question(cells: Mapping[str, str], defaults: Workload, place: str) -> Question:
    if "model" not in cells:
        raise InvalidInputError(f"{place}: model: is missing")
    try:
        changes = {
            field: _PARSERS[field](field, text)
            for field, text in cells.items()
            if field in _PARSERS
        }
        if "precision" in cells:
            changes["precision"], scheme = parse_precision(cells["precision"])
            changes.setdefault("quantization", scheme)
        if "is_compiled" in cells:
            changes["is_compiled"] = cells["is_compiled"].casefold() not in _NOT_COMPILED
        workload = replace(defaults, **changes)  # type: ignore[arg-type]
    except InvalidInputError as exc:
        raise InvalidInputError(f"{place}: {exc.message}", hint=exc.hint) from exc
    return Question(workload=workload, hardware=cells.get("hardware"), place=place)


_NOT_COMPILED = {"false", "0", "no", "eager", "none"}


def _choice(field: str, text: str, choices: type[Mode] | type[Phase]) -> Mode | Phase:
    try:
        return choices(text.casefold())
    except ValueError:
        names = ", ".join(choice.value for choice in choices)
        raise InvalidInputError(f"{field}: must be one of {names} (got '{text}')") from None
