"""Where the roofline sum's time goes by shape of the operations: efficiency depends on it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

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
    columns = dict(_Shapes(arrays, op_s).columns())
    return np.stack([columns[name] for name in SHAPE_FEATURES], axis=1)


class _Shapes:
    """Adds up seconds of operations by case and by class of shape."""

    def __init__(self, arrays: OpArrays, op_s: Floats) -> None:
        self._arrays = arrays
        self._cases = arrays.case_index[arrays.pass_index]
        self._seconds = op_s * arrays.repeats[arrays.pass_index]
        self._is_product = arrays.gemm[:, 0] > 0
        self._total_s = np.maximum(self._by_case(self._seconds), 1e-30)

    def columns(self) -> Iterator[tuple[str, Floats]]:
        """Yield each feature with its value a case."""
        yield from self._extents()
        yield from self._odd()
        arrays = self._arrays
        moved = self._by_case(self._seconds * arrays.moved_bytes) / self._total_s
        yield "log_bytes_per_launch", np.log(np.maximum(moved, 1.0))
        yield "mean_cache_share", self._by_case(self._seconds * arrays.cache_share) / self._total_s

    def _extents(self) -> Iterator[tuple[str, Floats]]:
        """Yield the mean of each extent of the matrix products, and shares of time by size."""
        log_extents = np.log2(np.maximum(self._arrays.gemm, 1.0))
        product_s = np.where(self._is_product, self._seconds, 0.0)
        all_product_s = np.maximum(self._by_case(product_s), 1e-30)
        for place, (name, edges) in enumerate(_EXTENTS):
            own, labels = log_extents[:, place], (*edges, "more")
            yield f"mean_log_{name}", self._by_case(product_s * own) / all_product_s
            classes = np.searchsorted(np.log2(edges) + 0.01, own)
            cells = self._cases * len(labels) + classes
            added = np.bincount(cells, product_s, self._arrays.case_count * len(labels))
            for label, seconds in zip(labels, added.reshape(-1, len(labels)).T, strict=True):
                yield f"time_share_{name}_to_{label}", seconds / self._total_s

    def _odd(self) -> Iterator[tuple[str, Floats]]:
        """Yield shares of time in extents that fill no whole tile, and by depthwise kernel."""
        extents, codes = np.round(self._arrays.gemm), self._arrays.class_code
        columns, depth = extents[:, 1], extents[:, 2]
        for name, odd in (
            ("columns_not_of_8", columns % 8 != 0),
            ("columns_not_of_64", columns % 64 != 0),
            ("depth_not_of_8", _PLAIN_DEPTH[codes] & (depth % 8 != 0)),
        ):
            yield f"time_share_{name}", self._share(self._is_product & odd)
        for area in KERNEL_AREAS:
            chosen = (codes == _DEPTHWISE) & (np.abs(self._arrays.gemm[:, 2] - area) < 2)
            yield f"time_share_depthwise_of_{area}", self._share(chosen)

    def _share(self, chosen: NDArray[np.bool_]) -> Floats:
        own = np.bincount(self._cases[chosen], self._seconds[chosen], self._arrays.case_count)
        return np.asarray(own / self._total_s, dtype=np.float64)

    def _by_case(self, values: Floats) -> Floats:
        added = np.bincount(self._cases, values, self._arrays.case_count)
        return added.astype(np.float64)


_EXTENTS = (("rows", ROW_EDGES), ("columns", COLUMN_EDGES), ("depth", DEPTH_EDGES))
