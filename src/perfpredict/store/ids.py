"""Identifiers that sort by time and never collide: a kind and a ULID."""

import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from perfpredict.errors import InvalidInputError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_TIME_BITS = 48
_LENGTH = 26
SHORTEST_PREFIX = 8
"""Fewest characters after the dash that may stand for a whole identifier."""


class IdKind(StrEnum):
    """What an identifier names; its value stands before the dash."""

    PREDICTION = "pred"
    MEASUREMENT = "meas"
    RECOMMENDATION = "rec"
    MODEL = "model"
    IMPORT = "imp"
    FEEDBACK = "fb"


def new_id(kind: IdKind, now: datetime) -> str:
    """Return an identifier greater than every earlier one of this process."""
    return new_ids(kind, now, 1)[0]


def new_ids(kind: IdKind, now: datetime, count: int) -> list[str]:
    """Return `count` identifiers in ascending order."""
    first = _SEQUENCE.take(int(now.timestamp() * 1000), count)
    return [f"{kind.value}-{text}" for text in _encode_all(first, count)]


def check_id(kind: IdKind, text: str) -> str:
    """Return `text` in its canonical spelling if it can be an id, or a prefix of one, of `kind`.

    Raises InvalidInputError naming the kind that was wanted.
    """
    wanted, _, body = text.strip().partition("-")
    body = body.upper()
    if wanted.lower() != kind.value or not set(body) <= set(_ALPHABET):
        raise InvalidInputError(
            f"'{text}' is no {kind.name.lower()} id",
            hint=f"{kind.name.lower()} ids look like '{kind.value}-01KAV8…'",
        )
    if not SHORTEST_PREFIX <= len(body) <= _LENGTH:
        raise InvalidInputError(
            f"'{text}' must have {SHORTEST_PREFIX} to {_LENGTH} characters after the dash"
        )
    return f"{kind.value}-{body}"


@dataclass(slots=True)
class _Sequence:
    """Last number given out; a clock that stands still or goes back only counts on."""

    last: int = -1
    process: int = -1
    guard: threading.Lock = field(default_factory=threading.Lock)

    def take(self, milliseconds: int, count: int) -> int:
        if not 0 <= milliseconds < 1 << _TIME_BITS:
            raise InvalidInputError(f"no identifier can hold the time {milliseconds} ms")
        # half of the random space stays free, so that counting on never reaches the next ms
        fresh = (milliseconds << _RANDOM_BITS) + secrets.randbits(_RANDOM_BITS - 1)
        with self.guard:
            if self.process != os.getpid():  # a forked child must not go on where its parent is
                self.process, self.last = os.getpid(), -1
            first = max(fresh, self.last + 1)
            self.last = first + count - 1
        return first


_SEQUENCE = _Sequence()


def _encode_all(first: int, count: int) -> Iterator[str]:
    """Yield the texts of `count` numbers from `first` on; 1,024 in a row differ in two digits."""
    end = first + count
    for block in range(first >> 10, ((end - 1) >> 10) + 1):
        start = block << 10
        head = _encode(block, _LENGTH - 2)
        for tail in _TAILS[max(first - start, 0) : end - start]:
            yield head + tail


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        digits.append(_ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(digits))


_TAILS = [high + low for high in _ALPHABET for low in _ALPHABET]
