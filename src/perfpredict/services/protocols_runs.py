"""Several protocols and variants on the same rows, and what of that could not be done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from perfpredict._version import __version__
from perfpredict.errors import TooFewRowsError
from perfpredict.services.progress import OnProgress
from perfpredict.services.protocols import LEVEL, ProtocolResult, run_protocols
from perfpredict.services.protocols_rows import GatheredRows, ScoredRow
from perfpredict.services.protocols_splits import ProtocolName, SplitOptions, plan
from perfpredict.services.protocols_variants import VariantName, built_in

FORMAT = "perfpredict protocols 1"
ALL_PROTOCOLS = tuple(name for name in ProtocolName if name is not ProtocolName.RANDOM)
"""What `all` stands for; random rows are a sanity check and run only by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolPlan:
    """What is run on the rows."""

    protocols: tuple[ProtocolName, ...]
    variants: tuple[VariantName, ...] = tuple(VariantName)
    splits: SplitOptions
    level: float = LEVEL
    skips_impossible: bool = False
    """Leave out protocols that the rows do not allow, and say so, instead of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRun:
    """All results, the variants of one protocol one after another."""

    results: tuple[ProtocolResult, ...]
    rows: int
    left_out: Mapping[str, int]
    """Reason to number of rows that could not be scored."""
    skipped: Mapping[ProtocolName, str]
    """Protocols that the rows do not allow, and why."""
    plan: ProtocolPlan

    def document(self) -> dict[str, object]:
        """Return everything as plain values, for a file that other runs can be set beside."""
        options = asdict(self.plan.splits)
        return {
            "format": FORMAT,
            "version": __version__,
            "level": self.plan.level,
            "options": {**options, "shots": list(self.plan.splits.shots)},
            "rows": self.rows,
            "left_out": dict(self.left_out),
            "skipped": {name.value: why for name, why in self.skipped.items()},
            "results": [asdict(result) for result in self.results],
        }


def run_plan(
    gathered: GatheredRows, chosen: ProtocolPlan, *, on_progress: OnProgress | None = None
) -> ProtocolRun:
    """Return the results of every variant of `chosen` under each of its protocols.

    Raises TooFewRowsError where the rows do not allow a protocol, or with `skips_impossible` any.
    """
    why_not = _impossible(gathered.rows, chosen)
    possible = [name for name in chosen.protocols if name not in why_not]
    if why_not and not (possible and chosen.skips_impossible):
        raise next(iter(why_not.values()))
    results = [
        result
        for variant in chosen.variants
        for result in run_protocols(
            possible,
            gathered.rows,
            built_in(variant, seed=chosen.splits.seed),
            level=chosen.level,
            options=chosen.splits,
            on_progress=on_progress,
        )
    ]
    order = list(chosen.protocols)
    # sorting is stable: variants stay in the order asked for
    results.sort(key=lambda result: (order.index(result.protocol), result.shots))
    return ProtocolRun(
        results=tuple(results),
        rows=len(gathered.rows),
        left_out=gathered.left_out,
        skipped={name: error.message for name, error in why_not.items()},
        plan=chosen,
    )


def _impossible(
    rows: Sequence[ScoredRow], chosen: ProtocolPlan
) -> dict[ProtocolName, TooFewRowsError]:
    found = {}
    for name in chosen.protocols:
        try:
            next(iter(plan(name, rows, chosen.splits)))
        except TooFewRowsError as error:
            found[name] = error
    return found
