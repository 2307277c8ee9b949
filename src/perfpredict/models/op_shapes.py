"""Where the roofline sum's time goes by shape of the operations: efficiency depends on it."""

from collections.abc import Iterator

import numpy as np

from perfpredict.domain.operations import OpClass
from perfpredict.features import SHAPE_FEATURES
from perfpredict.models.op_arrays import CLASS_CODES, OP_CLASSES, Floats, OpArrays

COLUMN_EDGES = (32, 64, 128, 256, 512, 1024)
DEPTH_EDGES = (32, 128, 512, 2048)
ROW_EDGES = (2**10, 2**13, 2**16, 2**19, 2**22)
"""Upper bounds of the classes of matrix products by their three extents; the last is open."""
KERNEL_AREAS = (9, 25, 49)
"""Weights per channel of the usual depthwise convolutions: 3 x 3, 5 x 5, 7 x 7."""

_DEPTHWISE = CLASS_CODES[OpClass.CONV_DEPTHWISE]
_PLAIN_DEPTH = np.array(
    [op_class in (OpClass.CONV_POINTWISE, OpClass.LINEAR) for op_class in OP_CLASSES]
)


def shape_features(arrays: OpArrays, op_s: Floats) -> Floats:
    """Return (m, len(SHAPE_FEATURES)): shares and means weighted by `op_s`, (n,) seconds."""
    total_s = np.maximum(_by_case(arrays, op_s), 1e-30)
    columns = dict(_columns(arrays, op_s, total_s))
    return np.stack([columns[name] for name in SHAPE_FEATURES], axis=1)


def _columns(arrays: OpArrays, op_s: Floats, total_s: Floats) -> Iterator[tuple[str, Floats]]:
    is_product = arrays.gemm[:, 0] > 0
    product_s = np.where(is_product, op_s, 0.0)
    all_product_s = np.maximum(_by_case(arrays, product_s), 1e-30)
    log_extents = np.log2(np.maximum(arrays.gemm, 1.0))
    for place, (name, edges) in enumerate(_EXTENTS):
        own = log_extents[:, place]
        yield f"mean_log_{name}", _by_case(arrays, product_s * own) / all_product_s
        classes = np.searchsorted(np.log2(edges) + 0.01, own)
        for number, label in enumerate((*edges, "more")):
            chosen = np.where(classes == number, product_s, 0.0)
            yield f"time_share_{name}_to_{label}", _by_case(arrays, chosen) / total_s
    extents = np.round(arrays.gemm)
    columns, depth = extents[:, 1], extents[:, 2]
    is_plain = _PLAIN_DEPTH[arrays.class_code]
    for name, odd in (
        ("columns_not_of_8", columns % 8 != 0),
        ("columns_not_of_64", columns % 64 != 0),
        ("depth_not_of_8", is_plain & (depth % 8 != 0)),
    ):
        yield f"time_share_{name}", _by_case(arrays, np.where(odd, product_s, 0.0)) / total_s
    for area in KERNEL_AREAS:
        chosen = (arrays.class_code == _DEPTHWISE) & (np.abs(arrays.gemm[:, 2] - area) < 2)
        name = f"time_share_depthwise_of_{area}"
        yield name, _by_case(arrays, np.where(chosen, op_s, 0.0)) / total_s
    moved = _by_case(arrays, op_s * arrays.moved_bytes) / total_s
    yield "log_bytes_per_launch", np.log(np.maximum(moved, 1.0))
    yield "mean_cache_share", _by_case(arrays, op_s * arrays.cache_share) / total_s


_EXTENTS = (("rows", ROW_EDGES), ("columns", COLUMN_EDGES), ("depth", DEPTH_EDGES))


def _by_case(arrays: OpArrays, values: Floats) -> Floats:
    repeated = values * arrays.repeats[arrays.pass_index]
    cases = arrays.case_index[arrays.pass_index]
    return np.bincount(cases, weights=repeated, minlength=arrays.case_count).astype(np.float64)
