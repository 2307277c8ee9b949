"""Parts of predictors as JSON holds them; both raise InvalidInputError for anything else."""

from collections.abc import Mapping

from perfpredict.errors import InvalidInputError


def mapping(content: object) -> Mapping[str, object]:
    """Return `content` if it is a JSON object."""
    if not isinstance(content, dict):
        raise InvalidInputError("a part of it is missing")
    return content


def counts(content: object) -> dict[str, int]:
    """Return `content` if it is a JSON object of whole numbers; ValueError for other values."""
    return {str(name): int(str(count)) for name, count in mapping(content).items()}
