"""Which stored rows are meant; every list, analysis, gate and training takes the same filter."""

from dataclasses import dataclass
from datetime import datetime

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """All given conditions hold together; an empty one does not restrict."""

    models: tuple[str, ...] = ()
    """Shell-style globs over canonical model names, any of them."""
    family: str | None = None
    devices: tuple[str, ...] = ()
    """Canonical device names, any of them (or of `platforms`)."""
    platforms: tuple[str, ...] = ()
    """Platform names; fits rows recorded on any device of the platform."""
    precision: Precision | None = None
    mode: Mode | None = None
    batch_size: int | None = None
    since: datetime | None = None
    """Inclusive, aware; by measured_at or created_at."""
    until: datetime | None = None
    """Exclusive, aware."""
    source: str | None = None
    user: str | None = None
    include_sample: bool = False
    """Take sample rows too, although real ones exist."""
    only_sample: bool = False
    limit: int | None = None
    """Newest rows first, at most this many; None is all."""
