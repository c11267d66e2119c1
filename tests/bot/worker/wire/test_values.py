"""Whatever a worker answers, a skill gets values that fit what it asked, or an error."""

import math

import numpy as np
import pytest

from bot.errors import Uncomputable
from bot.models import Labels, Span, Transcript, Weight
from bot.worker.wire import values

TWO = ["first text", "second"]
PAIR = [["good", 0.25], ["bad", 0.75]]


def test_labels_come_likeliest_first_with_what_decided_them():
    told = {"labels": [PAIR, [["good", 1]]], "words": [[[0, 5, -0.5]], []]}
    first, second = values.checked(values.labels, told, TWO)
    assert first == Labels((("bad", 0.75), ("good", 0.25)), (Weight(0, 5, -0.5),))
    assert second.of("good") == 1.0
    assert values.checked(values.labels, {"labels": [PAIR, PAIR]}, TWO)[1].words == ()


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"labels": [PAIR]},
        {"labels": [PAIR, []]},
        {"labels": [PAIR, [["good", math.nan]]]},
        {"labels": [PAIR, [["good", 0.2]]]},
        {"labels": [PAIR, [["good", 1.5], ["bad", -0.5]]]},
        {"labels": [PAIR, [["good", True]]]},
        {"labels": [PAIR, [["good", "1"]]]},
        {"labels": [PAIR, [["good", 10**400]]]},
        {"labels": [PAIR, PAIR], "words": [[[0, 99, 1.0]], []]},
        {"labels": [PAIR, PAIR], "words": [[[0, 1, math.inf]], []]},
        {"labels": [PAIR, PAIR], "words": [[]]},
        {"labels": "ab"},
    ],
)
def test_labels_that_do_not_fit_are_refused(told):
    with pytest.raises(Uncomputable, match="does not fit"):
        values.checked(values.labels, told, TWO)


def test_a_span_is_cut_from_its_passage():
    told = {"spans": [[3, 7, 0.5], [0, 0, 0.0]]}
    assert values.checked(values.spans, told, ["q", "the end", "x"]) == [
        Span(" end", 3, 7, 0.5),
        Span("", 0, 0, 0.0),
    ]


@pytest.mark.parametrize(
    "told", [[[0, 8, 0.5]], [[5, 4, 0.5]], [[-1, 4, 0.5]], [[0.0, 4, 0.5]], [[0, 4]], []]
)
def test_a_span_outside_its_passage_is_refused(told):
    with pytest.raises(Uncomputable):
        values.checked(values.spans, {"spans": told}, ["q", "the end"])


def test_scores_are_kept_within_0_and_1_but_for_rounding():
    assert values.checked(values.scores, {"scores": [1.0001, -0.0001]}, ["q", "a", "b"]) == [1.0, 0.0]
    with pytest.raises(Uncomputable):
        values.checked(values.scores, {"scores": [2.0, 0.1]}, ["q", "a", "b"])


def test_what_is_written_is_text_of_a_bounded_length():
    told = {"texts": ["x" * 10**6, "a\ud800"]}
    first, second = values.checked(values.written, told, TWO)
    assert (len(first), second) == (values.LONGEST_ANSWER, "a?")
    with pytest.raises(Uncomputable):
        values.checked(values.written, {"texts": ["a", None]}, TWO)


def test_rows_are_finite_and_one_for_each_text():
    rows = np.ones((2, 3), np.float32)
    assert values.checked(values.vectors, rows, TWO) is rows
    for bad in (np.ones((1, 3), np.float32), np.full((2, 3), np.nan, np.float32), {"texts": []}, None):
        with pytest.raises(Uncomputable):
            values.checked(values.vectors, bad, TWO)


def test_a_transcript_has_words_and_a_length():
    told = {"text": "hello", "language": "en", "seconds": 1.5}
    assert values.checked(values.transcript, told, []) == Transcript("hello", "en", 1.5)
    with pytest.raises(Uncomputable):
        values.checked(values.transcript, told | {"seconds": math.nan}, [])
