"""A digest quotes, does not repeat itself, and costs a bounded amount however long the talk is."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.testing import FakeModels
from plugins.summarization.digest import KEPT, digest
from plugins.summarization.exchange import Exchange
from plugins.summarization.ranking import centrality, choose
from plugins.summarization.turns import Turn, sentences_of, shortened, turns_in

WORDS = [
    "release",
    "billing",
    "tests",
    "server",
    "payment",
    "friday",
    "database",
    "password",
    "report",
    "budget",
    "design",
    "meeting",
]


def talk(*lines: str) -> list[Turn]:
    """Turns of lines like `ann: hello`, with keys by their number."""
    parted = [line.partition(": ") for line in lines]
    return [Turn(speaker, text, key=str(number)) for number, (speaker, _, text) in enumerate(parted)]


def open_questions(turns: list[Turn]) -> list[str]:
    sentences = sentences_of(turns)
    return [sentences[place].text for place in Exchange(turns, sentences).open_questions()]


def long_talk(count: int) -> list[Turn]:
    random = np.random.default_rng(7)
    return [
        Turn(
            f"person{number % 9}", " ".join(random.choice(WORDS, 12)) + f" number {number}.", key=str(number)
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("a: When is the release?", "b: On Friday."), []),
        (("a: When is the release?", "b: no idea", "c: same here"), ["When is the release?"]),
        (("a: When is the release?", "b: Which release?"), ["When is the release?"]),
        (("a: When is the release?", "a: I hope it is soon."), ["When is the release?"]),
        (("a: When is the release?", "b: lunch!", "c: pizza", "b: the release is on Friday"), []),
        (("a: When is the release?", "b: lunch!", "c: pizza", "a: thanks, found it"), []),
        (
            ("a: When is the release?", "b: hm", "c: pizza", "a: When is the release?"),
            ["When is the release?"],
        ),
        (("甲: 什么时候发布？", "乙: 不知道"), ["什么时候发布？"]),
        (("甲: 什么时候发布？", "乙: 周五发布"), []),
    ],
)
def test_a_question_is_open_until_somebody_else_answers(lines: tuple[str, ...], left: list[str]) -> None:
    assert open_questions(talk(*lines)) == left


def test_a_late_reply_by_name_answers() -> None:
    turns = talk(
        "a: When is the release?", *(f"{'bc'[number % 2]}: pizza number {number}" for number in range(40))
    )
    assert open_questions(turns) == ["When is the release?"]
    assert open_questions([*turns, Turn("c", "Friday", reply_to="0")]) == []


async def test_models_are_asked_for_a_bounded_number_of_sentences() -> None:
    models = FakeModels()
    turns = long_talk(2000)
    begun = time.process_time()
    found = await digest(turns, models, seconds=30)
    assert time.process_time() - begun < 20
    assert sum(map(len, models.asked)) <= KEPT * 3 // 2
    assert max(map(len, models.asked)) <= 64
    assert len(found.key_points) == 8


async def test_the_best_of_a_long_talk_is_found_wherever_it_stands() -> None:
    turns = long_talk(600)
    turns[431] = Turn("eve", "We decided to cancel the whole release of the billing server.", key="431")
    found = await digest(turns, FakeModels(), seconds=30)
    assert [point.turn.key for point in found.decisions] == ["431"]


async def test_what_was_said_twice_is_told_once() -> None:
    same = "bob: The billing server must be replaced before the release on Friday."
    found = await digest(
        talk(same, "ann: ok", same, "cat: pizza for lunch today", same), FakeModels(), seconds=9
    )
    assert [point.text for point in found.key_points].count(same.partition(": ")[2]) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=80)), max_size=12))
async def test_whatever_is_said_every_point_is_a_quotation(said: list[tuple[str, str]]) -> None:
    turns = [Turn(speaker, text) for speaker, text in said]
    found = await digest(turns, FakeModels(), seconds=9)
    for point in (*found.key_points, *found.decisions, *found.questions):
        assert "".join(point.text.removesuffix(" …").split()) in "".join(point.turn.text.split())


@pytest.mark.parametrize("text", ["x" * 100_000, "长" * 50_000, "word " * 20_000, "\n" * 1000, "```" * 999])
async def test_odd_texts_are_survived(text: str) -> None:
    found = await digest([Turn("a", text)] * 3, FakeModels(), seconds=9)
    assert all(len(point.text) <= 300 for point in found.key_points)


def test_long_sentences_are_cut_between_clauses() -> None:
    text = "The server is slow, " * 30
    cut = shortened(text)
    assert cut.endswith("slow …")
    assert len(cut) <= 282
    assert shortened("Short.") == "Short."


def test_pasted_lines_with_speakers_are_a_talk() -> None:
    turns = turns_in("Ann: Hello there.\nBob: Hi.\nAnn: Shall we begin?")
    assert [(turn.speaker, turn.text) for turn in turns][:2] == [("Ann", "Hello there."), ("Bob", "Hi.")]
    assert [turn.speaker for turn in turns_in("One line.\nNote: another.\nThird line.")] == ["", "", ""]


def test_centrality_finds_the_middle() -> None:
    likeness = np.array([[1, 0.8, 0], [0.8, 1, 0.8], [0, 0.8, 1]], np.float32)
    ranks = centrality(likeness)
    assert ranks.argmax() == 1
    assert ranks.max() == pytest.approx(1)
    assert centrality(np.zeros((0, 0), np.float32)).shape == (0,)
    assert np.isfinite(centrality(np.zeros((3, 3), np.float32))).all()


def test_choice_prefers_what_is_new() -> None:
    scores = np.array([1.0, 0.9, 0.5], np.float32)
    likeness = np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]], np.float32)
    assert choose(scores, likeness, range(3), 2, novelty=0.5) == [0, 2]
    assert choose(scores, likeness, range(3), 2, novelty=0.0) == [0, 1]
    assert choose(scores, likeness, [1, 2], 2, novelty=0.5, beside=[0]) == [2, 1]
