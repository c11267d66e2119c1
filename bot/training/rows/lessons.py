"""Texts with shares of labels, and batches of those alike in length."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Batches are filled from this many rows at a time, sorted by length: enough to fit, still well mixed.
POOL = 4096


@dataclass(frozen=True, slots=True)
class Lesson:
    """The tokens of a text and the share of each label, which sum to 1."""

    tokens: Sequence[int]
    shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lessons side by side. `tokens` and `mask` are (rows, longest), `shares` (rows, labels)."""

    tokens: Tensor
    mask: Tensor
    shares: Tensor


class Batches(Sequence[Batch]):
    """Batches that are put together when they are asked for."""

    def __init__(self, lessons: Sequence[Lesson], rows: Sequence[Sequence[int]], filler: int) -> None:
        self._lessons = lessons
        self._rows = rows
        self._filler = filler

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: Any) -> Any:
        chosen = [self._lessons[row] for row in self._rows[number]]
        tokens, mask = pad([lesson.tokens for lesson in chosen], self._filler)
        return Batch(tokens, mask, torch.tensor([lesson.shares for lesson in chosen], dtype=torch.float32))


def batch_rows(lengths: Sequence[int], budget: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Numbers of rows, each once, in batches of at most `budget` padded tokens (a longer row alone).

    The same for the same seed and epoch; other rows meet in another epoch.
    """
    chance = random.Random(f"{seed} {epoch}")  # noqa: S311 - an order, no secret
    order = list(range(len(lengths)))
    chance.shuffle(order)
    batches = []
    for start in range(0, len(order), POOL):
        batches += in_batches(lengths, order[start : start + POOL], budget)
    chance.shuffle(batches)
    return batches


def in_batches(lengths: Sequence[int], rows: Sequence[int], budget: int) -> list[list[int]]:
    """The rows sorted by length and cut into batches of at most `budget` padded tokens."""
    batches: list[list[int]] = [[]]
    for row in sorted(rows, key=lambda each: lengths[each]):
        if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > budget:
            batches.append([])
        batches[-1].append(row)
    return batches if batches[-1] else []


def pad(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Token numbers and mask, both (rows, longest), padded at the end."""
    longest = max(1, *(len(row) for row in rows))
    tokens = torch.full((len(rows), longest), filler, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        mask[number, : len(row)] = 1
    return tokens, mask
