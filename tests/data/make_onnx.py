"""Writes the ONNX files of this folder: `python tests/data/make_onnx.py` (needs onnx)."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
WIDTH, HEADS, WORDS = 8, 2, 20


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype=np.float32), name)


def whole(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def save(name: str, nodes: list, inputs: list, outputs: list, constants: list) -> None:
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    model = helper.make_model(
        graph, opset_imports=OPSETS, ir_version=8, producer_name="perfpredict"
    )
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def tiny_cnn() -> None:
    """Every kind of convolution, a norm, a residual, pooling and a head; the batch is open."""
    node = helper.make_node
    pads = [1, 1, 1, 1]
    nodes = [
        node("Conv", ["image", "w1"], ["a"], pads=pads, strides=[2, 2]),
        node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Conv", ["c", "w2"], ["d"], pads=pads, group=8),
        node("Conv", ["d", "w3", "bias"], ["e"]),
        node("Conv", ["e", "w4"], ["f"], pads=pads, group=2),
        node("Add", ["c", "f"], ["g"]),
        node("MaxPool", ["g"], ["h"], kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", ["h"], ["i"]),
        node("Flatten", ["i"], ["j"]),
        node("Gemm", ["j", "head", "bias_of_head"], ["logits"], transB=1),
    ]
    constants = [
        weight("w1", 8, 3, 3, 3), weight("w2", 8, 1, 3, 3), weight("w3", 8, 8, 1, 1),
        weight("w4", 8, 4, 3, 3), weight("bias", 8), weight("head", 5, 8),
        weight("bias_of_head", 5),
        *(weight(name, 8) for name in ("scale", "shift", "mean", "variance")),
    ]  # fmt: skip
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 16, 16])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 5])
    save("tiny_cnn", nodes, [image], [logits], constants)


def tiny_encoder() -> None:
    """A transformer layer of onnxruntime's fused operators, then a hand-written attention.

    Batch and tokens are open, and a shape is computed inside the graph.
    """
    node = helper.make_node
    micro = {"domain": "com.microsoft"}
    nodes = [
        node("Gather", ["table", "tokens"], ["x"]),
        node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]),
        node("MatMul", ["x", "wv"], ["v"]),
        node("MultiHeadAttention", ["q", "k", "v"], ["attended"], num_heads=HEADS, **micro),
        node("MatMul", ["attended", "wo"], ["o"]),
        node("Add", ["o", "bo"], ["projected"]),
        node("SkipLayerNormalization", ["projected", "x", "scale", "shift"], ["y"], **micro),
        node("MatMul", ["y", "up"], ["wide"]),
        node("FastGelu", ["wide", "b_up"], ["active"], **micro),
        node("MatMul", ["active", "down"], ["narrow"]),
        node("Add", ["narrow", "y"], ["z"]),
        node("Shape", ["z"], ["shape"]),
        node("Slice", ["shape", "zero", "two"], ["leading"]),
        node("Concat", ["leading", "split"], ["by_head"], axis=0),
        node("Reshape", ["z", "by_head"], ["apart"]),
        node("Transpose", ["apart"], ["heads"], perm=[0, 2, 1, 3]),
        node("Transpose", ["apart"], ["keys"], perm=[0, 2, 3, 1]),
        node("MatMul", ["heads", "keys"], ["scores"]),
        node("Softmax", ["scores"], ["shares"], axis=-1),
        node("MatMul", ["shares", "heads"], ["mixed"]),
    ]
    side = (WIDTH, WIDTH)
    constants = [
        weight("table", WORDS, WIDTH), *(weight(name, *side) for name in ("wq", "wk", "wv", "wo")),
        *(weight(name, WIDTH) for name in ("bo", "scale", "shift")),
        weight("up", WIDTH, 4 * WIDTH), weight("b_up", 4 * WIDTH), weight("down", 4 * WIDTH, WIDTH),
        whole("zero", 0), whole("two", 2), whole("split", HEADS, WIDTH // HEADS),
    ]  # fmt: skip
    tokens = helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "sequence"])
    mixed = helper.make_tensor_value_info("mixed", TensorProto.FLOAT, None)
    save("tiny_encoder", nodes, [tokens], [mixed], constants)


if __name__ == "__main__":
    tiny_cnn()
    tiny_encoder()
