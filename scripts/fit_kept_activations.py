"""Prints the values that autograd keeps for backward per value written, by op class.

    python scripts/fit_kept_activations.py [--models 260]

Runs `timm` architectures forward on PyTorch's `meta` device and adds up what saved-tensor hooks
report, weights and buffers left out, each storage once. Fused attention is replaced by a function
that saves queries, keys, values, result and one number per row, as the GPU kernels do; on `meta`
it would be written out. The shares minimise a robust loss of log(sum of shares / kept), shrunk
towards CENTRE. Needs torch, torchvision and timm.
"""

import argparse
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.operations import OpClass
from perfpredict.domain.workload import Mode, Workload
from perfpredict.errors import PerfpredictError

Floats = NDArray[np.float64]
GROUPS = (
    (OpClass.CONV_DENSE, OpClass.CONV_POINTWISE, OpClass.CONV_GROUPED),
    (OpClass.CONV_DEPTHWISE,),
    (OpClass.LINEAR, OpClass.MATMUL),
    (OpClass.ATTENTION,),
    (OpClass.SOFTMAX,),
    (OpClass.NORMALISATION,),
    (OpClass.DATA_MOVEMENT,),
    (OpClass.REDUCTION, OpClass.ELEMENTWISE),
)
"""Op classes that share one share."""
CENTRE = np.log(0.7)
SHRINKAGE = 0.1
"""Weight of a log share's distance from CENTRE against one model's log residual."""
SCALE = 0.1
"""Log residual from which a model pulls with constant force."""
STEPS, LONGEST_STEP = 100, 0.5
LARGEST_SIZE = 300
"""Larger default images are replaced by 224 pixels where the architecture allows it."""
BATCH = 2
ELEMENT_BYTES = 4.0
SAME_MODEL = 0.02
"""Parameters may differ by this share between the installed timm and the catalog."""


class FusedAttention(torch.autograd.Function):  # type: ignore[misc]
    """Keeps what a fused kernel keeps; computes nothing."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        result = query.new_empty((*query.shape[:-1], value.shape[-1]))
        ctx.save_for_backward(query, key, value, result, query.new_empty(query.shape[:-1]))
        return result


def kept_elements(name: str) -> tuple[int, float, int] | None:
    """Return image size, values kept for one image and parameters; None where it cannot run."""
    import timm

    with torch.device("meta"):
        model = timm.create_model(name).train()
        size = model.default_cfg["input_size"][1]
        if size > LARGEST_SIZE and not model.default_cfg.get("fixed_input_size"):
            size = 224
        images = torch.empty(BATCH, 3, size, size)
    tensors = [*model.parameters(), *model.buffers()]
    held = {tensor.untyped_storage()._cdata for tensor in tensors}
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in held:
            # the tensor is kept so that its storage's number is not given to another
            kept.setdefault(storage._cdata, (storage.nbytes(), tensor))
        return tensor

    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(images)
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError):
        return None
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return size, sum(n for n, _ in kept.values()) / BATCH / ELEMENT_BYTES, parameters


def written_elements(name: str, size: int, parameters: int) -> Floats | None:
    """Return the values that each of GROUPS writes for one image, by the catalog."""
    try:
        entry = find_model(name)
        asked = Workload(model=name, image_size=size, mode=Mode.TRAINING)
        found = profile(entry, with_defaults(asked, entry)[0])
    except PerfpredictError:
        return None
    if abs(found.parameters / parameters - 1.0) > SAME_MODEL:
        return None
    written = np.zeros(len(GROUPS))
    for repeats, one in found.passes:
        for op in one.ops:
            place = next(i for i, group in enumerate(GROUPS) if op.op_class in group)
            written[place] += repeats * op.count * op.elements_written
    return written


def fit(written: Floats, kept: Floats) -> Floats:
    """Return one share for each of GROUPS, by Gauss-Newton steps with the weights of soft L1."""
    logs = np.full(len(GROUPS), CENTRE)
    pull = SHRINKAGE**2 * np.eye(len(GROUPS))
    for _ in range(STEPS):
        parts = written * np.exp(logs)
        total = parts.sum(axis=1)
        off, slopes = np.log(total / kept), parts / total[:, None]
        weights = 1.0 / np.sqrt(1.0 + (off / SCALE) ** 2)
        square = (slopes * weights[:, None]).T @ slopes + pull
        downhill = -(slopes * weights[:, None]).T @ off - pull @ (logs - CENTRE)
        logs = logs + np.clip(np.linalg.solve(square, downhill), -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(np.exp(logs), dtype=np.float64)


def left_out(written: Floats, kept: Floats, fitted: Callable[[Floats, Floats], Floats]) -> Floats:
    """Return predicted over kept of every model, predicted without its fold of five."""
    folds = np.random.default_rng(0).permutation(len(kept)) % 5
    ratios = np.empty_like(kept)
    for fold in range(5):
        inside = folds != fold
        ratios[~inside] = written[~inside] @ fitted(written[inside], kept[inside]) / kept[~inside]
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", type=int, default=260)
    count = parser.parse_args().models
    from build_vision_catalog import _declare_torchvision_operators

    _declare_torchvision_operators()
    warnings.filterwarnings("ignore")
    import timm

    torch.nn.functional.scaled_dot_product_attention = lambda query, key, value, *_, **__: (
        FusedAttention.apply(query, key, value)
    )
    names = timm.list_models()
    random.Random(1).shuffle(names)
    rows: list[tuple[Floats, float]] = []
    for name in names[:count]:
        found = kept_elements(name)
        written = None if found is None else written_elements(name, found[0], found[2])
        if found is not None and written is not None:
            rows.append((written, found[1]))
    written_all = np.array([written for written, _ in rows])
    kept_all = np.array([kept for _, kept in rows])
    for group, share in zip(GROUPS, fit(written_all, kept_all), strict=True):
        print(f"{', '.join(group):45s} {share:.2f}")
    off = np.abs(left_out(written_all, kept_all, fit) - 1.0)
    print(f"{len(rows)} models, left out: median {np.median(off):.1%}, mean {off.mean():.1%}")


if __name__ == "__main__":
    main()
