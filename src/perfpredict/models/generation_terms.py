"""Physical terms of text generation: what each part of the work takes at the device's full rate.

Weights that are read, products that are computed, kernels that are launched: each in seconds, from
a case alone. models/generation_fit.py learns by which factor each is longer in reality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.identity import Same
from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.domain.workload import Phase, Workload
from perfpredict.models.generation_rates import HOP_S, Rates, rates_of
from perfpredict.models.memory import SERVING_FRAMEWORKS, memory_use, usable_bytes
from perfpredict.models.op_arrays import REMEMBERED_PROFILES
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]


class Term(StrEnum):
    """A part of the time; `prompt` is the pass over the prompt, `step` one that adds a token."""

    PROMPT_PRODUCTS = "prompt_products"
    """Matrix products at peak arithmetic rate."""
    PROMPT_ATTENTION = "prompt_attention"
    """Attention and softmax at peak arithmetic rate."""
    PROMPT_WEIGHTS = "prompt_weights"
    """Weights read once at full bandwidth."""
    PROMPT_TRAFFIC = "prompt_traffic"
    """What element-wise operations and normalisations read and write."""
    STEP_WEIGHTS = "step_weights"
    STEP_CACHE = "step_cache"
    """KV cache read once at full bandwidth."""
    STEP_UNSHARED_CACHE = "step_unshared_cache"
    """KV cache read again by every query head, as kernels without grouped queries do."""
    STEP_PRODUCTS = "step_products"
    STEP_TRAFFIC = "step_traffic"
    PROMPT_MATRIX_LAUNCHES = "prompt_matrix_launches"
    """LAUNCH_S for every matrix product and attention; more under eager PyTorch."""
    PROMPT_SMALL_LAUNCHES = "prompt_small_launches"
    """LAUNCH_S for every other operation."""
    STEP_MATRIX_LAUNCHES = "step_matrix_launches"
    STEP_SMALL_LAUNCHES = "step_small_launches"
    PASSES = "passes"
    """PASS_S for every pass: scheduling, and copying a token back."""
    SEQUENCE_STEPS = "sequence_steps"
    """SEQUENCE_STEP_S for every sequence in every pass: sampling and bookkeeping."""
    SYNC_LATENCY = "sync_latency"
    """Messages between devices, whatever their size."""
    SYNC_TRAFFIC = "sync_traffic"
    """Their bytes through a link."""
    REQUEST = "request"
    """REQUEST_S once; none in a step, which stands amid others."""
    PROMPT_TOKENS = "prompt_tokens"
    """PROMPT_TOKEN_S for every token of the prompt: tokenizing and copying."""
    OTHER_LAYERS = "other_layers"
    """Weights on the other devices where only one works at a time."""
    PROMPT_UNPACKING = "prompt_unpacking"
    """UNPACKING_FLOPS for every quantised weight, at the fp32 rate."""
    STEP_UNPACKING = "step_unpacking"


TERMS = tuple(Term)

PASS_S, SEQUENCE_STEP_S, REQUEST_S, PROMPT_TOKEN_S = 1e-3, 1e-5, 1e-2, 1e-6
"""Units of what no rate gives; their real size is learned, these make the factors near one."""
CACHE_SHARE = 0.9
"""Of the memory that a server takes (vLLM `gpu_memory_utilization`, TensorRT-LLM
`free_gpu_memory_fraction`: both 0.9)."""
SERVER_BYTES = 1.5e9
"""Context and captured graphs of a server, which its cache cannot use; a judgement."""
LEAST_CACHE_SHARE = 0.05
"""Of the memory; a server that has less room for its cache does not start."""

_PRODUCTS = frozenset({OpClass.LINEAR, OpClass.MATMUL})
_ATTENTION = frozenset({OpClass.ATTENTION, OpClass.SOFTMAX})
_PROMPT_RATIO = 3.0
"""A pass that is run once and does so many times the work of a step reads a prompt."""


def terms_of(cases: Sequence[Case]) -> Floats:
    """Return seconds at full rate, shape (cases, TERMS)."""
    found = np.zeros((len(cases), len(TERMS)))
    for row, case in zip(found, cases, strict=True):
        seconds = _seconds(case)
        row[:] = [seconds[term] for term in TERMS]
    return found


def prompt_tokens(workload: Workload) -> float:
    """Return the tokens of one prompt; for decode those already in the cache."""
    return float(workload.input_tokens or workload.sequence_length or 1)


def waves(case: Case) -> float:
    """Return how often a server runs the steps because the cache of the batch does not fit.

    At least 1 and not whole: sequences that end make room for others at once.
    """
    workload = case.workload
    if workload.phase is not Phase.GENERATE or workload.framework not in SERVING_FRAMEWORKS:
        return 1.0
    use, usable = memory_use(case), usable_bytes(case)
    room = usable * CACHE_SHARE - (use.weights + use.workspace + SERVER_BYTES)
    return max(1.0, use.kv_cache / max(room, usable * LEAST_CACHE_SHARE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """What the operations of one sort do in one pass, all together."""

    flops: float = 0.0
    weights: float = 0.0
    """Weight elements read."""
    activations: float = 0.0
    """Activation elements read and written."""
    launches: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    products: _Amounts
    attention: _Amounts
    other: _Amounts
    flops: float


@lru_cache(maxsize=REMEMBERED_PROFILES)
def _amounts(profile: Same[OpProfile]) -> _Pass:
    sums = {"products": [0.0] * 4, "attention": [0.0] * 4, "other": [0.0] * 4}
    for op in profile.value.ops:
        sort = "products" if op.op_class in _PRODUCTS else "other"
        own = sums["attention" if op.op_class in _ATTENTION else sort]
        moved = op.activation_elements_read + op.elements_written
        for place, amount in enumerate((op.flops, op.weight_elements_read, moved, 1.0)):
            own[place] += amount * op.count
    parts = {
        sort: _Amounts(flops=own[0], weights=own[1], activations=own[2], launches=own[3])
        for sort, own in sums.items()
    }
    return _Pass(**parts, flops=profile.value.flops)


def _seconds(case: Case) -> dict[Term, float]:
    workload, rates = case.workload, rates_of(case)
    seconds = dict.fromkeys(TERMS, 0.0)
    times = waves(case)
    last_flops = _amounts(Same(case.profile.passes[-1][1])).flops
    for place, (repeats, profile) in enumerate(case.profile.passes):
        own = _amounts(Same(profile))
        is_prompt = workload.phase is not Phase.DECODE and (
            place == 0 or (repeats == 1.0 and own.flops > _PROMPT_RATIO * last_flops)
        )
        runs = 1.0 if is_prompt else times * repeats
        parts = _prompt(own, rates, repeats) if is_prompt else _step(own, rates, repeats, runs)
        parts[Term.PASSES] = runs * PASS_S
        sequences = (1.0 if is_prompt else repeats) * workload.batch_size
        parts[Term.SEQUENCE_STEPS] = sequences * SEQUENCE_STEP_S
        if is_prompt:
            tokens = workload.batch_size * prompt_tokens(workload)
            parts[Term.PROMPT_TOKENS] = tokens * PROMPT_TOKEN_S
        parts |= _between_devices(workload, profile, own, rates, repeats, runs)
        for term, value in parts.items():
            seconds[term] += value
    if workload.phase is not Phase.DECODE:
        seconds[Term.REQUEST] = REQUEST_S
    return seconds


def _prompt(own: _Pass, rates: Rates, repeats: float) -> dict[Term, float]:
    """A prompt is read once, however often the steps after it are cut into waves."""
    flop_s = 1.0 / (rates.shards * rates.flops_per_s)
    byte_s = 1.0 / (rates.shards * rates.bandwidth_bytes_per_s)
    products, other = own.products, own.other
    unpacked = products.weights / rates.shards / rates.unpacking_per_s
    return {
        Term.PROMPT_PRODUCTS: repeats * products.flops / (rates.shards * rates.prompt_flops_per_s),
        Term.PROMPT_ATTENTION: repeats * own.attention.flops * flop_s,
        Term.PROMPT_WEIGHTS: products.weights * rates.weight_bytes * byte_s,
        Term.PROMPT_TRAFFIC: repeats * _bytes(other, rates) * byte_s,
        Term.PROMPT_MATRIX_LAUNCHES: _matrix_launches(own, rates) * rates.matrix_launch_s,
        Term.PROMPT_SMALL_LAUNCHES: other.launches * rates.small_launch_s,
        Term.PROMPT_UNPACKING: unpacked,
    }


def _step(own: _Pass, rates: Rates, repeats: float, runs: float) -> dict[Term, float]:
    """Weights are read and kernels launched in every wave; caches are read once in all."""
    flop_s = 1.0 / (rates.shards * rates.flops_per_s)
    byte_s = 1.0 / (rates.shards * rates.bandwidth_bytes_per_s)
    products, attention, other = own.products, own.attention, own.other
    unpacked = products.weights / rates.shards / rates.unpacking_per_s
    cached = attention.activations * rates.activation_bytes
    # one multiply-add a cached value and query head: half the FLOPs
    unshared = attention.flops / 2.0 * rates.activation_bytes
    return {
        Term.STEP_WEIGHTS: runs * products.weights * rates.weight_bytes * byte_s,
        Term.STEP_CACHE: repeats * cached * byte_s,
        Term.STEP_UNSHARED_CACHE: repeats * unshared * byte_s,
        Term.STEP_PRODUCTS: repeats * products.flops * flop_s,
        Term.STEP_TRAFFIC: repeats * _bytes(other, rates) * byte_s,
        Term.STEP_MATRIX_LAUNCHES: runs * _matrix_launches(own, rates) * rates.matrix_launch_s,
        Term.STEP_SMALL_LAUNCHES: runs * other.launches * rates.small_launch_s,
        Term.STEP_UNPACKING: runs * unpacked,
    }


def _matrix_launches(own: _Pass, rates: Rates) -> float:
    return own.products.launches * rates.product_launches + own.attention.launches


def _between_devices(
    workload: Workload, profile: OpProfile, own: _Pass, rates: Rates, repeats: float, runs: float
) -> dict[Term, float]:
    """Return all-reduces of split layers, or the hand-over from layers to layers."""
    devices = float(workload.device_count)
    if devices <= 1.0:
        return {}
    if profile.syncs and rates.shards > 1.0:
        exchanged = profile.sync_elements * rates.activation_bytes * 2.0 * (devices - 1.0) / devices
        return {
            Term.SYNC_LATENCY: runs * profile.syncs * rates.hop_s * float(np.log2(devices)),
            Term.SYNC_TRAFFIC: repeats * exchanged / rates.link_bytes_per_s,
        }
    elsewhere = (devices - 1.0) / devices * own.products.weights * rates.weight_bytes
    return {
        Term.SYNC_LATENCY: runs * (devices - 1.0) * HOP_S,
        Term.OTHER_LAYERS: runs * elsewhere / rates.bandwidth_bytes_per_s,
    }


def _bytes(amounts: _Amounts, rates: Rates) -> float:
    moved = amounts.activations * rates.activation_bytes
    return moved + amounts.weights * rates.weight_bytes
