"""Which rows are trained on, given and scored under each protocol; no group is on two sides."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.observations import fold_numbers, shuffled_groups
from perfpredict.models.work_kinds import kind_of_work
from perfpredict.services.protocols_rows import ScoredRow

Ints = NDArray[np.int64]

BOTH_MODEL_FOLDS = 3
"""Folds of models in `both`, each crossed with every fold of devices."""
OLDER_SHARE = 0.7
"""Share of the dated rows that `by-date` trains on, whole days."""
FEWEST_SCORED = 5
"""Rows of a device that must be left to score for it to take part in few-shot."""
SMALL_DEVICES = "devices of few rows"


class ProtocolName(StrEnum):
    """What is held out; the value is the option's."""

    UNSEEN_MODEL = "unseen-model"
    UNSEEN_ARCHITECTURE = "unseen-architecture"
    UNSEEN_DEVICE = "unseen-device"
    FEW_SHOT = "few-shot"
    BOTH = "both"
    BY_DATE = "by-date"
    RANDOM = "random"
    """A sanity check: test rows have near copies in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """How rows are held out."""

    folds: int = 5
    """Of models, architectures and rows; of devices in `both`."""
    shots: tuple[int, ...] = (1, 3, 10, 20, 50)
    """Rows of the left-out device that are given, one run each."""
    seeds: int = 3
    """Random choices of those rows."""
    own_fold_rows: int = 20
    """Devices of fewer rows share `folds` folds; all others are left out one by one."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InvalidInputError(f"folds must be at least 2, got {self.folds}")
        if self.seeds < 1:
            raise InvalidInputError(f"seeds must be at least 1, got {self.seeds}")
        if not self.shots or min(self.shots) < 1:
            raise InvalidInputError(f"shots must be whole numbers of at least 1, got {self.shots}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Places of rows; the three sets have no row in common."""

    protocol: ProtocolName
    fold: str
    """What is held out, for people."""
    train: Ints
    test: Ints
    given: Ints
    """Rows of the held-out device that the fitted predictor is calibrated with."""
    shots: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        sides = np.concatenate([self.train, self.test, self.given])
        if len(np.unique(sides)) != len(sides):
            raise InvalidInputError(f"{self.protocol} {self.fold}: a row is on two sides")


def plan(
    protocol: ProtocolName, rows: Sequence[ScoredRow], options: SplitOptions
) -> Iterator[Split]:
    """Yield the splits of `protocol`; the same rows, options and seed give the same splits.

    Raises TooFewRowsError where nothing can be held out.
    """
    if not rows:
        raise TooFewRowsError("no row is left to score", hint="loosen the filters")
    return _PLANS[protocol](rows, options)


def model_groups(rows: Sequence[ScoredRow]) -> list[str]:
    """Return which rows are of one model, or of models with equally many weights.

    `deit_base` and `vit_base`, `efficientnet_b0` and `tf_efficientnet_b0`, a model and its fine
    tunings are one network under several names: to have seen one of them is to have seen all.
    """
    first_of: dict[str, str] = {}

    def found(name: str) -> str:
        while first_of.setdefault(name, name) != name:
            name = first_of[name]
        return name

    for model, weights in dict.fromkeys(
        (row.model, f"{row.case.profile.parameters:.0f}") for row in rows
    ):
        one, other = sorted((found(f"model {model}"), found(f"weights {weights}")))
        first_of[other] = one
    return [found(f"model {row.model}") for row in rows]


def group_of(protocol: ProtocolName) -> Callable[[ScoredRow], str]:
    """Return over which groups a protocol's figures are medians: what it holds out, or models."""
    if protocol is ProtocolName.UNSEEN_ARCHITECTURE:
        return lambda row: row.architecture
    if protocol in {ProtocolName.UNSEEN_DEVICE, ProtocolName.FEW_SHOT, ProtocolName.BOTH}:
        return lambda row: row.device
    return lambda row: row.model


def _by_model(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    return _by_group(ProtocolName.UNSEEN_MODEL, rows, model_groups(rows), options)


def _by_architecture(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    groups = [row.architecture for row in rows]
    return _by_group(ProtocolName.UNSEEN_ARCHITECTURE, rows, groups, options)


def _by_row(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    return _by_group(ProtocolName.RANDOM, rows, [str(place) for place in range(len(rows))], options)


def balanced_folds(groups: Sequence[str], kinds: Sequence[str], *, seed: int, folds: int) -> Ints:
    """Return the fold of each row: whole groups to one fold, folds of about equally many rows of
    each kind of work.

    The largest groups go first, each to the fold where it adds to the fewest rows of its kinds. A
    fold that happened to hold all language models of one size would ask for something else than
    what is said for a model that was not seen.
    """
    totals = Counter(kinds)
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for group, kind in zip(groups, kinds, strict=True):
        sizes[group][kind] += 1
    loads: list[Counter[str]] = [Counter() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    names = shuffled_groups(groups, seed=seed)
    for group in sorted(names, key=lambda name: -sum(sizes[name].values())):
        own = sizes[group]
        crowded = [
            sum(rows * load[kind] / totals[kind] for kind, rows in own.items()) for load in loads
        ]
        fold_of[group] = min(range(folds), key=lambda fold: (crowded[fold], loads[fold].total()))
        loads[fold_of[group]].update(own)
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def _by_group(
    protocol: ProtocolName,
    rows: Sequence[ScoredRow],
    groups: Sequence[str],
    options: SplitOptions,
) -> Iterator[Split]:
    count = len(set(groups))
    if count < 2:
        raise TooFewRowsError(
            f"{protocol}: all rows are of one group, '{groups[0]}': none can be held out"
        )
    kinds = [kind_of_work(row.case.workload) for row in rows]
    folds = balanced_folds(groups, kinds, seed=options.seed, folds=min(options.folds, count))
    for fold in np.unique(folds):
        yield _split(protocol, f"fold {fold + 1} of {folds.max() + 1}", folds == fold)


def _by_device(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    for name, is_out in _device_folds(rows, options):
        yield _split(ProtocolName.UNSEEN_DEVICE, name, is_out)


def _device_folds(
    rows: Sequence[ScoredRow], options: SplitOptions
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each device of enough rows alone, then folds of all those with few."""
    devices = np.array([row.device for row in rows])
    names, counts = np.unique(devices, return_counts=True)
    if len(names) < 2:
        raise TooFewRowsError(f"all rows are of {names[0]}: no device can be left out")
    for name in names[counts >= options.own_fold_rows]:
        yield str(name), devices == name
    small = [str(name) for name in names[counts < options.own_fold_rows]]
    if not small:
        return
    # with no large device at all, every fold must leave somebody in
    folds = fold_numbers(small, seed=options.seed, folds=min(options.folds, len(small)))
    for fold in np.unique(folds):
        members = [name for name, own in zip(small, folds, strict=True) if own == fold]
        is_out = np.isin(devices, members)
        if not is_out.all():
            label = members[0] if len(members) == 1 else f"{SMALL_DEVICES}, {len(members)}"
            yield label, is_out
        else:
            for name in members:
                yield name, devices == name


def _few_shot(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    devices = np.array([row.device for row in rows])
    is_any = False
    for label, is_out in _device_folds(rows, options):
        train = np.flatnonzero(~is_out)
        for name in np.unique(devices[is_out]):
            own = np.flatnonzero(devices == name)
            stated = own[[not rows[place].is_batch_assumed for place in own.tolist()]]
            for shots in (n for n in options.shots if len(own) >= n + FEWEST_SCORED):
                for seed in range(options.seeds):
                    is_any = True
                    # rows whose batch is assumed mislead the others: only where there are no more
                    usable = stated if len(stated) >= shots + FEWEST_SCORED else own
                    given = _random(usable, shots, options.seed + seed)
                    yield Split(
                        protocol=ProtocolName.FEW_SHOT, fold=label, train=train,
                        test=np.setdiff1d(own, given), given=given, shots=shots,
                        seed=options.seed + seed,
                    )  # fmt: skip
    if not is_any:
        raise TooFewRowsError(
            f"few-shot: no device has {min(options.shots)} + {FEWEST_SCORED} rows"
        )


def _random(places: Ints, count: int, seed: int) -> Ints:
    # the first of one permutation, so that more rows contain the fewer
    return np.sort(np.random.default_rng(seed).permutation(places)[:count])


def _both(rows: Sequence[ScoredRow], options: SplitOptions) -> Iterator[Split]:
    devices, models = [row.device for row in rows], model_groups(rows)
    if min(len(set(devices)), len(set(models))) < 2:
        raise TooFewRowsError("both: rows of two devices and two models at least are needed")
    by_device = fold_numbers(
        devices, seed=options.seed, folds=min(options.folds, len(set(devices)))
    )
    by_model = fold_numbers(
        models, seed=options.seed, folds=min(BOTH_MODEL_FOLDS, len(set(models)))
    )
    for device_fold in np.unique(by_device):
        for model_fold in np.unique(by_model):
            is_new_device, is_new_model = by_device == device_fold, by_model == model_fold
            train = np.flatnonzero(~is_new_device & ~is_new_model)
            test = np.flatnonzero(is_new_device & is_new_model)
            if len(train) and len(test):
                label = f"device fold {device_fold + 1}, model fold {model_fold + 1}"
                yield Split(
                    protocol=ProtocolName.BOTH, fold=label, train=train, test=test,
                    given=_no_rows(),
                )  # fmt: skip


def _by_date(rows: Sequence[ScoredRow], _options: SplitOptions) -> Iterator[Split]:
    """Yield the older days as training and the newer as test; undated rows are on neither side."""
    dated = [(place, row.measured_on) for place, row in enumerate(rows) if row.measured_on]
    days = sorted(day for _, day in dated)
    if len(set(days)) < 2:
        raise TooFewRowsError("by-date: rows of two different days at least are needed")
    cut = _cut(days)
    yield Split(
        protocol=ProtocolName.BY_DATE,
        fold=f"from {cut} on",
        train=np.array([place for place, day in dated if day < cut], dtype=np.int64),
        test=np.array([place for place, day in dated if day >= cut], dtype=np.int64),
        given=_no_rows(),
    )


def _cut(days: Sequence[date]) -> date:
    """Return the first day that is scored, such that some rows are older."""
    wanted = days[int(OLDER_SHARE * len(days))]
    return wanted if wanted > days[0] else next(day for day in days if day > days[0])


def _split(protocol: ProtocolName, fold: str, is_out: NDArray[np.bool_]) -> Split:
    return Split(
        protocol=protocol, fold=fold, train=np.flatnonzero(~is_out), test=np.flatnonzero(is_out),
        given=_no_rows(),
    )  # fmt: skip


def _no_rows() -> Ints:
    return np.empty(0, dtype=np.int64)


_PLANS: Mapping[ProtocolName, Callable[[Sequence[ScoredRow], SplitOptions], Iterator[Split]]] = {
    ProtocolName.UNSEEN_MODEL: _by_model,
    ProtocolName.UNSEEN_ARCHITECTURE: _by_architecture,
    ProtocolName.UNSEEN_DEVICE: _by_device,
    ProtocolName.FEW_SHOT: _few_shot,
    ProtocolName.BOTH: _both,
    ProtocolName.BY_DATE: _by_date,
    ProtocolName.RANDOM: _by_row,
}
