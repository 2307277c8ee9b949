"""Where the roofline sum's time and launches go by finer kinds of operation."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.operations import OpClass
from perfpredict.features import KIND_FEATURES, OP_KINDS
from perfpredict.models.op_arrays import CLASS_CODES, OP_CLASSES, Floats, Ints, OpArrays

_ATTENTION = CLASS_CODES[OpClass.ATTENTION]
_NORMS = ("batch_norm", "other_norm")


def kind_features(arrays: OpArrays, op_s: Floats) -> Floats:
    """Return (m, len(KIND_FEATURES)); `op_s` is (n,) device seconds in one pass."""
    columns = dict(_columns(arrays, op_s))
    return np.stack([columns[name] for name in KIND_FEATURES], axis=1)


def _columns(arrays: OpArrays, op_s: Floats) -> Iterator[tuple[str, Floats]]:
    repeats = arrays.repeats[arrays.pass_index]
    seconds, launches = op_s * repeats, arrays.count * repeats
    time_s = _by_cell(arrays, arrays.kind_code, seconds, len(OP_KINDS))
    all_s = np.maximum(time_s.sum(axis=1), 1e-30)
    for place, kind in enumerate(OP_KINDS):
        yield f"time_share_{kind}", time_s[:, place] / all_s
    by_class = _by_cell(arrays, arrays.class_code, launches, len(OP_CLASSES))
    all_launches = np.maximum(by_class.sum(axis=1), 1e-30)
    for place, op_class in enumerate(OP_CLASSES):
        yield f"launch_share_{op_class}", by_class[:, place] / all_launches
    cases = arrays.case_index[arrays.pass_index]
    for kind in _NORMS:
        chosen = arrays.kind_code == OP_KINDS.index(kind)
        own = np.bincount(cases[chosen], launches[chosen], arrays.case_count)
        yield f"launch_share_{kind}", own / all_launches
    flops, weights, written = arrays.amounts.T
    is_attention = arrays.class_code == _ATTENTION
    yield "log_attention_intensity", np.log1p(_ratio(arrays, is_attention, flops, written))
    is_norm = arrays.kind_code == OP_KINDS.index("other_norm")
    widths = seconds * np.log(np.maximum(weights, 1.0))
    yield "mean_log_norm_width", _ratio(arrays, is_norm, widths, seconds)


def _by_cell(arrays: OpArrays, code: Ints, values: Floats, codes: int) -> Floats:
    cells = arrays.case_index[arrays.pass_index] * codes + code
    added = np.bincount(cells, values, arrays.case_count * codes)
    return np.asarray(added, dtype=np.float64).reshape(-1, codes)


def _ratio(arrays: OpArrays, chosen: NDArray[np.bool_], over: Floats, under: Floats) -> Floats:
    """Return sum(over) / sum(under) over the chosen operations of each case, 0 where none is."""
    cases = arrays.case_index[arrays.pass_index[chosen]]
    above = np.bincount(cases, over[chosen], arrays.case_count)
    below = np.bincount(cases, under[chosen], arrays.case_count)
    return np.asarray(above / np.where(below > 0, below, 1.0), dtype=np.float64)
