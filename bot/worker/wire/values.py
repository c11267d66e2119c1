"""What a worker's answers must look like, and the values of `bot.models` made of them.

A model, or a worker on another machine, may answer anything; what does not fit what was asked is
`Uncomputable` and never reaches a skill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bot.errors import Uncomputable
from bot.models import Labels, Span, Transcript, Weight

if TYPE_CHECKING:
    from bot.models import Vectors

Value = TypeVar("Value")

NONSENSE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
SLACK = 0.02
# Far more than anybody writes or says: more is a model that ran away.
LONGEST_ANSWER = 256 * 1024


def checked(make: Callable[[Any, Sequence[str]], Value], answer: Any, texts: Sequence[str]) -> Value:
    """The value `make` reads from the answer to `texts`. Raises Uncomputable for nonsense."""
    try:
        return make(answer, texts)
    except NONSENSE:
        raise Uncomputable("The model gave an answer that does not fit what it was asked.") from None


def vectors(answer: Any, texts: Sequence[str]) -> Vectors:
    """A finite row for each text."""
    if answer.shape[0] != len(texts) or not np.isfinite(answer).all():
        raise ValueError
    rows: Vectors = answer
    return rows


def labels(answer: Any, texts: Sequence[str]) -> list[Labels]:
    """Probabilities of each text's labels, and what decided them where the model tells."""
    found = each_of(answer["labels"], texts)
    words = answer.get("words") or [()] * len(texts)
    return [
        Labels(probabilities(pairs), weights(told, text))
        for pairs, told, text in zip(found, each_of(words, texts), texts, strict=True)
    ]


def probabilities(pairs: Sequence[Sequence[Any]]) -> tuple[tuple[str, float], ...]:
    """Labels with probabilities that sum to 1, likeliest first."""
    known = [(str(label), probability(value)) for label, value in pairs]
    if abs(sum(value for _, value in known) - 1) > SLACK:
        raise ValueError
    return tuple(sorted(known, key=lambda each: -each[1]))


def weights(told: Sequence[Sequence[Any]], text: str) -> tuple[Weight, ...]:
    """Pieces of the text with finite scores."""
    return tuple(Weight(*place(start, end, text), finite(score)) for start, end, score in told)


def spans(answer: Any, texts: Sequence[str]) -> list[Span]:
    """An answer in each passage; the passages are all texts but the first, which is the question."""
    passages = texts[1:]
    found = zip(each_of(answer["spans"], passages), passages, strict=True)
    return [span(start, end, value, passage) for (start, end, value), passage in found]


def span(start: Any, end: Any, value: Any, passage: str) -> Span:
    """The answer as it stands in the passage."""
    start, end = place(start, end, passage)
    return Span(passage[start:end], start, end, probability(value))


def scores(answer: Any, texts: Sequence[str]) -> list[float]:
    """How relevant all texts but the first are to it."""
    return [probability(value) for value in each_of(answer["scores"], texts[1:])]


def written(answer: Any, texts: Sequence[str]) -> list[str]:
    """A text for each text."""
    return [one_text(each) for each in each_of(answer["texts"], texts)]


def transcript(answer: Any, texts: Sequence[str]) -> Transcript:
    """What was heard."""
    return Transcript(one_text(answer["text"]), str(answer["language"])[:8], abs(finite(answer["seconds"])))


def is_cut(answer: Any, texts: Sequence[str]) -> bool:
    """Whether a written answer ends before its end."""
    return bool(answer["is_cut"])


def each_of(values: Any, texts: Sequence[str]) -> list[Any]:
    """As many values as texts."""
    if not isinstance(values, list) or len(values) != len(texts):
        raise ValueError
    return values


def place(start: Any, end: Any, text: str) -> tuple[int, int]:
    """Characters start to end of a text."""
    if not (type(start) is type(end) is int and 0 <= start <= end <= len(text)):
        raise ValueError
    return start, end


def probability(value: Any) -> float:
    """From 0 to 1, but for rounding."""
    number = finite(value)
    if not -SLACK <= number <= 1 + SLACK:
        raise ValueError
    return min(1.0, max(0.0, number))


def finite(value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError
    return float(value)


def one_text(value: Any) -> str:
    """A text that can be stored, cut where a model did not end."""
    if not isinstance(value, str):
        raise TypeError
    return value[:LONGEST_ANSWER].encode("utf-8", "replace").decode()
