"""The words of a question, and what of them a text covers."""

from __future__ import annotations

import pytest

from bot.knowledge.words import coverage, question_stems, stem, stems, terms, word_weights


def test_terms_leave_out_words_that_say_nothing() -> None:
    assert terms("Who built the lighthouse, and when?") == ["built", "lighthouse"]
    assert terms("who are we") == ["who", "are", "we"]
    assert terms("年假 holiday") == ["年假", "holiday"]
    assert terms("带薪年假") == ["带薪", "薪年", "年假"]
    assert terms("?!") == []


@pytest.mark.parametrize(
    ("word", "other"),
    [("invented", "inventor"), ("nations", "national"), ("organisation", "organised"), ("cafés", "cafe")],
)
def test_forms_of_a_word_have_one_stem(word: str, other: str) -> None:
    assert stems(word) == stems(other)


def test_short_words_keep_their_letters() -> None:
    assert [stem(word) for word in ("bus", "used", "1990s", "cats")] == ["bus", "used", "1990s", "cat"]


def test_chinese_question_words_are_not_asked_for() -> None:
    assert question_stems("年假有多少天？") == ["年假"]
    assert question_stems("谁？") == ["谁"]


def test_rare_words_weigh_more() -> None:
    weights = word_weights(["rare", "common"], [{"common"}, {"common"}, {"common", "rare"}])
    assert weights["rare"] > weights["common"] > 0
    assert coverage(weights, {"rare"}) > 0.5 > coverage(weights, {"common"})
    assert coverage(weights, {"rare", "common"}) == pytest.approx(1.0)
    assert coverage({}, {"rare"}) == 0.0
