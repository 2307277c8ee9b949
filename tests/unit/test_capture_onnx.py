"""Operation profiles of ONNX files; the small ones are written by tests/data/make_onnx.py."""

import random
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import pytest

from perfpredict.catalog.capture.captured import profile_captured
from perfpredict.catalog.capture.onnx_model import capture_onnx
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import CannotAnswerError, InvalidInputError, PerfpredictError

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
from onnx import TensorProto, helper  # noqa: E402

DATA = Path(__file__).parents[1] / "data"
CNN, ENCODER = DATA / "tiny_cnn.onnx", DATA / "tiny_encoder.onnx"
WIDTH, HEADS = 8, 2
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def the_only(profile: OpProfile, op_class: OpClass) -> Op:
    (op,) = [one for one in profile.ops if one.op_class is op_class]
    return op


def amounts(op: Op) -> tuple[float, ...]:
    return (
        op.count, op.flops, op.activation_elements_read, op.weight_elements_read,
        op.elements_written,
    )  # fmt: skip


Maker = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Maker:
    """Write a model of the given nodes, input shapes and weights' shapes."""

    def make(
        nodes: list[object],
        inputs: dict[str, list[int | str | None]],
        weights: dict[str, tuple[int, ...]] | None = None,
        *,
        opset: int = 17,
        kind: int = FLOAT,
        more: list[object] | None = None,
    ) -> Path:
        """Weights have no values: they lie in a file that is not there."""
        constants = list(more or [])
        for name, shape in (weights or {}).items():
            tensor = TensorProto(name=name, data_type=FLOAT, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="absent.bin")
            constants.append(tensor)
        last = nodes[-1].output[0]
        graph = helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(last, FLOAT, None)],
            constants,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        path = tmp_path / "made.onnx"
        path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
        return path

    return make


def test_every_kind_of_convolution_is_told_apart_and_counted() -> None:
    profile = capture_onnx(CNN).profile

    half = 8 * 8 * 8  # channels · height · width behind the stride
    assert amounts(the_only(profile, OpClass.CONV_DENSE)) == (1, 2 * half * 27, 768, 216, half)
    assert amounts(the_only(profile, OpClass.CONV_DEPTHWISE)) == (1, 2 * half * 9, half, 72, half)
    assert amounts(the_only(profile, OpClass.CONV_POINTWISE)) == (1, 2 * half * 8, half, 72, half)
    assert amounts(the_only(profile, OpClass.CONV_GROUPED)) == (1, 2 * half * 36, half, 288, half)
    assert amounts(the_only(profile, OpClass.NORMALISATION)) == (1, 2 * half, half, 32, half)
    assert amounts(the_only(profile, OpClass.LINEAR)) == (1, 2 * 40, 8, 45, 5)
    assert sum(op.count for op in profile.ops) == 10


def test_parameters_leave_out_running_statistics() -> None:
    norm, head = 8 + 8, 40 + 5

    assert capture_onnx(CNN).profile.parameters == 216 + 72 + 64 + 8 + 288 + norm + head


def test_peak_activations_are_those_of_the_widest_moment() -> None:
    # the picture, the residual, and the input and output of the convolution beside it
    assert capture_onnx(CNN).profile.peak_activation_elements == 768 + 3 * 512


def test_an_open_batch_is_bound_and_amounts_grow_with_it() -> None:
    one, four = capture_onnx(CNN), capture_onnx(CNN, batch_size=4)

    assert not one.is_batch_fixed
    assert (one.image_size, one.sequence_length) == (16, None)
    assert four.profile == one.profile.for_batch(4)


def test_open_tokens_are_bound_and_shapes_computed_in_the_graph_followed() -> None:
    batch, tokens = 2, 6

    model = capture_onnx(ENCODER, batch_size=batch, sequence_length=tokens)

    assert model.sequence_length == tokens
    scores = batch * HEADS * tokens * tokens
    products = [op for op in model.profile.ops if op.op_class is OpClass.MATMUL]
    assert [op.flops for op in products] == [2 * scores * WIDTH / HEADS] * 2
    assert the_only(model.profile, OpClass.SOFTMAX).flops == 5 * scores
    assert the_only(model.profile, OpClass.ATTENTION).flops == 4 * scores * WIDTH / HEADS


