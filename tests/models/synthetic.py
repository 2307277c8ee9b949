"""Made measurements: the roofline's times a known factor and noise."""

from collections.abc import Sequence

import numpy as np

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.workload import Workload
from perfpredict.models.memory import memory_use
from perfpredict.models.observations import Observations, Target
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

MODELS = (
    "bert-base-uncased", "bert-large-uncased", "bert-tiny", "bert-mini", "bert-small",
    "bert-medium", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2", "scibert",
)  # fmt: skip
DEVICES = ("nvidia-rtx-4090",)


def make_cases(
    models: Sequence[str] = MODELS,
    devices: Sequence[str] = DEVICES,
    batch_sizes: Sequence[int] = (1, 2, 4, 8, 16),
    *,
    sequence_length: int | None = 128,
) -> tuple[Case, ...]:
    """Return every model at every batch size on every device."""
    catalog = DeviceCatalog()
    cases = []
    for device_name in devices:
        device = catalog.find(device_name)
        for name in models:
            model = find_model(name)
            for batch_size in batch_sizes:
                workload = Workload(
                    model=model.name,
                    family=model.family,
                    batch_size=batch_size,
                    sequence_length=sequence_length,
                    image_size=None if sequence_length else 224,
                )
                cases.append(
                    Case(workload=workload, device=device, profile=profile(model, workload))
                )
    return tuple(cases)


def observe(
    cases: Sequence[Case],
    *,
    factor: float = 1.7,
    noise: float = 0.05,
    seed: int = 0,
    target: Target = Target.LATENCY,
) -> Observations:
    """Return what measuring `cases` gives where the truth is `factor` times the roofline."""
    if target is Target.LATENCY:
        prior = RooflinePredictor().latencies_ms(cases)
    else:
        prior = np.array([memory_use(case).total for case in cases])
    generator = np.random.default_rng(seed)
    return Observations(
        target=target,
        cases=tuple(cases),
        measured=prior * factor * np.exp(generator.normal(0, noise, len(cases))),
        groups=tuple(case.workload.model for case in cases),
    )
