"""The engine every question goes through: names → cases → predictor → predictions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry, WorkloadProfile, profile
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.metrics import throughput_per_s, throughput_unit
from perfpredict.domain.prediction import Estimate, Interval, Prediction
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, PerfpredictError
from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.collecting import without_collecting
from perfpredict.models.memory import memory_use, runs_in_waves, usable_bytes
from perfpredict.models.predictor import Case, CaseEstimate, Predictor
from perfpredict.models.reference import calibrated_by, uncalibrated
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.model_source import known_model

NEARLY_FULL = 0.9
"""Share of the memory from which a fit is worth a caution."""

Pair = tuple[Workload, ResolvedDevice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A device catalog and the predictor in force."""

    devices: DeviceCatalog
    predictor: Predictor
    fallback: RooflinePredictor

    def resolve_devices(self, names: Sequence[str]) -> list[ResolvedDevice]:
        """Return the devices that `names` stand for, in order, without repeats; `all` is all."""
        if list(names) == ["all"]:
            return [
                ResolvedDevice(requested=device.name, device=device, how="name")
                for device in self.devices.list()
            ]
        resolved = (self.devices.resolve(name) for name in names)
        return list({one.device.name: one for one in reversed(list(resolved))}.values())[::-1]

    def predict(
        self,
        workload: Workload,
        hardware: Sequence[ResolvedDevice],
        *,
        level: float = 0.9,
        model: ModelEntry | None = None,
    ) -> list[Prediction]:
        """Return one prediction a device; raises what makes the workload unanswerable."""
        known = model or known_model(workload.model)
        answers = self._answer([(workload, one) for one in hardware], level, {workload: known})
        for answer in answers:
            if isinstance(answer, PerfpredictError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Prediction)]

    def predict_many(
        self, pairs: Sequence[Pair], *, level: float = 0.9, model: ModelEntry | None = None
    ) -> list[Prediction | PerfpredictError]:
        """Return one answer a pair, in order: a prediction, or why there is none.

        `model` is what all of them are of, where it is known already.
        """
        models = {workload: model for workload, _ in pairs} if model else {}
        return self._answer(pairs, level, models)

    def calibrated(self, rows: Iterable[tuple[Workload, ResolvedDevice, float]]) -> "Engine":
        """Return an engine corrected by rows of measured latency in ms, the newest first."""
        measured = []
        profiles: dict[Workload, _Profiled | PerfpredictError] = {}
        for workload, hardware, latency_ms in rows:
            if workload not in profiles:
                profiles[workload] = _profiled(workload, None)
            found = profiles[workload]
            if isinstance(found, PerfpredictError):
                continue  # a model that is no longer known says nothing about others
            draft = _draft(found, hardware)
            measured.append(MeasuredCase(case=draft.case, latency_ms=latency_ms / draft.waves))
        return replace(self, predictor=calibrated_by(uncalibrated(self.predictor), measured))

    def case_of(
        self, prediction: Prediction, *, model: ModelEntry | None = None
    ) -> tuple[Case, int]:
        """Return what the predictor was asked for `prediction`, and in how many waves it runs."""
        found = _profiled(prediction.workload, model)
        if isinstance(found, PerfpredictError):
            raise found
        draft = _draft(found, prediction.hardware)
        return draft.case, draft.waves

    @without_collecting()
    def _answer(
        self, pairs: Sequence[Pair], level: float, models: dict[Workload, ModelEntry]
    ) -> list[Prediction | PerfpredictError]:
        if not 0.0 < level < 1.0:
            raise InvalidInputError(f"level must be between 0 and 1, got {level}")
        profiles: dict[Workload, _Profiled | PerfpredictError] = {}
        drafts: list[_Draft | PerfpredictError] = []
        for workload, hardware in pairs:
            if workload not in profiles:
                profiles[workload] = _profiled(workload, models.get(workload))
            found = profiles[workload]
            draft = found if isinstance(found, PerfpredictError) else _draft(found, hardware)
            drafts.append(draft)
        cases = [draft.case for draft in drafts if isinstance(draft, _Draft)]
        estimates = iter(self.predictor.predict(cases, level))
        made_by = (self.predictor.name, self.predictor.version)
        return [
            draft
            if isinstance(draft, PerfpredictError)
            else _prediction(draft, next(estimates), made_by)
            for draft in drafts
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profiled:
    workload: Workload
    model: ModelEntry
    profile: WorkloadProfile
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A case ready to be predicted, and what is known of it already."""

    case: Case
    hardware: ResolvedDevice
    workload: Workload
    waves: int
    cautions: tuple[str, ...]
    assumptions: tuple[str, ...]


def _profiled(workload: Workload, model: ModelEntry | None) -> "_Profiled | PerfpredictError":
    try:
        known = model or known_model(workload.model)
        filled, assumptions = with_defaults(workload, known)
        found = profile(known, filled)
    except PerfpredictError as error:
        return error
    said = tuple(dict.fromkeys((*assumptions, *found.assumptions)))
    return _Profiled(workload=filled, model=known, profile=found, assumptions=said)


def _draft(found: _Profiled, hardware: ResolvedDevice) -> _Draft:
    workload, device = found.workload, hardware.device
    case = Case(workload=workload, device=device, profile=found.profile)
    rate = arithmetic_rate(device, workload.precision, quantization=workload.quantization)
    cautions = [*found.profile.cautions, *([rate.caution] if rate.caution else [])]
    if hardware.how == "reference":
        cautions.append(f"'{hardware.requested}' is not on this machine: {device.name} stands in")
    waves, wave_case = _in_waves(case, found.model)
    if waves > 1:
        cautions.append(f"the KV cache does not fit at once: {waves} waves one after another")
    return _Draft(
        case=wave_case,
        hardware=hardware,
        workload=workload,
        waves=waves,
        cautions=tuple(cautions),
        assumptions=found.assumptions,
    )


def _in_waves(case: Case, model: ModelEntry) -> tuple[int, Case]:
    """Return into how many waves a serving framework cuts the batch, and the case of one wave."""
    workload = case.workload
    if not runs_in_waves(workload):
        return 1, case
    use = memory_use(case)
    capacity = usable_bytes(case)
    if use.total <= capacity:
        return 1, case
    per_sample = (use.kv_cache + use.activations) / workload.batch_size
    fitting = int((capacity - (use.total - use.kv_cache - use.activations)) // per_sample)
    if fitting < 1:
        return 1, case
    waves = -(-workload.batch_size // fitting)
    wave = replace(workload, batch_size=-(-workload.batch_size // waves))
    return waves, Case(workload=wave, device=case.device, profile=profile(model, wave))


def _prediction(draft: _Draft, estimate: CaseEstimate, made_by: tuple[str, str]) -> Prediction:
    """Return what is told of `estimate`; `made_by` is the predictor's name and version."""
    case = draft.case
    memory = estimate.memory_bytes
    capacity = float(case.device.memory_bytes)
    fits = memory.value <= usable_bytes(case)
    latency = _scaled(estimate.latency_ms, float(draft.waves)) if fits else None
    cautions = [*draft.cautions, *estimate.cautions]
    if fits and memory.value > capacity:
        cautions.append("memory is more than there is, within the error of its estimate")
    elif fits and memory.value > NEARLY_FULL * capacity:
        cautions.append("memory is nearly full: it may not fit")
    if estimate.is_extrapolated and not estimate.cautions:
        cautions.append("nothing alike was seen when the predictor was fitted: extrapolated")
    return Prediction(
        workload=draft.workload,
        hardware=draft.hardware,
        latency_ms=latency,
        throughput_per_s=_throughput(draft.workload, latency) if latency else None,
        throughput_unit=throughput_unit(draft.workload),
        memory_bytes=memory,
        memory_capacity_bytes=capacity,
        fits=fits,
        basis=estimate.basis,
        predictor=made_by[0],
        predictor_version=made_by[1],
        similar_rows=estimate.similar_rows,
        is_extrapolated=estimate.is_extrapolated,
        cautions=tuple(dict.fromkeys(cautions)),
        assumptions=draft.assumptions,
        time_shares=estimate.time_shares,
        launch_share=estimate.launch_share,
    )


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    interval = estimate.interval
    return Estimate(
        value=estimate.value * factor,
        interval=Interval(
            lower=interval.lower * factor,
            upper=interval.upper * factor,
            coverage=interval.coverage,
        ),
    )


def _throughput(workload: Workload, latency_ms: Estimate) -> Estimate:
    return Estimate(
        value=throughput_per_s(workload, latency_ms.value),
        interval=Interval(
            lower=throughput_per_s(workload, latency_ms.interval.upper),
            upper=throughput_per_s(workload, latency_ms.interval.lower),
            coverage=latency_ms.interval.coverage,
        ),
    )
