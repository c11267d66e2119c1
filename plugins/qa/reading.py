"""Read the best passages for the very words that answer a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from bot import Context, ModelError, Passage, Span, sentences
from plugins.qa.cues import is_cjk
from plugins.qa.evidence import Evidence

READER = "reader"
LEAST = 0.05
"""How probable an answer must be to be shown by itself."""
RANK_WEIGHT = 4.0
"""What a point of a passage's score counts for beside the logarithm of its answer's probability."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The words that answer, and the sentence of the passage they stand in."""

    text: str
    sentence: str
    passage: Passage

    @property
    def is_part(self) -> bool:
        """Whether the words are less than their sentence, and can be shown in bold."""
        return "*" not in self.text and self.text != self.sentence.rstrip(".!? ")


async def read(context: Context, evidence: Evidence) -> Answer | None:
    """The likeliest answer in the evidence's passages; None without a reader, or when it finds none."""
    if is_cjk(evidence.question) or READER not in context.models.roles():
        return None
    try:
        spans = await context.models.extract(evidence.question, [each.text for each in evidence.passages])
    except ModelError:
        return None
    return choose(evidence.passages, spans)


def choose(passages: Sequence[Passage], spans: Sequence[Span]) -> Answer | None:
    """The answer with the best of probability and passage; the passages are in the order of the spans."""
    found = [
        (log(span.probability) + RANK_WEIGHT * passage.score, passage, span)
        for passage, span in zip(passages, spans, strict=True)
        if span.text and span.probability >= LEAST
    ]
    if not found:
        return None
    _, passage, span = max(found, key=lambda each: each[0])
    return Answer(span.text, sentence_of(passage.text, span.start), passage)


def sentence_of(text: str, place: int) -> str:
    """The sentence of a text in which a character stands."""
    end = 0
    for line in text.split("\n"):
        for sentence in sentences(line):
            end = text.index(sentence, end) + len(sentence)
            if place < end:
                return sentence
    return text
