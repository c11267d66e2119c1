"""Labels from a few examples each: a linear head on the vectors of the embedding model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.errors import BadInput
from bot.message import Priority
from bot.models import Labels, Models

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.models import Vectors

# Chosen on 8 examples of each label of BANKING77 and CLINC150: accuracy 0.835 and 0.896, where the label
# of the nearest example gives 0.781 and 0.819.
SCALE = 10.0
PENALTY = 0.1
STEPS = 300


@dataclass(frozen=True, slots=True)
class Likeness:
    """The labels of a text, and how close it is to the likeliest one's examples: their cosine, up to 1.

    What is far from all examples belongs to none of the labels: compare `score` with a threshold.
    """

    labels: Labels
    score: float
    example: str


class ExampleClassifier:
    """`await ExampleClassifier(models, {"billing": ["refund please", …], …}).classify(texts)`.

    Eight examples a label serve well, two are the least worth having. The head is fitted when it is first
    asked, in milliseconds for a handful of labels, and kept. Raises BadInput for fewer than two labels.
    """

    def __init__(self, models: Models, examples: Mapping[str, Sequence[str]]) -> None:
        if len(examples) < 2 or not all(examples.values()):
            raise BadInput("Give at least two labels, and at least one example of each.")
        self._models = models
        self._labels = tuple(examples)
        self._examples = [text for texts in examples.values() for text in texts]
        self._label_of = np.repeat(np.arange(len(examples)), [len(texts) for texts in examples.values()])
        self._vectors: Vectors | None = None
        self._head: Vectors | None = None

    async def classify(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> list[Likeness]:
        """What each text is like, in order. Raises ModelError when the embedding model cannot answer."""
        missing = [] if self._head is not None else self._examples
        vectors = await self._models.embed([*texts, *missing], priority=priority, deadline=deadline)
        asked = vectors[: len(texts)]
        if self._head is None or self._vectors is None:
            self._vectors = vectors[len(texts) :]
            self._head = await asyncio.to_thread(fit, self._vectors, self._label_of, labels=len(self._labels))
        return self._judge(asked, self._vectors, self._head)

    def _judge(self, asked: Vectors, known: Vectors, head: Vectors) -> list[Likeness]:
        likenesses = asked @ known.T
        return [
            self._likeness(row, near) for row, near in zip(softmax(asked @ head), likenesses, strict=True)
        ]

    def _likeness(self, probabilities: Vectors, near: Vectors) -> Likeness:
        order = np.argsort(-probabilities, kind="stable")
        labels = Labels(tuple((self._labels[each], float(probabilities[each])) for each in order))
        own = np.flatnonzero(self._label_of == order[0])
        closest = own[near[own].argmax()]
        return Likeness(labels, round(float(near[closest]), 4), self._examples[closest])


def fit(vectors: Vectors, label_of: NDArray[np.int_], *, labels: int) -> Vectors:
    """Multinomial logistic regression by Nesterov's gradient method: weights (dimensions, labels).

    `vectors` are of unit length, (examples, dimensions); each counts so that labels weigh the same.
    """
    counts = np.bincount(label_of, minlength=labels)
    weight = (1.0 / counts[label_of] / labels).astype(np.float32)[:, None]
    wanted = np.eye(labels, dtype=np.float32)[label_of]
    scaled = vectors * SCALE
    head: Any = np.zeros((vectors.shape[1], labels), np.float32)
    ahead = head
    rate = np.float32(4.0 / (SCALE**2 / 4.0 + PENALTY))
    shrink = np.float32(PENALTY / len(vectors))
    for step in range(STEPS):
        slope = scaled.T @ (weight * (softmax(scaled @ ahead) - wanted)) + shrink * ahead
        moved = ahead - rate * slope
        ahead = moved + np.float32(step / (step + 3)) * (moved - head)
        head = moved
    return np.asarray(head * SCALE, dtype=np.float32)


def softmax(scores: Vectors) -> Vectors:
    """Each row as probabilities."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)
