"""The very words that answer stand first, in bold, with the sentence they were found in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.message import Citation
from bot.models import Span
from plugins.qa.evidence import Sentence
from plugins.qa.reading import Answer, choose, sentence_of
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
