"""The catalog's transformers written as config.json, and read back."""

import json
from dataclasses import replace

import pytest

from perfpredict.catalog.hf_config import read_config
from perfpredict.catalog.hf_written import written_config
from perfpredict.catalog.transformers.registry import find_transformer, transformer_names
from perfpredict.errors import CannotAnswerError


def test_what_is_written_reads_back_as_the_same_model(tmp_path):
    path = tmp_path / "config.json"
    written = 0
    for name in transformer_names():
        model = find_transformer(name)
        try:
            path.write_text(json.dumps(written_config(model)))
        except CannotAnswerError:
            continue
        written += 1
        read = replace(
            read_config(path), name=name, family=model.family,
            # RoBERTa has two rows more than tokens, and a classifier's head is not read
            max_tokens=model.max_tokens, projections=model.projections,
        )  # fmt: skip
        if model.architecture == "vit":  # the reader gives it the pooler of one without a head
            read = replace(read, image=model.image)
        if model.architecture == "falcon":  # the reader takes every Falcon as tied
            read = replace(read, text=model.text)
        assert read == model, name
    assert written >= 250


@pytest.mark.parametrize("name", ["t5-small", "clip-vit-base-patch32", "internlm2-7b"])
def test_what_cannot_be_written_is_refused_with_a_way_out(name):
    with pytest.raises(CannotAnswerError) as caught:
        written_config(find_transformer(name))

    assert "--config" in caught.value.hint


def test_a_classifier_says_its_class_and_labels():
    found = written_config(find_transformer("vit-tiny-patch16-224"))

    assert found["architectures"] == ["ViTForImageClassification"]
    assert found["num_labels"] == 1000