def test_a_table_of_embeddings_is_read_only_where_it_is_asked() -> None:
    model = capture_onnx(ENCODER, sequence_length=6)

    gathered = model.profile.ops[0]
    assert gathered.op_class is OpClass.DATA_MOVEMENT
    assert (gathered.activation_elements_read, gathered.weight_elements_read) == (6, 6 * WIDTH)


def test_a_bias_added_to_a_linear_layer_is_part_of_its_launch() -> None:
    profile = capture_onnx(ENCODER, sequence_length=6).profile

    with_bias = [op for op in profile.ops if op.weight_elements_read == WIDTH * WIDTH + WIDTH]
    assert [(op.op_class, op.count) for op in with_bias] == [(OpClass.LINEAR, 1)]


def test_equal_launches_are_merged() -> None:
    profile = capture_onnx(ENCODER, sequence_length=6).profile

    projections = [op for op in profile.ops if op.weight_elements_read == WIDTH * WIDTH]
    assert [op.count for op in projections] == [3]
    assert len(set(profile.ops)) == len(profile.ops)


def test_an_open_dimension_that_nothing_binds_is_an_error_that_names_it() -> None:
    with pytest.raises(CannotAnswerError, match=r"dimension 'sequence' .* is open") as caught:
        capture_onnx(ENCODER)
    assert "--dim sequence=" in (caught.value.hint or "")

    assert capture_onnx(ENCODER, dims={"sequence": 6}).sequence_length == 6
    with pytest.raises(InvalidInputError, match="no open dimension named 'length'"):
        capture_onnx(ENCODER, sequence_length=6, dims={"length": 6})


def test_frames_of_sound_are_not_taken_for_tokens_but_named_sequences_are(made: Maker) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]

    with pytest.raises(CannotAnswerError, match="dimension 'samples'"):
        capture_onnx(made(nodes, {"x": ["batch", "samples"]}), sequence_length=6)
    named = capture_onnx(made(nodes, {"x": ["batch", "sequence", 8]}), sequence_length=6)

    assert (named.sequence_length, named.profile.flops) == (6, 48)


def test_open_sides_of_a_picture_are_bound(made: Maker) -> None:
    path = made([helper.make_node("Relu", ["x"], ["y"])], {"x": [None, 3, "height", "width"]})

    with pytest.raises(CannotAnswerError, match="dimension 'height'"):
        capture_onnx(path)

    assert capture_onnx(path, image_size=32).image_size == 32


def test_a_profile_scales_with_the_batch_of_the_workload() -> None:
    model = capture_onnx(CNN)

    asked = profile_captured(model, Workload(model="tiny", batch_size=8))

    assert asked.passes == ((1.0, model.profile.for_batch(8)),)
    assert asked.cautions == ()


def test_a_fixed_batch_is_scaled_with_a_caution(made: Maker) -> None:
    path = made([helper.make_node("Relu", ["x"], ["y"])], {"x": [4, 10]})
    model = capture_onnx(path)

    half = profile_captured(model, Workload(model="tiny", batch_size=2))

    assert half.passes[0][1].ops[0].flops == 20
    assert "fixed to batch_size 4" in half.cautions[0]
    assert profile_captured(model, Workload(model="tiny", batch_size=4)).cautions == ()


@pytest.mark.parametrize(
    "workload",
    [
        Workload(model="tiny", image_size=32),
        Workload(model="tiny", sequence_length=6),
        Workload(model="tiny", phase=Phase.DECODE),
    ],
)
def test_a_shape_or_phase_that_was_not_captured_is_refused(workload: Workload) -> None:
    with pytest.raises(InvalidInputError, match="captured"):
        profile_captured(capture_onnx(CNN), workload)


def test_external_weights_need_not_be_there(made: Maker) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]

    model = capture_onnx(made(nodes, {"x": [1, 7, 4096]}, {"w": (4096, 11008)}))

    assert model.profile.parameters == 4096 * 11008
    assert model.profile.flops == 2 * 7 * 4096 * 11008


