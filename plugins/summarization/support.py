"""Hold a sentence of a model against what was said: is it supported, and by what?"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bot import ModelError, Models, coverage, stems, word_weights
from plugins.summarization.forms import is_cjk
from plugins.summarization.likeness import CHUNK
from plugins.summarization.topics import length_of
from plugins.summarization.turns import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

MEANING = (-8.84, 7.68, 19.83)
WORDS = (-5.57, 13.78)
"""Constant and weights of a logistic formula each: of the words that are covered, and of the best cosine.
Fitted by `tests/benchmarks/fit_summary_support.py` on the training part of DialogSum."""

THRESHOLD = 0.7
"""On the development part of DialogSum it keeps 93 % of what is so, and lets 1 % through of what is not."""

STRETCH_WORDS, STRETCH_TURNS = 250, 12
"""How much of a talk a sentence is held against at a time: about as long as what the weights are from."""

READ = 3
"""Stretches that cover most of a sentence, which are also compared with it by meaning."""

TOGETHER = 4
MOST_SOURCES = 3
ADDS = 0.12
"""So much more of a sentence a further turn must cover to be one of its sources."""

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
NAME = re.compile(r"(?<=[\w,;] )[A-Z]\w+")
FIRST = re.compile(r"\w+")
NAMES_SHARE = 0.3
"""Where more of the words are capitals, these are no sign of a name."""


@dataclass(frozen=True, slots=True)
class Supported:
    """A sentence and the turns it stands on, the first the one that says most of it."""

    text: str
    sources: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """A sentence with the stretches that cover most of it: their turns and the share of it they cover."""

    text: str
    weights: Mapping[str, float]
    stretches: Sequence[tuple[range, float]]


class Sources:
    """What was said, ready to be compared."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._stems = [frozenset(stems(f"{turn.speaker} {turn.text}")) for turn in turns]
        self._stretches = list(_stretches(turns))
        self._named = {
            name.casefold() for turn in turns for name in (*turn.speaker.split(), *NAME.findall(turn.text))
        }

    async def check(
        self, sentences: Sequence[str], models: Models, *, seconds: float
    ) -> list[Supported | None]:
        """For each sentence what supports it, or None. Without vectors in time, words alone decide."""
        held = await asyncio.to_thread(lambda: [self._hold(each) for each in sentences])
        vectors = await self._vectors(held, models, seconds)
        return [self._judge(each, vectors) for each in held]

    def _hold(self, sentence: str) -> _Held:
        weights = word_weights(stems(sentence), self._stems)
        covered = [
            (stretch, coverage(weights, frozenset().union(*(self._stems[turn] for turn in stretch))))
            for stretch in self._stretches
        ]
        return _Held(sentence, weights, sorted(covered, key=lambda each: -each[1])[:READ])

    async def _vectors(
        self, held: Sequence[_Held], models: Models, seconds: float
    ) -> Mapping[str, Matrix] | None:
        """Unit vectors by text; None without models, or for what the built-in encoder does not read."""
        turns = {turn for each in held for stretch, _ in each.stretches for turn in stretch}
        texts = [*(each.text for each in held), *(self._turns[turn].text for turn in turns)]
        if any(is_cjk(each.text) for each in held) or not texts:
            return None
        texts = list(dict.fromkeys(texts))
        try:
            async with asyncio.timeout(seconds):
                chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
                rows = [await models.embed(chunk, deadline=seconds) for chunk in chunks]
        except (ModelError, TimeoutError):
            return None
        return dict(zip(texts, np.concatenate(rows), strict=True))

    def _judge(self, held: _Held, vectors: Mapping[str, Matrix] | None) -> Supported | None:
        """The stretch that supports a sentence most, if it does, holding all its names and numbers."""
        best, probable = None, THRESHOLD
        for stretch, covered in held.stretches:
            probability = self._probability(held, stretch, covered, vectors)
            if probability >= probable and self._holds_facts(held.text, stretch):
                best, probable = stretch, probability
        return Supported(held.text, self._sources(held, best)) if best is not None else None

    def _probability(
        self, held: _Held, stretch: range, covered: float, vectors: Mapping[str, Matrix] | None
    ) -> float:
        if vectors is None:
            return _logistic(WORDS[0] + WORDS[1] * covered)
        rows = np.stack([vectors[self._turns[turn].text] for turn in stretch])
        nearest = _nearest(vectors[held.text], rows)
        return _logistic(MEANING[0] + MEANING[1] * covered + MEANING[2] * nearest)

    def _holds_facts(self, sentence: str, stretch: range) -> bool:
        said = " ".join(f"{self._turns[turn].speaker} {self._turns[turn].text}" for turn in stretch)
        if set(NUMBER.findall(sentence)) - set(NUMBER.findall(said)):
            return False
        first = FIRST.findall(sentence)[:1]
        names = [*NAME.findall(sentence), *(word for word in first if word.casefold() in self._named)]
        if len(names) > NAMES_SHARE * len(sentence.split()):
            return True
        known = said.casefold()
        return all(name.casefold() in known for name in names)

    def _sources(self, held: _Held, stretch: range) -> tuple[Turn, ...]:
        """The fewest turns that cover most of it, quotable ones before others."""
        chosen: list[int] = []
        present: frozenset[str] = frozenset()
        while len(chosen) < MOST_SOURCES:
            gains = {
                turn: coverage(held.weights, present | self._stems[turn]) - coverage(held.weights, present)
                for turn in stretch
            }
            turn = max(gains, key=lambda each: (self._turns[each].quotable, gains[each]))
            if chosen and gains[turn] < ADDS:
                break
            chosen.append(turn)
            present |= self._stems[turn]
        return tuple(self._turns[turn] for turn in dict.fromkeys(chosen))


def _stretches(turns: Sequence[Turn]) -> Iterator[range]:
    """Turns that follow each other, each stretch half over the one before."""
    lengths = [length_of(turn.text) for turn in turns]
    start = 0
    while start < len(turns):
        end, words = start + 1, lengths[start]
        while end < len(turns) and end - start < STRETCH_TURNS and words + lengths[end] <= STRETCH_WORDS:
            words += lengths[end]
            end += 1
        yield range(start, end)
        if end == len(turns):
            return
        start += max(1, (end - start) // 2)


def _nearest(sentence: Matrix, rows: Matrix) -> float:
    """The best cosine with a turn, or with up to four that follow each other."""
    best = 0.0
    for together in range(1, TOGETHER + 1):
        for start in range(max(1, len(rows) - together + 1)):
            mean = rows[start : start + together].sum(axis=0)
            best = max(best, float(mean @ sentence / (np.linalg.norm(mean) or 1)))
    return best


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score))
