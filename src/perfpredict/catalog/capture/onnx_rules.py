"""Which class each ONNX operator belongs to; the amounts are in `onnx_count`.

The classes are those of the same operations in `torch_ops`, by the rules of docs/catalog.md.
"""

from perfpredict.domain.operations import OpClass

COPIES_UNLESS_SAME = {"Cast", "CastLike", "Concat", "Expand", "Pad", "Slice", "Split", "Tile"}
"""No launch where the only input comes out as it went in."""
CONVOLUTIONS = {
    "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "FusedConv", "NhwcFusedConv",
    "QLinearConv",
}  # fmt: skip
PRODUCTS = {
    "DynamicQuantizeMatMul", "FusedGemm", "FusedMatMul", "Gemm", "MatMul", "MatMulInteger",
    "MatMulIntegerToFloat", "MatMulNBits", "QLinearMatMul",
}  # fmt: skip
ATTENTIONS = {"Attention", "GroupQueryAttention", "MultiHeadAttention", "QAttention"}
RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Operator → gates of one cell."""
BATCH_NORMS = {"BatchNormalization"}
SKIP_NORMS = {"SkipGroupNorm", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}
"""A norm with the addition before it."""
OTHER_NORMS = {
    "EmbedLayerNormalization", "GroupNorm", "GroupNormalization", "InstanceNormalization", "LRN",
    "LayerNormalization", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization",
    "SimplifiedLayerNormalization",
}  # fmt: skip
SOFTMAXES = {"BiasSoftmax", "LogSoftmax", "QLinearSoftmax", "Softmax"}
POOLINGS = {"AveragePool", "LpPool", "MaxPool"}
REDUCTIONS = POOLINGS | {
    "ArgMax", "ArgMin", "CumProd", "CumSum", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool",
    "Hardmax", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "TopK",
}  # fmt: skip
MOVEMENTS = {
    "Cast", "CastLike", "CenterCropPad", "Col2Im", "Concat", "ConstantOfShape", "DepthToSpace",
    "Expand", "EyeLike", "Flatten", "Gather", "GatherElements", "GatherND", "GridSample",
    "MaxRoiPool", "MaxUnpool", "OneHot", "Pad", "Range", "Reshape", "Resize", "ReverseSequence",
    "RoiAlign", "Scatter", "ScatterElements", "ScatterND", "Slice", "SpaceToDepth", "Split",
    "Squeeze", "TensorScatter", "Tile", "Transpose", "Trilu", "Unsqueeze", "Upsample",
}  # fmt: skip
ELEMENTWISE = {
    "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BiasAdd",
    "BiasDropout", "BiasGelu", "BiasSplitGelu", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr",
    "BitwiseXor", "Ceil", "Celu", "Clip", "Cos", "Cosh", "DequantizeLinear", "Div",
    "DynamicQuantizeLinear", "Elu", "Equal", "Erf", "Exp", "FastGelu", "Floor", "Gelu", "Greater",
    "GreaterOrEqual", "HardSigmoid", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu",
    "Pow", "QLinearAdd", "QLinearLeakyRelu", "QLinearMul", "QLinearSigmoid", "QuantizeLinear",
    "QuickGelu", "Reciprocal", "Relu", "RotaryEmbedding", "Round", "Selu", "Shrink", "Sigmoid",
    "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "SwiGLU", "Swish", "Tan",
    "Tanh", "ThresholdedRelu", "Where", "Xor",
}  # fmt: skip
CLASS_OF_NAMES: tuple[tuple[set[str], OpClass], ...] = (
    (BATCH_NORMS | SKIP_NORMS | OTHER_NORMS, OpClass.NORMALISATION),
    (SOFTMAXES, OpClass.SOFTMAX),
    (REDUCTIONS, OpClass.REDUCTION),
    (MOVEMENTS, OpClass.DATA_MOVEMENT),
    (ELEMENTWISE, OpClass.ELEMENTWISE),
)
DATA_INPUTS = {
    "CenterCropPad": 1, "Clip": 1, "ConstantOfShape": 0, "CumSum": 1, "Expand": 1, "Pad": 1,
    "Range": 0, "ReduceL1": 1, "ReduceL2": 1, "ReduceLogSum": 1, "ReduceLogSumExp": 1,
    "ReduceMax": 1, "ReduceMean": 1, "ReduceMin": 1, "ReduceProd": 1, "ReduceSum": 1,
    "ReduceSumSquare": 1, "Reshape": 1, "Resize": 1, "Slice": 1, "Split": 1, "Squeeze": 1,
    "Tile": 1, "TopK": 1, "Trilu": 1, "Unsqueeze": 1, "Upsample": 1,
}  # fmt: skip
"""How many of the inputs are data, where the rest are axes, sizes or limits."""
ROW_READERS = {"Gather", "GatherElements", "GatherND", "EmbedLayerNormalization"}
"""Read of a table of weights no more than they return."""


def class_of(operator: str) -> OpClass | None:
    """Return the class of an operator whose class its name tells, None for one in no table."""
    for names, op_class in CLASS_OF_NAMES:
        if operator in names:
            return op_class
    return None
