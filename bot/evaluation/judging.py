"""Figures that a model computes of texts and those of people, beside those that count words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Protocol

from bot.evaluation.rows import Advance

TOGETHER = 64
DIGITS = 4


class Judge(Protocol):
    """A model that says how near texts come to references."""

    name: str

    def check(self, texts: Sequence[str]) -> None:
        """Raise BadInput for texts that it cannot take, whatever they are held against."""

    def score(
        self, texts: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Sequence[Mapping[str, float]]:
        """The figures of each text, the same names for all."""


async def check_texts(judges: Sequence[Judge], texts: Sequence[Sequence[str]]) -> None:
    """Raise BadInput for texts that a judge cannot take, before any work is done for them."""
    for judge in judges:
        await asyncio.to_thread(judge.check, [each for several in texts for each in several])


async def judged(
    judges: Sequence[Judge],
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    name: str = "",
    advance: Advance | None = None,
) -> dict[str, float]:
    """The mean of each figure over all texts; `name` says in the progress whose they are."""
    means: dict[str, float] = {}
    for judge in judges:
        shown = f"{judge.name} {name}".rstrip()
        rows: list[Mapping[str, float]] = []
        for begin in range(0, len(texts), TOGETHER):
            end = begin + TOGETHER
            rows += await asyncio.to_thread(judge.score, texts[begin:end], references[begin:end])
            if advance:
                advance(shown, len(rows), len(texts))
        means |= {figure: round(fmean(row[figure] for row in rows), DIGITS) for figure in rows[0]}
    return means
