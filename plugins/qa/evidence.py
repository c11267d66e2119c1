"""Find the sentences that may hold the answer, and how well each fits the question."""

from __future__ import annotations

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import (
    Context,
    ModelError,
    Models,
    Passage,
    coverage,
    question_stems,
    sentences,
    stems,
    word_weights,
)
from plugins.qa.cues import cue, is_cjk

BACKGROUND = 20
"""Passages whose words tell which words of the question are rare."""

MOST_SENTENCES = 48
REMEMBERED = 4096
COVERAGE_WEIGHT = 0.5
PASSAGE_WEIGHT = 0.3
CUE_WEIGHT = 0.2
SECOND = 0.12
"""How much less than the best a further sentence may fit and still be quoted. All four: tuned on SQuAD
and CMRC 2018, training halves."""

_vectors: weakref.WeakKeyDictionary[Models, OrderedDict[str, Any]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a passage. `similarity` is None without models; `score` orders the sentences."""

    text: str
    passage: Passage
    similarity: float | None
    coverage: float
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer: passages and sentences, each best first."""

    question: str
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]

    def best(self, most: int) -> list[Sentence]:
        """The best sentence, and others that fit nearly as well."""
        if not self.sentences:
            return []
        least = self.sentences[0].score - SECOND
        return [each for each in self.sentences[:most] if each.score >= least]


async def gather(context: Context, question: str, *, passages: int) -> Evidence:
    """The evidence in the best `passages` passages; by words alone while no model answers."""
    found = await context.knowledge.search(question, limit=max(passages, BACKGROUND))
    candidates = await asyncio.to_thread(_candidates, question, found, passages)
    cosines = await _similarities(context.models, question, [text for _, text, _ in candidates])
    judged = [
        _judge(question, passage, found[0].score, text, covered, cosine)
        for (passage, text, covered), cosine in zip(candidates, cosines, strict=True)
    ]
    judged.sort(key=lambda each: -each.score)
    return Evidence(question, tuple(found[:passages]), tuple(judged))


def _candidates(question: str, found: Sequence[Passage], passages: int) -> list[tuple[Passage, str, float]]:
    """The sentences of the first passages with their coverage; of very many only the best covered."""
    weights = word_weights(question_stems(question), [frozenset(stems(each.text)) for each in found])
    candidates = [
        (passage, text, coverage(weights, set(stems(text))))
        for passage in found[:passages]
        for line in passage.text.split("\n")
        for text in sentences(line)
    ]
    if len(candidates) > MOST_SENTENCES:
        candidates = sorted(candidates, key=lambda each: -each[2])[:MOST_SENTENCES]
    return candidates


def _judge(
    question: str, passage: Passage, top: float, text: str, covered: float, cosine: float | None
) -> Sentence:
    score = (
        (cosine or 0.0)
        + COVERAGE_WEIGHT * covered
        + PASSAGE_WEIGHT * (passage.score - top)
        + CUE_WEIGHT * cue(question, text)
    )
    return Sentence(text, passage, cosine, covered, score)


async def _similarities(models: Models, question: str, texts: list[str]) -> list[float | None]:
    """Cosines of sentences with the question; all None while no model answers, or none that reads Chinese."""
    if is_cjk(question):
        return [None] * len(texts)
    known = _vectors.setdefault(models, OrderedDict())
    vectors = {text: known[text] for text in texts if text in known}
    new = [text for text in dict.fromkeys(texts) if text not in vectors]
    try:
        fresh = await models.embed([question, *new])
    except ModelError:
        return [None] * len(texts)
    vectors |= zip(new, fresh[1:].astype("float16"), strict=True)
    known.update(vectors)
    while len(known) > REMEMBERED:
        known.popitem(last=False)
    return [float(vectors[text].astype("float32") @ fresh[0]) for text in texts]