@pytest.mark.parametrize(
    ("node", "inputs", "weights", "op_class", "flops", "written"),
    [
        (("MatMul", {}), [(2, 5, 8), (2, 8, 3)], [], OpClass.MATMUL, 2 * 2 * 5 * 8 * 3, 30),
        (("MatMul", {}), [(2, 5, 8)], [(8, 3)], OpClass.LINEAR, 2 * 2 * 5 * 8 * 3, 30),
        (("Gemm", {"transB": 1}), [(5, 8)], [(3, 8)], OpClass.LINEAR, 2 * 5 * 8 * 3, 15),
        (("Gemm", {"transA": 1}), [(8, 5), (8, 3)], [], OpClass.MATMUL, 2 * 5 * 8 * 3, 15),
        (
            ("Einsum", {"equation": "bhqd,bhkd->bhqk"}),
            [(1, 2, 5, 4), (1, 2, 6, 4)], [], OpClass.MATMUL, 2 * 2 * 5 * 6 * 4, 60,
        ),
        (
            ("Einsum", {"equation": "...i,ij->...j"}),
            [(2, 5, 4)], [(4, 3)], OpClass.LINEAR, 2 * 2 * 5 * 4 * 3, 30,
        ),
        (
            ("ConvTranspose", {"strides": [2, 2]}),
            [(1, 4, 3, 3)], [(4, 6, 2, 2)], OpClass.CONV_DENSE, 2 * 36 * 24, 216,
        ),
        (("LayerNormalization", {}), [(2, 5, 8)], [(8,)], OpClass.NORMALISATION, 7 * 80, 80),
        (("Softmax", {}), [(2, 8)], [], OpClass.SOFTMAX, 80, 16),
        (("ReduceMax", {"axes": [1]}), [(2, 8)], [], OpClass.REDUCTION, 16, 2),
        (
            ("AveragePool", {"kernel_shape": [3, 3], "strides": [3, 3]}),
            [(1, 4, 9, 9)], [], OpClass.REDUCTION, 4 * 9 * 9, 36,
        ),
        (("DepthToSpace", {"blocksize": 2}), [(1, 4, 5, 2)], [], OpClass.DATA_MOVEMENT, 0, 40),
        (("Concat", {"axis": 0}), [(5, 8), (3, 8)], [], OpClass.DATA_MOVEMENT, 0, 64),
        (("Sigmoid", {}), [(5, 8)], [], OpClass.ELEMENTWISE, 40, 40),
    ],
)  # fmt: skip
def test_operators_are_counted_by_hand(
    made: Maker,
    node: tuple[str, dict[str, object]],
    inputs: list[tuple[int, ...]],
    weights: list[tuple[int, ...]],
    op_class: OpClass,
    flops: int,
    written: int,
) -> None:
    operator, attributes = node
    read = {f"x{place}": list(shape) for place, shape in enumerate(inputs)}
    stored = {f"w{place}": shape for place, shape in enumerate(weights)}
    nodes = [helper.make_node(operator, [*read, *stored], ["y"], **attributes)]

    (op,) = capture_onnx(made(nodes, read, stored)).profile.ops

    assert op.op_class is op_class
    assert (op.flops, op.elements_written) == (flops, written)
    assert op.activation_elements_read == sum(prod(shape) for shape in inputs)
    assert op.weight_elements_read == sum(prod(shape) for shape in weights)


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Identity", {}),
        ("Flatten", {}),
        ("Dropout", {}),
        ("Transpose", {"perm": [2, 0, 1]}),
        ("Split", {"axis": 2}),
        ("Cast", {"to": FLOAT}),
    ],
)
def test_looking_at_the_same_values_is_no_launch(
    made: Maker, operator: str, attributes: dict[str, int]
) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node(operator, ["a"], ["y"], **attributes),
    ]

    model = capture_onnx(made(nodes, {"x": [1, 5, 8]}))

    assert [op.op_class for op in model.profile.ops] == [OpClass.ELEMENTWISE]
    assert model.profile.peak_activation_elements == 80


@pytest.mark.parametrize(
    ("order", "target", "copies"),
    [
        ([0, 2, 1], [5, 8], 1),  # rows and columns change places, and are then one stretch
        ([1, 0, 2], [40], 0),  # the first dimension has one element
        ([0, 2, 1], [1, 4, 2, 5], 0),  # a dimension is only split
    ],
)
def test_a_reshape_copies_where_no_strides_can_say_it(
    made: Maker, order: list[int], target: list[int], copies: int
) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=order),
        helper.make_node("Reshape", ["b", "target"], ["y"]),
    ]
    shape = onnx.numpy_helper.from_array(np.array(target, dtype=np.int64), "target")

    profile = capture_onnx(made(nodes, {"x": [1, 5, 8]}, more=[shape])).profile

    moved = [op for op in profile.ops if op.op_class is OpClass.DATA_MOVEMENT]
    assert sum(op.count for op in moved) == copies


