"""Labels of texts, and the words that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.encoding import Encoding
from bot.worker.encoders.explaining import WordScore, weigh_words
from bot.worker.encoders.windows import Member

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats
    from bot.worker.encoders.traits import Traits

NONE = "none"


class Judgement(NamedTuple):
    """Labels with their probabilities, likeliest first, and the words that decided when asked for."""

    labels: tuple[tuple[str, float], ...]
    words: tuple[WordScore, ...] = ()


class Classifier(Encoding):
    """An engine: the probabilities of a checkpoint's labels.

    Labels that do not exclude each other, or a single one, get a label `none` beside them: the chance
    that none of them holds, if they are independent. A long text is judged by its windows' average.
    """

    task = Task.CLASSIFICATION

    def __init__(self, entry: Entry, threads: int) -> None:
        super().__init__(entry, threads)
        traits = self.network.traits
        self.labels = (*traits.labels, NONE) if traits.is_independent else traits.labels
        if len(set(self.labels)) != len(self.labels):
            raise BadModel(f"The labels of {entry.name} are not all different.")

    def tokenize(self, texts: Sequence[str]) -> list[Member]:
        """The windows of each text."""
        windows = self.network.tokens.texts(texts)
        return [Member(text, each) for text, each in zip(texts, windows, strict=True)]

    def choose(self, choices: Mapping[str, Any]) -> bool | None:
        """Texts to explain are computed apart from those that are not."""
        return True if choices.get("explain") else None

    def compute(self, batch: Sequence[Member], explain: bool | None = None) -> list[Judgement]:
        """The labels of each member, and which words decided if it is to `explain` that.

        Raises MemoryError, and ValueError for numbers that are none.
        """
        return [self._judge(member, np.stack(rows), bool(explain)) for member, rows in self.outputs(batch)]

    def _judge(self, member: Member, logits: Floats, explain: bool) -> Judgement:
        lengths = [max(1, len(window.tokens)) for window in member.windows]
        chances = np.average(probabilities(logits, self.network.traits), axis=0, weights=lengths)
        order = np.argsort(-chances, kind="stable")
        ranked = tuple((self.labels[place], float(chances[place])) for place in order)
        if not explain:
            return Judgement(ranked)
        toward = direction(chances, logits.mean(0), self.network.traits)
        return Judgement(ranked, weigh_words(self.network, member.text, toward))


def probabilities(logits: Floats, traits: Traits) -> Floats:
    """Of each label, for each row of logits; they sum to 1."""
    scaled = logits.astype(np.float64) / traits.temperature
    if not traits.is_independent:
        shares = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    else:
        held = 1 / (1 + np.exp(-np.clip(scaled, -60, 60)))
        shares = np.concatenate([held, np.prod(1 - held, axis=-1, keepdims=True)], axis=-1)
    normal: Floats = shares / shares.sum(axis=-1, keepdims=True)
    return normal


def direction(chances: Floats, logits: Floats, traits: Traits) -> Floats:
    """Where the logits must move to make the likeliest label likelier: the gradient of its log odds."""
    winner = int(np.argmax(chances))
    toward = np.zeros(len(logits), dtype=np.float32)
    if not traits.is_independent:
        toward -= chances.astype(np.float32)
        toward[winner] += 1
    elif winner < len(logits):
        toward[winner] = 1
    else:
        toward[int(np.argmax(logits))] = -1
    return toward
