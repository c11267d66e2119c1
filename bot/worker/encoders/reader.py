"""The answer to a question as it stands in a passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from bot.models import Task
from bot.worker.encoders.encoding import Encoding
from bot.worker.encoders.windows import Member, Window
from bot.worker.encoders.words import trim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.worker.encoders.network import Floats

    Marks: TypeAlias = NDArray[np.bool_]

MOST_ANSWER_TOKENS = 40


class Answer(NamedTuple):
    """Characters start to end of a passage, none when the answer is not in it."""

    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best span of a window in characters, its logit, that of no answer, and log Σ exp of all spans'."""

    start: int
    end: int
    score: float
    nothing: float
    total: float


class Reader(Encoding):
    """An engine: extractive answers after "BERT" (Devlin et al., 2019, sections 4.2 and 4.3).

    Every span of up to 40 tokens is weighed. The first token's logits stand for "no answer here"; over
    the windows of a passage the lowest of them counts.
    """

    task = Task.EXTRACTION

    def tokenize(self, pairs: Sequence[tuple[str, str]]) -> list[Member]:
        """The windows of each passage, which stands behind its question."""
        windows = self.network.tokens.pairs(pairs)
        return [Member(passage, each) for (_, passage), each in zip(pairs, windows, strict=True)]

    def compute(self, batch: Sequence[Member]) -> list[Answer]:
        """The best answer in each passage. Raises MemoryError, and ValueError for numbers that are none."""
        temperature = self.network.traits.temperature
        return [
            choose(
                member.text,
                [find(window, each / temperature) for window, each in zip(member.windows, ends, strict=True)],
            )
            for member, ends in self.outputs(batch)
        ]


def find(window: Window, ends: Floats) -> Found:
    """The best span of a window, from the logits of its tokens as beginnings and as ends."""
    starts, stops = ends.astype(np.float64)
    nothing = float(starts[0] + stops[0])
    own = [(place, span) for place, span in enumerate(window.spans) if span is not None]
    if not own:
        return Found(0, 0, -np.inf, nothing, -np.inf)
    places = [place for place, _ in own]
    scores = np.where(allowed(len(own)), starts[places, None] + stops[None, places], -np.inf)
    first, last = divmod(int(scores.argmax()), len(own))
    return Found(own[first][1][0], own[last][1][1], float(scores.max()), nothing, log_sum(scores))


def allowed(length: int) -> Marks:
    """Which pairs of first and last token are a span: (length, length), as booleans."""
    steps = np.arange(length)
    ahead = steps[None, :] - steps[:, None]
    spans: Marks = (ahead >= 0) & (ahead < MOST_ANSWER_TOKENS)
    return spans


def choose(text: str, founds: Sequence[Found]) -> Answer:
    """The best span of all windows, or none, with its share of the probability of all there are."""
    nothing = min(found.nothing for found in founds)
    best = max(founds, key=lambda found: found.score)
    total = log_sum(np.array([nothing, *(found.total for found in founds)]))
    start, end = trim(text, best.start, best.end)
    if nothing >= best.score or start >= end:
        return Answer(0, 0, float(np.exp(nothing - total)))
    return Answer(start, end, float(np.exp(best.score - total)))


def log_sum(scores: Floats) -> float:
    """log Σ exp, without overflow."""
    highest = scores.max()
    return float(highest + np.log(np.exp(scores - highest).sum()))