def test_taking_one_of_a_stack_is_no_launch_and_taking_some_is(made: Maker) -> None:
    def taking(*index: int, rank: int) -> int:
        values = np.array(index if rank else index[0], dtype=np.int64)
        nodes = [
            helper.make_node("Relu", ["x"], ["a"]),
            helper.make_node("Gather", ["a", "index"], ["y"], axis=0),
        ]
        constant = onnx.numpy_helper.from_array(values, "index")
        model = capture_onnx(made(nodes, {"x": [3, 5, 8]}, more=[constant]))
        return sum(op.op_class is OpClass.DATA_MOVEMENT for op in model.profile.ops)

    assert (taking(1, rank=0), taking(0, 2, rank=1)) == (0, 1)


def test_onnxruntimes_attention_is_a_projection_and_one_launch(made: Maker) -> None:
    nodes = [
        helper.make_node("Attention", ["x", "w", "b"], ["y"], num_heads=2, domain="com.microsoft")
    ]

    profile = capture_onnx(made(nodes, {"x": [1, 5, 8]}, {"w": (8, 24), "b": (24,)})).profile

    assert amounts(the_only(profile, OpClass.LINEAR)) == (1, 2 * 5 * 8 * 24, 40, 216, 120)
    assert amounts(the_only(profile, OpClass.ATTENTION)) == (1, 4 * 5 * 5 * 8, 120, 0, 40)


def test_grouped_queries_attend_to_earlier_tokens_too(made: Maker) -> None:
    names = ["q", "k", "v", "past_k", "past_v"]
    shapes = {
        "q": [1, 1, 32], "k": [1, 1, 16], "v": [1, 1, 16],
        "past_k": [1, 2, 9, 8], "past_v": [1, 2, 9, 8],
    }  # fmt: skip
    node = helper.make_node(
        "GroupQueryAttention", names, ["y", "present_k", "present_v"], domain="com.microsoft",
        num_heads=4, kv_num_heads=2,
    )  # fmt: skip

    op = the_only(capture_onnx(made([node], shapes)).profile, OpClass.ATTENTION)

    keys = 9 + 1
    assert op.flops == 4 * keys * 32
    assert op.activation_elements_read == 32 + 16 + 16 + 2 * 144
    assert op.elements_written == 32 + 2 * keys * 16


def test_standard_attention_of_grouped_heads_is_one_launch(made: Maker) -> None:
    if onnx.defs.onnx_opset_version() < 23:
        pytest.skip("this onnx has no Attention operator")
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2)
    shapes = {"q": [1, 5, 32], "k": [1, 7, 16], "v": [1, 7, 16]}

    op = the_only(capture_onnx(made([node], shapes, opset=23)).profile, OpClass.ATTENTION)

    assert op.flops == 4 * 5 * 7 * 32


def test_weights_of_four_bits_are_counted_one_by_one(made: Maker) -> None:
    packed = TensorProto(name="w", data_type=TensorProto.UINT8, dims=(16, 2, 16))
    packed.data_location = TensorProto.EXTERNAL
    node = helper.make_node(
        "MatMulNBits", ["x", "w", "scales"], ["y"], domain="com.microsoft", K=64, N=16, bits=4,
        block_size=32,
    )  # fmt: skip

    model = capture_onnx(made([node], {"x": [1, 5, 64]}, {"scales": (32,)}, more=[packed]))

    op = the_only(model.profile, OpClass.LINEAR)
    assert (op.flops, op.weight_elements_read) == (2 * 5 * 64 * 16, 64 * 16)
    assert model.profile.parameters == 64 * 16 + 32


def test_a_recurrent_layer_is_listed_step_by_step(made: Maker) -> None:
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=8)
    shapes = {"w": (1, 32, 4), "r": (1, 32, 8)}

    profile = capture_onnx(made([node], {"x": [5, 1, 4]}, shapes)).profile

    ahead, step = [op for op in profile.ops if op.op_class is OpClass.LINEAR]
    assert (ahead.count, ahead.flops) == (1, 2 * 5 * 4 * 32)
    assert (step.count, step.flops) == (5, 2 * 8 * 32)
    assert the_only(profile, OpClass.ELEMENTWISE).count == 5


