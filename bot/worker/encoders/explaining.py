"""Which words of a text speak for its label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bot.worker.encoders.network import Network
from bot.worker.encoders.windows import Window
from bot.worker.encoders.words import Word, words_of

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats

# Leaving words out costs a computation each: of a long text several are left out together.
MOST_PIECES = 48
MOST_TOKENS = 4096


class WordScore(NamedTuple):
    """How much a word, characters start to end, speaks for the label (over 0) or against it."""

    start: int
    end: int
    score: float


def weigh_words(network: Network, text: str, direction: Floats) -> tuple[WordScore, ...]:
    """The words of a text with their share in the decision, in order; the absolute scores sum to 1.

    A score is the network's own measure where it has one, else what the logits lose in `direction`
    without the word ("Visualizing and Understanding", Zeiler and Fergus, 2014: occlusion).
    """
    weights: list[WordScore] = []
    for window in network.tokens.spelled([text])[0]:
        words = words_of(text, window.spans)
        scores = network.weigh(window, direction)
        if scores is None:
            weights += occlude(network, window, words, direction)
        else:
            weights += [
                WordScore(word.start, word.end, float(scores[list(word.places)].sum())) for word in words
            ]
    return normalised(weights)


def normalised(weights: Sequence[WordScore]) -> tuple[WordScore, ...]:
    """The same weights with absolute scores that sum to 1. Empty where none says anything."""
    total = sum(abs(each.score) for each in weights)
    if not (np.isfinite(total) and total > 0):
        return ()
    return tuple(WordScore(each.start, each.end, each.score / total) for each in weights)


def occlude(
    network: Network, window: Window, words: Sequence[Word], direction: Floats
) -> Iterable[WordScore]:
    """The score of each piece of neighbouring words: what is lost without it, shared by its words."""
    pieces = in_pieces(words, len(window.tokens))
    left = [without(window, piece) for piece in pieces]
    whole, *others = (float(logits @ direction) for logits in network.run([window, *left]))
    for piece, other in zip(pieces, others, strict=True):
        for word in piece:
            yield WordScore(word.start, word.end, (whole - other) / len(piece))


def in_pieces(words: Sequence[Word], length: int) -> list[Sequence[Word]]:
    """Runs of words, so few that leaving out each of them is no more work than allowed."""
    most = max(4, min(MOST_PIECES, MOST_TOKENS // max(1, length)))
    step = max(1, -(-len(words) // most))
    return [words[first : first + step] for first in range(0, len(words), step)]


def without(window: Window, piece: Sequence[Word]) -> Window:
    """The window without the tokens of these words."""
    gone = {place for word in piece for place in word.places}
    return Window([token for place, token in enumerate(window.tokens) if place not in gone])
