"""Times PyTorch modules with random weights on a CPU, a CUDA GPU or Apple's MPS."""

# torch has no types where it is not installed
# mypy: disable-error-code="misc"

import contextlib
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase
from perfpredict.errors import CannotAnswerError
from perfpredict.measuring.memory import MemoryProbe
from perfpredict.measuring.outcome import Fact, Memory
from perfpredict.measuring.prepared import Prepared, timed
from perfpredict.measuring.request import Place, RunRequest
from perfpredict.measuring.timing import RunOnce
from perfpredict.measuring.torch_models import Inputs, build, example_inputs, load_libraries

if TYPE_CHECKING:
    import torch

Step = Callable[[], object]
_AMP = {Precision.AMP_FP16: "float16", Precision.AMP_BF16: "bfloat16"}
_STORED = {Precision.FP16: "float16", Precision.BF16: "bfloat16"}
_RUNNABLE = {Precision.FP32, Precision.TF32, Precision.INT8, *_AMP, *_STORED}


def prepare(request: RunRequest) -> Prepared:
    """Return the request's model, built and placed, with a function that runs one batch."""
    import torch

    _check(request)
    torch.set_num_threads(request.threads)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("high" if request.precision is Precision.TF32 else "highest")
    torch.backends.cudnn.allow_tf32 = request.precision is Precision.TF32
    load_libraries(request)
    probe = MemoryProbe()
    probe.mark_baseline()
    module, inputs = _placed(request)
    facts = _facts(request, module)
    if request.is_compiled:
        module = torch.compile(module)
    step, after = _step(request, module, inputs)
    probe.forget_peak()
    if request.place is Place.CUDA:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    return Prepared(
        run=_run(request.place, step, after),
        read_memory=functools.partial(_memory, probe, request.place),
        facts=facts,
    )


def _check(request: RunRequest) -> None:
    import torch

    if request.place is Place.CUDA and not torch.cuda.is_available():
        raise CannotAnswerError(
            f"torch {torch.__version__} reaches no CUDA device here", hint="--hardware cpu"
        )
    if request.place is Place.MPS and not torch.backends.mps.is_available():
        raise CannotAnswerError(
            f"torch {torch.__version__} reaches no MPS device here", hint="--hardware cpu"
        )
    is_elsewhere = request.place is not Place.CPU
    if request.precision not in _RUNNABLE or (request.precision is Precision.INT8 and is_elsewhere):
        raise CannotAnswerError(
            f"the torch backend does not run {request.precision} on {request.place}",
            hint="fp32, bf16, fp16, amp-bf16 and amp-fp16 run; int8 (dynamic) on a CPU",
        )


def _placed(request: RunRequest) -> "tuple[torch.nn.Module, Inputs]":
    """Return module and inputs in the precision and place asked for."""
    import torch

    module = build(request).eval()
    name = _STORED.get(request.precision)
    dtype = getattr(torch, name) if name else torch.float32
    module = module.to(dtype=dtype, device=request.place.value)
    if request.precision is Precision.INT8:
        module = _quantized(module)
    inputs = example_inputs(request, module, dtype)
    inputs = {key: tensor.to(request.place.value) for key, tensor in inputs.items()}
    if request.channels_last:
        module = module.to(memory_format=torch.channels_last)
        inputs = {
            key: tensor.contiguous(memory_format=torch.channels_last)
            if tensor.dim() == 4
            else tensor
            for key, tensor in inputs.items()
        }
    return module, inputs


def _quantized(module: "torch.nn.Module") -> "torch.nn.Module":
    """Return the module with int8 linear layers whose activations are quantised as they come."""
    import warnings

    import torch
    from torch.ao.quantization import quantize_dynamic

    if not any(isinstance(one, torch.nn.Linear) for one in module.modules()):
        raise CannotAnswerError("int8: the model has no linear layer that could be quantised")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return quantize_dynamic(module, {torch.nn.Linear}, dtype=torch.qint8)


def _step(
    request: RunRequest, module: Any, inputs: Inputs
) -> tuple[Step, Callable[[], None] | None]:
    """Return what one run executes, and what puts the state back after it."""
    import torch

    phase = request.shape.phase
    if phase is Phase.DECODE:
        step, after = _decode(module, inputs)
    elif phase is Phase.GENERATE:
        step, after = _generate(request, module, inputs), None
    else:
        more = {"logits_to_keep": 1, "use_cache": True} if phase is Phase.PREFILL else {}
        positional = [inputs["x"]] if "x" in inputs else []
        named = {key: value for key, value in inputs.items() if key != "x"} | more
        step, after = functools.partial(module, *positional, **named), None
    name = _AMP.get(request.precision)
    if name is None:
        return step, after
    bare = step

    def in_autocast() -> object:
        with torch.autocast(request.place.value, dtype=getattr(torch, name)):
            return bare()

    return in_autocast, after


def _decode(module: Any, inputs: Inputs) -> tuple[Step, Callable[[], None]]:
    """Return one step behind a filled KV cache, which is cut back to its length after it."""
    import torch

    cached = int(inputs["input_ids"].shape[1])
    cache = module(**inputs, use_cache=True, logits_to_keep=1).past_key_values
    token = inputs["input_ids"][:, :1]
    mask = torch.ones(token.shape[0], cached + 1, dtype=token.dtype, device=token.device)

    def step() -> object:
        return module(
            input_ids=token, attention_mask=mask, past_key_values=cache, use_cache=True,
        )  # fmt: skip

    # a negative number takes tokens off
    return step, functools.partial(cache.crop, -1)


def _generate(request: RunRequest, module: Any, inputs: Inputs) -> Step:
    tokens = request.shape.output_tokens
    return functools.partial(
        module.generate, **inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
        pad_token_id=0,
    )  # fmt: skip


def _run(place: Place, step: Step, after: Callable[[], None] | None) -> RunOnce:
    """Return the function that is timed: by the GPU's own events on CUDA, else by the clock."""
    import torch

    if place is Place.CUDA:
        return functools.partial(_cuda_run, step, after)
    if place is Place.CPU:
        return timed(step, after)

    def step_and_wait() -> None:
        step()
        torch.mps.synchronize()

    return timed(step_and_wait, after)


def _cuda_run(step: Step, after: Callable[[], None] | None) -> float:
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    step()
    end.record()
    torch.cuda.synchronize()
    taken_ms = float(begin.elapsed_time(end))
    if after is not None:
        after()
    return taken_ms


def _memory(probe: MemoryProbe, place: Place) -> Memory:
    import torch

    if place is not Place.CUDA:
        return probe.read()
    return Memory(
        allocated_bytes=float(torch.cuda.max_memory_allocated()),
        reserved_bytes=float(torch.cuda.max_memory_reserved()),
    )


def _facts(request: RunRequest, module: "torch.nn.Module") -> dict[str, Fact]:
    import torch

    facts: dict[str, Fact] = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "parameters": sum(one.numel() for one in module.parameters()),
    }
    with contextlib.suppress(AttributeError):
        facts["attention"] = str(module.config._attn_implementation)
    if request.place is Place.CUDA:
        facts["gpu"] = torch.cuda.get_device_name()
        facts["cuda"] = torch.version.cuda
    return facts
