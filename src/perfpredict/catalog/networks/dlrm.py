"""Deep learning recommendation models of MLPerf Inference, with tables on the device."""

from collections.abc import Sequence
from itertools import pairwise

from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.transformers.ops import copy, elementwise, gather, linear, matmul
from perfpredict.domain.operations import Op

WIDTH, TABLES, NUMBERS = 128, 26, 13
BOTTOM = (NUMBERS, 512, 256, WIDTH)
TOP = (1024, 1024, 512, 256, 1)
LOOKUPS_V2 = 214
"""Rows that one pair of the multi-hot Criteo set looks up in the 26 tables together."""
CROSS_LAYERS, CROSS_RANK = 3, 512
ROWS = 187_767_399
"""Rows of the 26 tables of Criteo 1TB, at most 40 million each (MLPerf Inference, DLRM)."""
ROWS_V2 = 204_184_588
"""Rows of the 26 tables of the multi-hot set (MLPerf Training, DLRM DCNv2)."""
PAIRS = 270
"""User-item pairs of one sample, on the average of the benchmark (100 to 700)."""


def _build_v1(batch: float, length: int) -> list[Op]:
    pairs = batch * length
    vectors = TABLES + 1
    products = vectors * (vectors - 1) // 2
    return [
        *_layers(pairs, BOTTOM),
        gather(pairs * TABLES, WIDTH),
        matmul(pairs, vectors, WIDTH, vectors),
        copy(pairs * (products + WIDTH)),
        *_layers(pairs, (products + WIDTH, *TOP)),
    ]


def _build_v2(batch: float, length: int) -> list[Op]:
    pairs = batch * length
    joined = (TABLES + 1) * WIDTH
    return [
        *_layers(pairs, BOTTOM),
        _pooled(pairs),
        copy(pairs * joined),
        *_cross(pairs, joined),
        *_layers(pairs, (joined, *TOP)),
    ]


def _pooled(pairs: float) -> Op:
    """Return the look-ups, of which each table's are summed as they are read."""
    read = gather(pairs * LOOKUPS_V2, WIDTH)
    return Op(
        op_class=read.op_class,
        count=1.0,
        flops=0.0,
        activation_elements_read=read.activation_elements_read,
        weight_elements_read=read.weight_elements_read,
        elements_written=pairs * TABLES * WIDTH,
    )


def _cross(pairs: float, width: int) -> list[Op]:
    """Return the low-rank cross layers: x0 * (V U x + b) + x."""
    ops: list[Op] = []
    for _ in range(CROSS_LAYERS):
        ops += [linear(pairs, width, CROSS_RANK), linear(pairs, CROSS_RANK, width, bias=True)]
        ops.append(elementwise(pairs * width, reads=3.0))
    return ops


def _layers(pairs: float, widths: Sequence[int]) -> list[Op]:
    ops: list[Op] = []
    for inputs, outputs in pairwise(widths):
        ops += [linear(pairs, inputs, outputs, bias=True), elementwise(pairs * outputs)]
    return ops


DLRM = Network(
    name="dlrm",
    aliases=("dlrm-99", "dlrm-99.9", "dlrm-v1"),
    family="recommendation",
    architecture="dlrm",
    source="Naumov et al. 2019, arXiv:1906.00091; MLPerf Inference, recommendation",
    length=PAIRS,
    length_unit="user-item pairs",
    build=_build_v1,
    tables=float(ROWS * WIDTH),
)
DLRM_V2 = Network(
    name="dlrm-v2",
    aliases=("dlrm-v2-99", "dlrm-v2-99.9", "dlrm-dcnv2"),
    family="recommendation",
    architecture="dlrm",
    source="Wang et al. 2021, arXiv:2008.13535; MLPerf Inference, DLRM DCNv2",
    length=PAIRS,
    length_unit="user-item pairs",
    build=_build_v2,
    tables=float(ROWS_V2 * WIDTH),
)
