"""Times an ONNX file in onnxruntime, with inputs made up from the shapes in the file."""

# onnxruntime has no types where it is not installed
# mypy: disable-error-code="misc"

from typing import Any

from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.measuring.memory import MemoryProbe
from perfpredict.measuring.prepared import Prepared, timed
from perfpredict.measuring.request import Place, RunRequest, Shape

_PROVIDERS = {Place.CPU: "CPUExecutionProvider", Place.CUDA: "CUDAExecutionProvider"}
_FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
_WHOLE = {
    "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(int8)": "int8",
    "tensor(uint8)": "uint8", "tensor(bool)": "bool",
}  # fmt: skip


def prepare(request: RunRequest) -> Prepared:
    """Return a session of the file and a function that runs one batch through it."""
    import onnxruntime

    provider = _PROVIDERS.get(request.place)
    if provider not in onnxruntime.get_available_providers():
        raise CannotAnswerError(
            f"onnxruntime {onnxruntime.__version__} does not run on {request.place} here",
            hint="--hardware cpu",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    probe = MemoryProbe()
    probe.mark_baseline()
    session = onnxruntime.InferenceSession(request.target, options, providers=[provider])
    inputs = {one.name: _values(one, request.shape) for one in session.get_inputs()}
    probe.forget_peak()
    facts = {"onnxruntime": onnxruntime.__version__, "threads": request.threads}
    return Prepared(
        run=timed(lambda: session.run(None, inputs)), read_memory=probe.read, facts=facts
    )


def _values(given: Any, shape: Shape) -> Any:
    """Return made-up values for one input: random numbers, or ones for masks and tokens."""
    import numpy as np

    sizes = bound_shape(given.name, given.shape, shape)
    if given.type in _FLOATS:
        return np.random.default_rng(0).standard_normal(sizes).astype(_FLOATS[given.type])
    if given.type in _WHOLE:
        return np.ones(sizes, dtype=_WHOLE[given.type])
    raise CannotAnswerError(f"input '{given.name}' of type {given.type} cannot be made up here")


def bound_shape(name: str, given: list[int | str | None], shape: Shape) -> list[int]:
    """Return the sizes of an input: the file's own, else what the workload says of them.

    The first open dimension is the batch, the second of two the tokens, the last two of four
    height and width; others must be named by --dim.
    """
    sizes: list[int] = []
    for place, size in enumerate(given):
        if isinstance(size, int) and size > 0:
            sizes.append(size)
            continue
        found = shape.dims.get(str(size)) or _usual(place, len(given), shape)
        if found is None:
            raise InvalidInputError(
                f"dimension '{size}' of input '{name}' is open", hint=f"give --dim {size}=INT"
            )
        sizes.append(found)
    if sizes and sizes[0] != shape.batch_size:
        raise InvalidInputError(
            f"the file has a batch size of {sizes[0]} for input '{name}', not {shape.batch_size}",
            hint="export it with an open batch dimension",
        )
    return sizes


def _usual(place: int, rank: int, shape: Shape) -> int | None:
    if place == 0:
        return shape.batch_size
    if rank == 2 and place == 1:
        return shape.sequence_length
    if rank == 4 and place >= 2:
        return shape.image_size
    return None
