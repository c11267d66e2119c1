"""The very words that answer stand first, in bold, with the sentence they were found in."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from bot.errors import WorkerUnavailable
from bot.message import Citation
from bot.models import Span
from bot.testing.fakes import FakeModels
from plugins.qa.evidence import Sentence
from plugins.qa.reading import Answer, choose, read, sentence_of
from plugins.qa.wording import answer

TOWER = "The lighthouse was built in 1893 by Maria Falk. It is 41 metres tall."


@dataclass(frozen=True)
class Found:
    """A passage as far as reading goes."""

    id: str
    text: str
    score: float = 0.5

    def cite(self) -> Citation:
        return Citation(self.id, self.id, self.text)


def span(text: str, passage: Found, probability: float) -> Span:
    start = passage.text.index(text)
    return Span(text, start, start + len(text), probability)


NOTHING = Span("", 0, 0, 0.9)


def test_the_answer_comes_from_the_first_passage_that_has_one() -> None:
    near, far = Found("near", TOWER, 0.8), Found("far", "Maria Falk was a painter.", 0.1)
    spans = [span("Maria Falk", near, 0.3), span("painter", far, 0.9)]
    found = choose([near, far], spans)
    assert found is not None
    assert (found.text, found.sentence, found.passage) == ("Maria Falk", TOWER[:47], near)
    assert choose([near, far], [NOTHING, spans[1]]).text == "painter"  # type: ignore[union-attr]


@pytest.mark.parametrize("spans", [[NOTHING], [Span("41 metres", 54, 63, 0.01)]])
def test_without_a_likely_answer_none_is_shown(spans: list[Span]) -> None:
    assert choose([Found("a", TOWER)], spans) is None


def test_the_sentence_is_the_one_the_place_is_in() -> None:
    text = "Height\n\n41 metres. It is 41 metres tall.\nWidth: 41 metres."
    assert sentence_of(text, text.index("41")) == "41 metres."
    assert sentence_of(text, text.index("It")) == "It is 41 metres tall."
    assert sentence_of(text, text.rindex("41")) == "Width: 41 metres."


def quoted(text: str, passage: Found) -> Sentence:
    return Sentence(text, passage, None, 1.0, 1.0)  # type: ignore[arg-type]


class Reader(FakeModels):
    """Counts how often it is asked."""

    times = 0

    async def extract(self, question: str, passages: Any, **choices: Any) -> list[Span]:
        self.times += 1
        return await super().extract(question, passages, **choices)


async def test_each_quoted_passage_is_read_once() -> None:
    models, tower = Reader(), Found("tower", TOWER)
    sentences = [Sentence(text, tower, 0.5, 1.0, 1.0) for text in (TOWER[:47], TOWER[48:])]  # type: ignore[arg-type]
    found = await read(SimpleNamespace(models=models), "The what?", sentences)  # type: ignore[arg-type]
    assert found is not None
    assert found.passage is tower  # type: ignore[comparison-overlap]
    assert models.times == 1


@pytest.mark.parametrize(("question", "similarity"), [("Who built it?", None), ("谁建的？", 0.5)])
async def test_nobody_waits_for_a_reader_that_cannot_help(question: str, similarity: float | None) -> None:
    models, tower = Reader(), Found("tower", TOWER)
    sentence = Sentence(TOWER[:47], tower, similarity, 1.0, 1.0)  # type: ignore[arg-type]
    assert await read(SimpleNamespace(models=models), question, [sentence]) is None  # type: ignore[arg-type]
    assert models.times == 0


async def test_a_reader_that_fails_leaves_the_sentences() -> None:
    class Failing(Reader):
        async def extract(self, *_: Any, **__: Any) -> list[Span]:
            raise WorkerUnavailable("gone")

    sentence = Sentence(TOWER[:47], Found("tower", TOWER), 0.5, 1.0, 1.0)  # type: ignore[arg-type]
    assert await read(SimpleNamespace(models=Failing()), "Who?", [sentence]) is None  # type: ignore[arg-type]


def test_no_quoted_source_is_left_out_for_an_answer_elsewhere_in_its_passage() -> None:
    tower, town = Found("tower", TOWER), Found("town", "The town is old.")
    found = Answer("41 metres", TOWER[48:], tower)  # type: ignore[arg-type]
    reply = answer([quoted(TOWER[:47], tower), quoted("The town is old.", town)], found)
    assert [each.document for each in reply.citations] == ["tower", "town"]
    assert TOWER[:47] in reply.text


def test_the_reply_begins_with_the_answer_and_quotes_its_sentence_once() -> None:
    tower, town = Found("tower", TOWER), Found("town", "The town is old.")
    found = Answer("Maria Falk", TOWER[:47], tower)  # type: ignore[arg-type]
    reply = answer([quoted("The town is old.", town), quoted(TOWER[:47], tower)], found)
    assert reply.text == f"**Maria Falk** [1]\n\n{TOWER[:47]} [1]\n\nThe town is old. [2]"
    assert [each.document for each in reply.citations] == ["tower", "town"]


def test_an_answer_that_is_its_sentence_is_not_said_twice() -> None:
    town = Found("town", "The town is old.")
    found = Answer("The town is old", "The town is old.", town)  # type: ignore[arg-type]
    assert answer([quoted("The town is old.", town)], found).text == "The town is old. [1]"


@pytest.mark.parametrize("text", ["a *b* c", "x\ny"])
def test_words_that_would_break_the_bold_stay_in_their_sentence(text: str) -> None:
    town = Found("town", f"It says {text} here.")
    found = Answer(text, town.text, town)  # type: ignore[arg-type]
    first = answer([], found).text.split(" [1]")[0]
    assert first in {town.text, "**x y**"}
