"""What each task of texts is asked, and what its answers look like on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from bot.errors import BadInput
from bot.models import Task
from bot.worker.server.role import Ask

# A text that a model writes has at most so many characters; the rest is garbage, such as endless repetition.
LONGEST_TEXT = 64 * 1024
FLOAT = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Form:
    """How one task is spoken.

    `inputs` are what the engine's tokenizer takes, `check` makes one result of the engine a value of the
    wire or raises ValueError, `pack` puts all values of a request into an answer.
    """

    inputs: Callable[[Ask], Sequence[Any]]
    check: Callable[[Any], Any]
    pack: Callable[[Sequence[Any]], tuple[dict[str, Any], bytes]]


def texts_of(ask: Ask) -> Sequence[str]:
    """Each text by itself."""
    return ask.texts


def pairs_of(ask: Ask) -> Sequence[tuple[str, str]]:
    """The first text, a question or query, beside each of the others. Raises BadInput without any."""
    if not ask.texts:
        raise BadInput("The question is missing.")
    return [(ask.texts[0], each) for each in ask.texts[1:]]


def row(result: Any) -> bytes:
    """A vector as bytes."""
    values = np.ascontiguousarray(result, dtype=FLOAT)
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    return values.tobytes()


def pack_rows(results: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """Vectors, one after the other, in the body."""
    return {"shape": [len(results), len(results[0]) // FLOAT.itemsize]}, b"".join(results)


def pack_nearness(results: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """How near the first vector each of the others is, from 0 to 1; all have unit length."""
    rows = np.frombuffer(b"".join(results), dtype=FLOAT).reshape(len(results), -1)
    scores = np.clip(rows[1:] @ rows[0], 0.0, 1.0)
    return {"values": {"scores": [round(float(each), 6) for each in scores]}}, b""


def labels(result: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """The probabilities of labels, likeliest first, and the words that decided."""
    found, words = result
    probabilities = [[str(label), share(probability)] for label, probability in found]
    if not probabilities:
        raise ValueError("no labels")
    return probabilities, [[int(start), int(end), number(score)] for start, end, score in words]


def pack_labels(results: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
    """Labels and words of each text."""
    found = {"labels": [each[0] for each in results], "words": [each[1] for each in results]}
    return {"values": found}, b""


def span(result: Any) -> list[Any]:
    """Where an answer stands, and its probability."""
    start, end, probability = result
    if not 0 <= start <= end:
        raise ValueError("not a span")
    return [int(start), int(end), share(probability)]


def text(result: Any) -> str:
    """A written text, cut where it grows beyond all measure."""
    if not isinstance(result, str):
        raise TypeError("not a text")
    return result.encode("utf-8", "replace").decode()[:LONGEST_TEXT]


def number(value: Any) -> float:
    """A finite number, short on the wire."""
    found = float(value)
    if not isfinite(found):
        raise ValueError("not finite")
    return round(found, 6)


def share(value: Any) -> float:
    """A number from 0 to 1; rounding errors are forgiven."""
    found = number(value)
    if not -1e-3 <= found <= 1 + 1e-3:
        raise ValueError("not from 0 to 1")
    return min(1.0, max(0.0, found))


def pack_list(name: str) -> Callable[[Sequence[Any]], tuple[dict[str, Any], bytes]]:
    """Values in a list of this name."""
    return lambda results: ({"values": {name: list(results)}}, b"")


FORMS: Mapping[Task, Form] = {
    Task.EMBEDDING: Form(texts_of, row, pack_rows),
    Task.CLASSIFICATION: Form(texts_of, labels, pack_labels),
    Task.EXTRACTION: Form(pairs_of, span, pack_list("spans")),
    Task.RERANKING: Form(pairs_of, share, pack_list("scores")),
    Task.SUMMARIZATION: Form(texts_of, text, pack_list("texts")),
    Task.TRANSLATION: Form(texts_of, text, pack_list("texts")),
}
