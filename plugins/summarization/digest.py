"""The points of a talk: what matters most, what was decided, what stays open. All are quotations."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bot import Models
from plugins.summarization.exchange import Exchange
from plugins.summarization.likeness import likeness
from plugins.summarization.ranking import centrality, choose
from plugins.summarization.topics import content, length_of, prominence
from plugins.summarization.turns import Sentence, Turn, sentences_of, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

WINDOW = 200
KEPT = 200
"""Sentences looked at together, and those of all windows that are compared by meaning in the end."""

CENTRAL, PROMINENT, LONG, OPENING, NOVELTY = 0.7, 0.7, 0.4, 0.5, 0.4
FULL_LENGTH = 12
OPENING_TURNS = 40
"""What counts how much, the stems of a sentence long enough, and how far the opening of a talk goes at most
(a third of it). Tuned on the training parts of DialogSum and QMSum."""


@dataclass(frozen=True, slots=True)
class Point:
    """A sentence and the turn it is from. One that is not quoted may stand on `others`, too."""

    text: str
    turn: Turn
    others: tuple[Turn, ...] = ()
    is_quoted: bool = True

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns it stands on."""
        return (self.turn, *self.others)


@dataclass(frozen=True, slots=True)
class Digest:
    """Key points, decisions and open questions, each in the order they were said.

    `writer` is the model that wrote them, empty for quotations; `dropped` counts the sentences it wrote
    that nothing supports.
    """

    key_points: tuple[Point, ...] = ()
    decisions: tuple[Point, ...] = ()
    questions: tuple[Point, ...] = ()
    writer: str = ""
    dropped: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found worth a point."""
        return not (self.key_points or self.decisions or self.questions)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A talk after a first reading by words. `worth` has a number for each sentence.

    `kept` are the places of the sentences to be compared, `decided` and `asked` are among them.
    """

    turns: Sequence[Turn]
    sentences: Sequence[Sentence]
    worth: Matrix
    kept: Sequence[int]
    decided: frozenset[int]
    asked: frozenset[int]


async def digest(turns: Sequence[Turn], models: Models, *, seconds: float) -> Digest:
    """The points of a talk of any length.

    A first reading takes the best of every window of sentences by their words; these alone are compared
    by meaning, for at most `seconds`. So the cost grows with the words, and the models' share is bounded.
    """
    draft = await asyncio.to_thread(_read, turns)
    alike = await likeness([draft.sentences[place].text for place in draft.kept], models, seconds=seconds)
    return await asyncio.to_thread(_select, draft, alike)


def _read(turns: Sequence[Turn]) -> _Draft:
    sentences = sentences_of(turns)
    exchange = Exchange(turns, sentences)
    worth = _worth(turns, sentences)
    quoted = [
        place for place, each in enumerate(sentences) if turns[each.turn].quotable and content(each.text)
    ]
    decided = _best(worth, set(exchange.decisions()) & set(quoted), KEPT // 4)
    asked = _best(worth, set(exchange.open_questions()) & set(quoted), KEPT // 4)
    kept = decided | asked
    windows = [quoted[start : start + WINDOW] for start in range(0, len(quoted), WINDOW)]
    for window in windows:
        kept |= _best(worth, window, max(1, KEPT // len(windows)))
    return _Draft(turns, sentences, worth, sorted(kept), frozenset(decided), frozenset(asked))


def _worth(turns: Sequence[Turn], sentences: Sequence[Sentence]) -> Matrix:
    """What a sentence is worth by its words, its length and its place."""
    contents = [content(each.text) for each in sentences]
    opening = min(OPENING_TURNS, -(-len(turns) // 3))
    lengths = np.array([min(len(each) / FULL_LENGTH, 1) for each in contents], np.float32)
    opens = np.array([each.turn < opening for each in sentences], np.float32)
    return np.asarray(
        PROMINENT * prominence(contents, [length_of(each.text) for each in sentences])
        + LONG * lengths
        + OPENING * opens
    )


def _best(worth: Matrix, places: Iterable[int], most: int) -> set[int]:
    return set(sorted(places, key=lambda place: (-worth[place], place))[:most])


def _select(draft: _Draft, alike: Matrix) -> Digest:
    scores = draft.worth[list(draft.kept)] + CENTRAL * centrality(alike)
    most = _most(draft)
    rows = {place: row for row, place in enumerate(draft.kept)}
    decided = choose(scores, alike, [rows[each] for each in draft.decided], most // 2 + 1, novelty=NOVELTY)
    asked = choose(scores, alike, [rows[each] for each in draft.asked], most // 2, novelty=NOVELTY)
    other = [row for place, row in rows.items() if place not in draft.decided | draft.asked]
    told = choose(scores, alike, other, max(2, most - len(decided)), novelty=NOVELTY, beside=decided)
    return Digest(_points(draft, told), _points(draft, decided), _points(draft, asked))


def _most(draft: _Draft) -> int:
    """How many points a talk of this length deserves: 3 for 10 turns, 4 for 50, 8 for 2,000."""
    return min(8, max(2, round(1 + 2 * math.log10(max(1, len(draft.turns))))))


def _points(draft: _Draft, rows: Iterable[int]) -> tuple[Point, ...]:
    chosen = [draft.sentences[draft.kept[row]] for row in sorted(rows)]
    return tuple(Point(shortened(each.text), draft.turns[each.turn]) for each in chosen)
