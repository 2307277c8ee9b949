"""Which rows the learned predictor is trained on."""

from dataclasses import replace

import pytest

from perfpredict.domain.workload import Mode, Phase
from perfpredict.services.learned_variant import can_teach

from .made_rows import DEVICES, made_row


@pytest.mark.parametrize(
    ("model", "changes", "is_taught"),
    [
        ("resnet50", {}, True),
        ("resnet50", {"mode": Mode.TRAINING}, False),
        ("gpt2", {"phase": Phase.PREFILL, "input_tokens": 128, "sequence_length": None}, False),
    ],
)
def test_an_assumed_batch_teaches_forward_passes_alone(model, changes, is_taught):
    row = made_row(model, DEVICES[0])
    workload = replace(row.case.workload, **{"phase": None} | changes)
    stated = replace(row, case=replace(row.case, workload=workload))

    assert can_teach(stated)
    assert can_teach(replace(stated, is_batch_assumed=True)) is is_taught
