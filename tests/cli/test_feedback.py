"""`perfpredict feedback`: answers to recommendations, the last of which counts."""

import json

import pytest


@pytest.fixture
def recommendation(run):
    done = run("hardware", "recommend", "bert-base-uncased", "-q", "--hardware", "nvidia-l4,cpu")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_last_answer_counts_and_the_history_is_kept(run, recommendation):
    first = rows(run("feedback", "record", recommendation, "--accepted", "yes", "--json"))
    assert (first["accepted"], first["previous"]) == ("yes", None)

    again = run("feedback", "record", recommendation[:16], "--reject", "--chosen", "L40S",
                "--comment", "stock", "--user", "ada", "--json")  # fmt: skip
    assert rows(again)["previous"] == "yes"

    listed = rows(run("feedback", "list", "--json"))
    assert [(row["accepted"], row["current"]) for row in listed] == [("no", True), ("yes", False)]
    assert (listed[0]["chosen"], listed[0]["user"]) == ("nvidia-l40s", "ada")
    assert [row["accepted"] for row in rows(run("feedback", "list", "--limit", "1", "--json"))] == [
        "no"
    ]


def test_the_documented_spelling_works(run, recommendation):
    done = run("feedback", "record", "--recommendation-id", recommendation, "--accepted", "yes",
               "--feedback", "Works great", "-q")  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"{recommendation}\n")
    assert rows(run("feedback", "list", "--json"))[0]["comment"] == "Works great"


@pytest.mark.parametrize(
    "comment", ["'; DROP TABLE x;--", "[red]x[/]", "a\x1b]0;x\x07", "\u202e", "=1+1", "<script>",
                "two\nlines\ttab", "😀"],
)  # fmt: skip
def test_any_comment_comes_back_as_it_was_and_is_harmless_when_shown(comment, run, recommendation):
    stdin = {"stdin": comment}
    assert run("feedback", "record", recommendation, "--accept", "--comment", "-", **stdin
               ).returncode == 0  # fmt: skip

    assert rows(run("feedback", "list", "--json"))[0]["comment"] == comment
    shown = run("feedback", "list", "--format", "plain").stdout
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown and "\u202e" not in shown


def test_a_long_comment_is_refused(run, recommendation):
    text = {"stdin": "x" * 10_001}
    done = run("feedback", "record", recommendation, "--accept", "--comment", "-", **text)

    assert (done.returncode, done.stdout) == (2, "")
    assert "comment: must have at most 10000 characters" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((), 2, "give one of --accepted yes"),
        (("--accept", "--accepted", "yes"), 2, "give one of --accepted yes"),
        (("--accepted", "maybe"), 2, "--accepted: must be yes or no (got 'maybe')"),
        (("--accept", "--chosen", "nvidia-l999"), 2, "no device named 'nvidia-l999'"),
        (("--accept", "--user", "-x"), 2, "user"),
        (("--accept", "--recommendation-id", "rec-12345678"), 2, "rec_id: must be given once"),
    ],
)
def test_an_answer_that_is_none_is_refused(arguments, code, text, run, recommendation):
    done = run("feedback", "record", recommendation, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert rows(run("feedback", "list", "--json")) == []


@pytest.mark.parametrize(
    ("identifier", "code"),
    [("rec-01ZZZZZZZZZZZZZZZZZZZZZZZZ", 3), ("meas-01ZZZZZZZZZZZZZZZZZZZZZZZZ", 2),
     ("rec-1", 2), ("x' or 1=1", 2)],
)  # fmt: skip
def test_an_unknown_id_is_named(identifier, code, run, recommendation):
    done = run("feedback", "record", identifier, "--accept")

    assert (done.returncode, done.stdout) == (code, "")
    assert identifier in done.stderr


def test_silence_is_not_a_rejection(run, recommendation):
    ask = ("hardware", "recommend", "bert-base-uncased", "-q", "--hardware", "nvidia-l4")
    others = [run(*ask).stdout.strip() for _ in range(2)]
    run("feedback", "record", recommendation, "--accept")
    run("feedback", "record", others[0], "--reject")

    (total,) = rows(run("feedback", "summary", "--json"))
    assert (total["recommendations"], total["answered"], total["pending"]) == (3, 2, 1)
    assert total["acceptance_rate"] == 0.5
    assert total["response_rate"] == pytest.approx(2 / 3)
    assert total["acceptance_lo"] == pytest.approx(0.0945, abs=1e-3)  # Wilson, 1 of 2
    (by_model,) = rows(run("feedback", "summary", "--by", "model", "--json"))
    assert by_model["group"] == "bert-base-uncased"
    assert run("feedback", "summary", "--by", "colour").returncode == 2


def test_a_summary_without_answers_has_no_rate(run, recommendation):
    (total,) = rows(run("feedback", "summary", "--json"))

    assert (total["answered"], total["acceptance_rate"]) == (0, None)
