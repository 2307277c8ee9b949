"""Typed access to one flat table of facts; a missing, mistyped or unknown key is named."""

from collections.abc import Mapping

from perfpredict.errors import InvalidInputError

LARGEST = 10**12
"""No size of a model comes near it; larger numbers in a file are damage."""


class Table:
    """A mapping that remembers which keys were asked for."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._facts = facts
        self._used: set[str] = set()
        self._name = str(facts.get("name", "model"))

    def has(self, key: str) -> bool:
        self._used.add(key)
        return self._facts.get(key) is not None

    def text(self, key: str) -> str:
        value = self.text_or_none(key)
        if value is None:
            raise InvalidInputError(f"{self._name}: '{key}' is missing")
        return value

    def text_or_none(self, key: str) -> str | None:
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value
        raise InvalidInputError(f"{self._name}: '{key}' must be text, got {value!r:.40}")

    def flag(self, key: str, otherwise: bool = False) -> bool:
        value = self._take(key)
        if value is None:
            return otherwise
        if isinstance(value, bool):
            return value
        raise InvalidInputError(f"{self._name}: '{key}' must be true or false, got {value!r:.40}")

    def integer(self, key: str, otherwise: int | None = None) -> int:
        value = self.integer_or_none(key)
        if value is None:
            value = otherwise
        if value is None:
            raise InvalidInputError(f"{self._name}: '{key}' is missing")
        return value

    def size(self, key: str, otherwise: int | None = None) -> int:
        """Return a whole number of at least 1."""
        value = self.integer(key, otherwise)
        if value < 1:
            raise InvalidInputError(f"{self._name}: '{key}' must be at least 1, got {value}")
        return value

    def integer_or_none(self, key: str) -> int | None:
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise InvalidInputError(
                f"{self._name}: '{key}' must be a whole number from 0 to {LARGEST}, "
                f"got {_shown(value)}"
            )
        return value

    def number(self, key: str, otherwise: float) -> float:
        value = self._take(key)
        if value is None:
            return otherwise
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InvalidInputError(
                f"{self._name}: '{key}' must be from 0 to 1, got {_shown(value)}"
            )
        return float(value)

    def triples(self, key: str) -> tuple[tuple[int, int, bool], ...]:
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise InvalidInputError(f"{self._name}: '{key}' must be a list")
        return tuple(self._triple(key, entry) for entry in value)

    def _triple(self, key: str, entry: object) -> tuple[int, int, bool]:
        match entry:
            case [int(inputs), int(outputs), bool(bias)] if inputs > 0 and outputs > 0:
                return inputs, outputs, bias
        raise InvalidInputError(f"{self._name}: '{key}' must hold (inputs, outputs, bias)")

    def check_all_used(self) -> None:
        """Raise for a key that nothing asked for: a misspelt fact is a lost fact."""
        unknown = sorted(set(self._facts) - self._used)
        if unknown:
            raise InvalidInputError(f"{self._name}: unknown key '{unknown[0]}'")

    def _take(self, key: str) -> object:
        self._used.add(key)
        return self._facts.get(key)


def _shown(value: object) -> str:
    return (
        str(value)[:40] if isinstance(value, float | int) and abs(value) < LARGEST**2 else "damage"
    )
