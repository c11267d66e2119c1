"""Which sentences stand for the rest: centrality, and a choice without repetition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

DAMPING = 0.15
TOLERANCE = 1e-5
ROUNDS = 100
SAME = 0.85
"""Texts this much alike say the same."""


def centrality(likeness: Matrix) -> Matrix:
    """How central each text is, from 0 to 1, the most central 1: shape (n,).

    Continuous LexRank: p(u) = d/N + (1 - d) * sum over v of sim(u, v) / (sum over z of sim(z, v)) * p(v),
    by power iteration. Erkan and Radev (2004), LexRank: Graph-based Lexical Centrality as Salience in Text
    Summarization, Journal of Artificial Intelligence Research 22, section 3.3.
    """
    count = len(likeness)
    if count == 0:
        return np.zeros(0, np.float32)
    sums = likeness.sum(axis=0)
    moves = likeness / np.where(sums > 0, sums, 1)
    rank: Matrix = np.full(count, 1 / count, np.float32)
    for _ in range(ROUNDS):
        before, rank = rank, np.asarray(DAMPING / count + (1 - DAMPING) * (moves @ rank), np.float32)
        if np.abs(rank - before).sum() < TOLERANCE:
            break
    return np.asarray(rank / rank.max(), np.float32)


def choose(
    scores: Matrix,
    likeness: Matrix,
    candidates: Iterable[int],
    most: int,
    *,
    novelty: float,
    beside: Sequence[int] = (),
) -> list[int]:
    """At most `most` of the candidates, best first, none that says again what one before or `beside` says.

    Maximal marginal relevance: the next has the highest (1 - novelty) * score - novelty * its greatest
    likeness to those chosen. Carbonell and Goldstein (1998), The Use of MMR, Diversity-Based Reranking.
    """
    chosen = list(beside)
    left = sorted(set(candidates) - set(beside))
    while left and len(chosen) - len(beside) < most:
        worth = (1 - novelty) * scores[left]
        if chosen:
            nearest = likeness[np.ix_(left, chosen)].max(axis=1)
            worth = np.where(nearest < SAME, worth - novelty * nearest, -np.inf)
        best = int(np.argmax(worth))
        if not np.isfinite(worth[best]):
            break
        chosen.append(left.pop(best))
    return chosen[len(beside) :]
