"""From values to pixels, and where an axis has its ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perfpredict.reports.text import significant

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MOST_TICKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight or logarithmic map from [low, high] to [start, end] pixels."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of `value`, at an end of the axis for what lies beyond it."""
        clipped = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(clipped / self.low) / math.log(self.high / self.low)
        else:
            share = (clipped - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values from low to high, not too many of them."""
        return _log_ticks(self.low, self.high) if self.is_log else _ticks(self.low, self.high)


def log_range(values: Sequence[float]) -> tuple[float, float]:
    """Return bounds that hold positive `values` with room to spare; 1 to 10 for none."""
    if not values:
        return 1.0, 10.0
    low, high = min(values), max(values)
    margin = max((high / low) ** 0.04, 1.15)
    return low / margin, high * margin


def short(value: float) -> str:
    """Return a tick's label: 1.5 k, 20, 0.01."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{_plain(value / factor)} {prefix}"
    return _plain(value)


def day_label(timestamp_s: float, span_s: float) -> str:
    """Return a moment in UTC as finely as an axis of `span_s` seconds needs."""
    moment = datetime.fromtimestamp(timestamp_s, UTC)
    if span_s <= 3 * 86_400:
        return moment.strftime("%d %b %H:%M")
    return moment.strftime("%d %b" if span_s < 300 * 86_400 else "%b %Y")


def _plain(value: float) -> str:
    text = significant(value, 3)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / (_MOST_TICKS - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * m for m in (1, 2, 2.5, 5, 10) if magnitude * m >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= _MOST_TICKS:
            return found if len(found) > 1 else [low, high]
    return found[:: math.ceil(len(found) / _MOST_TICKS)]