def test_constant_parts_are_folded(made: Maker) -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "wt"], ["y"]),
    ]

    (op,) = capture_onnx(made(nodes, {"x": [1, 8]}, {"w": (3, 8)})).profile.ops

    assert (op.op_class, op.weight_elements_read) == (OpClass.LINEAR, 24)


def test_an_operator_without_a_rule_is_named_in_a_caution(made: Maker) -> None:
    nodes = [helper.make_node("Det", ["x"], ["y"])]

    model = capture_onnx(made(nodes, {"x": [1, 3, 3]}))

    assert [op.op_class for op in model.profile.ops] == [OpClass.ELEMENTWISE]
    assert model.cautions == ("operators counted as element-wise for want of a rule: Det",)


@pytest.mark.parametrize(
    ("node", "error", "message"),
    [
        (("NonZero", {}), CannotAnswerError, "known only when it runs"),
        (("Mystery", {}), CannotAnswerError, "operator 'Mystery' of .* is unknown"),
        (
            ("Mystery", {"domain": "com.microsoft"}),
            CannotAnswerError,
            "operator 'com.microsoft.Mystery' of .* is unknown",
        ),
        (("Conv", {}), InvalidInputError, "does not fit together at operator 'Conv'"),
    ],
)
def test_an_operator_that_cannot_be_followed_is_an_error(
    made: Maker, node: tuple[str, dict[str, str]], error: type[PerfpredictError], message: str
) -> None:
    path = made([helper.make_node(node[0], ["x"], ["y"], **node[1])], {"x": [1, 3]})

    with pytest.raises(error, match=message):
        capture_onnx(path)


def test_control_flow_is_refused(made: Maker) -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "branch", [],
        [helper.make_tensor_value_info("z", FLOAT, None)],
    )  # fmt: skip
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["is_so"], to=TensorProto.BOOL),
        helper.make_node("If", ["is_so"], ["y"], then_branch=branch, else_branch=branch),
    ]

    with pytest.raises(CannotAnswerError, match=r"operator 'If' .* decides at run time"):
        capture_onnx(made(nodes, {"x": [1, 3]}))


def test_functions_of_the_file_are_written_out(tmp_path: Path) -> None:
    function = helper.make_function(
        "own", "Twice", ["a"], ["c"],
        [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Relu", ["b"], ["c"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="own")], "g",
        [helper.make_tensor_value_info("x", FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", FLOAT, [1, 3])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    path = tmp_path / "own.onnx"
    model = helper.make_model(graph, opset_imports=opsets, functions=[function])
    path.write_bytes(model.SerializeToString())

    (op,) = capture_onnx(path).profile.ops

    assert (op.op_class, op.count) == (OpClass.ELEMENTWISE, 2)


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b"\x89PNG\r\n\x1a\n" + bytes(64), bytes(1000)]
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)

    with pytest.raises(InvalidInputError, match="is not an ONNX model"):
        capture_onnx(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot read"):
        capture_onnx(tmp_path / "absent.onnx")
    with pytest.raises(InvalidInputError, match="cannot read"):
        capture_onnx(tmp_path)


@pytest.mark.parametrize("source", [CNN, ENCODER])
def test_a_damaged_file_is_an_error_of_ours_or_still_a_model(tmp_path: Path, source: Path) -> None:
    whole = source.read_bytes()
    path = tmp_path / "damaged.onnx"
    for seed in range(80):
        dice = random.Random(seed)
        damaged = bytearray(whole[: dice.randrange(1, len(whole))] if seed % 5 == 0 else whole)
        for _ in range(dice.choice([1, 3, 9])):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            assert capture_onnx(path, sequence_length=6).profile.ops
        except PerfpredictError as error:
            assert error.message


def test_a_huge_dimension_is_damage(made: Maker) -> None:
    path = made([helper.make_node("Relu", ["x"], ["y"])], {"x": [1, 2**50]})

    with pytest.raises(InvalidInputError, match="is damaged"):
        capture_onnx(path)
