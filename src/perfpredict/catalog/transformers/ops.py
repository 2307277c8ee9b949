"""Single launches as operations; rows are tokens (or pixels), amounts are those of one launch."""

from dataclasses import replace

from perfpredict.catalog.transformers.config import Activation, Norm
from perfpredict.domain.operations import Op, OpClass


def times(count: float, ops: list[Op]) -> list[Op]:
    """Return `ops`, each launched `count` times as often."""
    return [replace(op, count=op.count * count) for op in ops] if count else []


def linear(rows: float, inputs: int, outputs: int, *, bias: bool = False) -> Op:
    """Return a dense layer; 2 * rows * inputs * outputs FLOPs, weights read once."""
    return Op(
        op_class=OpClass.LINEAR,
        count=1.0,
        flops=2.0 * rows * inputs * outputs,
        activation_elements_read=rows * inputs,
        weight_elements_read=float(inputs * outputs + (outputs if bias else 0)),
        elements_written=rows * outputs,
    )


def matmul(batches: float, rows: float, inner: float, columns: float) -> Op:
    """Return `batches` products of two activations, (rows x inner) by (inner x columns)."""
    return Op(
        op_class=OpClass.MATMUL,
        count=1.0,
        flops=2.0 * batches * rows * inner * columns,
        activation_elements_read=batches * (rows * inner + inner * columns),
        weight_elements_read=0.0,
        elements_written=batches * rows * columns,
    )


def elementwise(elements: float, *, reads: float = 1.0, count: float = 1.0) -> Op:
    """Return a pointwise launch that reads `reads` tensors and writes one."""
    return _plain(OpClass.ELEMENTWISE, elements * reads, elements, count, flops=elements)


def copy(elements: float, *, count: float = 1.0) -> Op:
    """Return a launch that only moves `elements` values."""
    return _plain(OpClass.DATA_MOVEMENT, elements, elements, count)


def gather(rows: float, width: int) -> Op:
    """Return an embedding look-up; only the rows asked for are read from the table."""
    return Op(
        op_class=OpClass.DATA_MOVEMENT,
        count=1.0,
        flops=0.0,
        activation_elements_read=rows,
        weight_elements_read=rows * width,
        elements_written=rows * width,
    )


def softmax(rows: float, columns: float) -> Op:
    """Return a row-wise softmax; five operations per element (maximum, exponent, sum, divide)."""
    elements = rows * columns
    return _plain(OpClass.SOFTMAX, elements, elements, 1.0, flops=5.0 * elements)


def reduction(elements: float, results: float) -> Op:
    """Return a reduction of `elements` values to `results`."""
    return _plain(OpClass.REDUCTION, elements, results, 1.0, flops=elements)


def normalise(norm: Norm, rows: float, width: int) -> list[Op]:
    """Return the launches of one normalisation as eager PyTorch runs it.

    LayerNorm is one kernel of seven operations an element. RMSNorm is written out: square, mean,
    add, rsqrt, two products, of which add and rsqrt see one value per row; Gemma adds one to the
    weight besides.
    """
    elements = rows * width
    kind = OpClass.NORMALISATION
    if norm is Norm.LAYER:
        whole = _plain(kind, elements, elements, 1.0, flops=7.0 * elements)
        return [replace(whole, weight_elements_read=2.0 * width)]
    small = 3.0 if norm is Norm.GEMMA_RMS else 2.0
    scale = _plain(kind, elements, elements, 1.0, flops=elements)
    return [
        _plain(kind, elements, elements, 2.0, flops=elements),
        _plain(kind, elements, rows, 1.0, flops=elements),
        replace(scale, weight_elements_read=float(width)),
        _plain(kind, rows, rows, small, flops=rows),
    ]


def activate(activation: Activation, elements: float) -> list[Op]:
    """Return the launches of one activation function in eager PyTorch."""
    match activation:
        case Activation.GELU_NEW:
            # 0.5 * x * (1 + tanh(c * (x + 0.044715 * x**3))): six unary and two binary launches
            return [elementwise(elements, count=5.0), elementwise(elements, reads=2.0, count=3.0)]
        case Activation.QUICK_GELU:
            return [elementwise(elements, count=2.0), elementwise(elements, reads=2.0)]
        case _:
            return [elementwise(elements)]


def conv(  # one argument per dimension of a convolution
    pixels: float,
    inputs: int,
    outputs: int,
    taps: int,
    *,
    pixels_in: float | None = None,
    groups: int = 1,
    bias: bool = True,
) -> Op:
    """Return a convolution with `taps` kernel positions; `pixels` of output count the batch."""
    weights = inputs // groups * outputs * taps
    op_class = OpClass.CONV_GROUPED if groups > 1 else OpClass.CONV_DENSE
    if taps == 1 and groups == 1:
        op_class = OpClass.CONV_POINTWISE
    return Op(
        op_class=op_class,
        count=1.0,
        flops=2.0 * pixels * weights,
        activation_elements_read=(pixels if pixels_in is None else pixels_in) * inputs,
        weight_elements_read=float(weights + (outputs if bias else 0)),
        elements_written=pixels * outputs,
    )


def _plain(
    op_class: OpClass, read: float, written: float, count: float, *, flops: float = 0.0
) -> Op:
    return Op(
        op_class=op_class,
        count=count,
        flops=flops,
        activation_elements_read=read,
        weight_elements_read=0.0,
        elements_written=written,
    )
