"""Answers that are written together: one forward pass reads or writes for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bot.worker.decoders.cache import RowCache, packed
from bot.worker.decoders.forward import Forward
from bot.worker.decoders.sampling import Sampling
from bot.worker.decoders.writing import Answer


class Rows:
    """Answers and their keys and values; first it reads their prompts, then it writes a token a step.

    `is_apart`: they are suspected of a failure, so nobody joins them.
    """

    def __init__(
        self, answers: Sequence[Answer], forward: Forward, sampling: Sampling, *, is_apart: bool = False
    ) -> None:
        self.answers = list(answers)
        self.is_apart = is_apart
        self._forward = forward
        self._sampling = sampling
        self._cache = RowCache(len(self.answers))
        width = self.width
        padded = [[0] * (width - answer.length) + answer.tokens for answer in self.answers]
        self._unread = torch.tensor(padded, device=forward.device)
        self._seen = self._mark_seen() if sampling.repetition_penalty != 1.0 else None
        self._settle()

    @property
    def width(self) -> int:
        """Tokens of the longest answer with its prompt."""
        return max(answer.length for answer in self.answers)

    def step(self, budget: int) -> list[int] | None:
        """Read up to `budget` padded tokens; the next token of each answer once all are read, else None."""
        part = self._unread[:, : max(1, budget // len(self.answers))]
        logits = self._forward(part, self._cache, self._empty)
        self._unread = self._unread[:, part.shape[1] :]
        if self._unread.shape[1]:
            return None
        tokens = self._sampling.next_tokens(logits, self._temperatures, self._seen)
        self._unread = tokens.clamp(min=0)
        if self._seen is not None:
            self._seen.scatter_(1, self._unread, True)
        chosen: list[int] = tokens.flatten().tolist()
        return chosen

    def keep(self, kept: Sequence[int]) -> None:
        """Keep the answers at these places, of which there is at least one."""
        if len(kept) == len(self.answers):
            return
        order = packed(kept)
        self.answers = [self.answers[place] for place in order]
        width = self.width
        self._unread = self._unread[order, -width:]
        self._cache.keep(order, width - self._unread.shape[1])
        self._seen = None if self._seen is None else self._seen[order]
        self._settle()

    def join(self, other: Rows) -> None:
        """Take in others that have been read, too."""
        self._cache.join(other._cache)
        self.answers += other.answers
        self._unread = torch.cat([self._unread, other._unread])
        if self._seen is not None and other._seen is not None:
            self._seen = torch.cat([self._seen, other._seen])
        self._settle()

    def waste(self, other: Rows) -> int:
        """Empty columns there would be if the others joined."""
        answers = self.answers + other.answers
        return max(self.width, other.width) * len(answers) - sum(answer.length for answer in answers)

    def _settle(self) -> None:
        """Note, on the device, what steps need to know of each answer, until one joins or leaves."""
        device, width = self._forward.device, self.width
        empty = [width - answer.length for answer in self.answers]
        warmth = [answer.temperature for answer in self.answers]
        self._empty = torch.tensor(empty, device=device)[:, None] if any(empty) else None
        self._temperatures = torch.tensor(warmth, device=device)[:, None] if any(warmth) else None

    def _mark_seen(self) -> torch.Tensor:
        seen = torch.zeros(
            len(self.answers), self._forward.vocabulary, dtype=torch.bool, device=self._forward.device
        )
        for row, answer in enumerate(self.answers):
            seen[row, answer.tokens] = True
        return seen
