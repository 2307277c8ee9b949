"""Made rows of text generation: what physics expects, and noise."""

import numpy as np

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase, Workload
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.generation_factors import MEANS
from perfpredict.models.generation_parts import SERVED
from perfpredict.models.generation_sum import add_up
from perfpredict.models.generation_terms import terms_of
from perfpredict.models.generation_training import MANNERS, fit_generation
from perfpredict.models.predictor import Case

DEVICES = DeviceCatalog()
MODELS = ("llama-2-7b", "llama-2-13b", "mistral-7b", "gpt2", "llama-3-8b", "qwen2-7b")


def case_of(
    model: str = "llama-2-7b",
    device: str = "nvidia-a100-sxm-40gb",
    *,
    phase: Phase = Phase.GENERATE,
    framework: str = "vllm",
    batch_size: int = 1,
    input_tokens: int = 128,
    output_tokens: int = 64,
) -> Case:
    """Return a case of the catalog's model on the catalog's device."""
    workload = Workload(
        model=model,
        batch_size=batch_size,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        precision=Precision.FP16,
        phase=phase,
        framework=framework,
    )
    return Case(
        workload=workload,
        device=DEVICES.find(device),
        profile=profile(find_model(model), workload),
    )


def many_cases(device: str = "nvidia-a100-sxm-40gb") -> list[Case]:
    """Return cases of six models, two servers, and several shapes."""
    return [
        case_of(model, device, framework=framework, batch_size=batch, input_tokens=prompt)
        for model in MODELS
        for framework in ("vllm", "tensorrt-llm")
        for batch in (1, 4, 16)
        for prompt in (128, 512)
    ]


def made_latencies_ms(cases: list[Case], factor: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return what physics expects times `factor`, with 3 % noise."""
    expected = np.tile(MEANS, (len(cases), 1))
    overlap = np.full(len(cases), MANNERS[SERVED].host_overlap)
    latency_s = add_up(terms_of(cases), expected, overlap).latency_s
    noise = np.random.default_rng(seed).normal(0.0, 0.03, len(cases))
    return latency_s * 1e3 * factor * np.exp(noise)


def fitted(**options: object) -> tuple[GenerationPredictor, list[Case]]:
    cases = many_cases() + many_cases("nvidia-h100-sxm")
    models = [case.workload.model for case in cases]
    made = made_latencies_ms(cases)
    return fit_generation(cases, made, models, ["made"] * len(cases), **options), cases


def encoder_case() -> Case:
    workload = Workload(model="bert-base-uncased", batch_size=4, sequence_length=128)
    made = profile(find_model("bert-base-uncased"), workload)
    return Case(workload=workload, device=DEVICES.find("amd-mi250"), profile=made)
