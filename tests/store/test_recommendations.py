from datetime import timedelta

import pytest

from perfpredict.domain.recommendation import Limits
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, UnknownIdError
from perfpredict.store.feedback import feedback_summary, list_feedback, record_feedback
from perfpredict.store.mappings import HardwareMapping, list_mappings, upsert_mappings
from perfpredict.store.recommendations import (
    get_recommendation,
    insert_recommendation,
    list_recommendations,
    rejections,
)

from .builders import BERT, MINUTE, NOON, a_recommendation


def insert(store, *recommendations):
    for recommendation in recommendations:
        insert_recommendation(store, recommendation)
    return [recommendation.recommendation_id for recommendation in recommendations]


def test_a_recommendation_comes_back_as_it_was_stored(store):
    made = a_recommendation(
        limits=Limits(max_latency_ms=9.0), user="ann", cautions=("é",), assumptions=("fp32",)
    )
    insert(store, made)
    found = get_recommendation(store, made.recommendation_id[:20])

    for name in (
        "recommendation_id", "created_at", "user", "workload", "objective", "limits",
        "explanation", "assumptions", "cautions",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(made, name), name
    assert (found.primary_hardware, found.primary_device) == ("cuda", "nvidia-l4")
    assert found.candidates[0]["device"] == "nvidia-l4"
    assert found.excluded == ({"hardware": "cpu", "reason": "too slow"},)
    assert found.is_accepted is None


def test_the_last_answer_counts_and_the_history_is_kept(store):
    (identifier,) = insert(store, a_recommendation())

    first = record_feedback(store, identifier, accepted=True, comment="Works great", now=NOON)
    second = record_feedback(store, identifier, accepted=False, chosen="nvidia-l40s", now=NOON)

    assert (first.previous, second.previous) == (None, True)
    assert get_recommendation(store, identifier).is_accepted is False
    history = list_feedback(store, RowFilter())
    assert history.select("is_accepted", "chosen", "is_current").rows() == [
        (False, "nvidia-l40s", True), (True, None, False),
    ]  # fmt: skip


def test_feedback_on_nothing_is_an_error(store):
    with pytest.raises(UnknownIdError):
        record_feedback(store, "rec-0000000000", accepted=True, now=NOON)
    with pytest.raises(InvalidInputError, match="meas-"):
        record_feedback(store, "meas-0000000000", accepted=True, now=NOON)


def test_lists_can_be_cut_down_to_an_answer(store):
    yes, no, pending = insert(store, *(a_recommendation(NOON + i * MINUTE) for i in range(3)))
    record_feedback(store, yes, accepted=True, now=NOON)
    record_feedback(store, no, accepted=False, now=NOON)

    for answer, expected in (
        ("yes", [yes]), ("no", [no]), ("pending", [pending]), (None, [pending, no, yes]),
    ):  # fmt: skip
        found = list_recommendations(store, RowFilter(), answer)
        assert found["recommendation_id"].to_list() == expected
    with pytest.raises(InvalidInputError):
        list_recommendations(store, RowFilter(), "maybe")


def test_silence_is_no_rejection(store):
    """3 yes, 1 no, 6 pending: 75 %, Wilson 30 to 95 %, response 40 %."""
    made = insert(store, *(a_recommendation() for _ in range(10)))
    for identifier, accepted in zip(made, [True, True, True, False], strict=False):
        record_feedback(store, identifier, accepted=accepted, now=NOON)

    (row,) = feedback_summary(store, RowFilter()).to_dicts()
    counts = [row[n] for n in ("recommendations", "answered", "accepted", "rejected", "pending")]
    assert counts == [10, 4, 3, 1, 6]
    assert (row["acceptance_rate"], row["response_rate"]) == (0.75, 0.4)
    assert [round(100 * row[f"acceptance_{end}"]) for end in ("lo", "hi")] == [30, 95]


def test_a_summary_without_answers_has_nulls(store):
    insert(store, a_recommendation())

    (row,) = feedback_summary(store, RowFilter(), "device").to_dicts()
    assert (row["group_name"], row["acceptance_rate"], row["acceptance_lo"]) == (
        "nvidia-l4", None, None,
    )  # fmt: skip
    with pytest.raises(InvalidInputError, match="'colour'"):
        feedback_summary(store, RowFilter(), "colour")


def test_rejections_count_by_family_and_limits(store):
    tight = Limits(max_latency_ms=5.0)
    made = insert(
        store,
        a_recommendation(limits=tight),
        a_recommendation(),
        a_recommendation(device="nvidia-a10"),
        a_recommendation(workload=Workload(model="resnet50", family="vision")),
    )
    for identifier in made:
        record_feedback(store, identifier, accepted=False, now=NOON)
    record_feedback(store, made[2], accepted=True, now=NOON + MINUTE)

    assert rejections(store, "embedding") == {"nvidia-l4": 2}
    assert rejections(store, "embedding", limits=tight) == {"nvidia-l4": 1}
    assert rejections(store, "vision", limits=Limits()) == {"nvidia-l4": 1}
    assert rejections(store, "audio") == {}


def a_mapping(rank, **changes):
    values = {
        "workload": BERT, "hardware_platform": "cuda", "device": "nvidia-l4",
        "device_platform": "cuda", "fits": True, "compatibility_score": 1.0, "rank": rank,
        "is_primary": rank == 1, "reason": "", "updated_at": NOON + timedelta(days=rank),
    }  # fmt: skip
    return HardwareMapping(**(values | changes))


def test_a_later_mapping_of_the_same_workload_and_device_replaces_the_earlier(store):
    upsert_mappings(store, [a_mapping(1), a_mapping(2, device="nvidia-a10")])
    upsert_mappings(store, [a_mapping(3)])

    found = list_mappings(store, "BERT-base-uncased").select("device", "rank").rows()
    assert found == [("nvidia-a10", 2), ("nvidia-l4", 3)]
    assert list_mappings(store, "other").is_empty()
