"""The written-out networks against published sizes, and their recurrences against the formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.catalog.models import find_model, list_models, profile
from perfpredict.catalog.networks import network_names
from perfpredict.catalog.networks.lstm import lstm_cell, lstm_layer
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import InvalidInputError

# parameters as published: NVIDIA's model cards of Tacotron 2 and WaveGlow, MLPerf's of RNN-T (less
# its feature front end), the layer sizes of GNMT's paper, and 187.8 M rows of 128 for DLRM
PUBLISHED_MILLIONS = {
    "gnmt": 160.7,
    "tacotron2": 28.2,
    "waveglow": 268.0,
    "rnnt": 45.3,
    "dlrm": 24_036.0,
    "dlrm-v2": 26_150.0,
}


@pytest.mark.parametrize("name", network_names())
def test_a_network_has_its_published_size(name: str) -> None:
    expected = PUBLISHED_MILLIONS[name] * 1e6

    assert find_model(name).parameters == pytest.approx(expected, rel=0.005)


@given(
    batch=st.integers(1, 64),
    steps=st.integers(1, 50),
    inputs=st.integers(1, 300),
    hidden=st.integers(1, 300),
)
def test_an_lstm_layer_multiplies_four_gates_at_every_step(
    batch: int, steps: int, inputs: int, hidden: int
) -> None:
    ops = lstm_layer(batch, steps, inputs, hidden)
    products = sum(op.count * op.flops for op in ops if op.op_class.value == "linear")

    assert products == pytest.approx(2.0 * batch * steps * 4 * hidden * (inputs + hidden))


def test_a_layer_of_one_step_is_a_cell() -> None:
    layer = sum(op.count * op.flops for op in lstm_layer(8.0, 1.0, 32, 64))

    assert layer == sum(op.count * op.flops for op in lstm_cell(8.0, 32, 64))


@pytest.mark.parametrize("name", network_names())
@given(batch=st.integers(2, 8))
def test_twice_the_batch_is_twice_the_work_with_the_same_launches(name: str, batch: int) -> None:
    one, two = (
        profile(find_model(name), Workload(model=name, batch_size=size))
        for size in (batch, 2 * batch)
    )

    assert two.flops == pytest.approx(2 * one.flops, rel=1e-3)
    assert two.op_count == one.op_count
    assert two.parameters == one.parameters


def test_longer_sound_takes_more_steps() -> None:
    short, long = (
        profile(find_model("rnnt"), Workload(model="rnnt", sequence_length=frames))
        for frames in (100, 200)
    )

    assert long.op_count == pytest.approx(2 * short.op_count, rel=0.02)


def test_an_open_length_is_the_networks_own_and_said() -> None:
    found = profile(find_model("waveglow"), Workload(model="waveglow"))

    assert found.assumptions == ("sequence_length=8000 sound samples (default)",)


def test_a_network_has_no_phases_of_generation() -> None:
    with pytest.raises(InvalidInputError, match="'gnmt' generates no tokens"):
        profile(find_model("gnmt"), Workload(model="gnmt", phase=Phase.PREFILL))


def test_networks_are_listed_and_found_by_the_names_of_benchmarks() -> None:
    assert set(network_names()) <= {entry.name for entry in list_models()}
    assert find_model("DLRM-v2-99.9").name == "dlrm-v2"
    assert find_model("rnn-t").family == "audio"
